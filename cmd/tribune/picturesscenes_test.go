package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune/internal/portal/browser"
)

// What must have happened in the city before some pictures can be taken.

// represented: a court lets somebody act for the citizen.
func represented(t *testing.T, c *city) {
	t.Helper()
	dir := t.TempDir()
	doc := filepath.Join(dir, "doc.txt")
	step := func(args ...string) result {
		t.Helper()
		r := tribune(t, dir, args...)
		if r.code != 0 {
			t.Fatalf("%q: exit %d: %s%s", args, r.code, r.out, r.log)
		}
		return r
	}
	r := step("represent", "new", "--city", "birmingham.example", "--basis", "court", "--ward", "plate="+resident(t, c), "--ward-called", "Diana", "--representative", "person=ruth.advocate",
		"--representative-called", "Ruth Advocate", "--scope", "access,look", "--until", time.Now().AddDate(0, 6, 0).Format(time.DateOnly))
	if err := os.WriteFile(doc, []byte(r.out), 0o600); err != nil {
		t.Fatal(err)
	}
	step("sign", "--key", filepath.Join(c.dir, "institutions", "court.key"), doc)
	step("represent", "record", doc, "--record", c.as(t, "").Base)
}

// erased: what was held about the citizen is erased, and offices that had read it are told.
func erased(t *testing.T, c *city) {
	t.Helper()
	if r := tribune(t, t.TempDir(), "erase", "ask", "--dir", c.dir, "--as", "protection-lind", "--plate", resident(t, c)); r.code != 0 {
		t.Fatalf("erasing: exit %d: %s%s", r.code, r.out, r.log)
	}
}

// waits opens a page until it shows a text.
func (v *viewing) waits(t *testing.T, path, text string) {
	t.Helper()
	poll(t, text, func() bool {
		v.tab.Go(t, v.home+"/healthz")
		v.tab.Go(t, v.home+"/en"+path)
		return strings.Contains(browser.Eval[string](t, v.tab, `document.querySelector("main")?.innerText ?? ""`), text)
	}, func() string { return v.tab.Text(t) })
}
