package city

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/gate"
	"tribune/protocol"
)

// A withdrawal splits the guardians where the law withdrawn is in force for some: up to t-1 liars say what suits them, and waits end. Whatever
// they do, t honest guardians go by the law that the hub goes back to, or it does not go back.
func TestWithdrawalLeavesEnoughGuardiansWhoeverLies(t *testing.T) {
	ours, theirs := tribune.Hash{1}, tribune.Hash{2}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Unix()
	for _, size := range []struct{ n, t int }{{3, 2}, {4, 2}, {5, 2}, {5, 3}, {7, 3}, {7, 4}, {9, 5}} {
		went := 0
		for honest := 0; honest <= size.n; honest++ { // honest guardians for whom the law withdrawn is in force
			for lies := 0; lies < size.t && honest+lies <= size.n; lies++ {
				for ending := 0; honest+lies+ending <= size.n; ending++ { // for whom its wait is over in a minute
					var states []protocol.LawState
					for i := range size.n {
						s := protocol.LawState{Now: at, InForce: ours}
						switch {
						case i < honest:
							s.InForce = theirs
						case i < honest+lies: // have it in force, and say that they have not
						case i < honest+lies+ending:
							s.Pending = []protocol.LawAnnounce{{Set: theirs, From: at + 60}}
						default:
							s.Pending = []protocol.LawAnnounce{{Set: theirs, From: at + 3600}}
						}
						states = append(states, s)
					}
					if !saidOf(theirs, states).leaves(size.n, size.t) {
						continue
					}
					went++
					if stay := size.n - honest - lies - ending; stay < size.t {
						t.Errorf("%d of %d: withdrawn with %d for whom it is in force, %d liars and %d whose wait ends; %d are left", size.t, size.n, honest, lies, ending, stay)
					}
				}
			}
		}
		if went == 0 {
			t.Errorf("%d of %d: nothing can be withdrawn", size.t, size.n)
		}
	}
}

// Whoever had the hub for an hour left another file of the law in force, which names a laxer one of before. The hub must not decide a single
// act by it.
func TestHubDoesNotBeginWithALawThatWasReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	lax := c.gate.Set().Hash()
	tight := c.edit("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000").Hash()
	c.expect("a tightening", tight)
	path := filepath.Join(c.cfg.Dir.Law(), "in-force")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(raw), tight.String(), lax.String(), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.gate, err = gate.New(gate.Config{Dir: c.cfg.Dir.Law(), Trust: c.cfg.Trust, Now: c.now}); err != nil {
		t.Fatal(err)
	}
	if c.gate.Set().Hash() != lax {
		t.Fatal("control: the gate does not begin with the law of before")
	}
	if err := c.settleLaw(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.gate.Set().Hash() != tight {
		t.Error("the hub decides by a law that was replaced")
	}
}
