package law_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func write(t *testing.T, dir string) law.Written {
	t.Helper()
	steward, _, err := protocol.NewKey("birmingham.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	council, _, err := protocol.NewKey("birmingham.example/council")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		keys[a], _, _ = ed25519.GenerateKey(nil)
	}
	w, err := law.Write(dir, law.Config{City: "birmingham.example", Steward: steward, Council: council, Keys: keys, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWrittenLawLoadsAndChecksClean(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "law")
	w := write(t, dir)
	files, err := policy.ReadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load(files, w.Trust)
	if err != nil {
		t.Fatal(err)
	}
	if set.City() != "birmingham.example" || len(set.Offices()) != 6 || len(set.Purposes()) != 6 {
		t.Errorf("got city %q with %d offices and %d purposes", set.City(), len(set.Offices()), len(set.Purposes()))
	}
	if len(w.Tokens) != 4 || w.Tokens[law.Integrator] == "" {
		t.Errorf("got tokens for %d callers, want 4 with the integrator's", len(w.Tokens))
	}
	for _, f := range policy.Check(dir) {
		t.Log(f)
		expired := strings.Contains(f.File, "parking-enforcement-2025") // there on purpose
		if f.Level == policy.LevelError || f.Level == policy.LevelWarning && !expired {
			t.Errorf("the demo's own law has a problem: %s", f)
		}
	}
}

func TestTokensAreNotOnTheHub(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "law")
	w := write(t, dir)
	data, err := os.ReadFile(filepath.Join(dir, "tokens.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for actor, token := range w.Tokens {
		if strings.Contains(string(data), token) {
			t.Errorf("tokens.toml holds the token of %s in clear", actor)
		}
	}
}

func TestWriteNeverOverwritesALaw(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "law")
	write(t, dir)
	if _, err := law.Write(dir, law.Config{}); err == nil {
		t.Error("a second Write replaced the law")
	}
}
