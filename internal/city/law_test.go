package city

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

const hour = 3600

// The life of changes, with the hub's own means against it: no approvals, too few, approvals of something else, a clock set forward.
func TestHubPutsNoLawInForceBeforeItsGuardiansDo(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	first := c.gate.Set().Hash()
	c.expect("at first", first)

	tight := c.edit("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000").Hash()
	c.expect("a tightening takes effect at once", tight)

	loose := c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 60").Hash()
	c.expect("a loosening that nobody approves", tight)
	c.approve(0, loose, tight)
	c.expect("by t-1 guardians", tight)
	c.approve(1, first, tight)
	c.approve(2, loose, first)
	c.expect("by others for something else, or in another's place", tight)
	if s := c.lawNow(); s.Proposal == nil || len(s.Proposal.Approvals) != 1 || len(s.Proposal.Loosens) == 0 || s.Needed != 2 {
		t.Errorf("shown is %+v", s.Proposal)
	}
	c.approve(3, loose, tight)
	c.expect("by t", tight, loose)
	c.expect("once announced it is not announced again", tight, loose)

	c.hours.Store(73 * hour)
	c.expect("the hub's clock set forward", tight)
	if err := c.openLaw(); err != nil { // as a start does
		t.Fatal(err)
	}
	c.expect("and started again", tight)
	for i := range 4 {
		c.theirs[i].Store(72*hour - 60)
	}
	c.expect("a minute before it is time for the guardians", tight)
	c.theirs[1].Store(72*hour + 60)
	c.expect("t-1 guardians have it in force", tight)
	c.theirs[2].Store(72*hour + 60)
	c.expect("t guardians have it in force", loose)
	if err := c.openLaw(); err != nil {
		t.Fatal(err)
	}
	c.expect("after a start", loose)
	if raw, err := os.ReadFile(filepath.Join(c.cfg.Dir.Law(), "in-force")); err != nil || strings.TrimSpace(string(raw)) != loose.String() {
		t.Errorf("what is kept as in force: %s, %v", raw, err)
	}
}

func TestAnnouncedLawIsWithdrawnBySteward(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	first := c.gate.Set().Hash()
	announce := func(days string) tribune.Hash {
		loose := c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= "+days).Hash()
		c.approve(0, loose, first)
		c.approve(3, loose, first)
		c.expect("announced", first, loose)
		return loose
	}
	loose := announce("60")
	c.edit("policies/parking.cedar", "context.windowDays <= 60", "context.windowDays <= 31")
	c.expect("the old files are back", first)
	for i := range 4 {
		c.theirs[i].Store(100 * hour)
	}
	c.hours.Store(100 * hour)
	c.expect("long after", first)
	for i := range 4 {
		c.theirs[i].Store(0)
	}
	c.hours.Store(0)

	// By signed withdrawal: a stranger's counts for nothing, the council's does.
	second := announce("61")
	sign := func(key string, set tribune.Hash) {
		signer, err := note.NewSigner(key)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := protocol.SignDocument(WithdrawalText(set, "no", time.Now()), signer)
		if err == nil {
			err = WriteWithdrawal(c.cfg.Dir, second, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	stranger, _, err := protocol.NewKey("city.example/council")
	if err != nil {
		t.Fatal(err)
	}
	sign(stranger, second)
	c.expect("withdrawn by a stranger", first, second)
	sign(c.council, loose)
	c.expect("a withdrawal of another set", first, second)
	sign(c.council, second)
	c.expect("withdrawn by the council", first)
	c.expect("and not announced again", first)
	if s := c.lawNow(); s.Proposal == nil || !strings.Contains(s.Proposal.Refused, "city.example/council") {
		t.Errorf("shown is %+v", s.Proposal)
	}
}

// What the steward lays into the folder next keeps nobody's withdrawal from ending what is announced.
func TestWithdrawalCountsWhateverLiesInTheFolder(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	first := c.gate.Set().Hash()
	signer, err := note.NewSigner(c.council)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.cfg.Dir.Law(), "policies", "parking.cedar")
	for days, lay := range map[string]func(days string){
		"60": func(days string) {
			c.edit("policies/parking.cedar", "context.windowDays <= "+days, "context.windowDays <= 99")
		},
		"61": func(string) {
			if err := os.WriteFile(path, []byte("permit"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := c.reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		was, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		loose := c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= "+days).Hash()
		c.approve(0, loose, first)
		c.approve(3, loose, first)
		c.expect("announced", first, loose)
		lay(days)
		c.expect("something else lies in the folder", first, loose)
		doc, err := protocol.SignDocument(WithdrawalText(loose, "no", time.Now()), signer)
		if err == nil {
			err = WriteWithdrawal(c.cfg.Dir, loose, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
		c.expect("withdrawn by the council", first)
		if err := os.WriteFile(path, was, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Guardians serve an approval until it runs out, and it counts once: a hub that tried it again would write a leaf every few seconds.
func TestLawWhoseApprovalsAreUsedUpIsNotAnnouncedAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	first := c.gate.Set().Hash()
	loose := c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 60").Hash()
	c.approve(0, loose, first)
	c.approve(3, loose, first)
	c.expect("announced", first, loose)
	c.edit("policies/parking.cedar", "context.windowDays <= 60", "context.windowDays <= 31")
	c.expect("the old files are back", first)
	c.edit("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 60")
	leaves := c.lawbook.chain.Next()
	for range 3 {
		c.expect("and the new ones again", first)
	}
	if now := c.lawbook.chain.Next(); now != leaves {
		t.Errorf("laws stand at %d of the record, before at %d", now, leaves)
	}
	if s := c.lawNow(); s.Proposal == nil || s.Proposal.Refused == "" {
		t.Errorf("shown is %+v", s.Proposal)
	}
}

// A hub that comes from a backup of before a change finds the set with its guardians.
func TestHubRegainsALawThatItHasLost(t *testing.T) {
	if testing.Short() {
		t.Skip("holds a ceremony")
	}
	c := newLawCity(t)
	tight := c.edit("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000").Hash()
	c.expect("a tightening", tight)
	path := filepath.Join(c.cfg.Dir.Law(), "sets", tight.String()+".json")
	for range 200 { // guardians fetch it in their own time
		if files, err := c.guardians.LawSet(t.Context(), tight); err == nil && len(files) > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	first := c.edit("offices.toml", "subjects_per_hour = 1000", "subjects_per_hour = 900").Hash()
	c.expect("another", first)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if set, err := c.lawbook.regain(t.Context(), tight); err != nil || set == nil || set.Hash() != tight {
		t.Fatalf("asked for it again: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("it is not kept: %v", err)
	}
	if _, err := c.lawbook.load(t.Context(), tribune.Hash{1}); err == nil {
		t.Error("a set that nobody has is found")
	}
}
