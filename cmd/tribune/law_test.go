package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/city"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// A steward may sign with either kind of signature, and check says that the law can be used.
func TestLawSignedAsJWSIsTheSameLaw(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "steward.key")
	if _, err := city.NewKey(key, "city.example/steward"); err != nil {
		t.Fatal(err)
	}
	steward, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	council, _, err := protocol.NewKey("city.example/council")
	if err != nil {
		t.Fatal(err)
	}
	pub, _, _ := ed25519.GenerateKey(nil)
	folder := filepath.Join(dir, "law")
	written, err := law.Write(folder, law.Config{City: "city.example", Steward: strings.TrimSpace(string(steward)), Council: council, Now: time.Now(),
		Keys: map[tribune.ActorID]ed25519.PublicKey{law.Inspector: pub, law.Planner: pub, law.Hub: pub}})
	if err != nil {
		t.Fatal(err)
	}
	floors := filepath.Join(folder, "floors.cedar")
	cmd := func(args ...string) (string, int) {
		var out, log bytes.Buffer
		code := run(context.Background(), args, &out, &log)
		return out.String() + log.String(), code
	}
	if out, code := cmd("sign", "--jws", "--key", key, floors, filepath.Join(folder, "offices.toml")); code != 0 || strings.Count(out, "as JWS") != 2 {
		t.Fatalf("sign: %d %s", code, out)
	}
	if out, code := cmd("check", folder); code != 0 || !strings.Contains(out, written.Trust.Floors.String()) {
		t.Errorf("check: %d %s", code, out)
	}
	files, err := policy.ReadFiles(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Load(files, written.Trust); err != nil {
		t.Errorf("loading: %v", err)
	}
	if out, code := cmd("sign", "--jws", "--key", key, "--print-key"); code != 0 || !strings.Contains(out, `"kid":"city.example/steward"`) || strings.Contains(out, `"d"`) {
		t.Errorf("print-key: %d %s", code, out)
	}
	if out, code := cmd("sign", "--key", key, floors); code != 0 || !strings.Contains(out, "signed by") {
		t.Errorf("signing it as a note again: %d %s", code, out)
	}
	if out, code := cmd("law", "withdraw", "--dir", dir, "--key", key, "nonsense"); code != 1 {
		t.Errorf("withdrawing nonsense: %d %s", code, out)
	}
	if out, code := cmd("law", "frobnicate"); code != 2 {
		t.Errorf("a verb that is none: %d %s", code, out)
	}
	if err := runLaw(context.Background(), []string{"withdraw", "--dir", dir, "--key", key, strings.Repeat("ab", 32)}, io.Discard, io.Discard); err != nil {
		t.Errorf("withdrawing: %v", err)
	}
	if _, err := os.Stat(city.Dir(dir).Withdrawn(tribune.Hash(bytes.Repeat([]byte{0xab}, 32)))); err != nil {
		t.Errorf("the withdrawal is not where the hub looks: %v", err)
	}
}
