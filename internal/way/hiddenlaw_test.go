package way

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// changedLaw is a gate by whose present law another court signs warrants; what was before it still knows.
type changedLaw struct {
	Gate
	set *policy.Set
}

func (g changedLaw) Set() *policy.Set { return g.set }

// A court's order holds though its key is replaced afterwards: it is judged by the law in force when it was put on record, as guardians do.
// Else a change of law that nobody connects with it would have the hub tell whom it is about.
func TestAnExtensionIsJudgedByTheLawOfThen(t *testing.T) {
	w := newWorld(t)
	p := tribune.Pseudonym{5}
	w.investigate(t, w.seal(t, p, "a"))
	end := w.disclosure(t)
	q := w.mandate("warrant-2026-17").Disclose
	caller := w.investigator()
	caller.Mandate, caller.Salts = "warrant-2026-18", w.issue(t, "warrant-2026-18", protocol.Quarter(q+1), p)
	act, err := w.PrepareExtension(t.Context(), caller, p, q, "the trial has not begun")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := act.Sign(w.keys[law.Investigator])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Extend(t.Context(), caller, act.ID, sig); err != nil {
		t.Fatal(err)
	}
	key := func(name string) string {
		skey, _, err := protocol.NewKey(testCity + name)
		if err != nil {
			t.Fatal(err)
		}
		return skey
	}
	public := map[tribune.ActorID]ed25519.PublicKey{}
	for a, k := range w.keys {
		public[a] = k.Public().(ed25519.PublicKey)
	}
	dir := filepath.Join(t.TempDir(), "law")
	written, err := law.Write(dir, law.Config{City: testCity, Steward: key("/steward"), Council: key("/council"), Court: key("/court"), Registry: key("/registry"), Keys: public, Vital: true, Now: w.clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.ReadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load(files, written.Trust)
	if err != nil {
		t.Fatal(err)
	}
	w.cfg.Gate = changedLaw{w.cfg.Gate, set}
	w.start(t)
	w.clock.add(end.Add(time.Hour).Sub(w.clock.Now()))
	if all, err := w.Disclosed(t.Context(), p); err != nil || len(all) != 0 {
		t.Errorf("disclosed though it was put off: %v, %v", all, err)
	}
}
