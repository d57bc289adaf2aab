package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"

	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// circle is n guardians and the record between them.
type circle struct {
	t    *testing.T
	cfgs []Config
	at   []*Ceremony
	log  []json.RawMessage
	read []int // how far each has read
	dead map[int]bool

	councilKey, council string
}

func seat(t *testing.T, n, threshold, w int) *circle {
	t.Helper()
	tb := &circle{t: t, at: make([]*Ceremony, n), read: make([]int, n), dead: map[int]bool{}}
	var err error
	if tb.councilKey, tb.council, err = protocol.NewKey("city.example/council"); err != nil {
		t.Fatal(err)
	}
	g := protocol.Group{City: "city.example", N: n, T: threshold, W: w}
	var keys []string
	for i := range n {
		name := fmt.Sprintf("guardian-%d.example", i+1)
		skey, vkey, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, skey)
		g.Guardians = append(g.Guardians, protocol.Member{Index: i + 1, Key: vkey, Name: name, URL: "http://127.0.0.1:1"})
	}
	for i, m := range g.Guardians {
		key, err := protocol.SeedOf(keys[i])
		if err != nil {
			t.Fatal(err)
		}
		tb.cfgs = append(tb.cfgs, Config{Dir: t.TempDir(), Self: m.Name, Key: key, Group: g, Council: tb.council})
		tb.restart(i)
	}
	return tb
}

func (tb *circle) restart(i int) {
	tb.t.Helper()
	c, err := Open(tb.cfgs[i])
	if err != nil {
		tb.t.Fatalf("opening %d: %v", i, err)
	}
	tb.at[i], tb.read[i] = c, 0
}

// catchUp lets guardian i read the record and think.
func (tb *circle) catchUp(i int) {
	tb.t.Helper()
	for ; tb.read[i] < len(tb.log); tb.read[i]++ {
		tb.at[i].Leaf(uint64(tb.read[i]), tb.log[tb.read[i]])
	}
	if err := tb.at[i].Step(); err != nil {
		tb.t.Fatalf("guardian %d: %v", i, err)
	}
}

// post puts what guardian i says on record.
func (tb *circle) post(i int) (said int) {
	for _, m := range tb.at[i].Outbox() {
		tb.append(m.Message)
		said++
	}
	if a := tb.at[i].Acceptance(); a != nil {
		tb.append(a)
		said++
	}
	return said
}

func (tb *circle) append(v any) {
	tb.t.Helper()
	raw, err := protocol.JCS(v)
	if err != nil {
		tb.t.Fatal(err)
	}
	tb.log = append(tb.log, raw)
}

// settle runs until no one has anything new to say.
func (tb *circle) settle() {
	tb.t.Helper()
	for range 100 {
		said := 0
		for i := range tb.at {
			if tb.dead[i] {
				continue
			}
			tb.catchUp(i)
			said += tb.post(i)
		}
		if said == 0 {
			return
		}
	}
	tb.t.Fatal("the guardians never stop talking")
}

// close publishes the group as the hub does.
func (tb *circle) close() {
	tb.t.Helper()
	closing := wire.Closing{Signatures: map[string][]byte{}}
	for i, c := range tb.at {
		r, err := c.Report()
		if err != nil || r == nil {
			tb.t.Fatalf("guardian %d has no report (%v): %s", i, err, c.State())
		}
		closing.Group = r.Group
		closing.Signatures[tb.cfgs[i].Self] = r.Signature
	}
	tb.append(closing)
	tb.settle()
}

// founded checks what a ceremony must end in: the same group everywhere, and any t shares make the key.
func (tb *circle) founded() {
	tb.t.Helper()
	var first Keys
	var xs []int
	shares := map[string]map[int][]byte{Seal: {}, Name: {}}
	for i, c := range tb.at {
		k, ok := c.Shares()
		if !ok {
			tb.t.Fatalf("guardian %d has no shares: %s", i, c.State())
		}
		if i == 0 {
			first = k
		}
		a, _ := protocol.JCS(first.Group)
		b, _ := protocol.JCS(k.Group)
		if !bytes.Equal(a, b) {
			tb.t.Fatalf("guardian %d has another group", i)
		}
		if bytes.Equal(k.Seal, k.Name) {
			tb.t.Error("SEAL and NAME are the same key")
		}
		xs = append(xs, k.Index)
		shares[Seal][k.Index], shares[Name][k.Index] = k.Seal, k.Name
		if left, _ := filepath.Glob(filepath.Join(tb.cfgs[i].Dir, "*")); len(left) != 1 {
			tb.t.Errorf("guardian %d keeps %v, want the shares file alone", i, left)
		}
		if info, err := os.Stat(filepath.Join(tb.cfgs[i].Dir, shareFile)); err != nil || info.Mode().Perm() != 0o600 {
			tb.t.Errorf("shares file of %d: %v, %v, want mode 0600", i, info.Mode(), err)
		}
	}
	t := first.Group.T
	for name, public := range map[string]protocol.PublicKey{Seal: first.Group.Seal, Name: first.Group.Name} {
		for from := 0; from+t <= len(xs); from++ {
			if got := combine(shares[name], xs[from:from+t]); !bytes.Equal(got, public.Key) {
				tb.t.Errorf("%s: guardians %v combine to another key", name, xs[from:from+t])
			}
		}
		if t > 1 && bytes.Equal(combine(shares[name], xs[:t-1]), public.Key) {
			tb.t.Errorf("%s: t-1 guardians have the key", name)
		}
	}
}

