package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/record"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/protocol"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// fakeTwin answers by entity type.
type fakeTwin struct {
	views []twin.View
	fail  error
	asked int
}

func (f *fakeTwin) Find(_ context.Context, q twin.Query) (twin.Page, error) {
	f.asked++
	var page twin.Page
	for _, v := range f.views {
		if q.Types.Match(v.Types) {
			page.Views = append(page.Views, v)
		}
	}
	return page, f.fail
}

type fakeRecord struct {
	leaves  [][]byte
	waiting uint64 // the last of leaves, integrated and not published
	quorum  bool
	read    int
}

func (f *fakeRecord) Published() uint64 { return uint64(len(f.leaves)) - f.waiting }
func (f *fakeRecord) Quorum() bool      { return f.quorum }

// Range yields what is not published, too.
func (f *fakeRecord) Range(_ context.Context, from uint64) iter.Seq2[record.Entry, error] {
	return func(yield func(record.Entry, error) bool) {
		f.read++
		for i := from; i < uint64(len(f.leaves)); i++ {
			if !yield(record.Entry{Index: i, Leaf: f.leaves[i]}, nil) {
				return
			}
		}
	}
}

func (f *fakeRecord) add(t *testing.T, l protocol.Leaf) {
	t.Helper()
	l.Version = protocol.Version
	l.Act.ID, l.Act.Time = protocol.NewID(), protocol.Time(now)
	data, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	f.leaves = append(f.leaves, data)
}

func leaf(kind tribune.ActKind, permit bool, missing ...string) protocol.Leaf {
	return protocol.Leaf{
		Act:      protocol.Act{Kind: kind, Count: 1, Office: "parking-inspector", Purpose: "enforce-parking", Mandate: "parking-enforcement-2026"},
		Decision: tribune.Decision{Permit: permit, Policies: []string{}, Missing: missing}, Tags: []tribune.Tag{},
	}
}

func entity(entityType, id string, attrs map[string]any) twin.View {
	e := model.Entity{ID: tribune.EntityID(id), Types: []tribune.Name{tribune.Name(vocabulary + entityType)}, Attrs: map[tribune.Name][]model.Attr{}}
	for name, value := range attrs {
		data, _ := json.Marshal(value)
		e.Attrs[tribune.Name(vocabulary+name)] = []model.Attr{{Value: data, ObservedAt: now}}
	}
	return twin.View{Entity: e}
}

func page(t *testing.T, cfg Config) (*httptest.ResponseRecorder, *Portal) {
	t.Helper()
	cfg.City, cfg.Log = "birmingham.example", slog.New(slog.NewTextHandler(io.Discard, nil))
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return now }
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return get(p, "/"), p
}

func get(p *Portal, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// has fails where the page lacks one of the texts, white space aside.
func has(t *testing.T, body string, texts ...string) {
	t.Helper()
	flat := regexp.MustCompile(`\s+`).ReplaceAllString(body, " ")
	for _, text := range texts {
		if !strings.Contains(flat, text) {
			t.Errorf("the page lacks %q:\n%s", text, body)
		}
	}
}

func TestPageShowsCityActsAndReceipts(t *testing.T) {
	tw := &fakeTwin{views: []twin.View{
		entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:b", map[string]any{"name": "Zoo", "availableSpotNumber": 30, "totalSpotNumber": 40, "occupiedSpotNumber": 10}),
		entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:a", map[string]any{"name": "Arena", "availableSpotNumber": 1, "totalSpotNumber": 2, "occupiedSpotNumber": 1}),
		entity("AirQualityObserved", "urn:ngsi-ld:AirQualityObserved:1", map[string]any{"name": "Dongsi", "PM2.5": 12.6}),
	}}
	rec := &fakeRecord{quorum: true}
	rec.add(t, leaf(tribune.ActCeremony, true))
	rec.add(t, leaf(tribune.ActRead, true))
	rec.add(t, leaf(tribune.ActRead, false, "the mandate parking-enforcement-2025 ended 2026-01-01"))
	w, _ := page(t, Config{Twin: tw, Record: rec, Facts: func() []Fact { return []Fact{{"Demo clock", "Mon", "runs at 60 times real time"}} }})
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("status %d, %v", w.Code, w.Header())
	}
	body := w.Body.String()
	has(t, body,
		`<main id="main">`, `<section id="acts">`, `<section id="parks">`, `<section id="air">`, `<section id="facts">`, `<section id="check">`,
		`<title>birmingham.example · Tribune</title>`, `<p class="figure">31</p><p>free places of 42 in 2 car parks</p>`,
		`<p class="figure">3</p><p>entries on the public record</p>`, `enough guardians are co-signing`,
		`looked up the data of one person`, `asked for personal data and was refused`, `<span class="ok">permitted</span>`, `<span class="no">denied</span>`,
		`the mandate parking-enforcement-2025 ended 2026-01-01`, `href="/record/receipts/2"`, `href="/record/leaves/1"`,
		`<td class="num">13</td>`, `message of the guardians’ key ceremony <small>(1 entry, last: <a href="/record/receipts/0">receipt 0</a>)`, `Demo clock`, `runs at 60 times real time`, `2026-11-22 10:00:00`,
	)
	if strings.Index(body, "Arena") > strings.Index(body, "Zoo") {
		t.Error("car parks are not in the order of their names")
	}
	if strings.Index(body, "/record/receipts/2") > strings.Index(body, "/record/receipts/1") {
		t.Error("the newest act is not first")
	}
	if strings.Contains(body, "/record/leaves/0") {
		t.Error("the ceremony is listed as an act")
	}
}

