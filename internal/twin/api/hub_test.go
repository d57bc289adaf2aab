package api_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
	"tribune/protocol"
)

const (
	vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"
	plate      = "AB12CDE"
	driver     = "Ada Lovelace"
	base       = "/ngsi-ld/v1"
)

// session is the class of parking sessions; all else is public, but what is called secret, which no class covers.
var session = tribune.Class{
	ID: "parking-session", Types: []tribune.Name{vocabulary + "ParkingSession"}, Personal: true, Subject: vocabulary + "licensePlate", SubjectType: "plate",
	Attrs: []tribune.Name{vocabulary + "licensePlate", vocabulary + "driver", vocabulary + "where"}, Keep: 30 * 24 * time.Hour,
}

func classOf(types []tribune.Name, attr tribune.Name) tribune.Class {
	switch {
	case slices.Contains(types, session.Types[0]) && slices.Contains(session.Attrs, attr):
		return session
	case attr == vocabulary+"secret":
		return tribune.Class{ID: tribune.ClassUnclassified}
	}
	return tribune.Class{ID: "public"}
}

// city is the API in front of a real twin on a store in memory, with a vault and a way of its own.
type city struct {
	http.Handler
	logged *bytes.Buffer
	key    ed25519.PrivateKey
	aead   cipher.AEAD

	named atomic.Int64 // names evaluated

	mu       sync.Mutex
	prepared map[string]tribune.Reading
	acts     map[string]protocol.Act
	readings []tribune.Reading

	delivered []tribune.Pseudonym // of whom subscriptions were told
}

func newCity(t testing.TB, amend ...func(*tribune.Class)) *city {
	t.Helper()
	session := session
	for _, f := range amend {
		f(&session)
	}
	classOf := func(types []tribune.Name, attr tribune.Name) tribune.Class {
		c := classOf(types, attr)
		if c.ID == session.ID {
			return session
		}
		return c
	}
	c := &city{logged: &bytes.Buffer{}, prepared: map[string]tribune.Reading{}, acts: map[string]protocol.Act{}}
	_, c.key, _ = ed25519.GenerateKey(rand.Reader)
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	if c.aead, err = cipher.NewGCM(block); err != nil {
		t.Fatal(err)
	}
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	tw, err := twin.New(twin.Config{Store: st, Sealer: c, ClassOf: classOf})
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := jsonld.New(jsonld.Config{Map: "../../../data/contexts/map.json", Files: successor(t)})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(c.logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Handler = web.Wrap(web.Config{Log: log, Callers: c}, api.New(api.Config{
		Twin: tw, Contexts: contexts, Log: log, Way: c, Names: c, ClassOf: classOf,
		Class: func(id tribune.ClassID) (tribune.Class, bool) { return session, id == session.ID },
	}))
	return c
}

// successor maps the withdrawn context of one example entity to the one that took its place.
func successor(t testing.TB) map[string][]byte {
	text, err := os.ReadFile("../../../data/contexts/dataModel.Environment.jsonld")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"https://fiware.github.io/data-models/context.jsonld": text}
}

// Caller: the tokens are the actors' names.
func (c *city) Caller(token string) (tribune.Caller, error) {
	switch token {
	case "integrator-1":
		return tribune.Caller{Actor: "integrator-1", Office: "integrator"}, nil
	case "inspector-ward", "inspector-poe":
		return tribune.Caller{Actor: tribune.ActorID(token), Office: "parking-inspector"}, nil
	}
	return tribune.Caller{}, tribune.ErrUnknown
}

func (c *city) Pseudonyms(_ context.Context, idtype string, names []string) ([]tribune.Pseudonym, error) {
	var out []tribune.Pseudonym
	c.named.Add(int64(len(names)))
	for _, n := range names {
		h := sha256.Sum256([]byte(idtype + "\x00" + n))
		out = append(out, tribune.Pseudonym(h[:16]))
	}
	return out, nil
}

func (c *city) Seal(_ context.Context, _ tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) ([]tribune.Sealed, []tribune.Write, func(), error) {
	var out []tribune.Sealed
	now := time.Now()
	for _, it := range items {
		nonce := make([]byte, 12)
		rand.Read(nonce)
		out = append(out, tribune.Sealed{
			Class: class.ID, Pseudonym: p, Day: tribune.DayOf(now), Segment: tribune.SecondOf(now), Entity: it.Entity, Attr: it.Attr, Time: it.Time,
			Value: c.aead.Seal(nonce, nonce, it.Clear, aad(it.Entity, it.Attr, it.Time)),
		})
	}
	return out, nil, func() {}, nil
}

func aad(id tribune.EntityID, attr, at string) []byte {
	return []byte(string(id) + "\x00" + attr + "\x00" + at)
}

// Prepare permits the purpose enforce-parking.
func (c *city) May(_ context.Context, r tribune.Reading) (string, error) {
	if r.Caller.Purpose != "enforce-parking" {
		return "", &tribune.Denial{Decision: tribune.Decision{Policies: []string{"only-enforcement"}, Missing: []string{"a purpose that this class is open to"}}}
	}
	return protocol.NewID(), nil
}

func (c *city) Prepare(ctx context.Context, r tribune.Reading) (protocol.Act, error) {
	id, err := c.May(ctx, r)
	if err != nil {
		return protocol.Act{}, err
	}
	if r.ID != "" {
		id = r.ID
	}
	act := protocol.Act{ID: id, Kind: tribune.ActRead, Count: 1, Purpose: r.Caller.Purpose, Time: protocol.Time(time.Now())}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prepared[act.ID], c.acts[act.ID], c.readings = r, act, append(c.readings, r)
	return act, nil
}

func (c *city) Open(_ context.Context, id string, signature []byte) ([][]byte, tribune.Receipt, error) {
	c.mu.Lock()
	r, ok := c.prepared[id]
	act := c.acts[id]
	delete(c.prepared, id)
	c.mu.Unlock()
	if !ok {
		return nil, nil, tribune.ErrNotFound
	}
	if err := act.Verify(c.key.Public().(ed25519.PublicKey), signature); err != nil {
		return nil, nil, err
	}
	var out [][]byte
	for _, s := range r.Sealed {
		clear, err := c.aead.Open(nil, s.Value[:12], s.Value[12:], aad(s.Entity, s.Attr, s.Time))
		if err != nil {
			return nil, nil, fmt.Errorf("value of %s %s at %s: %w", s.Entity, s.Attr, s.Time, err)
		}
		out = append(out, clear)
	}
	return out, tribune.Receipt("c2sp.org/tlog-proof@v1\nindex 7\n\n..."), nil
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return m
}

// do sends one request. headers are "Name: value".
func (c *city) do(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, base+path, in)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.String()}
}

// as is the authorization header of an actor.
func as(actor string) string { return "Authorization: Bearer " + actor }

// must sends a request as the integrator and wants a status.
func (c *city) must(t testing.TB, status int, method, path, body string, headers ...string) answer {
	t.Helper()
	a := c.do(t, method, path, body, append([]string{as("integrator-1")}, headers...)...)
	if a.status != status {
		t.Fatalf("%s %s: got %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}
