package device

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

type steward struct {
	note.Signer
	vkey string
}

func newSteward(t testing.TB) steward {
	t.Helper()
	skey, vkey, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return steward{signer, vkey}
}

func (s steward) sign(t testing.TB, text string) []byte {
	t.Helper()
	b, err := protocol.SignDocument(text, s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func open(t testing.TB, s steward, dir string, now *time.Time) (*Register, error) {
	t.Helper()
	return New(Config{Dir: dir, Steward: s.vkey, City: "city.example", Now: func() time.Time { return *now }})
}

func register(t testing.TB) (*Register, steward, *time.Time) {
	t.Helper()
	s, now := newSteward(t), start
	r, err := open(t, s, t.TempDir(), &now)
	if err != nil {
		t.Fatal(err)
	}
	return r, s, &now
}

// tokened is a document with a fresh token.
func tokened(lines ...string) (doc, token string) {
	token, sum := NewToken()
	return text(append([]string{fmt.Sprintf("token_sha256 = %q", sum)}, lines...)...), token
}

func TestOnlyTheStewardsSignaturePutsADeviceInForce(t *testing.T) {
	r, s, _ := register(t)
	other := newSteward(t) // of the same name
	for name, doc := range map[string][]byte{
		"not signed":             []byte(text()),
		"signed by another":      other.sign(t, text()),
		"changed after signing":  bytes.Replace(s.sign(t, text()), []byte("faces"), []byte("sound"), 1),
		"of another city":        s.sign(t, text(`city = "other.example"`)),
		"signed with no answers": s.sign(t, "id = \"air-001\"\n"),
	} {
		if _, err := r.Add(doc); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := len(r.List()); n != 0 {
		t.Errorf("%d devices are registered", n)
	}
	if files, _ := os.ReadDir(r.cfg.Dir); len(files) != 0 {
		t.Errorf("%d files are left", len(files))
	}
}

func TestAddIsDurableAndInForceAtOnce(t *testing.T) {
	r, s, now := register(t)
	doc, token := tokened(`city = "city.example"`)
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Authenticate("air-001", token); err != nil {
		t.Fatal(err)
	}
	again, err := open(t, s, r.cfg.Dir, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Authenticate("air-001", token); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestOlderDocumentIsNotPlayedOverANewerOne(t *testing.T) {
	r, s, now := register(t)
	first, token := tokened(`from = 2026-11-22T08:00:00Z`)
	second, newToken := tokened(`from = 2026-11-22T09:00:00Z`)
	old := s.sign(t, first)
	for _, d := range [][]byte{old, s.sign(t, second)} {
		if _, err := r.Add(d); err != nil {
			t.Fatal(err)
		}
	}
	for name, d := range map[string][]byte{"the first": old, "the same moment": s.sign(t, second)} {
		if _, err := r.Add(d); !errors.Is(err, tribune.ErrConflict) || tribune.HintOf(err) == "" {
			t.Errorf("%s again: %v", name, err)
		}
	}
	// The same by whoever can write the file but not sign.
	path := filepath.Join(r.cfg.Dir, "air-001.toml")
	if err := os.WriteFile(path, old, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); !errors.Is(err, tribune.ErrConflict) || !strings.Contains(err.Error(), "air-001.toml") {
		t.Errorf("reload: %v", err)
	}
	if _, err := r.Authenticate("air-001", token); !errors.Is(err, tribune.ErrUnknown) {
		t.Errorf("the old token: %v", err)
	}
	if _, err := r.Authenticate("air-001", newToken); err != nil {
		t.Errorf("the new token: %v", err)
	}
	later, _ := tokened(`from = 2026-12-01`)
	if _, err := r.Add(s.sign(t, later)); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a document that leaves a gap: %v", err)
	}
	*now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	if _, err := r.Add(s.sign(t, later)); err != nil {
		t.Errorf("the same when it begins: %v", err)
	}
}

func TestRenamedOrBrokenFileStopsTheRegisterByName(t *testing.T) {
	s := newSteward(t)
	for name, c := range map[string]struct {
		file string
		body []byte
	}{
		"renamed":    {"air-002.toml", s.sign(t, text())},
		"not signed": {"air-001.toml", []byte(text())},
		"cut off":    {"air-001.toml", s.sign(t, text())[:200]},
	} {
		dir, now := t.TempDir(), start
		if err := os.WriteFile(filepath.Join(dir, c.file), c.body, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t, s, dir, &now); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), c.file) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokenFileAtReloadChangesNothing(t *testing.T) {
	r, s, _ := register(t)
	doc, token := tokened()
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.cfg.Dir, "other.toml"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err == nil {
		t.Fatal("reloaded")
	}
	if _, err := r.Authenticate("air-001", token); err != nil {
		t.Errorf("the device: %v", err)
	}
}

func TestWithdrawnDeviceEndsEvenWhereItIsConnected(t *testing.T) {
	r, s, _ := register(t)
	doc, token := tokened()
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	connected, err := r.Authenticate("air-001", token)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.cfg.Dir, "air-001.toml")); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if connected.Current() != nil {
		t.Error("its connection goes on")
	}
	if _, err := r.Authenticate("air-001", token); !errors.Is(err, tribune.ErrUnknown) {
		t.Errorf("its token: %v", err)
	}
}

func TestChangedTokenEndsConnectionsOfTheOldOne(t *testing.T) {
	r, s, _ := register(t)
	first, token := tokened(`from = 2026-11-22T08:00:00Z`)
	if _, err := r.Add(s.sign(t, first)); err != nil {
		t.Fatal(err)
	}
	connected, err := r.Authenticate("air-001", token)
	if err != nil {
		t.Fatal(err)
	}
	renewed := strings.Replace(first, "08:00:00Z", "08:30:00Z", 1)
	if _, err := r.Add(s.sign(t, renewed)); err != nil {
		t.Fatal(err)
	}
	if now := connected.Current(); now == nil || now == connected {
		t.Errorf("with the same token a connection goes on under the new document: %v", now)
	}
	second, _ := tokened(`from = 2026-11-22T09:00:00Z`)
	if _, err := r.Add(s.sign(t, second)); err != nil {
		t.Fatal(err)
	}
	if connected.Current() != nil {
		t.Error("the old token's connection goes on")
	}
}

func TestEndedDeviceIsListedAndMayNotCome(t *testing.T) {
	r, s, now := register(t)
	doc, token := tokened(`until = 2026-11-22T12:00:00Z`)
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	*now = start.Add(2 * time.Hour)
	if _, err := r.Authenticate("air-001", token); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := r.Authenticate("air-001", token+"x"); !errors.Is(err, tribune.ErrUnknown) {
		t.Errorf("who has no token learns nothing: %v", err)
	}
	*now = start.Add(-24 * time.Hour)
	if _, err := r.Authenticate("air-001", token); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("before it begins: %v", err)
	}
	if len(r.List()) != 1 {
		t.Error("it is not listed")
	}
}

// An unknown id and a wrong token must cost the same and say the same: each is compared, whole, once.
func TestUnknownDeviceAndWrongTokenCannotBeToldApart(t *testing.T) {
	r, s, _ := register(t)
	doc, token := tokened()
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	compared := 0
	r.same = func(a, b []byte) bool {
		if len(a) != 32 || len(b) != 32 {
			t.Errorf("compared %d with %d bytes", len(a), len(b))
		}
		compared++
		return sameHash(a, b)
	}
	said := map[string]bool{}
	for _, c := range []struct{ id, token string }{
		{"nobody", token}, {"nobody", ""}, {"air-001", ""}, {"air-001", "x"}, {"air-001", token[:42]}, {"air-001", token + "\n"}, {"air-001", strings.Repeat("x", 1<<16)}, {"", ""},
	} {
		before := compared
		_, err := r.Authenticate(c.id, c.token)
		if !errors.Is(err, tribune.ErrUnknown) || compared != before+1 {
			t.Errorf("%.20q %.20q: %v after %d comparisons", c.id, c.token, err, compared-before)
		}
		said[fmt.Sprint(err)] = true
	}
	if len(said) != 1 {
		t.Errorf("answers differ: %v", said)
	}
	if _, err := r.Authenticate("air-001", token); err != nil || compared != 9 {
		t.Errorf("the right token: %v, %d comparisons", err, compared)
	}
}

func TestTwoDevicesDoNotShareAToken(t *testing.T) {
	r, s, _ := register(t)
	doc, _ := tokened()
	if _, err := r.Add(s.sign(t, doc)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Add(s.sign(t, strings.Replace(doc, "air-001", "air-002", 1))); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}