func TestEmptyCityWithoutQuorumSaysSo(t *testing.T) {
	w, _ := page(t, Config{Twin: &fakeTwin{}, Record: &fakeRecord{}})
	has(t, w.Body.String(), "Nobody has used personal data or power since entry 0.", "too few guardians are co-signing: nothing personal can be opened", "free places of 0 in 0 car parks")
}

// Names come from whoever may write entities, and from leaves.
func TestHostileTextIsEscapedEverywhere(t *testing.T) {
	const script = `<script>alert(1)</script>`
	const quote = `"><img src=x onerror=alert(1)>`
	tw := &fakeTwin{views: []twin.View{
		entity("OffStreetParking", "javascript:alert(1)"+quote, map[string]any{"name": script}),
		entity("AirQualityObserved", "urn:x"+quote, map[string]any{"name": quote + script, "PM2.5": 1}),
	}}
	rec := &fakeRecord{}
	bad := leaf(tribune.ActKind(script), false, quote)
	bad.Act.Office, bad.Act.Purpose, bad.Act.Mandate = script, quote, "{{.City}}"
	rec.add(t, bad)
	w, _ := page(t, Config{Twin: tw, Record: rec, Demo: script, Facts: func() []Fact { return []Fact{{quote, script, quote}} }})
	body := w.Body.String()
	for _, raw := range []string{"<script", "<img", `href="javascript`} {
		if strings.Contains(body, raw) {
			t.Errorf("the page holds %q", raw)
		}
	}
	has(t, body, "&lt;script&gt;alert(1)&lt;/script&gt;", "{{.City}}")
}

// A sealed attribute has no value here, and must not be taken for zero of a public one.
func TestSealedAttributesAreNotShown(t *testing.T) {
	v := entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:1", map[string]any{"totalSpotNumber": 40})
	v.Attrs[vocabulary+"name"] = []model.Attr{{Value: json.RawMessage(`"AB12CDE"`), Sealed: &tribune.Sealed{Class: "unclassified"}}}
	w, _ := page(t, Config{Twin: &fakeTwin{views: []twin.View{v}}, Record: &fakeRecord{}})
	if strings.Contains(w.Body.String(), "AB12CDE") {
		t.Error("the page shows a sealed value")
	}
}