// combine interpolates at zero and returns s*g2.
func combine(shares map[int][]byte, xs []int) []byte {
	var sum fr.Element
	for _, i := range xs {
		var l, s fr.Element
		l.SetOne()
		for _, j := range xs {
			if j != i {
				var xi, xj, d fr.Element
				xi.SetInt64(int64(i))
				xj.SetInt64(int64(j))
				d.Sub(&xj, &xi)
				l.Mul(&l, &xj).Mul(&l, d.Inverse(&d))
			}
		}
		s.SetBytes(shares[i])
		sum.Add(&sum, s.Mul(&s, &l))
	}
	var p bls12381.G2Affine
	p.ScalarMultiplicationBase(sum.BigInt(new(big.Int)))
	b := p.Bytes()
	return b[:]
}

func TestAnyThresholdOfSharesIsTheKeyAndFewerAreNot(t *testing.T) {
	for _, p := range [][3]int{{4, 2, 3}, {1, 1, 1}, {5, 3, 4}, {9, 5, 7}} {
		tb := seat(t, p[0], p[1], p[2])
		tb.settle()
		for i, c := range tb.at {
			if _, ok := c.Shares(); ok {
				t.Errorf("guardian %d gives out shares before the group is on record", i)
			}
		}
		tb.close()
		tb.founded()
	}
}

// Each guardian is killed before and after each of its steps; the ceremony ends as if nothing had happened.
func TestRestartAtEveryStepGoesOn(t *testing.T) {
	for step := range 6 {
		tb := seat(t, 4, 2, 3)
		for range step {
			for i := range tb.at {
				tb.catchUp(i)
				if i%2 == 0 {
					tb.post(i)
				}
				tb.restart(i) // odd ones die before their words are on record
				tb.catchUp(i)
				tb.post(i)
			}
		}
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.close()
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.founded()
	}
}

func TestLostFolderMidwayBeginsAgain(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	for range 2 { // hellos and deals are on record
		for i := range tb.at {
			tb.catchUp(i)
		}
		for i := range tb.at {
			tb.post(i)
		}
	}
	tb.cfgs[2].Dir = t.TempDir()
	tb.restart(2)
	tb.settle()
	tb.close()
	tb.founded()
}

// A reader that takes many leaves at once must end in the same session as one that takes them singly.
func TestHelloAfterTheEndChangesNothing(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.settle()
	lost := tb.cfgs[1]
	lost.Dir = t.TempDir()
	late, err := Open(lost)
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Step(); err != nil {
		t.Fatal(err)
	}
	if r := late.act.runs[Seal]; len(r.outbox) != 1 {
		t.Fatal("the late guardian says nothing: this test shows nothing")
	}
	late.act.runs[Seal].attempt = 2 // as it would after reading the record
	late.act.runs[Seal].outbox = nil
	late.act.runs[Seal].turn()
	tb.append(late.act.runs[Seal].outbox[0].Message)
	tb.cfgs[3].Dir = t.TempDir() // and one with the seed of before the end reads it all in one go
	tb.settle()
	tb.close()
	for i := range 3 {
		if _, ok := tb.at[i].Shares(); !ok {
			t.Errorf("guardian %d: %s", i, tb.at[i].State())
		}
	}
}

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

func TestSharesThatDoNotFitTheirGroupStopTheGuardian(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.settle()
	tb.close()
	path := filepath.Join(tb.cfgs[0].Dir, shareFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(tb.cfgs[1].Dir, shareFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"another guardian's shares": theirs, "cut": good[:len(good)/2], "empty": nil} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(tb.cfgs[0]); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tb.cfgs[0]); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("shares others can read: got %v, want advice to chmod", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tb.cfgs[0]); err != nil {
		t.Errorf("good shares: %v", err)
	}
}

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
