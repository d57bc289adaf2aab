package guardian

import (
	"context"
	"testing"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

// BenchmarkCosign200Leaves is one guardian's work for a fifth of a second at 1,000 acts a second: fetch over HTTP, check,
// store, sync, index, sign. The log's own work is outside the clock.
func BenchmarkCosign200Leaves(b *testing.B) {
	w := newWorld(b)
	g := w.guards[0]
	c := w.newAct(tribune.ActRead, law.Inspector, "parking-inspector", "enforce-parking", "parking-enforcement-2026")
	for b.Loop() {
		b.StopTimer()
		for range 200 {
			act := protocol.Act{Count: 1, ID: protocol.NewID(), Kind: c.kind, Mandate: c.caller.Mandate, Office: c.caller.Office, Purpose: c.caller.Purpose, Recipient: c.recipient.Public(), Time: protocol.Time(c.at)}
			leaf, err := protocol.Leaf{Version: 1, Act: act, Decision: tribune.Decision{Permit: true, Policies: []string{"inspector-looks-up-sessions"}, Missing: []string{}},
				Signature: make([]byte, 64), Tags: []tribune.Tag{tribune.Tag(protocol.NewSalt()[:16])}}.Encode()
			if err != nil {
				b.Fatal(err)
			}
			w.log.Append(leaf)
		}
		old := g.mirror.Head().Size
		size := w.log.Size()
		req, err := parseCosignRequest(w.log.Body(old, size, w.log.Checkpoint(size)))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if _, err := g.cosign(context.Background(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRelease is one guardian's whole decision on an act with one identity, its trace key known.
func BenchmarkRelease(b *testing.B) {
	w := newWorld(b)
	w.found()
	p := tribune.Pseudonym{1}
	req := w.build(w.subjectOnce(p, 1, w.enrol(p)))
	for b.Loop() {
		if _, err := w.guards[0].decide(context.Background(), req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIndexLeaf is what each leaf costs when it is mirrored, besides hashing.
func BenchmarkIndexLeaf(b *testing.B) {
	w := newWorld(b)
	leaf := w.housekeeping(tribune.ActDecide, tribune.Hash{}, nil)
	var i uint64
	for b.Loop() {
		w.guards[0].leaf(i, leaf, true)
		i++
	}
}
