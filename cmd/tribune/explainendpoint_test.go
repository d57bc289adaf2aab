package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestEndpointIsAttackedByWhatItTells asks a server of the Open Inference Protocol, in words of its own, that tells classes and nothing else.
func TestEndpointIsAttackedByWhatItTells(t *testing.T) {
	var sent atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			json.NewEncoder(w).Encode(map[string]any{"name": "income", "inputs": []any{map[string]any{"name": "x", "datatype": "FP32", "shape": []int{-1, -1}}}, "outputs": []any{}})
			return
		}
		var q struct {
			ID     string
			Inputs []struct {
				Shape []int
				Data  []float32
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		n, width := q.Inputs[0].Shape[0], q.Inputs[0].Shape[1]
		sent.Add(int64(n))
		said := make([]string, n)
		for i := range said {
			if said[i] = "<=50K"; q.Inputs[0].Data[i*width] > 0.5 { // by age alone
				said[i] = ">50K"
			}
		}
		json.NewEncoder(w).Encode(map[string]any{"id": q.ID, "outputs": []any{map[string]any{"name": "predict", "datatype": "BYTES", "shape": []int{n}, "data": said}}})
	}))
	defer server.Close()
	dir := t.TempDir()
	ask := func(more ...string) (int, string) {
		var out, log bytes.Buffer
		args := append([]string{"explain", "release", "--kind", "endpoint", "--released", server.URL + "/v2/models/income", "--train", "adult:300", "--test", "adult:300", "--groups", "sex",
			"--stand-in", "logistic", "--stand-ins", "4", "--requests", "1000", "--out", dir}, more...)
		code := run(t.Context(), args, &out, &log)
		return code, out.String() + log.String()
	}
	code, said := ask("--budget", "7000", "--copies", "40")
	for _, want := range []string{"tells classes alone: its output \"predict\" holds nothing else", "and 8 disturbed copies of each", "labels gap", "labels rmia", "stand-ins, logistic regression", "outliers the 5% least expected"} {
		if !strings.Contains(said, want) {
			t.Errorf("not said: %s", want)
		}
	}
	if code != 3 || strings.Contains(said, "confidences") || sent.Load() > 7000 {
		t.Errorf("exit %d (groups of 300 are too small), %d records sent\n%s", code, sent.Load(), said)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, workFolder, "*")); len(kept) > 0 {
		t.Errorf("left lying: %q", kept)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"a budget that is too small":   {[]string{"--budget", "3000"}, 2, "which takes"},
		"no budget":                    {nil, 2, "which takes"},
		"probabilities of none":        {[]string{"--budget", "7000", "--answers", "confidences"}, 1, "it tells classes alone"},
		"an answer that nobody gives":  {[]string{"--budget", "7000", "--answers", "rumours"}, 2, "--answers"},
		"a stand-in that nobody knows": {[]string{"--budget", "7000", "--stand-in", "oracle"}, 1, "oracle"},
	} {
		if code, said := ask(c.args...); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: exit %d, want %d: %s", name, code, c.code, said)
		}
	}
}
