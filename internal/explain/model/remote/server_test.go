package remote_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"sync"
)

// endpoint is a server by the specification, in words of its own: a softmax of two fixed scores over three features.
type endpoint struct {
	mu       sync.Mutex
	token    string                              // what must be borne, if any
	before   func(http.ResponseWriter, int) bool // the n-th request is answered by it
	change   func(answer map[string]any)         // what a broken endpoint makes of an answer
	meta     func(m map[string]any)              // and of the metadata
	batches  []int                               // records in each request that was answered
	requests int
}

func truth(x []float64) []float64 {
	a, b := x[0]-x[1], 0.5*x[2]
	return []float64{1 / (1 + math.Exp(b-a)), 1 / (1 + math.Exp(a-b))}
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests++
	if e.token != "" && r.Header.Get("Authorization") != "Bearer "+e.token {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"error": "not %s"}`, r.Header.Get("Authorization"))
		return
	}
	if e.before != nil && e.before(w, e.requests) {
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v2/models/credit":
		m := map[string]any{"name": "credit", "versions": []string{"1"}, "platform": "test",
			"inputs":  []any{map[string]any{"name": "x", "datatype": "FP32", "shape": []int{-1, 3}}},
			"outputs": []any{map[string]any{"name": "label", "datatype": "INT64", "shape": []int{-1}}, map[string]any{"name": "p", "datatype": "FP64", "shape": []int{-1, 2}}}}
		if e.meta != nil {
			e.meta(m)
		}
		json.NewEncoder(w).Encode(m)
	case "POST /v2/models/credit/infer":
		e.infer(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error": "no such model"}`)
	}
}

func (e *endpoint) infer(w http.ResponseWriter, r *http.Request) {
	var q struct {
		ID     string
		Inputs []struct {
			Name, Datatype string
			Shape          []int
			Data           []float64
		}
		Outputs []struct{ Name string }
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Inputs) != 1 || q.Inputs[0].Name != "x" || q.Inputs[0].Datatype != "FP32" ||
		len(q.Inputs[0].Shape) != 2 || q.Inputs[0].Shape[1] != 3 || len(q.Inputs[0].Data) != 3*q.Inputs[0].Shape[0] {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error": "a request that is none"}`)
		return
	}
	n := q.Inputs[0].Shape[0]
	e.batches = append(e.batches, n)
	p := make([][]float64, n) // nested: the protocol leaves it to the server
	for i := range p {
		p[i] = truth(q.Inputs[0].Data[3*i : 3*i+3])
	}
	m := map[string]any{"model_name": "credit", "id": q.ID, "outputs": []any{map[string]any{"name": "p", "datatype": "FP64", "shape": []int{n, 2}, "data": p}}}
	if e.change != nil {
		e.change(m)
	}
	json.NewEncoder(w).Encode(m)
}

// output is the only output of an answer.
func output(m map[string]any) map[string]any { return m["outputs"].([]any)[0].(map[string]any) }
