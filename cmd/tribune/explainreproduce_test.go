package main_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestReproductionReadsFoldersConfinedAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	write(t, `"3"`+strings.Repeat(",7,0", 223)+"\n", dir, "bangkok")
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"a broken file of the folder":  {[]string{"threshold", "--quick", "--sets", "location", "--data", "."}, "reading in a worker (table): reading Location-30: row 1, column 2"},
		"a data set that is not there": {[]string{"threshold", "--quick", "--sets", "mnist", "--data", "."}, "--data"},
		"no number of features":        {[]string{"synthetic", "--features", "many"}, "--features 5000,10000"},
		"too many features":            {[]string{"synthetic", "--features", "1000000"}, "1000000 features"},
		"no experiment":                {[]string{"magic"}, "smoothgrad"},
	} {
		if r := tribune(t, dir, append([]string{"explain", "reproduce"}, c.args...)...); r.code == 0 || !strings.Contains(r.log, c.log) {
			t.Errorf("%s: exit %d: %s, want %q", name, r.code, r.log, c.log)
		}
	}
	args := []string{"explain", "reproduce", "synthetic", "--quick", "--features", "10", "--seeds", "2", "--keep", "kept", "--json"}
	first := tribune(t, dir, args...)
	if first.code != 0 || strings.Count(first.out, "\n") != 2 {
		t.Fatalf("exit %d: %s%s", first.code, first.out, first.log)
	}
	var row struct {
		Ours     *float64    `json:"ours"`
		Interval *[2]float64 `json:"interval"`
	}
	if err := json.Unmarshal([]byte(strings.SplitAfter(first.out, "\n")[0]), &row); err != nil || row.Ours == nil || row.Interval == nil {
		t.Errorf("a row of two seeds: %s (%v)", first.out, err)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "kept", "synthetic-*-10-features-2-classes-seed-*.json"))
	if err != nil || len(kept) != 2 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	for _, name := range kept {
		write(t, "[0.5,0.5]", name)
	}
	if again := tribune(t, dir, args...); again.code != 0 || !strings.Contains(again.out, `"ours":0.5,`) {
		t.Errorf("what was kept is made again: exit %d: %s", again.code, again.out)
	}
}
