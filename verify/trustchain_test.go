package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
)

// chainCity is a log whose guardians change.
type chainCity struct {
	t      *testing.T
	logKey string // secret
	logPub string
	keys   map[string]string // guardians' secret keys by name
	leaves [][]byte
	hashes hashes
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, h[i])
	}
	return out, nil
}

func newChainCity(t *testing.T) *chainCity {
	c := &chainCity{t: t, keys: map[string]string{}}
	var err error
	if c.logKey, c.logPub, err = protocol.NewKey("city.example/record"); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *chainCity) member(i int, name string) protocol.Member {
	skey, ok := c.keys[name]
	if !ok {
		var err error
		if skey, _, err = protocol.NewKey(name); err != nil {
			c.t.Fatal(err)
		}
		c.keys[name] = skey
	}
	vkey, err := protocol.VerifierOf(skey)
	if err != nil {
		c.t.Fatal(err)
	}
	return protocol.Member{Index: i, Name: name, Key: vkey, URL: "https://" + name}
}

// group has points of the right length only: who follows a chain goes by signatures.
func (c *chainCity) group(epoch uint32, names ...string) protocol.Group {
	g := protocol.Group{City: "city.example", N: len(names), T: 2, W: 3, Epoch: epoch}
	pub := func(seed byte) protocol.PublicKey {
		k := protocol.PublicKey{Key: bytes.Repeat([]byte{seed}, 96)}
		for i := range names {
			k.Shares = append(k.Shares, bytes.Repeat([]byte{seed + byte(i) + byte(epoch)}, 96))
		}
		return k
	}
	for i, name := range names {
		g.Guardians = append(g.Guardians, c.member(i+1, name))
	}
	g.Seal, g.Name = pub(1), pub(100)
	return g
}

func (c *chainCity) sign(name string, msg []byte) []byte {
	key, err := protocol.SeedOf(c.keys[name])
	if err != nil {
		c.t.Fatal(err)
	}
	return ed25519.Sign(key, msg)
}

// close is the closing of a group after another one (nil = the founding), accepted by some.
func (c *chainCity) close(old *protocol.Group, g protocol.Group, lost []string, accepts ...string) protocol.Closing {
	closing := protocol.Closing{Group: g, Signatures: map[string][]byte{}}
	closing.Group.Guardians = append([]protocol.Member(nil), g.Guardians...)
	for i := range closing.Group.Guardians {
		closing.Group.Guardians[i].URL = ""
	}
	digest, err := protocol.GroupDigest(g)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, m := range g.Guardians {
		closing.Signatures[m.Name] = c.sign(m.Name, digest[:])
	}
	if old == nil {
		return closing
	}
	from, err := protocol.GroupDigest(*old)
	if err != nil {
		c.t.Fatal(err)
	}
	change := protocol.Change{City: g.City, Epoch: g.Epoch, From: from, Members: g.Guardians, T: g.T, W: g.W, Lost: append([]string{}, lost...)}
	text, err := change.Text()
	if err != nil {
		c.t.Fatal(err)
	}
	skey, _, _ := protocol.NewKey("city.example/council")
	signer, _ := note.NewSigner(skey)
	if closing.Change, err = protocol.SignDocument(text, signer); err != nil {
		c.t.Fatal(err)
	}
	id, err := change.Digest()
	if err != nil {
		c.t.Fatal(err)
	}
	closing.Accepts = map[string][]byte{}
	for _, name := range accepts {
		closing.Accepts[name] = c.sign(name, protocol.AcceptMessage(name, id))
	}
	return closing
}

// link puts a closing on record under some co-signatures, and returns its receipt.
func (c *chainCity) link(closing protocol.Closing, cosigners ...string) []byte {
	public, err := protocol.JCS(closing)
	if err != nil {
		c.t.Fatal(err)
	}
	leaf, err := protocol.Leaf{
		Version: protocol.Version, Public: public, Signature: make([]byte, 64), Tags: []tribune.Tag{},
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}},
		Act:      protocol.Act{ID: fmt.Sprintf("%032x", len(c.leaves)), Kind: tribune.ActCeremony, Office: "data-hub", Time: "2026-11-22T08:00:00.000Z"},
	}.Encode()
	if err != nil {
		c.t.Fatal(err)
	}
	n := int64(len(c.leaves))
	c.leaves = append(c.leaves, leaf)
	stored, err := tlog.StoredHashes(n, leaf, c.hashes)
	if err != nil {
		c.t.Fatal(err)
	}
	c.hashes = append(c.hashes, stored...)
	root, err := tlog.TreeHash(n+1, c.hashes)
	if err != nil {
		c.t.Fatal(err)
	}
	proof, err := tlog.ProveRecord(n+1, n, c.hashes)
	if err != nil {
		c.t.Fatal(err)
	}
	logSigner, err := note.NewSigner(c.logKey)
	if err != nil {
		c.t.Fatal(err)
	}
	signers := []note.Signer{logSigner}
	for _, name := range cosigners {
		s, err := fnote.NewSignerForCosignatureV1(c.keys[name])
		if err != nil {
			c.t.Fatal(err)
		}
		signers = append(signers, s)
	}
	cp := log.Checkpoint{Origin: "city.example/record", Size: uint64(n + 1), Hash: root[:]}
	signed, err := note.Sign(&note.Note{Text: string(cp.Marshal())}, signers...)
	if err != nil {
		c.t.Fatal(err)
	}
	p := Proof{Index: uint64(n), Checkpoint: signed, Extra: leaf}
	for _, h := range proof {
		p.Hashes = append(p.Hashes, tribune.Hash(h))
	}
	return p.Marshal()
}

