package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/policy"
)

// configured writes a configuration that holds, for guardian 0 of a world.
func configured(t *testing.T, w *world) (path string, text string) {
	t.Helper()
	text = fmt.Sprintf("dir = %q\nlisten = \"0.0.0.0:8431\"\ncity = %q\nhub = \"https://hub.example\"\nlog_key = %q\nsteward_key = %q\ncouncil_key = %q\nfloors_hash = %q\nt = 2\nw = 3\n",
		w.guards[0].cfg.Dir, testCity, w.log.Key, w.trust.Steward, w.trust.Council, w.trust.Floors)
	for _, m := range w.group.Guardians {
		text += fmt.Sprintf("[[guardian]]\nkey = %q\nurl = %q\n", m.Key, "https://"+m.Name)
	}
	return filepath.Join(t.TempDir(), "guardian.toml"), text
}

func TestCheckFindsWhatWouldBeRegretted(t *testing.T) {
	w := newWorld(t)
	path, good := configured(t, w)
	dir := w.guards[0].cfg.Dir
	if err := os.Chmod(dir, 0o700); err != nil { // a test's folder is not; the cases below come in any order
		t.Fatal(err)
	}
	replace := func(old, fresh string) func() string {
		return func() string { return strings.Replace(good, old, fresh, 1) }
	}
	file := func(name, text string, mode os.FileMode) func() string {
		return func() string {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
				t.Fatal(err)
			}
			return good
		}
	}
	for name, c := range map[string]struct {
		spoil func() string
		level policy.Level
		want  string
	}{
		"as it should be":               {func() string { return good }, policy.LevelNote, "this is guardian 1 of 4"},
		"a key that others read":        {func() string { os.Chmod(filepath.Join(dir, keyFile), 0o644); return good }, policy.LevelError, "others than its owner may read"},
		"a folder that others look in":  {func() string { os.Chmod(dir, 0o755); return good }, policy.LevelError, "others than its owner may look into"},
		"a veto list with a mistake":    {file(vetoFile, "[[veto]]\nwho = \"x\"\n", 0o600), policy.LevelError, "unknown key"},
		"a veto":                        {file(vetoFile, "[[veto]]\noffice = \"o\"\nreason = \"r\"\n", 0o600), policy.LevelWarning, "vetoed: office o"},
		"a peer in clear":               {replace("https://court", "http://court"), policy.LevelError, "http://court.example"},
		"a demo on a network":           {replace("t = 2", "demo = true\nt = 2"), policy.LevelError, "open to other machines"},
		"a hub in clear":                {replace("https://hub", "http://hub"), policy.LevelWarning, "in clear"},
		"no hub":                        {replace("hub = \"https://hub.example\"\n", ""), policy.LevelError, "hub, the city's address, is missing"},
		"nobody else reaches it":        {replace("0.0.0.0", "127.0.0.1"), policy.LevelWarning, "only this machine"},
		"half a certificate":            {replace("t = 2", "tls_certificate = \"x\"\nt = 2"), policy.LevelError, "TLS certificate"},
		"a quorum that permits a split": {replace("w = 3", "w = 2"), policy.LevelError, "2w >= n+t"},
		"names for the asking":          {replace("t = 2", "name_rate = 5000\nt = 2"), policy.LevelWarning, "guesses names"},
	} {
		text := c.spoil()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := Main(context.Background(), []string{"check", "--config", path, "--json"}, &out)
		var found []policy.Finding
		if jerr := json.Unmarshal([]byte(out.String()), &found); jerr != nil {
			t.Fatalf("%s: %v: %s", name, jerr, out.String())
		}
		hit := false
		for _, f := range found {
			hit = hit || f.Level == c.level && strings.Contains(f.What, c.want)
		}
		if !hit || (err != nil) != (c.level == policy.LevelError) {
			t.Errorf("%s: got %v (%v), want %q", name, found, err, c.want)
		}
		os.Chmod(dir, 0o700)
		os.Chmod(filepath.Join(dir, keyFile), 0o600)
		os.Remove(filepath.Join(dir, vetoFile))
	}
}

// The table is what people are told, and what is run.
func TestEveryCommandIsInTheUsageAndRefusesStrangeWords(t *testing.T) {
	for _, c := range commands() {
		if !strings.Contains(usage(), "guardian "+c.name) || !strings.Contains(usage(), c.about) {
			t.Errorf("usage lacks %s", c.name)
		}
		if err := Main(context.Background(), []string{c.name, "--no-such-flag"}, io.Discard); err == nil {
			t.Errorf("%s takes any flag", c.name)
		}
	}
	var out strings.Builder
	if err := Main(context.Background(), []string{"help"}, &out); err != nil || out.String() != usage() {
		t.Errorf("help: %v %q", err, out.String())
	}
}
