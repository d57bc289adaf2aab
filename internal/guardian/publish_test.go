package guardian

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/protocol"
)

// publishing is an act that publishes an explanation, as an honest hub puts it on record; spoil changes what is published and its verdict before anything is signed.
func (w *world) publishing(spoil func(*protocol.Publication, *protocol.ModelVerdict)) *act {
	w.t.Helper()
	now := time.Now()
	v := protocol.ModelVerdict{Version: 1, Model: tribune.Hash{1}, Explanations: []string{"gradient"}, Plan: tribune.Hash{2}, Passed: true, Worst: map[string]float64{"auc": 0.5}, From: now.Add(-time.Hour).Unix(), Until: now.Add(time.Hour).Unix()}
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient", Type: protocol.PublishedJSON, File: tribune.Hash{3}, Size: 5}
	if spoil != nil {
		spoil(&p, &v)
	}
	text, err := protocol.VerdictText(v)
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := note.NewSigner(w.auditor)
	if err == nil {
		p.Verdict, err = protocol.SignDocument(text, signer)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	public, err := p.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	c := w.newAct(tribune.ActPublish, law.Planner, "planner", "explain-models", "model-explanations-2026")
	c.tags, c.evidence.Verdict = []tribune.Tag{}, p.Verdict
	c.priv.Inputs, c.priv.Subjects = protocol.Inputs{Attrs: []tribune.Name{}, Note: protocol.PublicationNote(public)}, []protocol.Subject{}
	c.spoilAct = func(a *protocol.Act) { a.Recipient = nil }
	c.spoilLeaf = func(l *protocol.Leaf) {
		whole, err := actOf(l.Act, c.priv)
		if err != nil {
			w.t.Fatal(err)
		}
		whole.Publication, l.Public = p.Of(), public
		l.Decision = w.set.Decide(whole, c.evidence)
	}
	return c
}

// after adds to what happens to the leaf.
func (c *act) after(spoil func(*protocol.Leaf)) {
	before := c.spoilLeaf
	c.spoilLeaf = func(l *protocol.Leaf) {
		before(l)
		spoil(l)
	}
}

// A hub that was taken over puts what it likes on record, and shows what it likes. What it does not get is the guardians' word.
func TestExplanationIsFoundRightOnlyAsItsOwnerSignedItAndAnAuditPassedIt(t *testing.T) {
	w := newWorld(t)
	w.found()
	lie := func(l *protocol.Leaf) {
		l.Decision.Permit, l.Decision.Missing, l.Decision.Policies = true, []string{}, []string{"owner-publishes-explanations"}
	}
	public := func(p protocol.Publication, method string) []byte {
		p.Method = method
		b, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name, want string
		build      func() *act
		ask        func(*protocol.Request)
	}{
		{name: "nothing spoiled", build: func() *act { return w.publishing(nil) }},
		{name: "signed by the hub in the officer's name", want: "not signed with the key", build: func() *act {
			a := w.publishing(nil)
			a.after(func(l *protocol.Leaf) { l.Signature, _ = l.Act.Sign(w.keys[law.Hub]) })
			return a
		}},
		{name: "another publication than was signed", want: "signed another publication", build: func() *act {
			a := w.publishing(func(_ *protocol.Publication, v *protocol.ModelVerdict) {
				v.Explanations = append(v.Explanations, "lime")
			})
			a.after(func(l *protocol.Leaf) {
				p, err := protocol.DecodePublication(l.Public)
				if err != nil {
					t.Fatal(err)
				}
				l.Public = public(p, "lime")
			})
			return a
		}},
		{name: "nothing said of what is published", want: "does not say in the one form", build: func() *act {
			a := w.publishing(nil)
			a.after(func(l *protocol.Leaf) { l.Public = nil })
			return a
		}},
		{name: "an audit that failed", want: "the law does not permit this act", build: func() *act {
			a := w.publishing(func(_ *protocol.Publication, v *protocol.ModelVerdict) { v.Passed = false })
			a.after(lie)
			return a
		}},
		{name: "laxer limits", want: "the law does not permit this act", build: func() *act {
			a := w.publishing(func(_ *protocol.Publication, v *protocol.ModelVerdict) { v.Plan[7]++ })
			a.after(lie)
			return a
		}},
		{name: "another verdict in evidence than in the leaf", want: "the verdict in evidence is not the leaf's", build: func() *act {
			a := w.publishing(nil)
			good := w.publishing(func(_ *protocol.Publication, v *protocol.ModelVerdict) { v.From-- })
			a.evidence.Verdict = good.evidence.Verdict
			a.after(lie)
			return a
		}},
		{name: "with a person whose keys are asked for", want: "touches nobody", build: func() *act {
			a := w.publishing(nil)
			p := tribune.Pseudonym{9}
			a.priv.Subjects = []protocol.Subject{{P: p, IDs: []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: p}}}}
			a.after(lie)
			return a
		}},
		{name: "with somebody's trace key beside it", want: "trace keys for 0 subjects", build: func() *act { return w.publishing(nil) }, ask: func(r *protocol.Request) { r.Traces = [][]byte{make([]byte, 48)} }},
		{name: "with somebody's hidden chain beside it", want: "hides itself", build: func() *act { return w.publishing(nil) }, ask: func(r *protocol.Request) { r.Hidden = [][]byte{make([]byte, 48)} }},
		{name: "a reading that opens nothing and names nobody to answer", want: "names no recipient", build: func() *act {
			a := w.publishing(nil)
			a.after(func(l *protocol.Leaf) { l.Act.Kind = tribune.ActRead; l.Signature, _ = l.Act.Sign(w.keys[law.Planner]) })
			return a
		}},
		{name: "with a recipient of keys", want: "names a recipient", build: func() *act {
			a := w.publishing(nil)
			a.spoilAct = nil
			return a
		}},
		{name: "another verdict shown than was committed to", want: "do not fit the leaf's input hash", build: func() *act { return w.publishing(nil) }, ask: func(r *protocol.Request) { r.Evidence.Verdict = nil }},
	} {
		req := w.build(c.build())
		if c.ask != nil {
			c.ask(&req)
		}
		said, answer := w.ask(0, req)
		if c.want == "" {
			if said != "" || answer.Statement == nil || len(answer.Box) > 0 {
				t.Errorf("%s: refused %q", c.name, said)
			}
			continue
		}
		if !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, want %q", c.name, said, c.want)
		}
	}
}
