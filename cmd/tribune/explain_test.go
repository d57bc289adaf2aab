package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const smallPlan = `version = 1
attacks = ["lira", "threshold-explanation-variance"]
groups = ["sex"]
references = 4
clean = true
[[explanation]]
method = "gradient"
[[explanation]]
method = "lime"
samples = 400
points = 400
[price]
defences = ["unit"]
points = 200
records = 60
[limit]
tpr_at_1_percent = 0.03
beyond_auc = 0.02
[group_limit]
tpr_at_1_percent = 0.06
beyond_auc = 0.05
`

// explained trains a small model in a folder and gives the arguments of its audit.
func explained(t *testing.T) (dir string, audit []string) {
	t.Helper()
	dir = t.TempDir()
	if r := tribune(t, dir, "explain", "train", "logistic", "adult:600", "--out", "m.model"); r.code != 0 {
		t.Fatalf("training: exit %d: %s", r.code, r.log)
	}
	write(t, smallPlan, dir, "plan.toml")
	return dir, []string{"explain", "audit", "--model", "m.model", "--train", "adult:600", "--test", "adult:600", "--plan", "plan.toml", "--out", "report"}
}

func TestAuditThatWasKilledGoesOnAndComesToTheSame(t *testing.T) {
	dir, args := explained(t)
	whole := append(args[:len(args)-1:len(args)-1], "whole")
	if r := tribune(t, dir, whole...); r.code != 3 || !strings.Contains(r.out, "index.html") || !strings.Contains(r.log, "did not pass") {
		t.Fatalf("an audit of 600 records: exit %d, want 3 (groups are too small): %s%s", r.code, r.out, r.log)
	}
	killMidway(t, dir, args)
	other, err := os.Open(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := syscall.Flock(int(other.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if r := tribune(t, dir, args...); r.code == 0 || r.code == 3 || !strings.Contains(r.log, "another run is writing") {
		t.Errorf("while another run writes there: exit %d: %s", r.code, r.log)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if r := tribune(t, dir, args...); r.code != 3 {
		t.Fatalf("going on: exit %d: %s", r.code, r.log)
	}
	if a, b := timeless(t, dir, "whole"), timeless(t, dir, "report"); !bytes.Equal(a, b) {
		t.Error("an audit that was killed came to another verdict")
	}
	if _, err := os.Stat(filepath.Join(dir, "report", "work")); err == nil {
		t.Error("the work of a finished audit still lies there")
	}
	if a, b := read(t, dir, "whole", "price.json"), read(t, dir, "report", "price.json"); a != b || !strings.Contains(read(t, dir, "report", "index.html"), "What a defence would buy") {
		t.Error("what a defence would buy is not told, or came to something else")
	}
	for _, name := range []string{"verdict.json", "price.json", "index.html"} {
		if info, err := os.Stat(filepath.Join(dir, "report", name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s tells about small groups and has mode %v (%v)", name, info.Mode(), err)
		}
	}
}

// killMidway kills an audit twice with its work half done: once anywhere, with a folder in the place of its verdict so that it can never be done before; and once where it takes up what it
// knows of reference 3, which is a pipe that says nothing.
func killMidway(t *testing.T, dir string, args []string) {
	t.Helper()
	inTheWay := filepath.Join(dir, "report", "verdict.json")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil {
		t.Fatal(err)
	}
	running := exec.CommandContext(t.Context(), binary, args...)
	running.Dir = dir
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	var work []string
	for deadline := time.Now().Add(patience); len(work) == 0; time.Sleep(2 * time.Millisecond) {
		if work, _ = filepath.Glob(filepath.Join(dir, "report", "work", "*", "model-001-prediction")); time.Now().After(deadline) {
			t.Fatal("an audit keeps nothing of what it has seen")
		}
	}
	_ = running.Process.Kill()
	_ = running.Wait()
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(filepath.Dir(work[0]), "model-003-prediction")
	if err := os.Remove(pipe); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	again := exec.CommandContext(t.Context(), binary, args...)
	again.Dir = dir
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := os.OpenFile(pipe, os.O_WRONLY, 0) // returns when the audit reads it
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	_ = again.Process.Kill()
	if err := again.Wait(); err == nil || again.ProcessState.Exited() {
		t.Fatalf("the audit was not killed: %v", err)
	}
	if _, err := os.Stat(inTheWay); err == nil {
		t.Fatal("an audit that was killed has a verdict")
	}
	if err := os.Remove(pipe); err != nil {
		t.Fatal(err)
	}
}

// timeless is a verdict without its time.
func timeless(t *testing.T, dir, report string) []byte {
	var v map[string]any
	if err := json.Unmarshal([]byte(read(t, dir, report, "verdict.json")), &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "made")
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerdictIsJudgedAgainAndSignedOnlyIfItHolds(t *testing.T) {
	dir, args := explained(t)
	if r := tribune(t, dir, args...); r.code != 3 {
		t.Fatalf("exit %d: %s", r.code, r.log)
	}
	if r := tribune(t, dir, "explain", "verify", "report/verdict.json"); r.code != 0 || !strings.Contains(r.out, "judged again: passed false") {
		t.Fatalf("an honest verdict: exit %d: %s%s", r.code, r.out, r.log)
	}
	key := tribune(t, dir, "key", "--out", "auditor.key", "--name", "auditor.example")
	if key.code != 0 {
		t.Fatal(key.log)
	}
	if r := tribune(t, dir, "explain", "sign", "report", "--key", "auditor.key"); r.code != 0 {
		t.Fatalf("signing: exit %d: %s", r.code, r.log)
	}
	public := ""
	for word := range strings.FieldsSeq(key.out + key.log) {
		if strings.HasPrefix(word, "auditor.example+") {
			public = word
		}
	}
	if r := tribune(t, dir, "explain", "verify", "report/verdict-public.signed", "--key", public); r.code != 0 || !strings.Contains(r.out, "signed by auditor.example") {
		t.Errorf("a signed verdict: exit %d: %s%s", r.code, r.out, r.log)
	}
	forged := strings.Replace(read(t, dir, "report", "verdict-public.signed"), `"passed":false`, `"passed":true`, 1)
	write(t, forged, dir, "forged.signed")
	if r := tribune(t, dir, "explain", "verify", "forged.signed", "--key", public); r.code != 3 {
		t.Errorf("a verdict changed after it was signed: exit %d, want 3", r.code)
	}
	whole := strings.Replace(read(t, dir, "report", "verdict.json"), `"passed":false`, `"passed":true`, 1)
	write(t, whole, dir, "report", "verdict.json")
	if r := tribune(t, dir, "explain", "verify", "report/verdict.json"); r.code != 3 {
		t.Errorf("a verdict that its figures do not bear: exit %d, want 3", r.code)
	}
	if r := tribune(t, dir, "explain", "sign", "report", "--key", "auditor.key"); r.code != 3 {
		t.Errorf("signing it: exit %d, want 3", r.code)
	}
}

func TestWhatWouldMakeAnAuditLieIsRefused(t *testing.T) {
	dir, args := explained(t)
	write(t, strings.Replace(smallPlan, "clean = true\n", "", 1), dir, "plain.toml")
	write(t, "age,sex,label\n30,m,yes\n", dir, "one.csv")
	write(t, `{"name":"x","columns":[{"name":"age","kind":"numeric"},{"name":"sex","kind":"group"},{"name":"label","kind":"label"}]}`, dir, "schema.json")
	write(t, "not a model", dir, "bad.onnx")
	write(t, "not a model", dir, "bad.model")
	with := func(pairs ...string) []string {
		out := append([]string{}, args...)
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, pairs[i], pairs[i+1])
		}
		return out
	}
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"no groups":               {[]string{"explain", "audit", "--model", "m.model", "--train", "adult:600", "--test", "adult:600", "--out", "r"}, "no groups are named"},
		"groups that nobody says": {with("--groups", "shoe"), "which the records do not say"},
		"another split's side":    {with("--test", "adult"), "not the two sides of one split"},
		"one file on both sides":  {with("--train", "one.csv", "--test", "one.csv", "--schema", "schema.json"), "one.csv"},
		"no schema":               {with("--train", "one.csv", "--test", "one.csv"), "--schema FILE"},
		"a hostile file":          {with("--model", "bad.onnx"), "bad.onnx"},
		"a broken model":          {with("--model", "bad.model"), "bad.model"},
		"an endpoint, no budget":  {with("--model", "https://models.example/v2/models/x"), "--budget"},
		"another scale":           {with("--scale", "minmax"), "scaled another way"},
	} {
		if r := tribune(t, dir, c.args...); r.code == 0 || r.code == 3 || !strings.Contains(r.log, c.log) {
			t.Errorf("%s: exit %d: %s, want %q", name, r.code, r.log, c.log)
		}
	}
	printed := tribune(t, dir, "explain", "plan", "--groups", "sex,race")
	if printed.code != 0 || !strings.Contains(printed.out, `groups = ["sex", "race"]`) {
		t.Errorf("plan: exit %d: %s", printed.code, printed.log)
	}
}
