package pebble_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/store/storetest"
)

// machine has a disk in memory that forgets at a power cut what was not synced, but for some percent of its blocks.
type machine struct {
	disk    *vfs.MemFS
	percent int
	mount   func(vfs.FS) vfs.FS // what the store is told is its disk
}

func (m machine) Boot() (store.Store, error) {
	return pebble.Open(pebble.Config{
		Dir: "store", FS: m.mount(m.disk),
		MemtableBytes: 256 << 10, CacheBytes: 1 << 20, // small: a crash must also meet flushes, rotations and compactions
		Fatal: func(err error) { panic(err) },
	})
}

func (m machine) PowerOff(rng *rand.Rand) (storetest.Machine, error) {
	m.disk = m.disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.percent, RNG: rng})
	return m, nil
}

func honest(fs vfs.FS) vfs.FS { return fs }

func TestNothingAcknowledgedIsLostInAPowerCut(t *testing.T) {
	for _, percent := range []int{0, 50} {
		for seed := range uint64(3) {
			m := machine{disk: vfs.NewCrashableMem(), percent: percent, mount: honest}
			if err := storetest.Crash(m, 12, seed); err != nil {
				t.Fatalf("%d%% of unsynced blocks survive, seed %d: %v", percent, seed, err)
			}
		}
	}
}

// The positive control: on a disk whose log file is not synced, the same check must find a loss.
func TestPowerCutCheckFindsAStoreThatDoesNotSync(t *testing.T) {
	m := machine{disk: vfs.NewCrashableMem(), mount: func(fs vfs.FS) vfs.FS { return lazyFS{fs} }}
	err := storetest.Crash(m, 12, 1)
	if err == nil {
		t.Fatal("a store that never syncs its log passed the crash check")
	}
	if !strings.Contains(err.Error(), "was acknowledged") && !strings.Contains(err.Error(), "was known") {
		t.Fatalf("the check failed for another reason than a lost write: %v", err)
	}
}

// Another one: syncs that are slow widen the moment in which a write is visible but not durable. What rests on such a
// write must wait; without the wait in settle this fails.
func TestAnswerOnUnsyncedWriteWaitsForItsSync(t *testing.T) {
	m := machine{disk: vfs.NewCrashableMem(), mount: func(fs vfs.FS) vfs.FS { return slowFS{fs, 2 * time.Millisecond} }}
	if err := storetest.Crash(m, 12, 7); err != nil {
		t.Fatal(err)
	}
}

func TestFailedSyncIsNeverAcknowledged(t *testing.T) {
	var broken atomic.Bool
	fatal := make(chan error, 16)
	fs := failingFS{vfs.NewMem(), &broken}
	s, err := pebble.Open(pebble.Config{Dir: "store", FS: fs, Fatal: func(err error) {
		fatal <- err
		panic(err)
	}})
	if err != nil {
		t.Fatal(err)
	}
	put := func(key string) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = r.(error)
			}
		}()
		var b store.Batch
		b.Put([]byte(key), []byte("v"))
		return s.Commit(t.Context(), &b)
	}
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	broken.Store(true)
	if err := put("during"); err == nil {
		t.Fatal("a commit was acknowledged though its sync failed")
	}
	select {
	case <-fatal:
	default:
		t.Fatal("a failed sync did not stop the store")
	}
	broken.Store(false) // the next sync would succeed, and must not be believed
	if err := put("after"); err == nil {
		t.Fatal("a commit was acknowledged after a failed sync")
	}
}

var errBroken = errors.New("the disk is broken")

// wrapLogs wraps the files of the write-ahead log only, so that the database itself stays readable.
func wrapLogs(f vfs.File, err error, name string, wrap func(vfs.File) vfs.File) (vfs.File, error) {
	if err == nil && strings.HasSuffix(name, ".log") {
		f = wrap(f)
	}
	return f, err
}

// lazyFS says that it has synced the log and has not.
type lazyFS struct{ vfs.FS }

func (fs lazyFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return wrapLogs(f, err, name, func(f vfs.File) vfs.File { return lazyFile{f} })
}

func (fs lazyFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(from, to, c)
	return wrapLogs(f, err, to, func(f vfs.File) vfs.File { return lazyFile{f} })
}

type lazyFile struct{ vfs.File }

func (lazyFile) Sync() error                { return nil }
func (lazyFile) SyncData() error            { return nil }
func (lazyFile) SyncTo(int64) (bool, error) { return true, nil }

// slowFS syncs the log after a delay.
type slowFS struct {
	vfs.FS
	delay time.Duration
}

func (fs slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return wrapLogs(f, err, name, func(f vfs.File) vfs.File { return slowFile{f, fs.delay} })
}

func (fs slowFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(from, to, c)
	return wrapLogs(f, err, to, func(f vfs.File) vfs.File { return slowFile{f, fs.delay} })
}

type slowFile struct {
	vfs.File
	delay time.Duration
}

func (f slowFile) SyncData() error {
	time.Sleep(f.delay)
	return f.File.SyncData()
}

func (f slowFile) Sync() error {
	time.Sleep(f.delay)
	return f.File.Sync()
}

// failingFS fails to sync the log while it is broken.
type failingFS struct {
	vfs.FS
	broken *atomic.Bool
}

func (fs failingFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, c)
	return wrapLogs(f, err, name, func(f vfs.File) vfs.File { return failingFile{f, fs.broken} })
}

type failingFile struct {
	vfs.File
	broken *atomic.Bool
}

func (f failingFile) Sync() error {
	if f.broken.Load() {
		return errBroken
	}
	return f.File.Sync()
}

func (f failingFile) SyncData() error {
	if f.broken.Load() {
		return errBroken
	}
	return f.File.SyncData()
}
