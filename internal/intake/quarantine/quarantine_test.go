package quarantine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

type jail struct {
	*Store
	now time.Time
	fs  *vfs.MemFS
	st  store.Store
}

func newJail(t *testing.T) *jail {
	t.Helper()
	j := &jail{now: start, fs: vfs.NewCrashableMem()}
	j.open(t, j.fs)
	return j
}

func (j *jail) open(t *testing.T, fs vfs.FS) {
	t.Helper()
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	j.st = st
	if j.Store, err = New(Config{Store: st, Key: bytes.Repeat([]byte{1}, 32), Now: func() time.Time { return j.now }}); err != nil {
		t.Fatal(err)
	}
}

func (j *jail) add(t *testing.T, device, payload string) {
	t.Helper()
	err := j.Add(t.Context(), Entry{Device: device, At: j.now, Topic: "devices/" + device, Size: len(payload), Fingerprint: j.Fingerprint([]byte(payload)), Reason: "bad"})
	if err != nil {
		t.Fatal(err)
	}
}

func (j *jail) list(t *testing.T, device string) []Entry {
	t.Helper()
	list, err := j.List(t.Context(), device)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (j *jail) keys(t *testing.T) (n int) {
	t.Helper()
	for _, err := range j.st.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

func TestEntryOutlivesTheLossOfEveryUnsyncedByte(t *testing.T) {
	j := newJail(t)
	j.add(t, "a", "x")
	crashed := j.fs.CrashClone(vfs.CrashCloneCfg{})
	j.open(t, crashed)
	if list := j.list(t, "a"); len(list) != 1 || list[0].Size != 1 || list[0].Topic != "devices/a" || !list[0].At.Equal(start) {
		t.Errorf("after the crash: %+v", list)
	}
}

func TestAFloodOfBadMessagesIsBounded(t *testing.T) {
	j := newJail(t)
	j.add(t, "b", "kept")
	for i := range 3 * PerDevice {
		j.now = j.now.Add(time.Second)
		j.add(t, "a", fmt.Sprint(i))
	}
	list := j.list(t, "a")
	if len(list) != PerDevice || !list[0].At.Equal(j.now) || j.keys(t) != PerDevice+1 {
		t.Errorf("%d entries, %d keys, newest at %v", len(list), j.keys(t), list[0].At)
	}
	if len(j.list(t, "b")) != 1 {
		t.Error("another device's entry was pushed out")
	}
}

func TestTheSameBadMessageAgainMakesNoSecondEntry(t *testing.T) {
	j := newJail(t)
	for range 3 {
		j.now = j.now.Add(time.Second)
		j.add(t, "a", "x")
	}
	j.add(t, "ab", "x")
	if n, m := len(j.list(t, "a")), len(j.list(t, "ab")); n != 1 || m != 1 {
		t.Errorf("%d and %d entries, want 1 and 1", n, m)
	}
}

func TestEntriesEndAfterThirtyDays(t *testing.T) {
	j := newJail(t)
	for i := range 3 * sweepBatch {
		j.add(t, fmt.Sprintf("device-%d", i), "x")
	}
	j.now = start.Add(Keep)
	j.add(t, "new", "x")
	if len(j.list(t, "device-1")) != 1 {
		t.Error("gone too early")
	}
	j.now = start.Add(Keep + time.Nanosecond)
	if len(j.list(t, "device-1")) != 0 {
		t.Error("listed after its time")
	}
	if err := j.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := j.keys(t); n != 1 {
		t.Errorf("%d keys are left, want 1", n)
	}
}

// A plain hash of a short message gives it away to whoever tries every plate.
func TestFingerprintCannotBeFoundByTrying(t *testing.T) {
	j := newJail(t)
	payload := `{"plate":"AB12CDE"}`
	plain := tribune.Hash(sha256.Sum256([]byte(payload)))
	if j.Fingerprint([]byte(payload)) == plain {
		t.Error("it is the plain SHA-256")
	}
	other, err := New(Config{Store: j.st, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint([]byte(payload)) == j.Fingerprint([]byte(payload)) {
		t.Error("it does not depend on the key")
	}
	j.add(t, "a", payload)
	for p, err := range j.st.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"AB12CDE", plain.String(), string(plain[:])} {
			if strings.Contains(string(p.Key)+string(p.Value), secret) {
				t.Errorf("the store holds %q", secret)
			}
		}
	}
}

func TestTextsAreCutBetweenCharacters(t *testing.T) {
	if got := cut(strings.Repeat("\u00e9", 300)); len(got) != maxText {
		t.Errorf("%d bytes", len(got))
	}
	if got := cut("x" + strings.Repeat("\u00e9", 300)); len(got) != maxText-1 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestEntriesNeedWhoWhenAndWhy(t *testing.T) {
	j := newJail(t)
	for _, e := range []Entry{{At: start, Reason: "x"}, {Device: "a", Reason: "x"}, {Device: "a", At: start}} {
		if err := j.Add(t.Context(), e); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%+v: %v", e, err)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("opened without a store")
	}
	if _, err := New(Config{Store: j.st, Key: []byte("short")}); err == nil {
		t.Error("opened with a short key")
	}
}
