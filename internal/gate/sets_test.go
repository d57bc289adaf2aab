package gate_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"tribune"
	"tribune/internal/gate"
	"tribune/policy"
)

func TestChangedLawWaitsUntilTold(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	first := c.Set()
	if p, err := c.Proposed(); p != nil || err != nil {
		t.Errorf("unchanged, but proposed: %v, %v", p, err)
	}
	c.edit(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 7", c.steward)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if c.Set() != first || !c.decide(t, c.lookup()).Permit {
		t.Error("a changed law took effect by lying there")
	}
	c.Gate = c.open(t) // nor may a restart put it in force
	if c.Set().Hash() != first.Hash() || !c.decide(t, c.lookup()).Permit {
		t.Error("a changed law took effect by a restart")
	}
	proposed, err := c.Proposed()
	if err != nil || proposed == nil || proposed.Hash() == first.Hash() {
		t.Fatalf("got proposed %v, %v", proposed, err)
	}
	if err := c.SetSet(proposed); err != nil {
		t.Fatal(err)
	}
	if c.decide(t, c.lookup()).Permit {
		t.Error("the new law does not hold")
	}
	for _, set := range []*policy.Set{first, proposed} {
		data, err := c.Law(set.Hash())
		if err != nil || !bytes.Contains(data, []byte(`"files"`)) {
			t.Errorf("law %s: %v", set.Hash(), err)
		}
	}
	if _, err := c.Law(tribune.Hash{}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got error %v", err)
	}
}

// A page asks for the law of each use that it shows: were every one read and verified anew, a few readers would be enough to keep
// the hub from anything else.
func TestPastLawIsNotReadAnewForEveryUse(t *testing.T) {
	c := newCity(t)
	first := c.Set().Hash()
	c.edit(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 7", c.steward)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	second, err := c.Proposed()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetSet(second); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []tribune.Hash{first, second.Hash()} {
		one, err := c.Load(hash)
		if err != nil || one.Hash() != hash {
			t.Fatalf("law %s: %v", hash, err)
		}
		if again, err := c.Load(hash); err != nil || again != one {
			t.Errorf("law %s is read again: %v", hash, err)
		}
	}
	if _, err := c.Load(tribune.Hash{1}); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a law that never was: %v", err)
	}
}

func TestBrokenProposalLeavesTheLawInForce(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	if err := c.SetSet(c.Set()); err != nil {
		t.Fatal(err)
	}
	c.edit(t, "offices.toml", "600", "60000", "") // a thief of the disk has no steward's key
	c.Gate = c.open(t)
	if p, err := c.Proposed(); p != nil || !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got proposed %v, %v", p, err)
	}
	if d := c.decide(t, c.lookup()); !d.Permit {
		t.Errorf("got %q", d.Missing)
	}
}

func TestTamperedSetInForceStopsTheHub(t *testing.T) {
	c := newCity(t)
	if err := c.SetSet(c.Set()); err != nil {
		t.Fatal(err)
	}
	c.edit(t, "offices.toml", "600", "601", c.steward) // so that the folder no longer has the set in force
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	other, err := c.Proposed()
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.Law(other.Hash())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "sets", c.Set().Hash().String()+".json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	c.edit(t, "offices.toml", "601", "602", c.steward)
	var integrity *tribune.IntegrityError
	if _, err := gate.New(c.cfg); !errors.As(err, &integrity) {
		t.Errorf("got error %v, want an integrity error", err)
	}
}
