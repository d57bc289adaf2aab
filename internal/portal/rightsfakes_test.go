package portal

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/store/pebble"
	"tribune/internal/web"
	"tribune/protocol"
)

// plainly stands for the epoch key: internal/rights tests that nothing rests in the clear.
type plainly struct{}

func (plainly) Wrap(_ string, data []byte) ([]byte, error)   { return data, nil }
func (plainly) Unwrap(_ string, data []byte) ([]byte, error) { return data, nil }

// fakeCitizens is a real room of rights, with a record that is a number.
type fakeCitizens struct {
	room    *rights.Room
	keys    *fakeKeys
	now     func() time.Time
	acts    map[string]protocol.Act
	notes   map[string]string
	decided int
}

func (f *fakeCitizens) Rules() *rights.Rules              { return f.room.Rules() }
func (f *fakeCitizens) Room() (*rights.Room, error)       { return f.room, nil }
func (f *fakeCitizens) Owner(s *web.Session) tribune.Hash { return sha256.Sum256([]byte(s.Subject)) }
func (f *fakeCitizens) Person(_ context.Context, s *web.Session, n web.PersonName) (rights.Person, error) {
	sum := sha256.Sum256([]byte(n.Name))
	return rights.Person{Owner: f.Owner(s), Subject: tribune.Pseudonym(sum[:16])}, nil
}

func (f *fakeCitizens) Signer(actor tribune.ActorID) (rights.Signer, error) {
	for _, keys := range f.keys.keys {
		for _, k := range keys {
			if k.Actor == actor {
				p, _ := f.Person(context.Background(), &web.Session{}, k.For)
				return rights.Signer{Subject: &p.Subject, Key: k.Key, Appointment: []byte("appointment"), Salt: make([]byte, 32), Index: 1}, nil
			}
		}
	}
	return rights.Signer{}, tribune.ErrDenied
}

func (f *fakeCitizens) Sign(m []byte) ([]byte, []byte) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	return ed25519.Sign(key, m), key.Public().(ed25519.PublicKey)
}

func (f *fakeCitizens) PrepareDecision(_ context.Context, c tribune.Caller, p tribune.Pseudonym, note string) (*Answer, error) {
	act := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActDecide, Office: c.Office, Purpose: c.Purpose, Mandate: c.Mandate, Count: 1, Time: protocol.Time(f.now())}
	f.acts[act.ID], f.notes[act.ID] = act, note
	text, _ := protocol.JCS(act)
	digest, _ := act.Digest()
	return &Answer{ActID: act.ID, ActText: string(text), Digest: digest[:]}, nil
}

func (f *fakeCitizens) Decide(_ context.Context, c tribune.Caller, note, actID string, signature []byte) (uint64, error) {
	act, ok := f.acts[actID]
	delete(f.acts, actID)
	if !ok || f.notes[actID] != note {
		return 0, fmt.Errorf("no such act: %w", tribune.ErrNotFound)
	}
	for _, keys := range f.keys.keys {
		for _, k := range keys {
			if k.Actor == c.Actor && act.Verify(ed25519.PublicKey(k.Key), signature) == nil {
				f.decided++
				return 3, nil
			}
		}
	}
	return 0, tribune.ErrInvalid
}

// withRights opens the room of rights in a city of these tests.
func (c *ownCity) withRights(t *testing.T) *fakeCitizens {
	t.Helper()
	store, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	rules, err := rights.ReadRules(t.TempDir() + "/none")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeCitizens{keys: c.keys, acts: map[string]protocol.Act{}, notes: map[string]string{}, now: func() time.Time { return c.cfg.Now() }}
	if f.room, err = rights.Open(t.Context(), rights.Config{City: "birmingham.example", Store: store, Wrap: plainly{}, Rules: rules, Now: f.now}); err != nil {
		t.Fatal(err)
	}
	c.cfg.Citizens = f
	law := c.cfg.Law.(*fakeLaw)
	law.mandates = append(law.mandates, tribune.Mandate{ID: "answer-people-2026", Purpose: "answer-people", Issuer: "council", Basis: "GDPR article 12",
		Offices: []tribune.OfficeID{"parking-inspector", "data-protection"}, MaxSubjects: 1, From: now.AddDate(0, -1, 0), Until: now.AddDate(1, 0, 0)})
	return f
}
