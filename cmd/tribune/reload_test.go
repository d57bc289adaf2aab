package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// mandateWithdrawnAndGiven takes a mandate out of the running city's law and puts it back: SIGHUP makes either count, and a
// file that does not fit changes nothing.
func mandateWithdrawnAndGiven(t *testing.T, c *city, s session) {
	mandate := filepath.Join(c.dir, "hub", "law", "mandates", "parking-enforcement-2026.toml")
	text := read(t, mandate)
	hangup := func(says string) {
		t.Helper()
		before := strings.Count(c.out.String(), says)
		if err := c.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		c.until(t, "the papers to be read", func() bool { return strings.Count(c.out.String(), says) > before })
	}
	ask := func() result {
		t.Helper()
		return tribune(t, t.TempDir(), "ask", "--dir", c.dir, "--as", "inspector-ward", "--plate", s.plate)
	}
	if err := os.Remove(mandate); err != nil {
		t.Fatal(err)
	}
	if r := ask(); r.code != 0 {
		t.Errorf("a file that nobody was told of: exit %d %s, want 0", r.code, r.log)
	}
	hangup("read again")
	if r := ask(); r.code != 1 || !strings.Contains(r.log, "missing: ") {
		t.Errorf("a mandate withdrawn: exit %d %s, want 1 and what is missing", r.code, r.log)
	}
	write(t, "id = \"nonsense\n", mandate)
	hangup("were not read again")
	write(t, text, mandate)
	hangup("mandates, appointments, tokens, accounts and devices were read again")
	if r := ask(); r.code != 0 {
		t.Errorf("the mandate given again: exit %d %s, want 0", r.code, r.log)
	}
}
