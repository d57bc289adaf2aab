package main_test

import (
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
		write(t, text.String(), dir, name+".csv")
		r := tribune(t, dir, "explain", "release", "--kind", "index", "--released", name+".csv", "--groups", "district", "--out", name)
		if r.code != c.want || !strings.Contains(r.out, c.says) {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, r.code, c.want, r.out, r.log)
		}
		if _, err := os.Stat(filepath.Join(dir, name, "release.json")); err != nil {
			t.Error(err)
		}
	}
	for _, args := range [][]string{{"release", "--kind", "rumour"}, {"defend", "--model", "m"}} {
		if r := tribune(t, dir, append([]string{"explain"}, args...)...); r.code != 2 {
			t.Errorf("%q: exit %d, want 2", args, r.code)
		}
	}
}
