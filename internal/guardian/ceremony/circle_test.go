package ceremony

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
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
