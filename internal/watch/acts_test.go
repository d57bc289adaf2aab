package watch

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// changed is the law with one file's text altered and signed anew.
func (w *world) changed(name, old, new string) *policy.Set {
	w.t.Helper()
	files := map[string][]byte{}
	for k, v := range w.files {
		files[k] = v
	}
	text, _ := protocol.SplitDocument(files[name])
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s does not contain %q", name, old)
	}
	s, err := note.NewSigner(w.steward)
	if err != nil {
		w.t.Fatal(err)
	}
	if files[name], err = protocol.SignDocument(strings.ReplaceAll(text, old, new), s); err != nil {
		w.t.Fatal(err)
	}
	return w.load(files)
}

// leaf is a permitted act of the demo's inspector, which tests alter.
func (w *world) leaf(alter ...func(*protocol.Leaf)) []byte {
	w.t.Helper()
	l := protocol.Leaf{
		Act: protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026", Count: 1,
			Recipient: make([]byte, 32), Time: protocol.Time(w.now)},
		Decision:  tribune.Decision{Permit: true, Policies: []string{"inspector-looks-up-sessions"}, Set: w.set.Hash(), Missing: []string{}},
		Signature: make([]byte, ed25519.SignatureSize), Version: protocol.Version, Tags: []tribune.Tag{newTag()},
	}
	rand.Read(l.Act.Recipient)
	for _, f := range alter {
		f(&l)
	}
	raw, err := l.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func newTag() (t tribune.Tag) {
	rand.Read(t[:])
	return t
}

func tagged(n int) func(*protocol.Leaf) {
	return func(l *protocol.Leaf) {
		l.Act.Count, l.Tags = n, nil
		for range n {
			l.Tags = append(l.Tags, newTag())
		}
	}
}

func (w *world) ceremony(g protocol.Group) []byte {
	g.Seal, g.Name = protocol.PublicKey{Shares: [][]byte{}}, protocol.PublicKey{Shares: [][]byte{}}
	digest, err := protocol.GroupDigest(g)
	if err != nil {
		w.t.Fatal(err)
	}
	sigs := map[string][]byte{}
	for _, p := range w.guardians {
		key, err := protocol.SeedOf(p.skey)
		if err != nil {
			w.t.Fatal(err)
		}
		sigs[p.name] = ed25519.Sign(key, digest[:])
	}
	return w.leaf(w.hubs(tribune.ActCeremony), func(l *protocol.Leaf) {
		l.Decision.Set, l.Decision.Policies = tribune.Hash{}, []string{}
		l.Public, _ = protocol.JCS(map[string]any{"group": g, "signatures": sigs})
	})
}

// hubs makes a leaf one that the hub publishes.
func (w *world) hubs(k tribune.ActKind) func(*protocol.Leaf) {
	return func(l *protocol.Leaf) {
		l.Act.Kind, l.Act.Office, l.Act.Purpose, l.Act.Mandate, l.Act.Count, l.Act.Recipient, l.Tags = k, "data-hub", "", "", 0, nil, []tribune.Tag{}
		l.Decision.Policies = []string{"hub-publishes"}
	}
}

func (w *world) publish(s *policy.Set, alter ...func(*protocol.LawPublic)) []byte {
	public := protocol.LawPublic{Set: s.Hash()}
	for _, f := range alter {
		f(&public)
	}
	return w.leaf(w.hubs(tribune.ActLaw), func(l *protocol.Leaf) { l.Public, _ = protocol.JCS(public) })
}

// approve adds the approvals of the first n guardians.
func (w *world) approve(set, before *policy.Set, n int) func(*protocol.LawPublic) {
	return func(p *protocol.LawPublic) {
		for _, g := range w.guardians[:n] {
			a := protocol.Approval{Before: before.Hash(), Guardian: g.name, Until: w.now.Add(7 * 24 * time.Hour).Unix()}
			key, err := protocol.SeedOf(g.skey)
			if err != nil {
				w.t.Fatal(err)
			}
			a.Sign(set.Hash(), key)
			p.Approvals = append(p.Approvals, a)
		}
	}
}

func (w *world) add(leaf []byte) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.append(leaf)
	return uint64(len(w.book.leaves) - 1)
}

// cosign has the hub publish the whole book under n guardians, who all mirror it.
func (w *world) cosign(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := len(w.book.leaves)
	w.hub.shows, w.hub.book = w.note(w.book, size, w.guardians[:n]...), w.book
	for _, g := range w.guardians {
		g.shows, g.book = w.note(w.book, size, g), w.book
	}
}

// note is a checkpoint with the co-signatures of some, at the world's time.
func (w *world) note(b *ledger, size int, by ...*peer) []byte {
	root, err := tlog.TreeHash(int64(size), tlog.HashReaderFunc(b.read))
	if err != nil {
		w.t.Fatal(err)
	}
	text := fmt.Sprintf("%s/record\n%d\n%s\n", testCity, size, root)
	s, err := note.NewSigner(w.logSkey)
	if err != nil {
		w.t.Fatal(err)
	}
	msg, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, g := range by {
		msg = append(msg, cosignature(w.t, g.skey, text, w.now)...)
	}
	return msg
}

// cosignature is a line of cosignature/v1 at any time.
func cosignature(t testing.TB, skey, text string, at time.Time) string {
	t.Helper()
	key, err := protocol.SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := protocol.VerifierOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	co, err := fnote.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := fnote.NewVerifierForCosignatureV1(co)
	if err != nil {
		t.Fatal(err)
	}
	sig := ed25519.Sign(key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text))
	raw := binary.BigEndian.AppendUint32(nil, v.KeyHash())
	raw = append(binary.BigEndian.AppendUint64(raw, uint64(at.Unix())), sig...)
	return "\u2014 " + v.Name() + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}
