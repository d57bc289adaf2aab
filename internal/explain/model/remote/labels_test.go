package remote_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"tribune/internal/explain/model/remote"
)

// telling makes the endpoint tell what tell says of each record's class, and describe its outputs so.
func telling(outputs []any, datatype string, shape func(n int) []int, tell func(class int) any) *endpoint {
	e := &endpoint{meta: func(m map[string]any) { m["outputs"] = outputs }}
	e.change = func(m map[string]any) {
		p := output(m)["data"].([][]float64)
		all := make([]any, len(p))
		for i, row := range p {
			class := 0
			if row[1] > row[0] {
				class = 1
			}
			all[i] = tell(class)
		}
		m["outputs"] = []any{map[string]any{"name": "said", "datatype": datatype, "shape": shape(len(p)), "data": all}}
	}
	return e
}

func TestEndpointThatTellsClassesAloneIsReadAndSaysSo(t *testing.T) {
	t.Parallel()
	one, two := func(n int) []int { return []int{n} }, func(n int) []int { return []int{n, 1} }
	of := func(datatype string) []any {
		return []any{map[string]any{"name": "said", "datatype": datatype, "shape": []int{-1}}}
	}
	for name, e := range map[string]*endpoint{
		"numbers":                telling(of("INT64"), "INT64", one, func(c int) any { return c }),
		"numbers in a column":    telling(of("INT64"), "INT64", two, func(c int) any { return c }),
		"words":                  telling(of("BYTES"), "BYTES", one, func(c int) any { return []string{"no", "yes"}[c] }),
		"yes or no":              telling(of("BOOL"), "BOOL", one, func(c int) any { return c == 1 }),
		"what it does not say":   telling([]any{}, "INT32", one, func(c int) any { return c }),
		"digits that are a word": telling(of("BYTES"), "BYTES", two, func(c int) any { return []string{"0", "1"}[c] }),
	} {
		cfg := config(e)
		cfg.Names = []string{"no", "yes"}
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		x := records(9)
		p, err := r.Predict(t.Context(), x)
		if err != nil || !r.LabelsAlone() || r.Classes() != 2 || r.Output() != "said" {
			t.Errorf("%s: labels %t, %d classes, output %q: %v", name, r.LabelsAlone(), r.Classes(), r.Output(), err)
			continue
		}
		for i := range x.Rows {
			q := truth([]float64{float64(x.Row(i)[0]), float64(x.Row(i)[1]), float64(x.Row(i)[2])})
			if want := q[1] > q[0]; (p.Row(i)[1] == 1) != want || p.Row(i)[0]+p.Row(i)[1] != 1 {
				t.Errorf("%s: record %d is %v, want %v", name, i, p.Row(i), q)
			}
		}
		cfg.Names = nil
		if _, err := remote.Open(t.Context(), cfg); err == nil {
			t.Errorf("%s: read where probabilities are needed", name)
		}
	}
}

func TestProbabilitiesThatNoMetadataNameAreFound(t *testing.T) {
	t.Parallel()
	e := &endpoint{meta: func(m map[string]any) { m["outputs"] = []any{} }}
	cfg := config(e)
	cfg.Names = []string{"no", "yes"}
	r, err := remote.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	x := records(5)
	p, err := r.Predict(t.Context(), x)
	if err != nil || r.LabelsAlone() || r.Queries() != 6 {
		t.Fatalf("labels %t, %d records sent (one is the probe): %v", r.LabelsAlone(), r.Queries(), err)
	}
	check(t, x, p)
}

func TestClassesThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		datatype string
		tell     any
		shape    []int
		want     string
	}{
		"a third of two":      {"INT64", 2, []int{2}, "none of the 2 classes"},
		"below the first":     {"INT64", -1, []int{2}, "none of the 2 classes"},
		"a word nobody knows": {"BYTES", "maybe\x1b", []int{2}, `"maybe?" is none`},
		"null":                {"INT64", nil, []int{2}, "none of the 2 classes"},
		"one too few":         {"INT64", 0, []int{1}, "shape [1]"},
		"two of each":         {"INT64", 0, []int{2, 2}, "shape [2 2]"},
	} {
		e := telling([]any{map[string]any{"name": "said", "datatype": c.datatype}}, c.datatype, func(int) []int { return c.shape }, func(int) any { return c.tell })
		cfg := config(e)
		cfg.Names = []string{"no", "yes"}
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := r.Predict(t.Context(), records(2)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func FuzzClasses(f *testing.F) {
	for _, data := range []string{`[0,1]`, `["yes",["no"]]`, `[true,false]`, `[1e0,-0]`, `[{}]`, `[0,1`} {
		f.Add("INT64", data)
	}
	f.Fuzz(func(t *testing.T, datatype, data string) {
		if !json.Valid([]byte(data)) {
			return
		}
		e := &endpoint{meta: func(m map[string]any) { m["outputs"] = []any{map[string]any{"name": "said", "datatype": "INT64"}} }}
		cfg := config(e)
		cfg.Names, cfg.Attempts = []string{"no", "yes"}, 1
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		e.before = func(w http.ResponseWriter, _ int) bool {
			json.NewEncoder(w).Encode(map[string]any{"outputs": []any{map[string]any{"name": "said", "datatype": datatype, "shape": []int{2}, "data": json.RawMessage(data)}}})
			return true
		}
		p, err := r.Predict(t.Context(), records(2))
		if err != nil {
			return
		}
		for i := range p.Rows {
			if p.Row(i)[0]+p.Row(i)[1] != 1 || p.Row(i)[0] != 0 && p.Row(i)[0] != 1 {
				t.Errorf("%s %s became %v", datatype, data, p.Row(i))
			}
		}
	})
}
