package way

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
	"tribune/verify"
)

// guards are four guardians, threshold 2, behind one Release. Who is bent releases what cannot be used.
type guards struct {
	group  protocol.Group
	shares map[int]*ibe.SealShare
	log    *ledger
	now    func() time.Time

	mu    sync.Mutex
	line  []int // who is asked first
	bend  map[int]string
	asked int

	proofs proofs
}

func (g *guards) Suspect(index int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line = append(slices.DeleteFunc(g.line, func(i int) bool { return i == index }), index)
}

func (g *guards) calls() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.asked
}

func (g *guards) Release(ctx context.Context, req protocol.Request, need int) ([]protocol.Answer, error) {
	g.mu.Lock()
	g.asked++
	line, bend := slices.Clone(g.line), g.bend
	g.mu.Unlock()
	proof, err := verify.ParseProof(req.Receipt)
	if err != nil {
		return nil, err
	}
	leaf, err := protocol.DecodeLeaf(proof.Extra)
	if err != nil {
		return nil, err
	}
	if !g.log.published(proof.Extra) {
		return nil, fmt.Errorf("%w: asked before publication", tribune.ErrRefused)
	}
	private, err := protocol.DecodePrivate(req.Private)
	if err != nil {
		return nil, err
	}
	if com, err := protocol.Commitment(req.Salt, req.Private); err != nil || com != leaf.Act.Com {
		return nil, fmt.Errorf("%w: another private part", tribune.ErrRefused)
	}
	if input, err := protocol.InputHash(req.Salt, req.Evidence); err != nil || input != leaf.Input {
		return nil, fmt.Errorf("%w: another evidence", tribune.ErrRefused)
	}
	for i, s := range private.Subjects {
		if leaf.Act.Kind == tribune.ActEnrol {
			break
		}
		marks := req.Traces
		if req.Hidden != nil { // under a warrant
			marks = req.Hidden
		}
		if k, err := protocol.TraceKey(marks[i]); err != nil || protocol.UseTag(k, s.N) != leaf.Tags[i] {
			return nil, fmt.Errorf("%w: a tag that does not fit its use", tribune.ErrRefused)
		}
	}
	var answers []protocol.Answer
	for _, i := range line[:need] {
		a, err := g.answer(i, leaf, protocol.LeafHash(proof.Extra), private, bend[i])
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (g *guards) answer(i int, leaf protocol.Leaf, hash tribune.Hash, private protocol.Private, bend string) (a protocol.Answer, err error) {
	share := g.shares[i]
	if bend == "share" {
		share = g.shares[i%4+1] // a proper point under somebody else's share
	}
	var shares []byte
	for _, s := range private.Subjects {
		for _, id := range s.IDs {
			p, err := ibe.PartialKey(share, id.Bytes(g.group.City))
			if err != nil {
				return a, err
			}
			shares = append(shares, p...)
		}
	}
	epoch := g.group.Epoch
	switch bend {
	case "short":
		shares = shares[:len(shares)-1]
	case "points":
		clear(shares)
	case "epoch":
		epoch++
	}
	if len(leaf.Act.Recipient) == 0 {
		shares = nil
	} else if a.Box, err = protocol.SealShares(leaf.Act.Recipient, hash, epoch, shares); err != nil {
		return a, err
	}
	if bend == "box" {
		a.Box[40] ^= 1
	}
	a.Statement = &protocol.Statement{Guardian: g.group.Guardians[i-1].Name, Leaf: hash, IDs: protocol.HashIDs(g.group.City, private.Subjects), Epoch: epoch, Time: g.now().Unix()}
	if bend == "leaf" {
		a.Statement.Leaf[0] ^= 1
	}
	a.Statement.Signature = bytes.Repeat([]byte{byte(i)}, ed25519.SignatureSize) // checked by guardian/client
	return a, nil
}

// deal makes a line through a secret: four shares, threshold 2.
func deal(t *testing.T) (protocol.Group, map[int]*ibe.SealShare) {
	t.Helper()
	r, _ := new(big.Int).SetString("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001", 16)
	number := func(seed string) *big.Int {
		h := sha256.Sum256([]byte(seed))
		return new(big.Int).Mod(new(big.Int).SetBytes(h[:]), r)
	}
	secret, slope := number("secret"), number("slope")
	at := func(x int64) []byte {
		s := new(big.Int).Mul(slope, big.NewInt(x))
		return s.Add(s, secret).Mod(s, r).FillBytes(make([]byte, 32))
	}
	group, shares := protocol.Group{City: testCity, N: 4, T: 2, W: 3, Epoch: 1}, map[int]*ibe.SealShare{}
	for x := range 5 {
		s, err := ibe.NewSealShare(at(int64(x)))
		if err != nil {
			t.Fatal(err)
		}
		n, err := ibe.NewNameShare(at(int64(x + 100)))
		if err != nil {
			t.Fatal(err)
		}
		if x == 0 {
			group.Seal.Key, group.Name.Key = s.Public(), n.Public()
			continue
		}
		shares[x] = s
		group.Seal.Shares, group.Name.Shares = append(group.Seal.Shares, s.Public()), append(group.Name.Shares, n.Public())
		group.Guardians = append(group.Guardians, protocol.Member{Index: x, Name: fmt.Sprintf("guardian-%d.example", x)})
	}
	return group, shares
}
