package portal

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/published"
	"tribune/protocol"
)

// fakeModels is what a hub keeps, made up.
type fakeModels struct {
	verdicts     []published.Verdict
	explanations []published.Explanation
}

func (f *fakeModels) Verdicts(tribune.ModelID) []published.Verdict         { return f.verdicts }
func (f *fakeModels) Explanations(tribune.ModelID) []published.Explanation { return f.explanations }

func TestRegisterOfModelsSaysWhatMayBePublished(t *testing.T) {
	cfg, kept := testConfig(t), &fakeModels{}
	cfg.Models = kept
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	has(t, get(p, "/registers").Body.String(), `href="/models"`)
	bare := get(p, "/models").Body.String()
	has(t, bare, "Demand for parking", "No verdict: nothing may be published.", "tribune explain audit", "Nothing was published", "birmingham.example/model-auditor", tribune.Hash{1}.String())
	has(t, get(p, "/de/models").Body.String(), "Nachfrage nach Parkplätzen", "Kein Urteil: Es darf nichts veröffentlicht werden.")

	v := protocol.ModelVerdict{Version: 1, Model: tribune.Hash{1}, Explanations: []string{"gradient+clip:1"}, Passed: true, Worst: map[string]float64{"tpr@1%": 0.09, "auc": 0.6}, From: now.Unix(), Until: now.AddDate(0, 1, 0).Unix()}
	old := v
	old.Passed = false
	kept.verdicts = []published.Verdict{{ModelVerdict: v, Auditor: "a", Counts: true}, {ModelVerdict: old, Auditor: "a", Missing: []string{"the audit failed"}}}
	shown := protocol.Publication{Method: "gradient+clip:1", Size: 2048, Type: protocol.PublishedCSV}
	kept.explanations = []published.Explanation{
		{Entry: published.Entry{Index: 9, Publication: shown}},
		{Entry: published.Entry{Index: 4, Publication: shown}, Missing: []string{"the verdict was revoked"}},
	}
	body := get(p, "/models").Body.String()
	has(t, body, "passed", "failed", "the audit failed", "up to 9 of 100:", `href="/models/explanations/9"`, `href="/record/receipts/9"`, "text/csv", "taken down", "the verdict was revoked")
	lacks(t, body, "nothing may be published", `href="/models/explanations/4"`)

	kept.verdicts = kept.verdicts[1:]
	has(t, get(p, "/models").Body.String(), "No verdict counts now: nothing may be published.")
	var data []modelData
	if err := json.Unmarshal(get(p, "/models.json").Body.Bytes(), &data); err != nil || len(data) != 1 || data[0].Publishable || len(data[0].Explanations) != 2 || !data[0].Explanations[0].Shown || data[0].Explanations[1].Shown {
		t.Errorf("as data: %+v (%v)", data, err)
	}
	if strings.Contains(get(p, "/models.json").Body.String(), "null") {
		t.Error("as data: a list is null")
	}
}

func TestEntryOfAPublicationSaysWhichModelAndMethod(t *testing.T) {
	cfg := testConfig(t)
	l := leaf(tribune.ActPublish, true)
	public, err := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient+clip:1", Type: protocol.PublishedJSON, File: tribune.Hash{7}, Size: 5, Verdict: []byte("x")}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	l.Public, l.Act.Count, l.Tags = public, 0, []tribune.Tag{}
	rec := cfg.Record.(*fakeRecord)
	rec.add(t, l)
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	list := get(p, "/record?all=1").Body.String()
	has(t, list, "put an explanation of a model on record, which an auditor had passed")
	for i := rec.Published() - 1; ; i-- {
		if body := get(p, "/record/entries/"+strconv.FormatUint(i, 10)).Body.String(); strings.Contains(body, "Explained is the model parking-demand, by the method gradient&#43;clip:1.") {
			has(t, body, tribune.Hash{7}.String(), `href="/models#parking-demand"`)
			return
		}
		if i == 0 {
			t.Fatal("no entry says so")
		}
	}
}
