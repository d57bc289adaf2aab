package portal

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/record"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

// What every test of this package stands on: testConfig gives a small city, newPortal its pages, get one of them.

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// testConfig is a city with three car parks, two stations, some acts on record and the demo's law.
func testConfig(t testing.TB) Config {
	t.Helper()
	tw, rec := &fakeTwin{views: testCity()}, &fakeRecord{quorum: true}
	rec.add(t, leaf(tribune.ActCeremony, true))
	rec.add(t, leaf(tribune.ActRead, true))
	rec.add(t, leaf(tribune.ActRead, false, "the mandate parking-enforcement-2025 ended 2026-01-01"))
	return Config{
		City: "birmingham.example", URL: "http://localhost:8080", Demo: "One machine plays everyone.",
		Twin: tw, Record: rec, Law: testLaw(t), Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Facts: func() []Fact { return []Fact{{"Demo clock", "Mon 9:00", "runs at 60 times real time"}} },
	}
}

func newPortal(t testing.TB, cfg Config) *Portal {
	t.Helper()
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// get asks for a page; headers are pairs of name and value.
func get(p *Portal, path string, headers ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	p.Handler().ServeHTTP(w, r)
	return w
}

// has fails where the page lacks one of the texts, white space aside.
func has(t testing.TB, body string, texts ...string) {
	t.Helper()
	flat := regexp.MustCompile(`\s+`).ReplaceAllString(body, " ")
	for _, text := range texts {
		if !strings.Contains(flat, text) {
			t.Errorf("the page lacks %q:\n%s", text, body)
		}
	}
}

func testCity() []twin.View {
	park := func(id, name string, free, places int, lon, lat float64) twin.View {
		return entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:"+id, map[string]any{
			"name": name, "availableSpotNumber": free, "totalSpotNumber": places, "occupiedSpotNumber": places - free,
			"location": map[string]any{"type": "Point", "coordinates": []float64{lon, lat}},
		})
	}
	air := func(id, name string, pm25 float64, lon, lat float64) twin.View {
		return entity("AirQualityObserved", "urn:ngsi-ld:AirQualityObserved:"+id, map[string]any{
			"name": name, "pm25": pm25, "pm10": 2 * pm25, "no2": 31, "o3": 40,
			"location": map[string]any{"type": "Point", "coordinates": []float64{lon, lat}},
		})
	}
	return []twin.View{
		park("arena", "Arena", 1, 200, -1.90, 52.48), park("bull-ring", "Bull Ring", 300, 400, -1.89, 52.47), park("zoo", "Zoo", 0, 50, -1.91, 52.49),
		air("dongsi", "Dongsi", 12.6, -1.88, 52.46), air("tiantan", "Tiantan", 80, -1.92, 52.50),
	}
}

func entity(entityType, id string, attrs map[string]any) twin.View {
	e := model.Entity{ID: tribune.EntityID(id), Types: []tribune.Name{tribune.Name(vocabulary + entityType)}, Attrs: map[tribune.Name][]model.Attr{}, ModifiedAt: now}
	for name, value := range attrs {
		data, _ := json.Marshal(value)
		a := model.Attr{Kind: model.Property, Value: data, ObservedAt: now, CreatedAt: now.Add(-time.Hour), ModifiedAt: now}
		full := tribune.Name(vocabulary + name)
		if name == "location" {
			full, a.Kind = twin.LocationIRI, model.GeoProperty
		}
		e.Attrs[full] = []model.Attr{a}
	}
	return twin.View{Entity: e}
}

// fakeTwin answers by entity type and id. Every numeric attribute has a history of a value an hour for two days.
type fakeTwin struct {
	views []twin.View
	fail  error
	asked int
	past  *twin.TemporalQuery // the last question about the past
}

func (f *fakeTwin) Find(_ context.Context, q twin.Query) (twin.Page, error) {
	f.asked++
	page := twin.Page{Count: -1}
	for _, v := range f.views {
		if q.Types.Match(v.Types) && (q.IDPattern == nil || q.IDPattern.MatchString(string(v.ID))) {
			page.Views = append(page.Views, v)
		}
	}
	if q.Count {
		page.Count = len(page.Views)
	}
	page.Views = page.Views[min(q.Offset, len(page.Views)):]
	if q.Limit > 0 || q.Count {
		page.Views = page.Views[:min(q.Limit, len(page.Views))]
	}
	return page, f.fail
}

func (f *fakeTwin) Get(_ context.Context, _ tribune.Tenant, id tribune.EntityID) (twin.View, error) {
	i := slices.IndexFunc(f.views, func(v twin.View) bool { return v.ID == id })
	switch {
	case f.fail != nil:
		return twin.View{}, f.fail
	case i < 0:
		return twin.View{}, fmt.Errorf("entity %s: %w", id, tribune.ErrNotFound)
	}
	return f.views[i], nil
}

