package twin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// spread makes a store look partitioned.
type spread struct {
	store.Store
	n uint16
}

func (s spread) Partitions() uint16 { return s.n }

func memory(t testing.TB) store.Store {
	t.Helper()
	st, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// clock is a time that moves a second with every look.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Second)
	return c.at
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)} }

// classes: plate, driver and place of a Session are personal, named by plate; secret is of no class; all else is public.
func classes(types []tribune.Name, attr tribune.Name) tribune.Class {
	switch {
	case slices.Contains(types, "Session") && slices.Contains([]tribune.Name{"plate", "driver", "place", "paid"}, attr):
		return tribune.Class{ID: "session", Personal: true, Subject: "plate", SubjectType: "plate"}
	case attr == "secret":
		return tribune.Class{ID: tribune.ClassUnclassified}
	}
	return tribune.Class{ID: "public"}
}

// safe is a vault for tests: AES-GCM under one random key, with a header row beside the first value of a subject.
type safe struct {
	aead      cipher.AEAD
	mu        sync.Mutex
	calls     [][]string // names asked for
	committed int
	down      error
}

func newSafe() *safe {
	key := make([]byte, 32)
	rand.Read(key)
	block, _ := aes.NewCipher(key)
	aead, _ := cipher.NewGCM(block)
	return &safe{aead: aead}
}

func pseudonymOf(idtype, name string) tribune.Pseudonym {
	h := sha256.Sum256([]byte("test" + idtype + "\x00" + name))
	return tribune.Pseudonym(h[:16])
}

func (s *safe) Pseudonyms(_ context.Context, idtype string, names []string) (out []tribune.Pseudonym, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	s.calls = append(s.calls, names)
	for _, n := range names {
		out = append(out, pseudonymOf(idtype, n))
	}
	return out, nil
}

func (s *safe) Seal(_ context.Context, at tribune.Place, class tribune.Class, p tribune.Pseudonym, items []tribune.Item) (out []tribune.Sealed, writes []tribune.Write, committed func(), err error) {
	for _, it := range items {
		nonce := make([]byte, 12)
		rand.Read(nonce)
		aad := []byte(string(it.Entity) + "|" + it.Attr + "|" + it.Time)
		out = append(out, tribune.Sealed{Class: class.ID, Pseudonym: p, Day: 20000, Segment: 7, Time: it.Time, Value: s.aead.Seal(nonce, nonce, it.Clear, aad)})
	}
	writes = []tribune.Write{{Key: store.Key("vault", at, "header", p.String()), Value: []byte("header")}}
	return out, writes, func() { s.mu.Lock(); s.committed++; s.mu.Unlock() }, nil
}

func (s *safe) open(t *testing.T, sealed *tribune.Sealed) model.Attr {
	t.Helper()
	clear, err := s.aead.Open(nil, sealed.Value[:12], sealed.Value[12:], []byte(string(sealed.Entity)+"|"+sealed.Attr+"|"+sealed.Time))
	if err != nil {
		t.Fatalf("opening %s of %s: %v", sealed.Attr, sealed.Entity, err)
	}
	a, err := OpenAttr(clear)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// observer watches always.
type observer func(Event)

func (o observer) Watches() bool   { return true }
func (o observer) Tells() bool     { return false }
func (o observer) Observe(e Event) { o(e) }

func open(t testing.TB, cfg Config) *Twin {
	t.Helper()
	if cfg.Store == nil {
		cfg.Store = memory(t)
	}
	if cfg.Now == nil {
		cfg.Now = newClock().now
	}
	tw, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tw
}

func prop(v string) []model.Attr {
	return []model.Attr{{Kind: model.Property, Value: json.RawMessage(v)}}
}

func ent(id, typ string, attrs map[tribune.Name][]model.Attr) model.Entity {
	e := model.Entity{ID: tribune.EntityID(id), Attrs: attrs}
	if typ != "" {
		e.Types = []tribune.Name{tribune.Name(typ)}
	}
	return e
}

func (t *Twin) do(tb testing.TB, mode Mode, e model.Entity) Result {
	tb.Helper()
	return t.Mutate(tb.Context(), []Mutation{{Mode: mode, Entity: e}})[0]
}

func must(tb testing.TB, r Result) Result {
	tb.Helper()
	if r.Err != nil {
		tb.Fatal(r.Err)
	}
	return r
}

func verify(tb testing.TB, t *Twin) Census {
	tb.Helper()
	c, err := t.Verify(context.WithoutCancel(tb.Context()))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func q(tb testing.TB, text string) *query.Expr {
	tb.Helper()
	x, err := query.Parse(text, func(s string) (tribune.Name, error) { return tribune.Name(s), nil })
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

func ids(p Page) string {
	var out []string
	for _, v := range p.Views {
		out = append(out, string(v.ID))
	}
	return strings.Join(out, " ")
}

// dump is every key and value in the store.
func dump(t *testing.T, st store.Store) []byte {
	t.Helper()
	var all []byte
	for p, err := range st.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(append(append(all, p.Key...), p.Value...), '\n')
	}
	return all
}
