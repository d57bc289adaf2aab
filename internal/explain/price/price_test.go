package price

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/explain/attribution"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
	"tribune/internal/explain/recipe"
)

// people are records whose class is noise for the most part, so that a model learns most of it by heart.
func people(n, width int, seed uint64) data.Set {
	rng := rand.New(rand.NewPCG(seed, 9))
	s := data.Set{X: matrix.New(n, width), Y: make([]int, n), Classes: []string{"no", "yes"}, Groups: []data.Grouping{{Name: "sex", Values: []string{"f", "m"}, Of: make([]int, n)}}}
	for i := range n {
		for j := range width {
			s.X.Row(i)[j] = float32(rng.NormFloat64())
		}
		if s.X.Row(i)[0]+float32(rng.NormFloat64()) > 0 {
			s.Y[i] = 1
		}
		s.Groups[0].Of[i] = i % 2
		s.Features = make([]string, width)
	}
	return s
}

func subject(t *testing.T) Subject {
	t.Helper()
	r, err := recipe.Recipe{Kind: recipe.MLP, Hidden: []int{16}, Activation: "tanh", Epochs: 30, Batch: 50, Rate: 0.01}.Fill()
	if err != nil {
		t.Fatal(err)
	}
	s := audit.Subject{Train: people(200, 60, 1), Test: people(200, 60, 2)}
	s.Like = func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
		return r.Train(ctx, rows, seed, nil)
	}
	if s.Target, err = s.Like(t.Context(), s.Train, 5); err != nil {
		t.Fatal(err)
	}
	return Taught(s, r, 5)
}