func (f *fakeTwin) History(ctx context.Context, q twin.TemporalQuery) (model.Entity, error) {
	f.past = &q
	v, err := f.Get(ctx, q.Tenant, q.ID)
	if err != nil {
		return model.Entity{}, err
	}
	e := v.Entity
	e.Attrs = map[tribune.Name][]model.Attr{}
	for name, list := range v.Attrs {
		var n float64
		if len(q.Attrs) > 0 && !slices.Contains(q.Attrs, name) || list[0].Sealed != nil || json.Unmarshal(list[0].Value, &n) != nil {
			continue
		}
		for hour := range 48 {
			a := list[0]
			a.ObservedAt = now.Add(time.Duration(hour-47) * time.Hour)
			a.Value, _ = json.Marshal(n + float64(hour))
			if q.Rel != "between" || !a.ObservedAt.Before(q.At) && a.ObservedAt.Before(q.End) {
				e.Attrs[name] = append(e.Attrs[name], a)
			}
		}
		if q.LastN > 0 {
			slices.Reverse(e.Attrs[name])
			e.Attrs[name] = e.Attrs[name][:min(q.LastN, len(e.Attrs[name]))]
		}
	}
	return e, nil
}

type fakeRecord struct {
	leaves  [][]byte
	waiting uint64 // the last of leaves, integrated and not published
	quorum  bool
	read    int
}

func (f *fakeRecord) Published() uint64 { return uint64(len(f.leaves)) - f.waiting }
func (f *fakeRecord) Quorum() bool      { return f.quorum }

func (f *fakeRecord) Checkpoint() []byte {
	return fmt.Appendf(nil, "birmingham.example/log\n%d\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— birmingham.example/log AAAA\n", f.Published())
}

func (f *fakeRecord) Leaf(_ context.Context, index uint64) ([]byte, error) {
	if index >= uint64(len(f.leaves)) {
		return nil, fmt.Errorf("leaf %d: %w", index, tribune.ErrNotFound)
	}
	return f.leaves[index], nil
}

func (f *fakeRecord) Receipt(_ context.Context, index uint64, _ bool) (tribune.Receipt, error) {
	if index >= f.Published() {
		return nil, fmt.Errorf("leaf %d: %w", index, tribune.ErrNotFound)
	}
	return tribune.Receipt(fmt.Sprintf("c2sp.org/tlog-proof@v1\nindex %d\n", index)), nil
}

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

func (f *fakeRecord) add(t testing.TB, l protocol.Leaf) {
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

// fakeLaw holds the demo's law.
type fakeLaw struct {
	set      *policy.Set
	sets     map[tribune.Hash]*policy.Set
	mandates []tribune.Mandate
}

func (f *fakeLaw) Set() *policy.Set            { return f.set }
func (f *fakeLaw) Sets() []tribune.Hash        { return slices.Collect(maps.Keys(f.sets)) }
func (f *fakeLaw) Mandates() []tribune.Mandate { return f.mandates }
func (f *fakeLaw) Load(h tribune.Hash) (*policy.Set, error) {
	if s := f.sets[h]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("law %s: %w", h, tribune.ErrNotFound)
}

// writtenLaw is the demo's law as files and whom they trust, written once.
var writtenLaw = sync.OnceValues(func() (map[string][]byte, policy.Trust) {
	dir, err := os.MkdirTemp("", "portal-law-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	steward, _, err := protocol.NewKey("birmingham.example/steward")
	if err != nil {
		panic(err)
	}
	council, _, err := protocol.NewKey("birmingham.example/council")
	if err != nil {
		panic(err)
	}
	auditor, _, err := protocol.NewKey("birmingham.example/model-auditor")
	if err != nil {
		panic(err)
	}
	keys := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		keys[a], _, _ = ed25519.GenerateKey(nil)
	}
	w, err := law.Write(filepath.Join(dir, "law"), law.Config{City: "birmingham.example", Steward: steward, Council: council, Auditor: auditor, Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Keys: keys, Now: now})
	if err != nil {
		panic(err)
	}
	files, err := policy.ReadFiles(filepath.Join(dir, "law"))
	if err != nil {
		panic(err)
	}
	return files, w.Trust
})

func testLaw(t testing.TB) *fakeLaw {
	t.Helper()
	files, trust := writtenLaw()
	set, err := policy.Load(files, trust)
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeLaw{set: set, sets: map[tribune.Hash]*policy.Set{set.Hash(): set}}
	f.mandates = []tribune.Mandate{{
		ID: "parking-enforcement-2026", Purpose: "enforce-parking", Issuer: "birmingham.example/council", Basis: "Council decision",
		Offices: []tribune.OfficeID{"parking-inspector"}, Classes: []tribune.ClassID{"parking-session"}, MaxSubjects: 1,
		From: now.AddDate(0, 0, -1), Until: now.AddDate(1, 0, 0),
	}}
	return f
}
