package rights

import (
	"crypto/ed25519"
	"path/filepath"
	"testing"
	"time"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// demoSet is the demo city's law.
func demoSet(t *testing.T) *policy.Set {
	t.Helper()
	steward, _, err := protocol.NewKey("steward.example")
	if err != nil {
		t.Fatal(err)
	}
	council, _, err := protocol.NewKey("council.example")
	if err != nil {
		t.Fatal(err)
	}
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		keys[a] = key(60).Public().(ed25519.PublicKey)
	}
	dir := filepath.Join(t.TempDir(), "law")
	w, err := law.Write(dir, law.Config{City: "sheffield.example", Steward: steward, Council: council, Keys: keys, Now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.ReadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load(files, w.Trust)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
