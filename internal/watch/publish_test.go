package watch

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

// published is a leaf of an explanation, as a hub puts it on record.
func (w *world) published(skey string, spoil func(*protocol.Leaf, *protocol.Publication, *protocol.ModelVerdict)) protocol.Leaf {
	w.t.Helper()
	v := protocol.ModelVerdict{Version: 1, Model: tribune.Hash{1}, Explanations: []string{"gradient+clip:1"}, Plan: tribune.Hash{2}, Passed: true, Worst: map[string]float64{}, From: w.now.Add(-time.Hour).Unix(), Until: w.now.Add(time.Hour).Unix()}
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient+clip:1", Type: protocol.PublishedJSON, File: tribune.Hash{3}, Size: 5}
	var l protocol.Leaf
	if err := protocol.DecodeJCS(w.leaf(func(l *protocol.Leaf) {
		l.Tags, l.Decision.Policies = []tribune.Tag{}, []string{"owner-publishes-explanations"}
		l.Act.Kind, l.Act.Office, l.Act.Purpose, l.Act.Mandate, l.Act.Count, l.Act.Recipient = tribune.ActPublish, "planner", "explain-models", "model-explanations-2026", 0, nil
	}), &l); err != nil {
		w.t.Fatal(err)
	}
	spoil(&l, &p, &v)
	text, err := protocol.VerdictText(v)
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err == nil {
		p.Verdict, err = protocol.SignDocument(text, signer)
	}
	if err == nil {
		l.Public, err = p.Encode()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

// A hub that was taken over can put anything on record. Whoever has the entry and its law sees that it was no audited explanation.
func TestExplanationWithoutAVerdictThatCarriesItIsSeenFromTheEntryAlone(t *testing.T) {
	w := newWorld(t)
	other, _, err := protocol.NewKey(testCity + "/model-auditor")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		want  string // "" = nothing is wrong
		skey  string
		spoil func(*protocol.Leaf, *protocol.Publication, *protocol.ModelVerdict)
	}{
		"as it should be":      {"", w.auditor, func(*protocol.Leaf, *protocol.Publication, *protocol.ModelVerdict) {}},
		"another key":          {"nobody has signed it", other, func(*protocol.Leaf, *protocol.Publication, *protocol.ModelVerdict) {}},
		"a failed verdict":     {"the audit failed", w.auditor, func(_ *protocol.Leaf, _ *protocol.Publication, v *protocol.ModelVerdict) { v.Passed = false }},
		"the defence left out": {"does not cover", w.auditor, func(_ *protocol.Leaf, p *protocol.Publication, _ *protocol.ModelVerdict) { p.Method = "gradient" }},
		"stale":                {"the verdict ended", w.auditor, func(_ *protocol.Leaf, _ *protocol.Publication, v *protocol.ModelVerdict) { v.Until = w.now.Unix() }},
		"laxer limits":         {"other limits", w.auditor, func(_ *protocol.Leaf, _ *protocol.Publication, v *protocol.ModelVerdict) { v.Plan[1] = 1 }},
		"another model":        {"another model", w.auditor, func(_ *protocol.Leaf, p *protocol.Publication, _ *protocol.ModelVerdict) { p.ModelHash[1] = 1 }},
		"another office": {"belongs to the office planner", w.auditor, func(l *protocol.Leaf, _ *protocol.Publication, _ *protocol.ModelVerdict) {
			l.Act.Office = "parking-inspector"
		}},
	} {
		var said []string
		for _, f := range judge(w.published(c.skey, c.spoil), w.set, nil) {
			if f.kind == BadDecision {
				said = append(said, f.text)
			}
		}
		if (len(said) > 0) != (c.want != "") || !strings.Contains(strings.Join(said, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, said, c.want)
		}
	}
	bare := w.published(w.auditor, func(*protocol.Leaf, *protocol.Publication, *protocol.ModelVerdict) {})
	bare.Public = nil
	if found := judge(bare, w.set, nil); len(found) != 1 || found[0].kind != BadDecision {
		t.Errorf("an entry that does not say what was published: %+v", found)
	}
}
