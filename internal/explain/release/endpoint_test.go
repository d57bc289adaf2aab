package release

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
	"tribune/internal/explain/model/remote"
)

// memoriser answers as it was told of the records it has seen, and of others as their nearest one, less surely the farther it is: a vendor's model that
// knows its training data by heart. A dull one answers by the first answer alone.
type memoriser struct {
	seen data.Set
	dull bool
}

func (m memoriser) Inputs() int  { return m.seen.X.Cols }
func (m memoriser) Classes() int { return 2 }

func (m memoriser) Predict(_ context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	p := matrix.New(x.Rows, 2)
	for i := range x.Rows {
		class, best := 0, float32(math.Inf(1))
		for k := 0; k < m.seen.X.Rows && !m.dull; k++ {
			if d := farther(0, x.Row(i), m.seen.X.Row(k), best); d < best {
				best, class = d, m.seen.Y[k]
			}
		}
		sure := 0.5 + 0.5/(1+best)
		if m.dull {
			sure, class = 0.7, int(x.Row(i)[0])
		}
		p.Row(i)[class], p.Row(i)[1-class] = sure, 1-sure
	}
	return p, nil
}

// serve is a server of the protocol, in words of its own, before a model. labels: it tells classes alone.
func serve(t *testing.T, m model.Model, labels bool) string {
	said := map[string]any{"name": "said", "datatype": "FP64", "shape": []int{-1, 2}}
	if labels {
		said = map[string]any{"name": "said", "datatype": "INT64", "shape": []int{-1}}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			json.NewEncoder(w).Encode(map[string]any{"name": "m", "inputs": []any{map[string]any{"name": "x", "datatype": "FP32", "shape": []int{-1, m.Inputs()}}}, "outputs": []any{said}})
			return
		}
		var q struct {
			ID     string
			Inputs []struct {
				Shape []int
				Data  []float32
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Inputs) != 1 || len(q.Inputs[0].Shape) != 2 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		n := q.Inputs[0].Shape[0]
		p, err := m.Predict(r.Context(), matrix.Matrix{Rows: n, Cols: m.Inputs(), Data: q.Inputs[0].Data})
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		out := map[string]any{"name": "said", "datatype": "FP64", "shape": []int{n, 2}, "data": p.Data}
		if labels {
			classes := make([]int, n)
			for i := range classes {
				classes[i] = top(p.Row(i))
			}
			out = map[string]any{"name": "said", "datatype": "INT64", "shape": []int{n}, "data": classes}
		}
		json.NewEncoder(w).Encode(map[string]any{"id": q.ID, "outputs": []any{out}})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// attackOn attacks the model behind an address.
func attackOn(t *testing.T, address string, copies int, budget int64, like func(data.Set) model.Model) (People, []Scores, Answered, error) {
	t.Helper()
	members, others := crowdOf(300, 12, 1), crowdOf(300, 12, 2)
	m, err := remote.Open(t.Context(), remote.Config{URL: address, Model: "m", Names: members.Classes, Budget: budget, Rate: 1e6, Batch: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return Endpoint{Target: m, Members: members, Others: others, References: 4, Copies: copies, Seed: 1, Like: func(_ context.Context, _ int, rows data.Set, _ uint64) (model.Model, error) {
		return like(rows), nil
	}}.Attack(t.Context())
}

func TestEndpointThatKnowsItsRecordsByHeartIsCaughtByItsClassesToo(t *testing.T) {
	t.Parallel()
	members := crowdOf(300, 12, 1)
	stand := func(rows data.Set) model.Model { return memoriser{seen: rows} }
	for name, c := range map[string]struct {
		target model.Model
		labels bool
		leaks  bool
	}{
		"by heart, with probabilities":  {memoriser{seen: members}, false, true},
		"by heart, classes alone":       {memoriser{seen: members}, true, true},
		"a rule of thumb, classes":      {memoriser{seen: members, dull: true}, true, false},
		"a rule of thumb, with numbers": {memoriser{seen: members, dull: true}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			people, scores, said, err := attackOn(t, serve(t, c.target, c.labels), 2*Levels, 1<<20, stand)
			if err != nil {
				t.Fatal(err)
			}
			if said.LabelsAlone != c.labels || said.Members < said.Others-0.1 {
				t.Errorf("%+v", said)
			}
			var names []string
			for _, s := range scores {
				names = append(names, s.Attack)
				f := area(t, people, s, "")
				if c.leaks && f.Low < 0.6 || !c.leaks && f.Low > 0.55 {
					t.Errorf("%s: %+v", s.Attack, f)
				}
				if f := area(t, people, s, "f"); c.leaks && f.Value < 0.6 {
					t.Errorf("%s on women: %+v", s.Attack, f)
				}
			}
			if told := slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "confidences") }); told == c.labels || !slices.Contains(names, "labels gap") || !slices.Contains(names, "labels rmia") {
				t.Errorf("attacks %q", names)
			}
			if all, err := Measure(people, scores, []string{Outliers}, 0.95); err != nil || !slices.ContainsFunc(all, func(f Figure) bool { return f.Grouping == Outliers && f.Members+f.Others == 30 }) {
				t.Errorf("the 5 %% least expected: %v", err)
			}
		})
	}
}