func (c *chainCity) trust(g protocol.Group) *Trust {
	text, err := g.TrustFile(c.logPub, fnote.VKeyToCosignatureV1)
	if err != nil {
		c.t.Fatal(err)
	}
	trust, err := ParseTrust([]byte(text))
	if err != nil {
		c.t.Fatal(err)
	}
	return trust
}

func TestChainLeadsFromTheFoundersToTheNewest(t *testing.T) {
	c := newChainCity(t)
	founders := c.group(1, "a.example", "b.example", "c.example", "d.example")
	second := c.group(2, "a.example", "b.example", "c.example", "e.example")
	third := c.group(3, "a.example", "e.example", "f.example", "g.example")
	first := c.link(c.close(nil, founders, nil), "a.example", "b.example", "c.example")
	good := c.close(&founders, second, nil, "a.example", "b.example", "c.example")
	next := c.link(good, "a.example", "b.example", "c.example")
	lost := []string{"b.example", "c.example"}
	last := c.link(c.close(&second, third, lost, "a.example", "e.example"), "e.example", "f.example", "g.example")

	f, err := c.trust(founders).Follow([][]byte{first, next, last})
	if err != nil {
		t.Fatal(err)
	}
	if f.Group.Epoch != 3 || len(f.Emergency) != 1 || f.Emergency[0] != 3 {
		t.Errorf("it leads to epoch %d, emergencies %v; want 3 and [3]", f.Group.Epoch, f.Emergency)
	}
	if _, err := f.Trust.Receipt(last); err != nil {
		t.Errorf("the trust file it leads to: %v", err)
	}
	if f, err = c.trust(second).Follow([][]byte{first, next, last}); err != nil || f.Group.Epoch != 3 {
		t.Errorf("from the second trust file: %v", err)
	}
	stranger := c.group(1, "x.example", "y.example", "z.example")
	for name, attack := range map[string]struct {
		from  protocol.Group
		links [][]byte
	}{
		"nothing":                     {founders, nil},
		"another city's trust file":   {stranger, [][]byte{first, next, last}},
		"a link left out":             {founders, [][]byte{first, last}},
		"a link twice":                {founders, [][]byte{first, next, next}},
		"published by two of four":    {founders, [][]byte{first, c.link(good, "a.example", "b.example")}},
		"published by the new alone":  {founders, [][]byte{first, c.link(good, "e.example", "a.example", "b.example")}},
		"accepted by two of four":     {founders, [][]byte{first, c.link(c.close(&founders, second, nil, "a.example", "b.example"), "a.example", "b.example", "c.example")}},
		"accepted by one who is lost": {second, [][]byte{next, c.link(c.close(&second, third, lost, "a.example", "b.example"), "e.example", "f.example", "g.example")}},
		"no emergency, called one":    {founders, [][]byte{first, c.link(c.close(&founders, second, []string{"d.example"}, "a.example", "b.example", "c.example"), "a.example", "b.example", "e.example")}},
	} {
		if f, err := c.trust(attack.from).Follow(attack.links); err == nil {
			t.Errorf("%s: it leads to epoch %d", name, f.Group.Epoch)
		}
	}
}

// What a chain of receipts does not show: whether another closing of the same share epoch stands on record before the one in it. Guardians
// and the hub read the record and go by the first; who follows a chain goes by the one shown. Where both are ordinary, w of the old group
// have accepted each, and co-signed the log that holds both: the other one is there to be found.
func TestChainOfReceiptsDoesNotShowWhatStandsBeforeIt(t *testing.T) {
	c := newChainCity(t)
	founders := c.group(1, "a.example", "b.example", "c.example", "d.example")
	old := []string{"a.example", "b.example", "c.example"}
	begin := c.link(c.close(nil, founders, nil), old...)
	one := c.link(c.close(&founders, c.group(2, "a.example", "b.example", "c.example", "e.example"), nil, old...), old...)
	other := c.link(c.close(&founders, c.group(2, "a.example", "b.example", "c.example", "f.example"), nil, old...), old...)
	for newcomer, link := range map[string][]byte{"e.example": one, "f.example": other} {
		f, err := c.trust(founders).Follow([][]byte{begin, link})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.Trust.GuardianKey(newcomer); !ok {
			t.Errorf("the chain with %s leads elsewhere", newcomer)
		}
	}
	if _, err := c.trust(founders).Follow([][]byte{begin, one, other}); err == nil {
		t.Error("one chain holds both")
	}
}
