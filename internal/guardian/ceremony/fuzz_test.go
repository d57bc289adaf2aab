package ceremony

import (
	"encoding/json"
	"testing"

	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// FuzzReadChangePacket: no member's own signature over anything may crash the others at a change's table.
func FuzzReadChangePacket(f *testing.F) {
	f.Add(kindHello, []byte(`{"key":"AAAA","proof":""}`), true)
	f.Add(kindDeal, []byte(`{"key":"AAAA","public":null,"shares":[{"box":"","to":1}],"signature":""}`), true)
	f.Add(kindResponse, []byte(`{"complaints":[{"dealer":"guardian-1.example","point":"","proof":""}],"deals":"00","good":[false],"signature":""}`), false)
	f.Add("accept", []byte(`{"accept":"00","from":"guardian-1.example","signature":""}`), false)
	tb := &circle{}
	f.Fuzz(func(t *testing.T, kind string, body []byte, inSession bool) {
		if tb.t == nil {
			tb = foundedCircle(t, 1, 1, 1)
			tb.propose(tb.successor(1, 1, nil, tb.present().Guardians...))
			tb.untilDeals()
		}
		tb.t = t
		for _, name := range []string{Seal, Name} {
			r := tb.at[0].act.runs[name]
			p := packet{Attempt: 9, Body: body, From: tb.cfgs[0].Self, Kind: kind, Run: r.name}
			if inSession {
				p.Session = r.session
			}
			raw, err := encodePacket(p, json.RawMessage(body), tb.cfgs[0].Key)
			if err != nil {
				return
			}
			m, _ := protocol.JCS(wire.Message{Run: r.name, From: tb.cfgs[0].Self, Packet: raw})
			tb.at[0].Leaf(1, m)
		}
		tb.at[0].Leaf(1, body)
		if err := tb.at[0].Step(); err != nil {
			t.Fatal(err)
		}
		if tb.at[0].act == nil {
			tb.t = nil
		}
	})
}

func FuzzReadPacket(f *testing.F) {
	skey, vkey, err := protocol.NewKey("guardian-1.example")
	if err != nil {
		f.Fatal(err)
	}
	key, _ := protocol.SeedOf(skey)
	g := protocol.Group{City: "city.example", N: 1, T: 1, W: 1, Guardians: []protocol.Member{{Index: 1, Key: vkey, Name: "guardian-1.example"}}}
	for _, kind := range []string{kindHello, kindDeal, kindResponse} {
		f.Add(kind, []byte(`{"key":"AAAA"}`), 1)
	}
	f.Add(kindDeal, []byte(`{"public":null,"shares":null,"signature":null}`), 1)
	f.Add(kindResponse, []byte(`{"good":[false],"signature":null}`), 2)
	f.Fuzz(func(t *testing.T, kind string, body []byte, attempt int) {
		c, err := Open(Config{Dir: t.TempDir(), Self: "guardian-1.example", Key: key, Group: g})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Step(); err != nil {
			t.Fatal(err)
		}
		for _, m := range c.Outbox() {
			raw, _ := protocol.JCS(m.Message)
			c.Leaf(0, raw)
		}
		c.Step()
		p := packet{Attempt: attempt, Body: body, From: "guardian-1.example", Kind: kind, Run: Seal, Session: c.act.runs[Seal].session}
		raw, err := encodePacket(p, json.RawMessage(body), key)
		if err != nil {
			return
		}
		m, _ := protocol.JCS(wire.Message{Run: Seal, From: "guardian-1.example", Packet: raw})
		c.Leaf(0, m) // a member's own signature over anything must not crash the others
		c.Leaf(0, body)
		if err := c.Step(); err != nil {
			t.Fatal(err)
		}
	})
}
