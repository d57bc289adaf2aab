package vault

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

const (
	testCity  = "birmingham.example"
	testClass = tribune.ClassID("parking-session")
)

// dealer knows everything: tests only.
type dealer struct {
	group protocol.Group
	seal  []*ibe.SealShare
	name  []*ibe.NameShare
}

// order of the group, from the standard.
func groupOrder() *big.Int {
	r, _ := new(big.Int).SetString("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", 16)
	return r
}

// shares are those of a random-looking line through a secret: threshold 2. The first is the secret itself.
func shares(seed string, n int) [][]byte {
	r := groupOrder()
	coefficient := func(i int) *big.Int {
		h := sha256.Sum256(fmt.Appendf(nil, "%s/%d", seed, i))
		return new(big.Int).Mod(new(big.Int).SetBytes(h[:]), r)
	}
	secret, slope := coefficient(0), coefficient(1)
	var out [][]byte
	for x := 0; x <= n; x++ {
		s := new(big.Int).Mul(slope, big.NewInt(int64(x)))
		out = append(out, s.Add(s, secret).Mod(s, r).FillBytes(make([]byte, 32)))
	}
	return out
}

func newDealer(t testing.TB) *dealer {
	t.Helper()
	const n = 4
	d := &dealer{group: protocol.Group{City: testCity, N: n, T: 2, W: 3, Epoch: 1}}
	for i, b := range shares("seal", n) {
		s, err := ibe.NewSealShare(b)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.group.Seal.Key = s.Public()
			continue
		}
		d.seal, d.group.Seal.Shares = append(d.seal, s), append(d.group.Seal.Shares, s.Public())
	}
	for i, b := range shares("name", n) {
		s, err := ibe.NewNameShare(b)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			d.group.Name.Key = s.Public()
			continue
		}
		d.name, d.group.Name.Shares = append(d.name, s), append(d.group.Name.Shares, s.Public())
		d.group.Guardians = append(d.group.Guardians, protocol.Member{Index: i, Name: fmt.Sprintf("guardian-%d.example", i)})
	}
	return d
}

// keys are what the guardians 1 and 3 would release for identities.
func (d *dealer) keys(t testing.TB, ids ...tribune.Identity) map[tribune.Identity][]byte {
	t.Helper()
	parts := []ibe.Partial{{Index: 1}, {Index: 3}}
	var raw [][]byte
	for _, id := range ids {
		raw = append(raw, id.Bytes(testCity))
		for i := range parts {
			p, err := ibe.PartialKey(d.seal[parts[i].Index-1], id.Bytes(testCity))
			if err != nil {
				t.Fatal(err)
			}
			parts[i].Points = append(parts[i].Points, p)
		}
	}
	points, _, err := ibe.Combine(d.group.Seal.Key, d.group.Seal.Shares, d.group.T, raw, parts)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[tribune.Identity][]byte{}
	for i, id := range ids {
		keys[id] = points[i]
	}
	return keys
}

// keysOf are the keys of everything the sealed values need at a time.
func (d *dealer) keysOf(t testing.TB, v *Vault, now time.Time, sealed ...tribune.Sealed) map[tribune.Identity][]byte {
	t.Helper()
	var ids []tribune.Identity
	for _, s := range v.Identities(now, sealed) {
		ids = append(ids, s.IDs...)
	}
	return d.keys(t, ids...)
}

// evaluator is the guardians' side of NAME. It counts calls and points.
type evaluator struct {
	d *dealer

	mu     sync.Mutex
	calls  int
	points int
	before func(ctx context.Context) error // called in every call, may be nil
	bend   func([]ibe.Partial)             // changes the answer, may be nil
}

func (e *evaluator) Evaluate(ctx context.Context, points [][]byte) ([]ibe.Partial, error) {
	e.mu.Lock()
	e.calls++
	e.points += len(points)
	before, bend := e.before, e.bend
	e.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	parts := []ibe.Partial{{Index: 2}, {Index: 4}, {Index: 1}}
	for i := range parts {
		for _, point := range points {
			p, err := ibe.EvaluateBlinded(e.d.name[parts[i].Index-1], point)
			if err != nil {
				return nil, err
			}
			parts[i].Points = append(parts[i].Points, p)
		}
	}
	if bend != nil {
		bend(parts)
	}
	return parts, nil
}

func (e *evaluator) asked() (calls, points int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls, e.points
}
