package ceremony

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// replacing is a change in which a newcomer takes the fourth one's seat.
func (tb *circle) replacing() protocol.Change {
	g := tb.present().Guardians
	return tb.successor(2, 3, nil, g[0], g[1], g[2], tb.join("library.example"))
}

// One that has said its response is away when the last one comes. What it needs to conclude must outlive the restart, though
// reading the record from the start passes the end of the founding.
func TestGuardianAwayAtTheLastResponseConcludesAfterARestart(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	c := tb.successor(2, 3, nil, before.Guardians...)
	tb.propose(c)
	said := func() (n int) {
		for _, raw := range tb.log {
			var m wire.Message
			if protocol.DecodeJCS(raw, &m) != nil || m.From != tb.cfgs[0].Self || !strings.Contains(m.Run, "/") {
				continue
			}
			if p, err := decodePacket(m.Packet, before.Guardians); err == nil && p.Kind == kindResponse {
				n++
			}
		}
		return n
	}
	for range 20 {
		for i := range tb.at {
			if i > 0 || said() < 2 {
				tb.catchUp(i)
				tb.post(i)
			}
		}
	}
	if tb.at[0].act.done != nil || tb.at[1].act.done == nil {
		t.Fatalf("guardian 1: %s; guardian 2: %s: this test shows nothing", tb.at[0].State(), tb.at[1].State())
	}
	tb.restart(0)
	tb.settle()
	tb.append(tb.closing(c))
	tb.settle()
	tb.confirm()
	tb.holds(before, c)
}

// A newcomer does everything but sign, when all others have signed: they go on without it. Where its signature turns up in the
// end, the first group on record counts, and everybody still has its shares.
func TestWithheldSignatureHoldsNobodyUp(t *testing.T) {
	for _, late := range []bool{false, true} {
		tb := foundedCircle(t, 4, 2, 3)
		before := tb.present()
		first := tb.replacing()
		tb.propose(first)
		tb.settle()
		withheld := tb.closing(first) // everybody has signed, and the newcomer shows it to nobody
		second := tb.successor(2, 3, nil, before.Guardians[:3]...)
		doc := tb.sign(second)
		tb.append(wire.Proposal{Change: doc})
		for i := range 4 { // also the one who leaves
			tb.accept(i, doc)
		}
		tb.settle()
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		want := second
		if late {
			tb.append(withheld)
			want = first
		}
		tb.append(tb.closing(second))
		tb.settle()
		tb.confirm()
		tb.holds(before, want)
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.holds(before, want)
	}
}

// One who talks without end fills its own share of what is kept, and nobody else's.
func TestEndlessTalkerSilencesNobodyElse(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	c := tb.replacing()
	tb.propose(c)
	digest, err := c.Digest()
	if err != nil {
		t.Fatal(err)
	}
	run := runName(Seal, digest)
	for i := range 2100 {
		raw, err := encodePacket(packet{Attempt: i, From: tb.cfgs[3].Self, Kind: "noise", Run: run}, "", tb.cfgs[3].Key)
		if err != nil {
			t.Fatal(err)
		}
		tb.append(wire.Message{Run: run, From: tb.cfgs[3].Self, Packet: raw})
		if i%2 == 0 { // and in another's name
			tb.append(wire.Message{Run: run, From: tb.cfgs[0].Self, Packet: raw})
		}
	}
	tb.dead[3] = true // nobody listens to it any more
	tb.settle()
	tb.append(tb.closing(c))
	tb.settle()
	tb.confirm()
	tb.holds(before, c)
}

// The hub reads a report while another acceptance comes in.
func TestReportIsNotTheGuardiansOwnMemory(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	c := tb.successor(2, 3, nil, tb.present().Guardians...)
	doc := tb.propose(c)
	tb.settle()
	r, err := tb.at[0].Report()
	if err != nil || r == nil {
		t.Fatal(err)
	}
	r.Accepts["nobody.example"] = doc
	if again, _ := tb.at[0].Report(); len(again.Accepts) != 4 {
		t.Errorf("%d have accepted, want 4", len(again.Accepts))
	}
}

// emergency calls the second and third guardian lost.
func (tb *circle) emergency() protocol.Change {
	g := tb.present().Guardians
	return tb.successor(1, 2, []string{g[1].Name, g[2].Name}, g[0], g[3])
}