func plan(t *testing.T) audit.Plan {
	t.Helper()
	p, err := audit.ParsePlan([]byte(`
version = 1
attacks = ["lira", "rmia"]
groups = ["sex"]
references = 4
seed = 7
[[explanation]]
method = "gradient"
[limit]
tpr_at_1_percent = 0.1
auc = 0.6
beyond_auc = 0.1
[group_limit]
tpr_at_1_percent = 0.1
auc = 0.6
beyond_auc = 0.1
`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func schemes(t *testing.T, text string) []Scheme {
	t.Helper()
	s, err := ParseSchemes(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t *testing.T, r *Result, scheme, group string) Row {
	t.Helper()
	i := slices.IndexFunc(r.Rows, func(r Row) bool { return r.Scheme == scheme && r.Group == group })
	if i < 0 {
		t.Fatalf("no row of %s for %q", scheme, group)
	}
	return r.Rows[i]
}

func TestEachDefenceHasItsPriceInWhatItTakesAway(t *testing.T) {
	t.Parallel()
	o := Options{Records: 60, Copies: 2, Audit: audit.Options{Now: time.Now}, Rule: Rule{MostLoss: 0.05, LeastFidelity: 0.5}}
	r, err := Run(t.Context(), subject(t), plan(t), schemes(t, "clip:1e-06\nnoise:1000 # drowns it\nround:10000 # says nothing\ndp-sgd:1,8\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	plain, clipped, drowned, silent, trained := at(t, r, "none", ""), at(t, r, "clip:1e-06", ""), at(t, r, "noise:1000", ""), at(t, r, "round:10000", ""), at(t, r, "dp-sgd:1,8", "")
	if plain.AUC.Value < 0.65 {
		t.Fatalf("the undefended explanation leaks %.3f: nothing is here to be defended", plain.AUC.Value)
	}
	if plain.Fidelity.Value < 0.9999 || !plain.Front {
		t.Errorf("the undefended explanation is not faithful to itself: %+v", plain)
	}
	if drowned.Fidelity.Value > 0.2 || silent.Fidelity.Value > 0.2 || drowned.Steady.Value > 0.3 {
		t.Errorf("noise a thousand times its size leaves %.2f, steady %.2f; rounding all away leaves %.2f", drowned.Fidelity.Value, drowned.Steady.Value, silent.Fidelity.Value)
	}
	if clipped.Fidelity.Value < 0.99 {
		t.Errorf("clipping changes no direction, and leaves %.3f of it", clipped.Fidelity.Value)
	}
	if drowned.Beyond.Value > 0.05 || silent.Beyond.Value > 0.05 {
		t.Errorf("what says nothing adds %.3f and %.3f to the answer", drowned.Beyond.Value, silent.Beyond.Value)
	}
	if silent.Alone.Value > 0.55 || plain.Alone.Value < 0.53 {
		t.Errorf("by itself what says nothing leaks %.3f, and the undefended explanation %.3f", silent.Alone.Value, plain.Alone.Value)
	}
	if trained.AUC.Value > plain.AUC.Value-0.1 || trained.Epsilon <= 0 || plain.Epsilon != 0 {
		t.Errorf("DP-SGD: area %.3f against %.3f, epsilon %.2f", trained.AUC.Value, plain.AUC.Value, trained.Epsilon)
	}
	if trained.Accuracy.Value == plain.Accuracy.Value && trained.Fidelity.Value > 0.99 {
		t.Error("DP-SGD cost nothing: the model was not trained again")
	}
	if f := at(t, r, "none", "f"); f.Fidelity.Refused != "" || f.AUC.Refused == "" && f.AUC.High <= f.AUC.Low {
		t.Errorf("women: %+v", f)
	}
	if len(r.Rows) != 5*5 || r.Rows[0].Scheme != "none" || r.Rows[20].Scheme != "dp-sgd:1,8" {
		t.Errorf("%d rows, or in another order", len(r.Rows))
	}
	if a := r.Advice[0]; a.Scheme != "" || !strings.HasPrefix(a.Why, "none does") {
		t.Errorf("groups of 200 records carry no rate at 1%%, and the advice is %+v", a)
	}
}

// Scaling everything down hides it from whoever keeps the threshold of the undefended explanation, and from nobody else.
func TestAttackerWhoKnowsTheDefenceIsNotHeldOffByAChangeOfUnit(t *testing.T) {
	t.Parallel()
	o := Options{Records: 40, Copies: 1, Audit: audit.Options{Now: time.Now}}
	r, err := Run(t.Context(), subject(t), plan(t), schemes(t, "round:1e-05\n"), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := at(t, r, "none", "").AUC.Value, at(t, r, "round:1e-05", "").AUC.Value; b < a-0.02 {
		t.Errorf("a defence that changes next to nothing took the leak from %.3f to %.3f", a, b)
	}
	again, err := Run(t.Context(), subject(t), plan(t), schemes(t, "round:1e-05\n"), o)
	if err != nil || !reflect.DeepEqual(r, again) {
		t.Errorf("the same comparison came to something else: %v", err)
	}
}

// The protected records of a private explanation are those of the model that explains: a reference's own, not the target's.
func TestPrivateExplanationsRestOnTheRecordsOfTheModelThatExplains(t *testing.T) {
	t.Parallel()
	s, p := subject(t), plan(t)
	p.Points, p.References = 20, 3
	r, err := Run(t.Context(), s, p, schemes(t, "private-linear:1,1e-06\n"), Options{Records: 40, Copies: 1, Audit: audit.Options{Now: time.Now}})
	if err != nil {
		t.Fatal(err)
	}
	if got := at(t, r, "private-linear:1,1e-06", ""); got.Fidelity.Value > 0.9 || got.AUC.Refused == "" {
		t.Errorf("ten members carry no area, and noise costs fidelity: %+v", got)
	}
	how, err := named("private-linear:1,1e-06", attribution.Setting{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := how.Explain(t.Context(), knowing(s.Target, s.Train.X, 1), s.Test.X.Slice(0, 1), nil)
	b, err2 := how.Explain(t.Context(), knowing(s.Target, s.Test.X, 1), s.Test.X.Slice(0, 1), nil)
	if err != nil || err2 != nil || slices.Equal(a.Data, b.Data) {
		t.Errorf("the same model with other records explains alike: %v %v", err, err2)
	}
	if _, err := how.Explain(t.Context(), s.Target, s.Test.X.Slice(0, 1), nil); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("a model of which nobody knows the records: %v", err)
	}
}

func TestSchemesThatMeanNothingAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                "# none\n",
		"unknown":                "blur:3\n",
		"twice":                  "unit\nunit\n",
		"training without noise": "dp-sgd:1\n",
		"nothing after +":        "dp-sgd:1,1+\n",
		"no number":              "dp-sgd:1,NaN\n",
		"delta of one":           "private-linear:1,1\n",
		"written otherwise":      "private-linear:1.0,1e-06\n",
		"too many":               strings.Repeat("noise:1\n", 4000),
	} {
		if _, err := ParseSchemes(text); err == nil {
			t.Errorf("%s: %q was taken", name, text)
		}
	}
	got, err := ParseSchemes("none\ndp-sgd:1,1.1+unit # both\n")
	if err != nil || len(got) != 2 || got[1].Noise != 1.1 || got[1].of(audit.Explanation{Method: "lime", Samples: 9}).Name() != "lime,samples=9+unit" {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParseSchemes(f *testing.F) {
	f.Add("unit\ndp-sgd:1,1.1+private-linear:1,1e-06\n")
	f.Add("clip:1+noise:0.2 # remark")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseSchemes(text)
		if err != nil {
			return
		}
		var lines []string
		for _, s := range got {
			lines = append(lines, s.Text)
		}
		again, err := ParseSchemes(strings.Join(lines, "\n"))
		if err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%q was read as %+v, and that again as %+v: %v", text, got, again, err)
		}
	})
}

func TestRuleTakesTheMostFaithfulThatKeepsEveryLimitOrNone(t *testing.T) {
	rule := Rule{MostLoss: 0.02, LeastFidelity: 0.5}
	leaky := Choice{Method: "lime", Scheme: "none", Fidelity: 1}
	silent := Choice{Method: "lime", Scheme: "silent", Keeps: true, Fidelity: 0.1}
	dear := Choice{Method: "lime", Scheme: "dear", Keeps: true, Fidelity: 0.95, Loss: 0.1}
	good := Choice{Method: "lime", Scheme: "good", Keeps: true, Fidelity: 0.8, Steady: 0.4}
	steadier := Choice{Method: "lime", Scheme: "steadier", Keeps: true, Fidelity: 0.8, Steady: 0.5}
	for name, c := range map[string]struct {
		choices []Choice
		want    string
	}{
		"faithful but leaky":            {[]Choice{leaky}, ""},
		"safe but silent":               {[]Choice{leaky, silent}, ""},
		"safe but costs accuracy":       {[]Choice{leaky, dear}, ""},
		"one is good":                   {[]Choice{leaky, silent, good, dear}, "good"},
		"of equals the steadier":        {[]Choice{good, steadier}, "steadier"},
		"another method's is no advice": {[]Choice{{Method: "gradient", Scheme: "x", Keeps: true, Fidelity: 1}}, ""},
	} {
		if got := rule.Advise([]string{"lime"}, c.choices); len(got) != 1 || got[0].Scheme != c.want || c.want == "" && !strings.HasPrefix(got[0].Why, "none does") {
			t.Errorf("%s: %+v, want %q", name, got, c.want)
		}
	}
	if err := (Rule{MostLoss: 2}).check(); err == nil || tribune.HintOf(err) != "" {
		t.Errorf("a loss of twice the accuracy: %v", err)
	}
}

func TestFrontHoldsWhatNothingElseBeats(t *testing.T) {
	row := func(scheme string, auc, fidelity, steady float64) Row {
		return Row{Scheme: scheme, AUC: Number{Value: auc}, Fidelity: Number{Value: fidelity}, Steady: Number{Value: steady}}
	}
	rows := []Row{row("plain", 0.8, 1, 0.9), row("worse", 0.85, 0.9, 0.9), row("safe", 0.5, 0.3, 0.9), row("chance", 0.47, 0.3, 0.8), row("unknown", 0, 1, 1)}
	rows[4].AUC.Refused = "too few"
	other := row("other group", 0.9, 0.1, 0.1)
	other.Group = "f"
	rows = append(rows, other)
	front(rows)
	for i, want := range []bool{true, false, true, false, false, true} {
		if rows[i].Front != want {
			t.Errorf("%s: on the front %t", rows[i].Scheme, rows[i].Front)
		}
	}
}
