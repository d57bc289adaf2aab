package rights

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

// epoch wraps as the vault does, under a key of its own.
type epoch struct{ aead cipher.AEAD }

func newEpoch(t testing.TB) epoch {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return epoch{aead}
}

func (e epoch) Wrap(label string, data []byte) ([]byte, error) {
	nonce := make([]byte, 12)
	rand.Read(nonce)
	return e.aead.Seal(nonce, nonce, data, []byte(label)), nil
}

func (e epoch) Unwrap(label string, wrapped []byte) ([]byte, error) {
	if len(wrapped) < 12 {
		return nil, errors.New("too short")
	}
	return e.aead.Open(nil, wrapped[:12], wrapped[12:], []byte(label))
}

type world struct {
	*Room
	t     *testing.T
	now   time.Time
	disk  *vfs.MemFS
	store store.Store
	epoch epoch
}

func begin(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC), disk: vfs.NewCrashableMem(), epoch: newEpoch(t)}
	w.open()
	return w
}

func (w *world) open() {
	w.t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: "store", FS: w.disk})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	w.store = s
	w.Room, err = Open(w.t.Context(), Config{City: "Sheffield", Store: s, Wrap: w.epoch, Rules: shippedRules(w.t), Now: func() time.Time { return w.now }})
	if err != nil {
		w.t.Fatal(err)
	}
}

// crash is kill -9 and a power cut at once: what was not synced is gone.
func (w *world) crash() {
	w.t.Helper()
	w.disk = w.disk.CrashClone(vfs.CrashCloneCfg{})
	w.open()
}

func person(n byte) Person {
	return Person{Owner: tribune.Hash{n}, Subject: tribune.Pseudonym{n, n}}
}

func filing(n byte, kind Kind) Filing {
	f := Filing{Person: person(n), Kind: kind, NameType: "plate", Name: "AB12CDE", Office: "data-protection", Text: "Please show me."}
	switch kind {
	case Rectification, Restriction:
		f.Class = "parking-session"
	case Objection:
		f.Class, f.Purpose = "parking-session", "plan-city"
	case Why:
		f.Leaf, f.Office = 7, "parking-inspector"
	}
	return f
}

func (w *world) file(f Filing) *Case {
	w.t.Helper()
	c, err := w.File(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) put(c *Case, state State, text string) {
	w.t.Helper()
	if err := w.Put(w.t.Context(), c.Office, c.ID, Answer{state, text}, 99); err != nil {
		w.t.Fatal(err)
	}
}