func TestGuardianOnAnOldCopyOfItsFolderGivesNoSecondWord(t *testing.T) {
	for _, old := range []bool{false, true} {
		tb := foundedCircle(t, 4, 2, 3)
		ordinary, emergency := tb.replacing(), tb.emergency()
		for _, c := range []protocol.Change{ordinary, emergency} {
			tb.append(wire.Proposal{Change: tb.sign(c)})
		}
		tb.catchUp(0)
		if old {
			tb.accept(0, tb.sign(ordinary))
			tb.catchUp(0)
			tb.post(0)
			if err := withAccepted(tb.cfgs[0].Dir, func(a *accepted) (bool, error) { a.Changes = nil; return true, nil }); err != nil {
				t.Fatal(err)
			}
		}
		tb.restart(0)
		tb.accept(0, tb.sign(emergency))
		tb.catchUp(0)
		if said := tb.at[0].Acceptance() != nil; said == old {
			t.Errorf("old copy: %v, gives its word: %v (%s)", old, said, tb.at[0].State())
		}
	}
}

// A leaf behind a closing is judged by the group that it makes, whether or not its publication has been seen yet.
func TestLeafBehindAClosingIsTheNewGroups(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	c := tb.replacing()
	tb.propose(c)
	tb.settle()
	at := uint64(len(tb.log))
	tb.append(tb.closing(c))
	tb.settle()
	if tb.at[0].Pending() == nil {
		t.Fatal("nothing is pending: this test shows nothing")
	}
	for index, epoch := range map[uint64]uint32{at - 1: 1, at: 1, at + 1: 2} {
		if got := tb.at[0].GroupAt(index).Epoch; got != epoch {
			t.Errorf("leaf %d, closing at %d: epoch %d, want %d", index, at, got, epoch)
		}
	}
	tb.confirm()
	if got := tb.at[0].GroupAt(at + 1).Epoch; got != 2 {
		t.Errorf("afterwards: epoch %d", got)
	}
}

// Only the record's order decides between two ordinary changes; an emergency is not published under the group before it, so
// nobody gives two words there.
func TestOneWordWhereAnEmergencyIsConcerned(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	ordinary, emergency := tb.replacing(), tb.emergency()
	for i := range 5 {
		tb.accept(i, tb.sign(ordinary))
	}
	conflict := func(why string, i int, c protocol.Change) {
		t.Helper()
		if _, err := Accept(tb.cfgs[i].Dir, tb.cfgs[i].Self, tb.council, tb.sign(c), "now"); !errors.Is(err, tribune.ErrConflict) {
			t.Errorf("%s: got %v, want a conflict", why, err)
		}
	}
	conflict("who leaves with the ordinary one, whose signature it does not need", 3, emergency)
	tb.append(wire.Proposal{Change: tb.sign(ordinary)})
	tb.settle()
	tb.closing(ordinary) // all sign
	conflict("who has signed", 0, emergency)
	tb.accept(0, tb.sign(tb.successor(2, 3, nil, tb.present().Guardians...)))
	conflict("who has signed, and then thought of another ordinary one", 0, emergency)

	tb = foundedCircle(t, 4, 2, 3)
	emergency = tb.emergency()
	tb.accept(0, tb.sign(emergency))
	tb.accept(0, tb.sign(tb.successor(2, 3, nil, tb.present().Guardians...))) // a member that has not signed
	tb.accept(1, tb.sign(emergency))
	conflict("who is called lost, and has accepted that", 1, tb.successor(2, 3, nil, tb.present().Guardians...))
}

// None of those who are not in the old group, or not as they are called there, can make a successor agreed.
func TestTMinusOneWithHubAndCouncilMakeNoSuccessor(t *testing.T) {
	tb := foundedCircle(t, 5, 3, 4)
	g := tb.present()
	two := func(name string) bool { return name == g.Guardians[0].Name || name == g.Guardians[1].Name }
	for lost := range 4 {
		var gone []string
		members := slices.Clone(g.Guardians[:5-lost])
		for _, m := range g.Guardians[5-lost:] {
			gone = append(gone, m.Name)
		}
		slices.Sort(gone)
		n := len(members)
		c := tb.successor(min(2, (n+1)/2), n, gone, members...)
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		if c.After(g) == nil && c.Agreed(g, two) {
			t.Errorf("%d called lost: t-1 of the old members suffice", lost)
		}
		all := func(string) bool { return true }
		if can, want := c.After(g) == nil && c.Agreed(g, all), lost == 0 || lost == 2; can != want {
			t.Errorf("%s: with everyone's word it comes: %v, want %v", fmt.Sprint(lost), can, want)
		}
	}
}
