package ceremony

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"tribune/internal/guardian/wire"
)

func TestDealerWhoLiesIsShownAndAllBeginAgain(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	for i := range tb.at {
		tb.catchUp(i)
		tb.post(i)
	}
	for i := range tb.at {
		tb.catchUp(i)
	}
	// Guardian 2 deals guardian 3 a share of another polynomial, under its own good signatures.
	r := tb.at[1].act.runs[Seal]
	var bad deal
	p, err := decodePacket(r.outbox[0].Packet, tb.cfgs[1].Group.Guardians)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(p.Body, &bad); err != nil {
		t.Fatal(err)
	}
	bad.Shares[1].Box = bad.Shares[0].Box
	bundle, err := bad.bundle(1, 1, 4, 2, r.session)
	if err != nil {
		t.Fatal(err)
	}
	bad.Signature, err = r.config().Auth.Sign(r.longterm(1).secret, bundle.Hash())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := encodePacket(packet{Attempt: 1, From: p.From, Kind: kindDeal, Run: Seal, Session: r.session}, bad, tb.cfgs[1].Key)
	if err != nil {
		t.Fatal(err)
	}
	r.outbox[0].Packet = raw
	for i := range tb.at {
		tb.post(i)
	}
	for i := range tb.at {
		tb.catchUp(i)
		tb.post(i)
	}
	for i := range tb.at {
		tb.catchUp(i)
		if got := tb.at[i].State(); !strings.Contains(got, "guardian-3.example has shown that the deal of guardian-2.example is bad") {
			t.Errorf("guardian %d says %q, want the culprit", i, got)
		}
	}
	tb.settle() // guardian 2 behaves the second time
	tb.close()
	tb.founded()
}

func TestForgedPacketsAreNobodysWords(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.catchUp(0)
	m := tb.at[0].Outbox()[0].Message
	for _, forge := range []func(wire.Message) wire.Message{
		func(m wire.Message) wire.Message { m.From = tb.cfgs[1].Self; return m },
		func(m wire.Message) wire.Message { m.Run = Name; return m },
		func(m wire.Message) wire.Message {
			m.Packet = bytes.Replace(m.Packet, []byte(`"attempt":1`), []byte(`"attempt":7`), 1)
			return m
		},
		func(m wire.Message) wire.Message {
			m.Packet = bytes.Replace(m.Packet, []byte("guardian-1"), []byte("guardian-2"), 1)
			return m
		},
		func(m wire.Message) wire.Message { m.Packet = append(bytes.Clone(m.Packet), ' '); return m },
		func(m wire.Message) wire.Message { m.Run = "draw"; return m },
	} {
		tb.append(forge(m))
	}
	tb.log = append(tb.log, json.RawMessage(`{}`), json.RawMessage(`null`), json.RawMessage(`{"group":{},"signatures":{}}`))
	for i := range tb.at {
		tb.catchUp(i)
		for _, r := range tb.at[i].act.runs {
			if len(r.hellos) != 0 {
				t.Fatalf("guardian %d took a forged hello", i)
			}
		}
	}
	tb.settle()
	tb.close()
	tb.founded()
}

func TestGroupNotSignedByAllGivesNoShares(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.settle()
	closing := wire.Closing{Signatures: map[string][]byte{}}
	for i, c := range tb.at {
		r, _ := c.Report()
		closing.Group = r.Group
		closing.Signatures[tb.cfgs[i].Self] = r.Signature
	}
	other := seat(t, 4, 2, 3)
	other.settle()
	theirs, _ := other.at[0].Report()
	for name, spoil := range map[string]func(wire.Closing) wire.Closing{
		"one missing": func(c wire.Closing) wire.Closing { delete(c.Signatures, tb.cfgs[3].Self); return c },
		"another's": func(c wire.Closing) wire.Closing {
			c.Signatures[tb.cfgs[3].Self] = c.Signatures[tb.cfgs[2].Self]
			return c
		},
		"another group":   func(c wire.Closing) wire.Closing { c.Group = theirs.Group; return c },
		"another quorum":  func(c wire.Closing) wire.Closing { c.Group.W = 4; return c },
		"another key":     func(c wire.Closing) wire.Closing { c.Group.Seal = theirs.Group.Seal; return c },
		"swapped SEAL":    func(c wire.Closing) wire.Closing { c.Group.Seal, c.Group.Name = c.Group.Name, c.Group.Seal; return c },
		"another's epoch": func(c wire.Closing) wire.Closing { c.Group.Epoch = 2; return c },
	} {
		c := closing
		c.Signatures = map[string][]byte{}
		for k, v := range closing.Signatures {
			c.Signatures[k] = v
		}
		tb.append(spoil(c))
		tb.settle()
		if _, ok := tb.at[0].Shares(); ok {
			t.Fatalf("%s: shares are given out", name)
		}
	}
	tb.close()
	tb.founded()
}

// Who says hello with somebody else's key can decrypt nothing; but that one would take the wrong seat at kyber's table, deal
// under it, and be blamed for it.
func TestHelloWithAnothersKeyIsNoHello(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	for i := range tb.at {
		tb.catchUp(i)
	}
	for _, name := range []string{Seal, Name} {
		stolen, err := decodePacket(tb.at[2].act.runs[name].outbox[0].Packet, tb.cfgs[0].Group.Guardians)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := encodePacket(packet{Attempt: 1, From: tb.cfgs[0].Self, Kind: kindHello, Run: name}, stolen.Body, tb.cfgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		tb.at[0].act.runs[name].outbox[0].Packet = raw
	}
	for i := range tb.at {
		tb.post(i)
	}
	for i := range tb.at {
		tb.catchUp(i)
		for _, r := range tb.at[i].act.runs {
			if len(r.hellos) != 3 || r.trouble != "" {
				t.Fatalf("guardian %d: %d hellos, trouble %q", i, len(r.hellos), r.trouble)
			}
		}
	}
	tb.settle() // guardian 1 behaves the second time
	tb.close()
	tb.founded()
}
