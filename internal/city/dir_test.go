//go:build unix

package city

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tribune"
	"tribune/protocol"
)

// public are the only files of a city that others than its owner may read: they are served to anyone anyway.
var public = []string{"trust.txt", "hub/group.json"}

// mustBePrivate fails where anybody but its owner may look at or change something under dir.
func mustBePrivate(t *testing.T, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		want := fs.FileMode(0o600)
		switch {
		case d.IsDir():
			want = 0o700
		case rel == public[0] || rel == public[1]:
			want = 0o644
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: mode %o, want %o", rel, got, want)
		}
		if !d.IsDir() {
			files++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// openUmask makes every mode the code's own choice.
func openUmask(t *testing.T) {
	t.Helper()
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
}

func newDemo(t *testing.T) *demo {
	t.Helper()
	d := &demo{DemoConfig: DemoConfig{Dir: Dir(filepath.Join(t.TempDir(), "city")), Out: io.Discard, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	if err := d.found(); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNobodyElseReadsACitysFiles(t *testing.T) {
	openUmask(t)
	d := newDemo(t)
	if _, _, err := noteKey(d.Dir.LogKey(), demoOrigin); err != nil {
		t.Fatal(err)
	}
	g := protocol.Group{City: demoCity, N: 4, T: d.t, W: d.w, Guardians: d.members}
	_, vkey, err := noteKey(d.Dir.LogKey(), demoOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if err := saveGroup(d.Dir, g, vkey); err != nil {
		t.Fatal(err)
	}
	if n := mustBePrivate(t, string(d.Dir)); n < 20 {
		t.Errorf("only %d files were looked at", n)
	}
	for _, name := range public {
		if _, err := os.Stat(d.Dir.path(name)); err != nil {
			t.Errorf("the exception does not exist: %v", err)
		}
	}
}

// A thief of the hub's folder must not find what opens: guardians' shares, officers' and institutions' keys.
func TestKeysOfOthersAreNotInTheHubsFolder(t *testing.T) {
	d := newDemo(t).Dir
	for _, path := range []string{d.Guardian(1), d.Person("inspector-ward"), d.Profile("inspector-ward"), d.Institution("steward"), d.Institution("council"), d.Trust(), d.Sim()} {
		if strings.HasPrefix(path, d.path("hub")+string(filepath.Separator)) {
			t.Errorf("%s lies in the hub's folder", path)
		}
	}
	var secrets [][]byte
	for _, path := range []string{d.Person("inspector-ward"), d.Person("planner-hale"), d.Institution("steward"), d.Institution("council")} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, data)
	}
	err := filepath.WalkDir(d.path("hub"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if strings.Contains(string(data), strings.TrimSpace(string(s))) {
				t.Errorf("%s holds somebody else's key", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A start that was killed anywhere while founding begins again and changes no key that is in use.
func TestFoundingAgainKeepsEveryKey(t *testing.T) {
	d := newDemo(t)
	before := map[string]string{}
	paths := []string{d.Dir.HubKey(), d.Dir.Person("inspector-ward"), d.Dir.Profile("inspector-ward"), d.Dir.Institution("steward"), d.Dir.Institution("trust"), filepath.Join(d.Dir.Law(), "tokens.toml")}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		before[p] = string(data)
	}
	again := &demo{DemoConfig: d.DemoConfig}
	if err := again.found(); err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if data, err := os.ReadFile(p); err != nil || string(data) != before[p] {
			t.Errorf("%s has changed: %v", p, err)
		}
	}
	if len(again.members) != 4 || again.members[2] != d.members[2] || again.trust != d.trust {
		t.Error("guardians or trust have changed")
	}
	// Killed before the trust file: law is written anew, the institutions' and officers' keys stay.
	if err := os.Remove(d.Dir.Institution("trust")); err != nil {
		t.Fatal(err)
	}
	third := &demo{DemoConfig: d.DemoConfig}
	if err := third.found(); err != nil {
		t.Fatal(err)
	}
	if third.trust != d.trust {
		t.Error("trust has changed")
	}
	if data, err := os.ReadFile(d.Dir.Person("inspector-ward")); err != nil || string(data) != before[d.Dir.Person("inspector-ward")] {
		t.Errorf("the officer's key has changed: %v", err)
	}
}

func TestBrokenKeyIsNotReplacedAndNotShown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.key")
	for _, text := range []string{"", "PRIVATE+KEY+a+b+aHVzaGh1c2g", "hushhush"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, read := range map[string]func() error{
			"note":  func() error { _, _, err := noteKey(path, "a"); return err },
			"actor": func() error { _, err := actorKey(path); return err },
		} {
			err := read()
			if !errors.Is(err, tribune.ErrInvalid) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "aHVz") {
				t.Errorf("%s, %q: %v", name, text, err)
			}
			if data, _ := os.ReadFile(path); string(data) != text {
				t.Errorf("%s: a key file was replaced", name)
			}
		}
	}
}

// writeFile leaves the old file or the new one, and no scraps beside it.
func TestFilesAreWrittenWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := writeFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(filepath.Join(dir, "d"), []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if err := writeFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d entries, want f and d: %v", len(entries), err)
	}
	if data, _ := os.ReadFile(path); string(data) != "new" {
		t.Errorf("got %q", data)
	}
}

func TestThresholdsKeepTheRules(t *testing.T) {
	for n, want := range map[int][2]int{3: {2, 3}, 4: {2, 3}, 5: {3, 4}, 6: {3, 5}, 7: {4, 6}, 8: {4, 6}, 9: {5, 7}} {
		open, publish := thresholds(n)
		if [2]int{open, publish} != want || n < 2*open-1 || 2*publish < n+open || publish > n {
			t.Errorf("%d guardians: %d open, %d publish; want %v", n, open, publish, want)
		}
	}
}
