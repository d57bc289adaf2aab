package main_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/internal/client"
)

const entities = "/ngsi-ld/v1/entities"

// session is a parking session that a test has stored, and the receipt of the act that opened it.
type session struct {
	id, plate, driver string
	receipt           []byte
}

// word is a word that stands nowhere else.
func word(prefix string) string {
	var b [6]byte
	rand.Read(b[:])
	return prefix + strings.ToUpper(hex.EncodeToString(b[:]))
}

// park stores a session as the integrator's service would.
func park(t *testing.T, c *city, id string) session {
	t.Helper()
	s := session{id: id, plate: word("EE"), driver: word("Driver ")}
	a := do(t, c.as(t, "integrator-1"), http.MethodPost, entities, fmt.Sprintf(`{"id":%q,"type":"ParkingSession","synthetic":true,"licensePlate":%q,"driver":%q}`, s.id, s.plate, s.driver))
	if a.Status != http.StatusCreated {
		t.Fatalf("storing a session: got %d %s", a.Status, a.Body)
	}
	return s
}

func (s session) read(ctx context.Context, inspector *client.Client) (*client.Answer, error) {
	body := fmt.Sprintf(`{"type":"Query","entities":[{"type":"ParkingSession"}],"q":"licensePlate==\"%s\""}`, s.plate)
	return inspector.Read(ctx, http.MethodPost, "/ngsi-ld/v1/entityOperations/query?options=keyValues", []byte(body))
}

// untilStopped reads the session again and again until nobody answers any more; finish waits for that. A city that stops
// answers an act in full or refuses it: it never leaves one half done.
func (s session) untilStopped(t *testing.T, c *city) (finish func()) {
	inspector, done := c.as(t, "inspector-ward"), make(chan int)
	go func() {
		answered := 0
		defer func() { done <- answered }()
		for {
			a, err := s.read(context.Background(), inspector)
			switch {
			case err != nil:
				return
			case a.Status == http.StatusOK && strings.Contains(string(a.Body), s.driver) && len(a.Receipt) > 0:
				answered++
			case a.Status != http.StatusServiceUnavailable:
				t.Errorf("while the city stops: got %d %s", a.Status, a.Body)
			}
		}
	}()
	return func() {
		t.Helper()
		if <-done == 0 {
			t.Error("the city answered nothing before it stopped; this shows nothing")
		}
	}
}

// ask reads the session as the inspector, and returns the self-contained receipt.
func (s session) ask(t *testing.T, inspector *client.Client) []byte {
	t.Helper()
	var a *client.Answer
	var err error
	// A subject is enrolled in the background: until then the hub says that it is busy.
	poll(t, "the subject to be enrolled", func() bool {
		if a, err = s.read(t.Context(), inspector); err != nil {
			t.Fatal(err)
		}
		return a.Status != http.StatusServiceUnavailable
	}, func() string { return fmt.Sprintf("%d %s", a.Status, a.Body) })
	var found []map[string]any
	if err := json.Unmarshal(a.Body, &found); err != nil || a.Status != http.StatusOK || len(found) != 1 || found[0]["id"] != s.id || found[0]["licensePlate"] != s.plate || found[0]["driver"] != s.driver {
		t.Fatalf("the inspector got %d %s (%v), want the session of %s", a.Status, a.Body, err, s.plate)
	}
	if len(a.Receipt) == 0 {
		t.Fatal("the answer carries no Tribune-Receipt")
	}
	path := client.ReceiptPath(a.Header)
	if path == "" {
		t.Fatalf("the answer links to no receipt: %v", a.Header.Values("Link"))
	}
	full := get(t, &client.Client{Base: inspector.Base}, path)
	if full.Status != http.StatusOK || strings.Contains(string(full.Body), s.plate) {
		t.Fatalf("the receipt: got %d %s", full.Status, full.Body)
	}
	return full.Body
}

