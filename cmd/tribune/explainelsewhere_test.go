package main_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// elsewherePlan is that of testdata/explain/make.py: another seed or number of references would draw other halves.
const elsewherePlan = `version = 1
attacks = ["lira"]
groups = ["sex"]
references = 4
clean = true
[[explanation]]
method = "lime"
samples = 100
points = 200
[limit]
tpr_at_1_percent = 0.03
beyond_auc = 0.02
[group_limit]
tpr_at_1_percent = 0.06
beyond_auc = 0.05
[price]
defences = []
`

const standIn = "[reference]\nkind = \"logistic\"\n"

// elsewhere is a folder with plans, models of others' libraries, and an export with its references.
func elsewhere(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	copyTree(t, filepath.Join(dir, "models"), "testdata/explain")
	write(t, elsewherePlan, dir, "plan.toml")
	write(t, elsewherePlan+standIn, dir, "stand-in.toml")
	write(t, strings.Replace(elsewherePlan, "method = \"lime\"\nsamples = 100", `method = "gradient"`, 1)+standIn, dir, "gradient.toml")
	return dir
}

func auditOf(model, plan string, more ...string) []string {
	return append([]string{"explain", "audit", "--model", model, "--train", "adult:400", "--test", "adult:400", "--plan", plan, "--out", "report"}, more...)
}

func TestReferencesOfTheOwnersOwnPipelineAreAttackedWith(t *testing.T) {
	t.Parallel()
	dir := elsewhere(t)
	export := []string{"explain", "export", "--train", "adult:400", "--test", "adult:400", "--plan", "plan.toml", "--out", "models"}
	if r := tribune(t, dir, export...); r.code != 0 || !strings.Contains(r.out, "400 training and 400 test records, 104 inputs") {
		t.Fatalf("exporting: exit %d: %s%s", r.code, r.out, r.log)
	}
	given := auditOf("models/xgboost.json", "plan.toml", "--references", "models")
	if r := tribune(t, dir, given...); r.code != 3 || !strings.Contains(r.out, "index.html") {
		t.Fatalf("auditing: exit %d: %s%s", r.code, r.out, r.log)
	}
	if v := read(t, dir, "report", "verdict.json"); !strings.Contains(v, "4 models trained elsewhere") {
		t.Error("the verdict does not say whose references these are")
	}
	write(t, strings.Replace(elsewherePlan, "references = 4", "references = 4\nseed = 2", 1), dir, "seed.toml")
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"halves of another seed":      {auditOf("models/xgboost.json", "seed.toml", "--references", "models"), "exported for 4 references by the seed 0"},
		"records scaled another way":  {append(given, "--scale", "minmax"), "splits are where no training record is"},
		"references and a stand-in":   {auditOf("models/xgboost.json", "stand-in.toml", "--references", "models"), "one of them"},
		"nothing said of references":  {auditOf("models/xgboost.json", "plan.toml"), "--references DIR"},
		"layers that nobody knows":    {auditOf("models/xgboost.json", "gradient.toml"), "only ask the model"},
		"a network on other numbers":  {auditOf("models/torch.onnx", "gradient.toml", "--scale", "half-mean"), "it was trained on those"},
		"a model of other records":    {append(auditOf("models/torch.onnx", "gradient.toml"), "--train", "hospital:100", "--test", "hospital:100"), "explain export"},
		"a pickle":                    {auditOf("models/make.pkl", "gradient.toml"), "skl2onnx"},
		"a folder without an export":  {auditOf("models/xgboost.json", "plan.toml", "--references", "."), "tribune explain export"},
		"references that are missing": {auditOf("models/xgboost.json", "plan.toml", "--references", "some"), "no reference-1"},
	} {
		write(t, "import os", dir, "models", "make.pkl")
		write(t, read(t, dir, "models", "export.json"), dir, "some", "export.json")
		if r := tribune(t, dir, c.args...); r.code == 0 || r.code == 3 || !strings.Contains(r.log, c.log) {
			t.Errorf("%s: exit %d: %s, want %q", name, r.code, r.log, c.log)
		}
	}
}

func TestNetworkOfPyTorchIsAuditedByItsGradients(t *testing.T) {
	t.Parallel()
	dir := elsewhere(t)
	if r := tribune(t, dir, auditOf("models/torch.onnx", "gradient.toml")...); r.code != 3 || !strings.Contains(r.log, "accuracy") {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.log)
	}
	if v := read(t, dir, "report", "verdict.json"); !strings.Contains(v, "stand-ins") || !strings.Contains(v, "the references' own at") {
		t.Error("the verdict does not say that its references are stand-ins, nor how much they remember")
	}
}

// vendor is an endpoint whose metadata say nothing, as MLServer's do, and which answers by education and age.
func vendor(t *testing.T, asked *atomic.Int64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, `{"name": "credit", "inputs": [], "outputs": []}`)
			return
		}
		var q struct {
			ID     string
			Inputs []struct {
				Shape []int
				Data  []float64
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || len(q.Inputs) != 1 || q.Inputs[0].Shape[1] != 104 {
			http.Error(w, "{}", http.StatusBadRequest)
			return
		}
		n := q.Inputs[0].Shape[0]
		asked.Add(int64(n))
		p := make([]float64, 0, 2*n)
		for i := range n {
			x := q.Inputs[0].Data[104*i : 104*i+104]
			yes := 1 / (1 + math.Exp(1.5-x[0]-x[26]))
			p = append(p, 1-yes, yes)
		}
		json.NewEncoder(w).Encode(map[string]any{"model_name": "credit", "id": q.ID, "outputs": []any{map[string]any{"name": "p", "datatype": "FP64", "shape": []int{n, 2}, "data": p}}})
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v2/models/credit"
}

func TestEndpointIsAskedWithinItsBudgetOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := elsewhere(t)
	var asked atomic.Int64
	model := vendor(t, &asked)
	tensors := []string{"--input-tensor", "x", "--output-tensor", "p", "--requests", "1000"}
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"no budget":                {append(tensors[:4:4], "--requests", "9"), "--budget"},
		"too small a budget":       {append(tensors[:4:4], "--budget", "500"), "500 may be sent"},
		"metadata that say little": {[]string{"--budget", "9000"}, "--input-tensor"},
		"a plan that needs layers": {append(tensors[:4:4], "--budget", "9000", "--plan", "gradient.toml"), "only ask the model"},
	} {
		if r := tribune(t, dir, auditOf(model, "stand-in.toml", c.args...)...); r.code == 0 || r.code == 3 || !strings.Contains(r.log, c.log) {
			t.Errorf("%s: exit %d: %s, want %q", name, r.code, r.log, c.log)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Fatalf("%d records were sent by audits that were refused", n)
	}
	if r := tribune(t, dir, auditOf(model, "stand-in.toml", append(tensors, "--budget", "9000")...)...); r.code != 3 {
		t.Fatalf("exit %d: %s%s", r.code, r.out, r.log)
	}
	if n := asked.Load(); n == 0 || n > 9000 {
		t.Errorf("%d records were sent of 9000", n)
	}
	if kept, err := os.ReadDir(filepath.Join(dir, "report", "work")); err == nil && len(kept) > 0 {
		t.Errorf("answers about people still lie in %s", kept[0].Name())
	}
}
