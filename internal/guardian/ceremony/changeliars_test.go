package ceremony

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"tribune/internal/guardian/wire"
)

// A dealer dies after it has accepted: the others' deals suffice. A newcomer that loses its folder begins again.
func TestChangeGoesOnWithoutADealer(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	c := tb.successor(2, 3, nil, before.Guardians[0], before.Guardians[1], before.Guardians[2], tb.join("library.example"))
	doc := tb.propose(c)
	for i := range tb.at {
		tb.catchUp(i)
		tb.post(i)
	}
	tb.dead[3] = true // who is to leave has accepted, and is gone
	for i := range tb.at {
		if !tb.dead[i] {
			tb.catchUp(i)
			tb.post(i)
		}
	}
	tb.cfgs[4].Dir = t.TempDir()
	tb.accept(4, doc)
	tb.restart(4)
	tb.settle()
	tb.append(tb.closing(c))
	tb.settle()
	tb.confirm()
	tb.holds(before, c)
}

// spoilDeal makes guardian i's deal hold another member's box for the member at seat.
func (tb *circle) spoilDeal(i, seat int) {
	tb.t.Helper()
	r := tb.at[i].act.runs[Seal]
	k := slices.IndexFunc(r.outbox, func(m wire.Outgoing) bool {
		p, err := decodePacket(m.Packet, r.tb.speakers)
		return err == nil && p.Kind == kindDeal
	})
	if k < 0 {
		tb.t.Fatal("no deal to spoil")
	}
	p, err := decodePacket(r.outbox[k].Packet, r.tb.speakers)
	if err != nil {
		tb.t.Fatal(err)
	}
	var bad deal
	if err := json.Unmarshal(p.Body, &bad); err != nil {
		tb.t.Fatal(err)
	}
	at := slices.IndexFunc(bad.Shares, func(e encrypted) bool { return e.To == uint32(seat) })
	bad.Shares[at].Box = bad.Shares[(at+1)%len(bad.Shares)].Box
	bundle, err := bad.bundle(r.tb.dealer(p.From), r.tb.seat(p.From), len(r.tb.members), r.tb.t, r.session)
	if err != nil {
		tb.t.Fatal(err)
	}
	if bad.Signature, err = r.config().Auth.Sign(r.longterm(r.attempt).secret, bundle.Hash()); err != nil {
		tb.t.Fatal(err)
	}
	raw, err := encodePacket(packet{Attempt: p.Attempt, From: p.From, Kind: kindDeal, Run: r.name, Session: r.session}, bad, tb.cfgs[i].Key)
	if err != nil {
		tb.t.Fatal(err)
	}
	r.outbox[k].Packet = raw
}

// untilDeals runs a change until its deals are ready to be said.
func (tb *circle) untilDeals() {
	tb.t.Helper()
	for range 20 {
		for i := range tb.at {
			tb.catchUp(i)
		}
		for i := range tb.at {
			if act := tb.at[i].act; act != nil && act.old != nil && act.runs[Seal].said {
				return
			}
		}
		for i := range tb.at {
			tb.post(i)
		}
	}
	tb.t.Fatal("nobody deals")
}

func TestDealerWhoLiesInAChangeIsShownAndLeftOut(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	before := tb.present()
	c := tb.successor(2, 3, nil, before.Guardians...)
	tb.propose(c)
	tb.untilDeals()
	tb.spoilDeal(0, 2)
	for i := range tb.at {
		tb.post(i)
	}
	tb.settle()
	for i, at := range tb.at {
		if at.act == nil || at.act.done == nil {
			t.Fatalf("guardian %d: %s", i, at.State())
		}
		if why := at.act.runs[Seal].struck["guardian-1.example"]; !strings.Contains(why, "guardian-3.example has shown that the deal of guardian-1.example is bad") {
			t.Errorf("guardian %d says %q, want the culprit", i, why)
		}
	}
	tb.append(tb.closing(c))
	tb.settle()
	tb.confirm()
	tb.holds(before, c)
}

func TestMemberWhoComplainsFalselyIsNamed(t *testing.T) {
	for name, spoil := range map[string]func(*complaint){
		"a true proof of a good share": func(*complaint) {},
		"a proof of nothing":           func(c *complaint) { c.Proof[3] ^= 1 },
		"another's point":              func(c *complaint) { c.Point = bytes.Clone(c.Point); copy(c.Point, someG2(t)) },
		"no proof":                     func(c *complaint) { c.Proof = []byte{} },
	} {
		tb := foundedCircle(t, 4, 2, 3)
		c := tb.successor(2, 3, nil, tb.present().Guardians...)
		tb.propose(c)
		tb.untilDeals()
		for i := range tb.at {
			tb.post(i)
		}
		for i := range tb.at {
			tb.catchUp(i)
		}
		r := tb.at[2].act.runs[Seal]
		some := r.counting()
		body := response{Deals: r.transcript(), Good: []bool{true, true}}
		lie := slices.IndexFunc(some, func(d dealt) bool { return d.from != tb.cfgs[2].Self })
		body.Good[lie] = false
		word, err := complain(some[lie].from, boxFor(some[lie].bundle, 2), r.longterm(1).secret)
		if err != nil {
			t.Fatal(err)
		}
		spoil(&word)
		body.Complaints = []complaint{word}
		b, err := body.bundle(2, []uint32{uint32(some[0].at), uint32(some[1].at)}, r.session)
		if err != nil {
			t.Fatal(err)
		}
		if body.Signature, err = r.config().Auth.Sign(r.longterm(1).secret, b.Hash()); err != nil {
			t.Fatal(err)
		}
		raw, err := encodePacket(packet{Attempt: 1, From: tb.cfgs[2].Self, Kind: kindResponse, Run: r.name, Session: r.session}, body, tb.cfgs[2].Key)
		if err != nil {
			t.Fatal(err)
		}
		tb.append(wire.Message{Run: r.name, From: tb.cfgs[2].Self, Packet: raw})
		tb.catchUp(0)
		if got, want := tb.at[0].State(), "guardian-3.example says falsely that the deal of "+some[lie].from+" is bad"; !strings.Contains(got, want) {
			t.Errorf("%s: it says %q, want %q", name, got, want)
		}
		if len(tb.at[0].act.runs[Seal].struck) != 0 {
			t.Errorf("%s: an honest dealer is left out", name)
		}
	}
}

func someG2(t *testing.T) []byte {
	raw, err := suite().Point().Mul(suite().Scalar().SetInt64(7), nil).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
