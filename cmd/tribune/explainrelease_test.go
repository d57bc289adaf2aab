package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReleaseThatGivesValuesAwayDoesNotPass audits blind indexes from the command line: one of a column with few values, and one of plates.
func TestReleaseThatGivesValuesAwayDoesNotPass(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		values int
		want   int
		says   string
	}{
		"few values":             {4, 3, "beyond guess by frequency: up to"},
		"a value of its own row": {4000, 0, "passed"},
	} {
		var text strings.Builder
		text.WriteString("token,value,district\n")
		for i := range 4000 {
			v := fmt.Sprint(i % c.values)
			if c.values == 4 {
				v = fmt.Sprint([]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3}[i%10])
			}
			m := hmac.New(sha256.New, []byte("key"))
			m.Write([]byte(v))
			fmt.Fprintf(&text, "%x,%s,%d\n", m.Sum(nil), v, i%3)
		}
		file := filepath.Join(dir, name+".csv")
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"explain", "release", "--kind", "index", "--released", file, "--groups", "district", "--out", filepath.Join(dir, name)}, &out, &log)
		if code != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, code, c.want, &out, &log)
		}
		if _, err := os.Stat(filepath.Join(dir, name, releaseFile)); err != nil {
			t.Error(err)
		}
	}
	var out, log bytes.Buffer
	for _, args := range [][]string{{"release", "--kind", "rumour"}, {"defend", "--model", "m"}} {
		if code := run(t.Context(), append([]string{"explain"}, args...), &out, &log); code != 2 {
			t.Errorf("%q: exit %d, want 2", args, code)
		}
	}
}
