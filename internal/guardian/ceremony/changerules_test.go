package ceremony

import (
	"errors"
	"testing"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

func TestNothingFollowsWithoutCouncilOperatorsAndQuorum(t *testing.T) {
	quiet := func(t *testing.T, tb *circle, why string) {
		t.Helper()
		tb.settle()
		for i, at := range tb.at {
			if at.act != nil {
				t.Errorf("%s: guardian %d sits down", why, i)
			}
		}
	}
	tb := foundedCircle(t, 4, 2, 3)
	c := tb.successor(2, 3, nil, tb.present().Guardians...)
	doc := tb.sign(c)
	tb.append(wire.Proposal{Change: doc})
	quiet(t, tb, "nobody has accepted")
	tb.accept(0, doc)
	tb.accept(1, doc)
	quiet(t, tb, "two of four have accepted")

	stranger := *tb
	stranger.councilKey, _, _ = protocol.NewKey("city.example/council")
	if _, err := Accept(tb.cfgs[2].Dir, tb.cfgs[2].Self, tb.council, stranger.sign(c), "now"); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("another's signature is accepted: %v", err)
	}
	forged := wire.Acceptance{From: tb.cfgs[2].Self, Signature: make([]byte, 64)}
	forged.Accept, _ = c.Digest()
	tb.append(forged)
	quiet(t, tb, "one acceptance is forged")
	tb.accept(2, doc) // and now it goes on
	tb.settle()
	for _, i := range []int{0, 1, 2} {
		if tb.at[i].act == nil {
			t.Errorf("guardian %d does not sit down: %s", i, tb.at[i].State())
		}
	}
	if tb.at[3].act != nil {
		t.Error("a guardian sits down whose operator has accepted nothing")
	}
}

func TestClosingThatIsNoSuccessorChangesNothing(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	c := tb.successor(2, 3, nil, before.Guardians...)
	tb.propose(c)
	tb.settle()
	good := tb.closing(c)
	other := foundedCircle(t, 4, 2, 3).present()
	for name, spoil := range map[string]func(protocol.Closing) protocol.Closing{
		"no accepts":       func(c protocol.Closing) protocol.Closing { c.Accepts = nil; return c },
		"no change":        func(c protocol.Closing) protocol.Closing { c.Change = nil; return c },
		"another key":      func(c protocol.Closing) protocol.Closing { c.Group.Seal = other.Seal; return c },
		"another member":   func(c protocol.Closing) protocol.Closing { c.Group.Guardians = other.Guardians; return c },
		"a lower quorum":   func(c protocol.Closing) protocol.Closing { c.Group.T, c.Group.W = 1, 3; return c },
		"an unsigned city": func(c protocol.Closing) protocol.Closing { c.Group.City = "other.example"; return c },
	} {
		c := good
		c.Signatures = map[string][]byte{}
		for k, v := range good.Signatures {
			c.Signatures[k] = v
		}
		tb.append(spoil(c))
		tb.settle()
		if tb.at[0].Pending() != nil {
			t.Fatalf("%s: it is taken for a successor", name)
		}
	}
	tb.append(good)
	tb.settle()
	tb.confirm()
	tb.holds(before, c)
}