func TestEndpointIsNotAskedBeyondItsBudget(t *testing.T) {
	t.Parallel()
	stand := func(rows data.Set) model.Model { return memoriser{seen: rows} }
	address := serve(t, memoriser{seen: crowdOf(300, 12, 1)}, true)
	if _, _, _, err := attackOn(t, address, 2*Levels, 5000, stand); !errors.Is(err, remote.ErrBudget) {
		t.Errorf("5,400 records for 5,000: %v", err)
	}
	if _, scores, _, err := attackOn(t, address, 0, 600, stand); err != nil || len(scores) != 1 {
		t.Errorf("600 records for the gap attack alone: %d attacks, %v", len(scores), err)
	}
	if _, _, _, err := attackOn(t, address, Levels+1, 1<<20, stand); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("copies that the levels do not divide: %v", err)
	}
	for _, points := range []int{-2, 1} {
		e := Endpoint{Target: memoriser{seen: crowdOf(300, 12, 1)}, Members: crowdOf(300, 12, 1), Others: crowdOf(300, 12, 2), References: 4, Points: points}
		if _, err := e.prepare(); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%d attacked records: %v", points, err)
		}
	}
}

// The attacks by classes rest on this: the endpoint and every reference are asked about the same copies, and a word stays a word.
func TestCopiesAreTheSameForAllAndKeepWords(t *testing.T) {
	s := crowdOf(50, 3, 1)
	s.Features = []string{"town=a", "town=b", "town=c", "age"}
	for i := range s.Y {
		clear(s.X.Row(i)[:3])
		s.X.Row(i)[i%3] = 1
	}
	d := newDisturber(s.X, s.Features, 5, 7)
	a, b := matrix.New(5*Levels, 4), matrix.New(5*Levels, 4)
	d.disturb(s.X.Row(4), 4, a, 0)
	newDisturber(s.X, s.Features, 5, 7).disturb(s.X.Row(4), 4, b, 0)
	if !slices.Equal(a.Data, b.Data) {
		t.Error("two copies of one record differ")
	}
	moved := [Levels]int{}
	for i := range a.Rows {
		row := a.Row(i)
		if row[0]+row[1]+row[2] != 1 || row[3] == s.X.Row(4)[3] {
			t.Errorf("copy %d is %v of %v", i, row, s.X.Row(4))
		}
		if !slices.Equal(row[:3], s.X.Row(4)[:3]) {
			moved[i/5]++
		}
	}
	if moved[0] > moved[Levels-1] || moved[Levels-1] == 0 {
		t.Errorf("towns drawn anew by level: %v", moved)
	}
}