func TestPageForbidsScriptsFramesAndThirdParties(t *testing.T) {
	w, p := page(t, Config{Twin: &fakeTwin{}, Record: &fakeRecord{}})
	csp := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("policy %q lacks %q", csp, part)
		}
	}
	if w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", w.Header())
	}
	if len(w.Result().Cookies()) != 0 {
		t.Error("the page sets a cookie")
	}
	for _, attr := range regexp.MustCompile(`(?:src|href|action)="([^"]*)"`).FindAllStringSubmatch(w.Body.String(), -1) {
		if !strings.HasPrefix(attr[1], "/") && !strings.HasPrefix(attr[1], "#") || strings.HasPrefix(attr[1], "//") {
			t.Errorf("the page leads elsewhere: %s", attr[0])
		}
	}
	if regexp.MustCompile(`(?i)<script| style=| on[a-z]+=`).MatchString(w.Body.String()) {
		t.Error("the page needs what its own policy forbids")
	}
	css := get(p, "/assets/portal.css")
	if css.Code != http.StatusOK || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") || strings.Contains(css.Body.String(), "url(") {
		t.Errorf("style sheet: %d %v", css.Code, css.Header())
	}
	for _, path := range []string{"/nothing", "/assets/", "/assets/city.html", "/assets/../portal.go"} {
		if got := get(p, path); got.Code == http.StatusOK {
			t.Errorf("%s answers %d", path, got.Code)
		}
	}
}

// A demo that looked like a city would be a lie.
func TestDemoBannerStandsOnADemoAndOnlyThere(t *testing.T) {
	w, _ := page(t, Config{Twin: &fakeTwin{}, Record: &fakeRecord{}, Demo: "One machine plays everyone."})
	has(t, w.Body.String(), `<p class="banner" role="note"><strong>Demo.</strong> One machine plays everyone.</p>`)
	w, _ = page(t, Config{Twin: &fakeTwin{}, Record: &fakeRecord{}})
	if strings.Contains(w.Body.String(), "banner") {
		t.Error("a banner without a demo")
	}
}

// A page that read the whole record at every visit would be a way to stop the hub.
func TestChronicleReadsEveryLeafOnceAndKeepsTheLatest(t *testing.T) {
	rec, at := &fakeRecord{}, now
	for range latestActs + 5 {
		rec.add(t, leaf(tribune.ActRead, true))
	}
	rec.leaves = append(rec.leaves, []byte("a leaf of a later version"))
	rec.add(t, leaf(tribune.ActDecide, true))
	rec.waiting = 1
	w, p := page(t, Config{Twin: &fakeTwin{}, Record: rec, Now: func() time.Time { return at }})
	count := func(w *httptest.ResponseRecorder) int { return strings.Count(w.Body.String(), `aria-label="entry `) }
	if n := count(w); n != latestActs || strings.Contains(w.Body.String(), "exercised a power") {
		t.Errorf("%d acts, want %d, and none that is not published", n, latestActs)
	}
	rec.waiting = 0
	for range 3 {
		at = at.Add(pageFor)
		w = get(p, "/")
	}
	has(t, w.Body.String(), "exercised a power")
	if n := count(w); n != latestActs || rec.read != 2 {
		t.Errorf("%d acts, record read %d times; want %d and 2", n, rec.read, latestActs)
	}
	if n := len(p.seen.acts); n != latestActs {
		t.Errorf("%d acts are remembered", n)
	}
}

func TestFirstRenderingLooksBackSoFarAndNoFurther(t *testing.T) {
	rec := &fakeRecord{}
	rec.add(t, leaf(tribune.ActRead, true))
	for range lookBack {
		rec.leaves = append(rec.leaves, []byte("x"))
	}
	w, _ := page(t, Config{Twin: &fakeTwin{}, Record: rec})
	has(t, w.Body.String(), "Nobody has used personal data or power since entry 1.")
}

func TestOneRenderingASecondServesEveryone(t *testing.T) {
	tw, at := &fakeTwin{}, now
	first, p := page(t, Config{Twin: tw, Record: &fakeRecord{}, Now: func() time.Time { return at }})
	asked := tw.asked
	for range 50 {
		get(p, "/")
	}
	if tw.asked != asked {
		t.Errorf("the twin was asked %d times more within a second", tw.asked-asked)
	}
	at = at.Add(pageFor)
	if later := get(p, "/"); later.Body.String() == first.Body.String() || tw.asked == asked {
		t.Error("a second later the page is still the old one")
	}
}

func TestFailureSaysNothingOfItsCause(t *testing.T) {
	w, _ := page(t, Config{Twin: &fakeTwin{fail: fmt.Errorf("opening /secret/path: %w", errors.ErrUnsupported)}, Record: &fakeRecord{}})
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
