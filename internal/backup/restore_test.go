package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"tribune"
)

func TestRestoreRefusesWhatAnOperatorWouldRegret(t *testing.T) {
	dir, s := aHub(t)
	id := identity(t)
	sealed, bare := archive(t, s, id.Recipient()), archive(t, s)
	epoch := filepath.Join(dir, "hub", "keys", "epoch.key")
	other := filepath.Join(t.TempDir(), "other")
	put(t, filepath.Join(other, "trust.txt"), "log another\n")
	few := t.TempDir()
	put(t, filepath.Join(few, "log.key"), aLogKey)
	for name, r := range map[string]Restoring{
		"a hub that is there":          {Archive: bytes.NewReader(sealed), Dir: dir, Identities: []age.Identity{id}, EpochKey: epoch},
		"no word of the epoch key":     {Archive: bytes.NewReader(sealed), Dir: t.TempDir(), Identities: []age.Identity{id}},
		"an epoch key that is nowhere": {Archive: bytes.NewReader(sealed), Dir: t.TempDir(), Identities: []age.Identity{id}, EpochKey: "/nowhere"},
		"no keys at all":               {Archive: bytes.NewReader(bare), Dir: t.TempDir(), EpochKey: epoch},
		"keys nobody can open":         {Archive: bytes.NewReader(sealed), Dir: t.TempDir(), EpochKey: epoch},
		"keys for another":             {Archive: bytes.NewReader(sealed), Dir: t.TempDir(), EpochKey: epoch, Identities: []age.Identity{identity(t)}},
		"a folder without hub.key":     {Archive: bytes.NewReader(bare), Dir: t.TempDir(), EpochKey: epoch, Keys: few},
		"another city's trust.txt":     {Archive: bytes.NewReader(sealed), Dir: other, Identities: []age.Identity{id}, EpochKey: epoch},
	} {
		if _, err := Restore(r); err == nil {
			t.Errorf("%s: it is restored", name)
		}
		if _, err := os.Stat(filepath.Join(r.Dir, "hub", "law")); err == nil && r.Dir != dir {
			t.Errorf("%s: a hub is in place", name)
		}
	}
	to := t.TempDir()
	if _, err := Restore(Restoring{Archive: bytes.NewReader(bare), Dir: to, Keys: filepath.Join(dir, "hub", "keys"), WithoutEpochKey: true}); err != nil {
		t.Errorf("with keys from a folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(to, "hub", "keys", "epoch.key")); err == nil {
		t.Error("the epoch key came along with the other keys")
	}
}

// kill -9 in the middle leaves the epoch key and the others in a folder that nobody knows of.
func TestKilledRestorationLeavesNoKeysBehindTheNext(t *testing.T) {
	dir, s := aHub(t)
	to := t.TempDir()
	put(t, filepath.Join(to, stagePrefix+"1", "hub", "keys", "epoch.key"), anEpoch)
	if _, err := Restore(Restoring{Archive: bytes.NewReader(archive(t, s)), Dir: to, Keys: filepath.Join(dir, "hub", "keys"), WithoutEpochKey: true}); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(to, ".*")); len(left) > 0 {
		t.Errorf("%v is still there", left)
	}
}

func TestSocketGivesOneWholeArchiveAtATime(t *testing.T) {
	_, s := aHub(t)
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	fails := false
	slow := make(chan struct{})
	entered := make(chan struct{}, 1)
	source := s
	source.Store = func(ctx context.Context, to string) error {
		entered <- struct{}{}
		<-slow
		if fails {
			put(t, filepath.Join(to, "half"), "half")
			return errors.New("the disk is full")
		}
		return s.Store(ctx, to)
	}
	server := &http.Server{Handler: Handler(func() Source { return source }, slog.New(slog.DiscardHandler))}
	go server.Serve(listener)
	defer server.Close()

	answer := make(chan error, 1)
	ask := func() {
		archive, err := Ask(t.Context(), socket, nil)
		if err == nil {
			_, err = Verify(archive, nil)
			archive.Close()
		}
		answer <- err
	}
	go ask()
	<-entered
	if _, err := Ask(t.Context(), socket, nil); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("a second backup at once: %v", err)
	}
	close(slow)
	if err := <-answer; err != nil {
		t.Errorf("the first: %v", err)
	}
	fails = true
	go ask()
	<-entered
	if err := <-answer; err == nil {
		t.Error("a backup that failed on the way passes for whole")
	}
	if _, err := Ask(t.Context(), socket, []string{"age1nonsense"}); err == nil {
		t.Error("keys are encrypted to nonsense")
	}
	if _, err := Ask(t.Context(), filepath.Join(t.TempDir(), "none"), nil); tribune.HintOf(err) == "" {
		t.Errorf("no hub: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Hub, scratchPrefix+"*")); len(left) != 1 { // the fixture's own
		t.Errorf("it leaves %v behind", left)
	}
	if err := RemoveScratch(s.Hub); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Hub, scratchPrefix+"*")); len(left) != 0 {
		t.Errorf("%v stays", left)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte{})
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: manifestName, Size: 2, Typeflag: tar.TypeReg})
	w.Write([]byte("{}"))
	w.Close()
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		Verify(bytes.NewReader(data), func(name string, from io.Reader) error {
			if !legal(name) {
				t.Errorf("%q is given out", name)
			}
			return nil
		})
	})
}
