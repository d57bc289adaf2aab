package gate_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/gate"
	"tribune/law"
	"tribune/protocol"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// city is a demo city's gate with the keys behind its law.
type city struct {
	*gate.Gate
	dir             string
	cfg             gate.Config
	steward, signer string // secret keys of steward and council
	keys            map[tribune.ActorID]ed25519.PublicKey
	tokens          map[tribune.ActorID]string
	now             time.Time
}

func newCity(t testing.TB) *city {
	t.Helper()
	c := &city{dir: filepath.Join(t.TempDir(), "law"), keys: map[tribune.ActorID]ed25519.PublicKey{}, now: start}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		c.keys[a], _, _ = ed25519.GenerateKey(nil)
	}
	var err error
	if c.steward, _, err = protocol.NewKey("birmingham.example/steward"); err != nil {
		t.Fatal(err)
	}
	if c.signer, _, err = protocol.NewKey("birmingham.example/council"); err != nil {
		t.Fatal(err)
	}
	w, err := law.Write(c.dir, law.Config{City: "birmingham.example", Steward: c.steward, Council: c.signer, Keys: c.keys, Now: start})
	if err != nil {
		t.Fatal(err)
	}
	c.tokens = w.Tokens
	c.cfg = gate.Config{Dir: c.dir, Trust: w.Trust, Now: func() time.Time { return c.now }}
	c.Gate = c.open(t)
	return c
}

func (c *city) open(t testing.TB) *gate.Gate {
	t.Helper()
	g, err := gate.New(c.cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// appoint notes every appointment as recorded.
func (c *city) appoint(t testing.TB) {
	t.Helper()
	for i, a := range c.Appointments() {
		if err := c.SetAppointed(a.Actor, uint64(i+1), protocol.NewSalt()); err != nil {
			t.Fatal(err)
		}
	}
}

// edit changes a file's text and signs it again with key; "" leaves the old signature.
func (c *city) edit(t testing.TB, file, old, new, key string) {
	t.Helper()
	name := filepath.Join(c.dir, file)
	doc, err := os.ReadFile(name)
	if err != nil || !bytes.Contains(doc, []byte(old)) {
		t.Fatalf("%s: %v, or no %q in it", file, err, old)
	}
	doc = bytes.Replace(doc, []byte(old), []byte(new), 1)
	if key != "" {
		s, err := note.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := protocol.SplitDocument(doc)
		if doc, err = protocol.SignDocument(text, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, doc, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (c *city) lookup() tribune.Act {
	return tribune.Act{
		ID: protocol.NewID(), Kind: tribune.ActRead, Count: 1, At: c.now,
		Caller: tribune.Caller{Actor: law.Inspector, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"},
		Scope:  tribune.Scope{Class: "parking-session", Window: tribune.Window{From: c.now.AddDate(0, 0, -30), Until: c.now}},
	}
}

func (c *city) decide(t testing.TB, act tribune.Act) tribune.Decision {
	t.Helper()
	d, evidence, err := c.Decide(context.Background(), act)
	if err != nil {
		t.Fatal(err)
	}
	if d.Permit {
		if again := c.Set().Decide(act, evidence); !again.Permit {
			t.Errorf("a permit cannot be replayed from its evidence: %q", again.Missing)
		}
	}
	return d
}
