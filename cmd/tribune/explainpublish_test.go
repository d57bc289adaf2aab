package main_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tribune/internal/explain/audit"
	"tribune/protocol"
)

// publishedWhy is what was published of the demo's model, to be looked at again after a restart.
type publishedWhy struct {
	entry uint64
	text  string
}

// publishesAudited audits the demo's model, signs as its auditor and publishes as its owner: the built binary, a real audit and nothing else.
func publishesAudited(t *testing.T, c *city) publishedWhy {
	t.Helper()
	dir, model := t.TempDir(), filepath.Join(c.dir, "models", "parking-demand")
	x := publishedWhy{text: `{"share": 1.2, "change": 0.3}`}
	for name, text := range map[string]string{"why.json": x.text, "why.js": "alert(1)"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if body := string(get(t, c.as(t, ""), "/models").Body); !strings.Contains(body, "No verdict: nothing may be published.") {
		t.Errorf("before an audit the page says: %s", body)
	}
	step := func(want int, args ...string) result {
		t.Helper()
		r := tribune(t, dir, append([]string{"explain"}, args...)...)
		if r.code != want {
			t.Fatalf("explain %q: exit %d, want %d: %s%s", args, r.code, want, r.out, r.log)
		}
		return r
	}
	in := func(name string) string { return filepath.Join(model, name) }
	audit := []string{"audit", "--model", in("model"), "--train", in("train.csv"), "--test", in("test.csv"), "--schema", in("schema.json")}
	step(0, append(audit, "--plan", in("plan.toml"), "--out", "report")...)
	step(0, "sign", "report", "--key", filepath.Join(c.dir, "institutions", "model-auditor.key"))
	again := []string{"--model", in("model"), "--train", in("train.csv"), "--test", in("test.csv"), "--schema", in("schema.json")}
	if r := step(0, append([]string{"verify", filepath.Join("report", "verdict.json")}, again...)...); !strings.Contains(r.out, "the same to the last bit") {
		t.Errorf("measured again: %s", r.out)
	}
	if err := os.WriteFile(filepath.Join(dir, "forged.json"), lowered(t, filepath.Join(dir, "report", "verdict.json")), 0o600); err != nil {
		t.Fatal(err)
	}
	step(0, "verify", "forged.json") // it is judged by its own figures, and they suffice
	if r := step(3, append([]string{"verify", "forged.json"}, again...)...); !strings.Contains(r.out, "not the same: ") {
		t.Errorf("a figure that was never measured: %s%s", r.out, r.log)
	}
	publish := func(verdict, method, file string) []string {
		return []string{"publish", "--dir", c.dir, "--model", "parking-demand", "--verdict", verdict, "--method", method, "--file", file, "--receipt", "receipt.tlog"}
	}
	signed := filepath.Join("report", "verdict-public.signed")
	refused := func(want string, args ...string) {
		t.Helper()
		if r := tribune(t, dir, append([]string{"explain"}, args...)...); r.code == 0 || !strings.Contains(r.log, want) {
			t.Errorf("explain %q: exit %d: %s, want %q", args, r.code, r.log, want)
		}
	}
	refused("does not cover this method", publish(signed, "lime", "why.json")...)
	refused(".json, .csv or .html", publish(signed, "gradient", "why.js")...)
	refused("nobody has signed it", publish(filepath.Join("report", "verdict-public.json"), "gradient", "why.json")...)
	refused("belongs to office planner", append(publish(signed, "gradient", "why.json"), "--as", "inspector-ward")...)

	// Limits that somebody chose after the register had fixed them.
	plan := strings.Replace(read(t, in("plan.toml")), "beyond_auc = 0.10", "beyond_auc = 0.90", 1)
	if err := os.WriteFile(filepath.Join(dir, "lax.toml"), []byte(plan), 0o600); err != nil {
		t.Fatal(err)
	}
	step(0, append(audit, "--plan", "lax.toml", "--out", "lax")...)
	step(0, "sign", "lax", "--key", filepath.Join(c.dir, "institutions", "model-auditor.key"))
	refused("rests on other limits", publish(filepath.Join("lax", "verdict-public.signed"), "gradient", "why.json")...)

	step(0, publish(signed, "gradient", "why.json")...)
	if r := tribune(t, dir, "verify", "--trust", filepath.Join(c.dir, "trust.txt"), "receipt.tlog"); r.code != 0 || !strings.Contains(r.out, "Model parking-demand") || !strings.Contains(r.out, "It covers: gradient.") {
		t.Errorf("the receipt: exit %d: %s%s", r.code, r.out, r.log)
	}
	var models []struct {
		Publishable  bool
		Explanations []struct{ Entry uint64 }
	}
	if err := json.Unmarshal(get(t, c.as(t, ""), "/models.json").Body, &models); err != nil || len(models) != 1 || len(models[0].Explanations) != 1 || !models[0].Publishable {
		t.Fatalf("the register shows %+v (%v)", models, err)
	}
	x.entry = models[0].Explanations[0].Entry
	x.shown(t, c)
	var stated []protocol.Statement
	if err := json.Unmarshal(get(t, c.as(t, ""), "/record/releases/"+strconv.FormatUint(x.entry, 10)).Body, &stated); err != nil || len(stated) < 2 {
		t.Errorf("%d guardians state that the publication is right (%v)", len(stated), err)
	}
	return x
}

// lowered is a verdict one of whose figures is smaller than was measured.
func lowered(t *testing.T, path string) []byte {
	t.Helper()
	v, err := audit.Decode([]byte(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.Figures {
		if f := &v.Figures[i]; f.Refused == "" && f.Low > 0 {
			f.Low /= 2
			break
		}
	}
	b, err := v.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// shown: the file is there for everybody, with its receipt, and opens as nothing but a download.
func (x publishedWhy) shown(t *testing.T, c *city) {
	t.Helper()
	a := get(t, c.as(t, ""), "/models/explanations/"+strconv.FormatUint(x.entry, 10))
	if a.Status != http.StatusOK || string(a.Body) != x.text || len(a.Receipt) == 0 {
		t.Fatalf("got %d %s with a receipt of %d bytes", a.Status, a.Body, len(a.Receipt))
	}
	for name, want := range map[string]string{"Content-Type": "application/json; charset=utf-8", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'", "Content-Disposition": "attachment", "Cache-Control": "no-store"} {
		if got := a.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