// denies asks as `tribune ask` does for what the law does not permit. Each refusal names what is missing and tells nothing.
func denies(t *testing.T, c *city, s session) {
	for _, x := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"control", []string{"--as", "inspector-ward"}, 0, "on record: "},
		{"no purpose", []string{"--as", "inspector-ward", "--no-purpose"}, 0, ""},
		{"another purpose", []string{"--as", "inspector-ward", "--purpose", "plan-city"}, 1, "missing: "},
		{"an expired mandate", []string{"--as", "inspector-ward", "--mandate", "parking-enforcement-2025"}, 1, "missing: "},
		{"a mandate that nobody gave", []string{"--as", "inspector-ward", "--mandate", "parking-enforcement-1984"}, 1, "missing: "},
		{"another office's mandate", []string{"--as", "planner-hale", "--purpose", "enforce-parking", "--mandate", "parking-enforcement-2026"}, 1, "missing: "},
		{"a token without office for it", []string{"--as", "integrator-1", "--purpose", "enforce-parking", "--mandate", "parking-enforcement-2026"}, 1, "missing: "},
		{"nobody", []string{"--purpose", "enforce-parking", "--mandate", "parking-enforcement-2026"}, 1, "known caller"},
	} {
		r := tribune(t, t.TempDir(), append([]string{"ask", "--dir", c.dir, "--plate", s.plate}, x.args...)...)
		if r.code != x.code || !strings.Contains(r.log, x.says) {
			t.Errorf("%s: got exit %d: %s%s, want %d and %q", x.name, r.code, r.out, r.log, x.code, x.says)
		}
		if x.name != "control" && (strings.Contains(r.out+r.log, s.driver) || strings.Contains(r.out+r.log, s.plate)) {
			t.Errorf("%s: it names the person: %s%s", x.name, r.out, r.log)
		}
	}
}

// holds verifies the receipt, and the log under it, from copies in another place.
func (s session) holds(t *testing.T, c *city, elsewhere string) {
	t.Helper()
	write(t, string(s.receipt), elsewhere, "receipt.tlog")
	write(t, read(t, c.dir, "trust.txt"), elsewhere, "trust.txt")
	copyLog(t, filepath.Join(elsewhere, "log"), filepath.Join(c.dir, "hub", "log"))
	r := tribune(t, elsewhere, "verify", "--trust", "trust.txt", "--log", "log", "receipt.tlog")
	if r.code != 0 || !strings.HasPrefix(r.out, "This receipt holds.\n") || !strings.Contains(r.out, "The log it rests on holds, too.") {
		t.Errorf("verify: got exit %d: %s%s", r.code, r.out, r.log)
	}
}

// copyLog copies a log that is being written: its checkpoint first, since the tiles under a checkpoint never change. A file that is
// half written may have its final name before it is copied: then once more.
func copyLog(t *testing.T, to, from string) {
	t.Helper()
	write(t, read(t, from, "checkpoint"), to, "checkpoint")
	tiles := filepath.Join(to, "tile")
	err := fs.ErrNotExist
	for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 20; tries++ {
		if err = os.RemoveAll(tiles); err == nil {
			err = os.CopyFS(tiles, os.DirFS(filepath.Join(from, "tile")))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nowhereInClear searches the whole directory of a stopped city for what was sealed, as bytes of files and as what the
// opened store holds. That a public name is found shows that the search can find.
func nowhereInClear(t *testing.T, c *city, s session) {
	if s.plate == "" {
		t.Fatal("no session was stored")
	}
	found := map[string]string{}
	needles := []string{s.plate, s.driver, secretWord, publicWord}
	search(t, c.dir, needles, found)
	for needle, where := range found {
		if needle != publicWord {
			t.Errorf("%q lies in clear in %s", needle, where)
		}
	}
	if found[publicWord] == "" {
		t.Error("the search does not even find what is public")
	}
}

func search(t *testing.T, dir string, needles []string, found map[string]string) {
	t.Helper()
	note := func(where string, data []byte) {
		for _, needle := range needles {
			if strings.Contains(string(data), needle) {
				found[needle] = where
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		note(path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	eachRow(t, context.Background(), filepath.Join(dir, "hub", "store"), func(key, value []byte) {
		note("a key of the store", key)
		note(fmt.Sprintf("the store under %q", key), value)
	})
}
