package portal

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/protocol"
)

// The people of these tests.
const aPlate = "AB12CDE"

var (
	ada     = web.Session{Subject: "ada", Name: "Ada", Role: web.RoleCitizen, Names: []web.PersonName{{Type: "plate", Name: aPlate}}, Method: "openid", Until: now.Add(time.Hour), CSRF: "ada-token"}
	mallory = web.Session{Subject: "mallory", Name: "Mallory", Role: web.RoleCitizen, Names: []web.PersonName{{Type: "plate", Name: "XX99XXX"}}, Method: "openid", Until: now.Add(time.Hour), CSRF: "mallory-token"}
	ward    = web.Session{Subject: "ward", Name: "Ward", Role: web.RoleOfficer, Actor: "inspector-ward", Office: "parking-inspector", Method: "passkey", Until: now.Add(time.Hour), CSRF: "ward-token"}
)

// fakeOwn knows uses by name.
type fakeOwn struct {
	held map[string][]Holding
	uses map[string][]Use
	told map[string][]Use // what was hidden
	keys map[string][]byte
}

func (f *fakeOwn) Holdings(_ context.Context, n web.PersonName) ([]Holding, error) {
	return f.held[n.Name], nil
}

func (f *fakeOwn) Uses(_ context.Context, n web.PersonName) ([]Use, error) {
	if f.keys[n.Name] == nil {
		return nil, fmt.Errorf("nobody of that name: %w", tribune.ErrNotFound)
	}
	return f.uses[n.Name], nil
}

func (f *fakeOwn) Disclosed(_ context.Context, n web.PersonName) ([]Use, error) {
	return f.told[n.Name], nil
}

func (f *fakeOwn) TraceKey(_ context.Context, n web.PersonName) ([]byte, error) {
	if f.keys[n.Name] == nil {
		return nil, fmt.Errorf("nobody of that name: %w", tribune.ErrNotFound)
	}
	return bytes.Clone(f.keys[n.Name]), nil
}

// fakeKeys appoints at once, or never.
type fakeKeys struct {
	atOnce bool
	keys   map[string][]BrowserKey // by subject
}

func (f *fakeKeys) AtOnce() bool { return f.atOnce }
func (f *fakeKeys) List(_ context.Context, s *web.Session) ([]BrowserKey, error) {
	return f.keys[s.Subject], nil
}

func (f *fakeKeys) Request(_ context.Context, s *web.Session, key []byte) ([]BrowserKey, error) {
	k := BrowserKey{Actor: tribune.ActorID("person-" + s.Subject), Office: officeOf(s), Key: key, Until: now.AddDate(0, 0, 30), State: keyRequested, Paper: "actor = \"person-" + s.Subject + "\"\n"}
	if len(s.Names) > 0 {
		k.For = s.Names[0]
	}
	if f.atOnce {
		k.State, k.Paper, k.Leaf = keyOnRecord, "", 1
	}
	f.keys[s.Subject] = append(f.keys[s.Subject], k)
	return f.keys[s.Subject], nil
}

type fakeLogin struct{}

func (fakeLogin) Providers() []Sign   { return []Sign{{"demo", "Demo people"}} }
func (fakeLogin) PasskeysOff() string { return "" }

// fakeHub answers Ask as the API does: 428 with an act, then the data where the signature fits.
type fakeHub struct {
	t      testing.TB
	keys   *fakeKeys
	now    func() time.Time // nil = now
	deny   *web.Problem
	answer string
	asked  []fakeQuestion
	acts   map[string]protocol.Act
	leaf   uint64
	opened func(protocol.Act) uint64 // puts a signed act on record
}

type fakeQuestion struct {
	caller tribune.Caller
	path   string
	body   string
}

func (f *fakeHub) ask(_ context.Context, c tribune.Caller, path string, body []byte, actID string, signature []byte) (*Answer, error) {
	f.asked = append(f.asked, fakeQuestion{c, path, string(body)})
	if f.deny != nil {
		data, _ := json.Marshal(f.deny)
		return &Answer{Status: f.deny.Status, Body: data, Receipt: 7, OnLeaf: true}, nil
	}
	if actID == "" {
		at := now
		if f.now != nil {
			at = f.now()
		}
		act := protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRead, Office: c.Office, Purpose: c.Purpose, Mandate: c.Mandate, Count: 1, Time: protocol.Time(at), Recipient: make([]byte, 32)}
		f.acts[act.ID] = act
		text, _ := protocol.JCS(act)
		digest, _ := act.Digest()
		return &Answer{Status: 428, ActID: act.ID, ActText: string(text), Digest: digest[:]}, nil
	}
	act, ok := f.acts[actID]
	delete(f.acts, actID)
	for _, keys := range f.keys.keys {
		for _, k := range keys {
			if ok && k.Actor == c.Actor && act.Verify(ed25519.PublicKey(k.Key), signature) == nil {
				if f.opened != nil {
					f.leaf = f.opened(act)
				}
				return &Answer{Status: 200, Body: []byte(f.answer), Receipt: f.leaf, OnLeaf: true}, nil
			}
		}
	}
	return &Answer{Status: 404, Body: []byte(`{"title":"There is no such thing","status":404}`)}, nil
}

