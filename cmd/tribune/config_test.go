package main_test

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigurationIsPrintedAndExplained(t *testing.T) {
	dir := t.TempDir()
	manual := tribune(t, dir, "config")
	if manual.code != 0 || !strings.Contains(manual.out, "[mqtt]") || !strings.Contains(manual.out, "\ncity = ") {
		t.Fatalf("config: exit %d: %s%s", manual.code, manual.out, manual.log)
	}
	write(t, manual.out, dir, "city.toml")
	r := tribune(t, dir, "config", "--check", "city.toml")
	if r.code != 3 || !strings.Contains(r.out, "city.toml: error: ") {
		t.Errorf("the manual with its words in CAPITALS: exit %d: %s%s", r.code, r.out, r.log)
	}

	names, keys := []string{"ombudsman.example", "court.example", "university.example", "press-council.example"}, []string{"OMBUDSMAN-KEY", "COURT-KEY", "UNIVERSITY-KEY", "PRESS-KEY"}
	text := manual.out
	for i, name := range names {
		text = strings.Replace(text, keys[i], strings.TrimSpace(tribune(t, dir, "key", "--name", name, "--out", name+".key").out), 1)
	}
	steward := strings.TrimSpace(tribune(t, dir, "key", "--name", "birmingham.example/steward", "--out", "steward.key").out)
	text = strings.NewReplacer("STEWARD-KEY", steward, "COUNCIL-KEY", steward, "FLOORS", strings.Repeat("0", 64)).Replace(text)
	write(t, text, dir, "city.toml")
	r = tribune(t, dir, "config", "--check", "city.toml")
	if r.code != 0 || !strings.Contains(r.out, "the shares of 2 open, the co-signatures of 3 publish") {
		t.Errorf("a configuration that holds: exit %d: %s%s", r.code, r.out, r.log)
	}
	write(t, strings.Replace(text, "[metrics]", "[metrix]", 1), dir, "city.toml")
	r = tribune(t, dir, "config", "--check", "city.toml")
	if r.code != 3 || !strings.Contains(r.out, "metrix") {
		t.Errorf("a table that does not exist: exit %d: %s%s", r.code, r.out, r.log)
	}
	if r = tribune(t, dir, "serve", "--dir", dir); r.code != 1 || !strings.Contains(r.log, "metrix") || !strings.Contains(r.log, "tribune config") {
		t.Errorf("serve with it: exit %d: %s", r.code, r.log)
	}
	if r = tribune(t, dir, "config", "--check", filepath.Join(dir, "none.toml")); r.code != 1 {
		t.Errorf("a file that is not there: exit %d", r.code)
	}
}
