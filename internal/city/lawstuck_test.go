package city

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/gate"
	"tribune/internal/guardian/client"
	"tribune/protocol"
)

// A hub whose clock says that a change is in force, and guardians who do not go by it: nothing waits for ever, acts go on under the old
// law, and the steward ends it.
func TestChangeThatGuardiansDoNotTakeStopsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	const old, looser = "context.windowDays <= 31", "context.windowDays <= 60"
	for name, withdraw := range map[string]func(*lawCity, tribune.Hash){
		"by the old files": func(c *lawCity, _ tribune.Hash) { c.edit("policies/parking.cedar", looser, old) },
		"by a signature": func(c *lawCity, set tribune.Hash) {
			signer, err := note.NewSigner(c.council)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := protocol.SignDocument(WithdrawalText(set, "it does not come", c.now()), signer)
			if err == nil {
				err = WriteWithdrawal(c.cfg.Dir, set, doc)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newLawCity(t)
			first := c.gate.Set().Hash()
			loose := c.edit("policies/parking.cedar", old, looser).Hash()
			c.approve(0, loose, first)
			c.approve(3, loose, first)
			c.expect("announced", first, loose)
			c.hours.Store(73 * hour)
			c.expect("by the hub's clock it is in force", first)
			s := c.lawNow().Stuck
			if s == nil || s.Set.Hash() != loose || s.Needed != 2 || len(s.Guardians) != 0 || s.Never || !strings.Contains(s.Hint(), "tribune law withdraw") {
				t.Fatalf("shown is %+v", s)
			}
			c.theirs[1].Store(73 * hour)
			c.expect("t-1 guardians have it in force", first)
			if s := c.lawNow().Stuck; s == nil || len(s.Guardians) != 1 {
				t.Fatalf("shown is %+v", s)
			}
			before := c.record.Published()
			withdraw(c, loose)
			c.expect("withdrawn", first)
			if c.lawNow().Stuck != nil || c.record.Published() != before+1 {
				t.Errorf("after a withdrawal: %+v, %d new leaves, want one", c.lawNow().Stuck, c.record.Published()-before)
			}
			c.expect("and withdrawn once", first)
			if err := c.openLaw(); err != nil { // as a start does
				t.Fatal(err)
			}
			c.expect("after a start", first)
			for i := range 4 {
				c.theirs[i].Store(73*hour + 1800)
			}
			c.expect("long after its wait, by the guardians' clocks", first)
			if c.record.Published() != before+1 {
				t.Error("the withdrawal is on record twice")
			}
			// And the next change comes as if nothing had been.
			if name == "by a signature" {
				c.edit("policies/parking.cedar", looser, old)
			}
			next := c.edit("policies/parking.cedar", old, "context.windowDays <= 62").Hash()
			c.approve(0, next, first)
			c.approve(3, next, first)
			c.expect("the next change", first, next)
			c.hours.Store(147 * hour)
			for i := range 4 {
				c.theirs[i].Store(148 * hour)
			}
			c.expect("in force", next)
		})
	}
}

// A hub that has lost its file of the law in force begins with what lies in its folder: here a looser law that nobody has announced.
func TestHubBeginsWithTheLawOnRecord(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	tight := c.edit("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000").Hash()
	c.expect("a tightening", tight)
	loose := c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 60").Hash()
	if err := os.Remove(filepath.Join(c.cfg.Dir.Law(), "in-force")); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.gate, err = gate.New(gate.Config{Dir: c.cfg.Dir.Law(), Trust: c.cfg.Trust, Now: c.now}); err != nil {
		t.Fatal(err)
	}
	if c.gate.Set().Hash() != loose {
		t.Fatal("control: the gate does not begin with the folder's law")
	}
	// Before any guardian can be asked nothing is decided.
	living, group := c.guardians, *c.group.Load()
	group.Guardians = append([]protocol.Member(nil), group.Guardians...)
	for i := range group.Guardians {
		group.Guardians[i].URL = "http://127.0.0.1:1"
	}
	c.guardians = client.New(client.Config{Group: group, Key: c.logSeed})
	if err := c.settleLaw(t.Context()); !errors.Is(err, tribune.ErrBusy) || tribune.HintOf(err) == "" {
		t.Errorf("without guardians: %v, want busy, with a hint", err)
	}
	c.guardians = living
	if err := c.settleLaw(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.gate.Set().Hash() != tight {
		t.Error("the hub does not go by the law on record")
	}
	if raw, err := os.ReadFile(filepath.Join(c.cfg.Dir.Law(), "in-force")); err != nil || strings.TrimSpace(string(raw)) != tight.String() {
		t.Errorf("what is kept as in force: %s, %v", raw, err)
	}
	if err := c.settleLaw(t.Context()); err != nil {
		t.Error(err)
	}
}
