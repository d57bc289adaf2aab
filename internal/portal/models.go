package portal

import (
	"net/http"
	"strings"
	"time"

	"tribune"
	"tribune/internal/published"
	"tribune/policy"
	"tribune/protocol"
)

// The register of models: which the city uses and for what, what auditors have found of them, and which explanations were published by which act.

// Explanations is what the hub keeps of its models in public.
type Explanations interface {
	Verdicts(tribune.ModelID) []published.Verdict         // newest first
	Explanations(tribune.ModelID) []published.Explanation // newest first
}

var _ Explanations = (*published.Room)(nil)

type modelsData struct {
	lawView
	Models []modelShown
}

// modelShown is one model of the register.
type modelShown struct {
	policy.Model
	Over         bool
	Last         time.Time
	Verdicts     []verdictShown
	Explanations []explanationShown
	Fresh        bool      // something may be published now
	Shown        time.Time // and until when, by the verdict that lasts longest
	KindWords    string
}

type verdictShown struct {
	published.Verdict
	Made, Last time.Time
	Worst      []worstShown
	Methods    []string
}

// worstShown is one measure of a verdict: what the group that gives away most may give away, at worst.
type worstShown struct {
	Measure string
	Most    float64 // percent
}

type explanationShown struct {
	published.Explanation
	Last time.Time // until its verdict ends
}

// listedPerModel bounds a page; the record has them all.
const listedPerModel = 50

func (p *Portal) modelRoutes() {
	p.page("GET /models", p.showModels)
	p.data("GET /models.json", func(w http.ResponseWriter, r *http.Request) error {
		v, err := p.lawOf(r)
		if err == nil {
			writeJSON(w, p.modelList(v), false)
		}
		return err
	})
}

func (p *Portal) showModels(r *http.Request) (view, error) {
	v, err := p.lawOf(r)
	if err != nil {
		return view{}, err
	}
	d := modelsData{lawView: v}
	for _, m := range v.Set.Models() {
		d.Models = append(d.Models, p.modelShown(v, m))
	}
	return view{Name: "models", Title: v.Name.w.T("Models"), Data: d}, nil
}

func (p *Portal) modelShown(v lawView, m policy.Model) modelShown {
	s := modelShown{Model: m, KindWords: modelKind(v.Name.w, m.Kind), Over: !v.Now.Before(m.Until), Last: lastDay(m.Until)}
	if p.cfg.Models == nil {
		return s
	}
	for _, one := range first(p.cfg.Models.Verdicts(m.ID), listedPerModel) {
		if last := lastDay(time.Unix(one.Until, 0).UTC()); one.Counts && last.After(s.Shown) {
			s.Fresh, s.Shown = true, last
		}
		s.Verdicts = append(s.Verdicts, verdictShown{
			Verdict: one, Made: time.Unix(one.From, 0).UTC(), Last: lastDay(time.Unix(one.Until, 0).UTC()), Worst: worstOf(v.Name.w, one.ModelVerdict), Methods: one.ModelVerdict.Explanations,
		})
	}
	for _, x := range first(p.cfg.Models.Explanations(m.ID), listedPerModel) {
		shown := explanationShown{Explanation: x}
		if verdict, _, err := v.Set.Verdict(x.Publication.Verdict); err == nil {
			shown.Last = lastDay(time.Unix(verdict.Until, 0).UTC())
		}
		s.Explanations = append(s.Explanations, shown)
	}
	return s
}

// modelKind is what a kind of model is, for somebody who builds none.
func modelKind(w *words, kind string) string {
	switch kind {
	case "logistic":
		return w.T("weighted sum (logistic regression)")
	case "mlp", "conv":
		return w.T("neural network")
	case "xgboost", "lightgbm":
		return w.T("decision trees")
	case "onnx":
		return w.T("a file made elsewhere (ONNX)")
	case "remote":
		return w.T("runs elsewhere; only its answers are seen")
	}
	return kind
}

func first[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// worstOf words a verdict's figures, in the order in which they matter.
func worstOf(w *words, v protocol.ModelVerdict) (out []worstShown) {
	for _, m := range []struct{ measure, text string }{
		{"tpr@0.1%", w.T("people in the data who are found, at one false alarm in 1,000")},
		{"tpr@1%", w.T("people in the data who are found, at one false alarm in 100")},
		{"beyond-auc", w.T("what the explanation adds to the answer (area under the curve)")},
		{"auc", w.T("all together (area under the curve; 50 is guessing)")},
	} {
		if most, ok := v.Worst[m.measure]; ok {
			out = append(out, worstShown{m.text, most * 100})
		}
	}
	return out
}

// modelData is a model as data.
type modelData struct {
	ID           tribune.ModelID   `json:"id"`
	Title        string            `json:"title"`
	Purpose      string            `json:"purpose"`
	Owner        tribune.OfficeID  `json:"owner"`
	Kind         string            `json:"kind"`
	SHA256       tribune.Hash      `json:"sha256"`
	Plan         tribune.Hash      `json:"plan"`
	Auditor      string            `json:"auditor"`
	Until        time.Time         `json:"until"`
	Publishable  bool              `json:"publishable"` // a verdict lets something be published now
	Verdicts     []verdictData     `json:"verdicts"`
	Explanations []explanationData `json:"explanations"`
}

type verdictData struct {
	protocol.ModelVerdict
	Auditor  string   `json:"auditor"`
	Document string   `json:"document"` // signed, for whoever checks it
	Counts   bool     `json:"counts"`
	Missing  []string `json:"missing"`
}

type explanationData struct {
	Entry   uint64       `json:"entry"`
	Method  string       `json:"method"`
	SHA256  tribune.Hash `json:"sha256"`
	Size    int          `json:"size"`
	Type    string       `json:"type"`
	Shown   bool         `json:"shown"`
	Missing []string     `json:"missing"` // why it is taken down
}

func (p *Portal) modelList(v lawView) []modelData {
	out := []modelData{}
	for _, m := range v.Set.Models() {
		s := p.modelShown(v, m)
		d := modelData{
			ID: m.ID, Title: m.Title, Purpose: m.Purpose, Owner: m.Owner, Kind: m.Kind, SHA256: m.Hash, Plan: m.Plan, Auditor: m.Auditor, Until: m.Until, Publishable: s.Fresh,
			Verdicts: []verdictData{}, Explanations: []explanationData{},
		}
		for _, one := range s.Verdicts {
			d.Verdicts = append(d.Verdicts, verdictData{one.ModelVerdict, one.Auditor, strings.ToValidUTF8(string(one.Document), ""), one.Counts, some(one.Missing)})
		}
		for _, x := range s.Explanations {
			f := x.Publication
			d.Explanations = append(d.Explanations, explanationData{x.Index, f.Method, f.File, f.Size, f.Type, len(x.Missing) == 0, some(x.Missing)})
		}
		out = append(out, d)
	}
	return out
}

// some is the list, [] in JSON where there is none.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
