package remote_test

import (
	"encoding/pem"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model/remote"
)

// direct hands requests to a handler without a network, so that time can be played.
type direct struct{ to http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.to.ServeHTTP(w, r)
	return w.Result(), nil
}

func config(e *endpoint) remote.Config {
	return remote.Config{URL: "https://models.example.org", Model: "credit", Rate: 1e6, Budget: 1000, Transport: direct{e}}
}

func records(n int) matrix.Matrix {
	x := matrix.New(n, 3)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	return x
}

func check(t *testing.T, x, p matrix.Matrix) {
	t.Helper()
	for i := range x.Rows {
		r := x.Row(i)
		for k, want := range truth([]float64{float64(r[0]), float64(r[1]), float64(r[2])}) {
			if got := float64(p.Row(i)[k]); math.Abs(got-want) > 1e-6 {
				t.Fatalf("row %d, class %d: %v, want %v", i, k, got, want)
			}
		}
	}
}

func TestEndpointIsAskedInBatchesOverTLS(t *testing.T) {
	t.Parallel()
	e := &endpoint{token: "s3cret"}
	s := httptest.NewTLSServer(e)
	defer s.Close()
	dir := t.TempDir()
	ca, token := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	pemBytes := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := errors.Join(os.WriteFile(ca, pemBytes, 0o644), os.WriteFile(token, []byte("s3cret\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	cfg := remote.Config{URL: s.URL, Model: "credit", CAFile: ca, TokenFile: token, Batch: 4, Rate: 1e6, Budget: 10}
	r, err := remote.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.Inputs() != 3 || r.Classes() != 2 {
		t.Errorf("%d features, %d classes", r.Inputs(), r.Classes())
	}
	x := records(10)
	p, err := r.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	check(t, x, p)
	if want := []int{4, 4, 2}; !slices.Equal(e.batches, want) || r.Queries() != 10 {
		t.Errorf("batches %v, %d queries; want %v", e.batches, r.Queries(), want)
	}
	if _, err := r.Predict(t.Context(), records(1)); !errors.Is(err, remote.ErrBudget) || len(e.batches) != 3 {
		t.Errorf("past the budget: %v after %d batches", err, len(e.batches))
	}
	cfg.CAFile = ""
	if _, err := remote.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server whose certificate nobody here trusts: %v", err)
	}
}

// What an endpoint answers is held against what was asked: a wrong answer spoils an audit silently.
func TestAnswersThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	data := func(v any) func(map[string]any) { return func(m map[string]any) { output(m)["data"] = v } }
	set := func(key string, v any) func(map[string]any) { return func(m map[string]any) { output(m)[key] = v } }
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"to another request":  {func(m map[string]any) { m["id"] = "77" }, "to request"},
		"of another model":    {func(m map[string]any) { m["model_name"] = "other" }, `model "other" answers`},
		"no outputs":          {func(m map[string]any) { m["outputs"] = []any{} }, "no output"},
		"fewer records":       {set("shape", []int{1, 2}), "shape [1 2]"},
		"more classes":        {set("shape", []int{2, 3}), "shape [2 3]"},
		"a negative shape":    {set("shape", []int{-2, -2}), "shape"},
		"an overflowing one":  {set("shape", []int{2, 1 << 62, 4}), "shape"},
		"integers":            {set("datatype", "INT64"), "INT64"},
		"numbers are missing": {data([]float64{.5, .5, 1}), "3 numbers instead of 4"},
		"numbers too many":    {data([]float64{.5, .5, 1, 0, 0}), "more than 4"},
		"not a number":        {data([]any{.5, .5, "NaN", 0}), "NaN among the numbers"},
		"null":                {data([]any{.5, .5, nil, 0}), "null among the numbers"},
		"above one":           {data([]float64{.5, .5, 1.5, -.5}), "1.5 for class 0"},
		"not one together":    {data([]float64{.5, .5, .5, .4}), "together"},
		"too great":           {func(m map[string]any) { output(m)["data"] = jsonNumber("1e999") }, "too great"},
		"very long":           {func(m map[string]any) { m["junk"] = strings.Repeat("x", 2<<20) }, "more than"},
	} {
		e := &endpoint{}
		r, err := remote.Open(t.Context(), config(e))
		if err != nil {
			t.Fatal(err)
		}
		x := records(2)
		p, err := r.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		check(t, x, p)
		e.change = c.change
		if _, err := r.Predict(t.Context(), x); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

type jsonNumber string

// MarshalJSON writes the number as it stands.
func (n jsonNumber) MarshalJSON() ([]byte, error) { return []byte("[0.5,0.5," + n + ",0]"), nil }

func TestMetadataThatDoNotFit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meta func(map[string]any)
		cfg  func(*remote.Config)
		want string
	}{
		"another name":     {func(m map[string]any) { m["name"] = "debit" }, nil, `calls itself "debit"`},
		"two inputs":       {func(m map[string]any) { m["inputs"] = append(m["inputs"].([]any), m["inputs"].([]any)[0]) }, nil, "2 of its 2 inputs"},
		"no width":         {func(m map[string]any) { m["inputs"].([]any)[0].(map[string]any)["shape"] = []int{-1, -1} }, nil, "how many features"},
		"another width":    {nil, func(c *remote.Config) { c.Inputs = 4 }, "3 features where 4"},
		"too wide":         {func(m map[string]any) { m["inputs"].([]any)[0].(map[string]any)["shape"] = []int{-1, 1 << 40} }, nil, "too large"},
		"an absent output": {nil, func(c *remote.Config) { c.Output = "q" }, `0 of its 2 outputs`},
		"labels":           {nil, func(c *remote.Config) { c.Output = "label" }, "INT64"},
		"another model":    {nil, func(c *remote.Config) { c.Model = "nobody" }, "404: no such model"},
	} {
		e := &endpoint{meta: c.meta}
		cfg := config(e)
		if c.cfg != nil {
			c.cfg(&cfg)
		}
		if _, err := remote.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// MLServer tells nothing of its tensors unless its operator has written it down.
func TestEndpointWithoutMetadataIsDescribedByHand(t *testing.T) {
	t.Parallel()
	e := &endpoint{meta: func(m map[string]any) { delete(m, "inputs"); delete(m, "outputs") }}
	cfg := config(e)
	cfg.Input, cfg.Output, cfg.Inputs, cfg.Classes = "x", "p", 3, 2
	r, err := remote.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	x := records(5)
	p, err := r.Predict(t.Context(), x)
	if err != nil {
		t.Fatal(err)
	}
	check(t, x, p)
}

// One number is the probability of the second class; logits are made probabilities here.
func TestOneNumberAndLogits(t *testing.T) {
	t.Parallel()
	e := &endpoint{meta: func(m map[string]any) { m["outputs"].([]any)[1].(map[string]any)["shape"] = []int{-1, 1} }}
	for _, logits := range []bool{false, true} {
		cfg := config(e)
		cfg.Classes, cfg.Logits = 2, logits
		e.change = func(m map[string]any) {
			o := output(m)
			o["shape"] = []int{1, 1}
			q := o["data"].([][]float64)[0][1]
			if logits {
				q = math.Log(q / (1 - q))
			}
			o["data"] = []float64{q}
		}
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		x := records(1)
		p, err := r.Predict(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		check(t, x, p)
	}
}

// The token goes to its endpoint and nowhere else: not to where a redirect points, not into errors, not over a line that others read.
func TestTokenStaysWithItsEndpoint(t *testing.T) {
	t.Parallel()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	elsewhere := 0
	e := &endpoint{before: func(w http.ResponseWriter, n int) bool {
		elsewhere = n
		w.Header().Set("Location", "https://elsewhere.example.org/")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}}
	cfg := config(e)
	cfg.TokenFile = token
	if _, err := remote.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "307") || elsewhere != 1 {
		t.Errorf("a redirect: %v after %d requests", err, elsewhere)
	}
	e = &endpoint{token: "another"}
	cfg.Transport = direct{e}
	_, err := remote.Open(t.Context(), cfg)
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "401: not Bearer ...") {
		t.Errorf("an endpoint that repeats the token: %v", err)
	}
	const long = "s3cret-s3cret"
	if err := os.WriteFile(token, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	e = &endpoint{token: long, meta: func(m map[string]any) { m["name"] = long }}
	cfg.Transport = direct{e}
	if _, err := remote.Open(t.Context(), cfg); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("an endpoint that calls itself by the token: %v", err)
	}
	if err := os.Chmod(token, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("a token that others can read: %v", err)
	}
	for _, url := range []string{"http://models.example.org", "https://user:pw@models.example.org", "models.example.org", "https://h/?token=x"} {
		cfg := config(e)
		cfg.URL = url
		if _, err := remote.Open(t.Context(), cfg); !errors.Is(err, tribune.ErrInvalid) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"2","outputs":[{"name":"p","datatype":"FP64","shape":[2,2],"data":[[0.5,0.5],[1,0]]}]}`))
	f.Add([]byte(`{"id":"2","model_name":"credit","outputs":[{"name":"p","datatype":"FP32","shape":[2,1,2],"data":[0.25,0.75,1e-3,0.999]}]}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		e := &endpoint{}
		cfg := config(e)
		cfg.Attempts = 1
		r, err := remote.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		e.before = func(w http.ResponseWriter, _ int) bool { w.Write(answer); return true }
		p, err := r.Predict(t.Context(), records(2))
		if err != nil {
			return
		}
		for i := range p.Rows {
			if sum := float64(p.Row(i)[0]) + float64(p.Row(i)[1]); !(math.Abs(sum-1) < 2e-3) || p.Row(i)[0] < 0 || p.Row(i)[1] < 0 {
				t.Errorf("accepted %v", p.Row(i))
			}
		}
	})
}