// ownCity is a city with two citizens and an officer.
type ownCity struct {
	*Portal
	own  *fakeOwn
	keys *fakeKeys
	hub  *fakeHub
	log  *bytes.Buffer
	wit  *witnessed
}

func newOwnCity(t *testing.T) *ownCity {
	t.Helper()
	c := &ownCity{log: &bytes.Buffer{}, keys: &fakeKeys{atOnce: true, keys: map[string][]BrowserKey{}}}
	c.hub = &fakeHub{t: t, keys: c.keys, acts: map[string]protocol.Act{}, leaf: 42,
		answer: `[{"id":"urn:x:1","type":"ParkingSession","licensePlate":"AB12CDE","refParking":["a","b"],"note":"=1+1","startedAt":{"@type":"DateTime","@value":"2026-11-22T07:31:13Z"}}]`}
	c.own = &fakeOwn{held: map[string][]Holding{}, uses: map[string][]Use{}, keys: map[string][]byte{aPlate: traceKey(1), "XX99XXX": traceKey(2)}}
	c.own.held[aPlate] = []Holding{{Class: "parking-session", Entities: 3, Values: 12, From: now.AddDate(0, 0, -9), Until: now.AddDate(0, 0, 21)}}
	cfg := testConfig(t)
	cfg.Own, cfg.Keys, cfg.Ask, cfg.Login = c.own, c.keys, c.hub.ask, fakeLogin{}
	cfg.Passkeys = func(context.Context, *web.Session) ([]Passkey, error) {
		return []Passkey{{ID: "id1", Label: "my phone", Created: now, Used: now}}, nil
	}
	law := cfg.Law.(*fakeLaw)
	law.mandates = append(law.mandates, tribune.Mandate{ID: "subject-access-2026", Purpose: "subject-access", Issuer: "council", Basis: "GDPR article 15",
		Offices: []tribune.OfficeID{dataSubject}, Classes: []tribune.ClassID{"parking-session"}, MaxSubjects: 1, From: now.AddDate(0, -1, 0), Until: now.AddDate(1, 0, 0)})
	law.mandates = append(law.mandates, tribune.Mandate{ID: "ended-2025", Purpose: "enforce-parking", Basis: "old", Offices: []tribune.OfficeID{"parking-inspector"}, Classes: []tribune.ClassID{"parking-session"}, From: now.AddDate(-2, 0, 0), Until: now.AddDate(-1, 0, 0)})
	rec := cfg.Record.(*fakeRecord)
	for _, who := range []string{aPlate, "XX99XXX"} {
		for n := uint64(1); n <= 2; n++ {
			one := leaf(tribune.ActRead, true)
			one.Decision.Policies, one.Decision.Set, one.Tags = []string{"inspector-looks-up-sessions"}, law.set.Hash(), []tribune.Tag{protocol.UseTag(c.own.keys[who], n)}
			if n == 2 {
				one.Act.Office, one.Act.Purpose, one.Act.Mandate, one.Decision.Policies = dataSubject, "subject-access", "subject-access-2026", []string{"person-reads-own-data"}
			}
			one.Act.Time = protocol.Time(now)
			c.own.uses[who] = append([]Use{{Index: uint64(len(rec.leaves)), N: n, Tag: one.Tags[0], Leaf: one}}, c.own.uses[who]...)
			rec.add(t, one)
		}
	}
	cfg.Log = slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Portal = newPortal(t, cfg)
	return c
}

func (c *ownCity) do(s *web.Session, method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, path, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if s != nil {
		r = r.WithContext(web.WithSession(r.Context(), s))
	}
	w := httptest.NewRecorder()
	c.Handler().ServeHTTP(w, r)
	return w
}

// key gives a session a key that may sign.
func (c *ownCity) key(t *testing.T, s *web.Session, seed byte) (ed25519.PrivateKey, string) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	pub := base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	if w := c.do(s, "POST", "/account/keys", url.Values{"csrf": {s.CSRF}, "key": {pub}}, "Accept", "application/json"); w.Code != 200 {
		t.Fatalf("registering a key: %d %s", w.Code, w.Body)
	}
	return private, pub
}

// lacks fails where a page holds one of the texts.
func lacks(t testing.TB, body string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(body, text) {
			t.Errorf("the page holds %q:\n%s", text, body)
		}
	}
}
