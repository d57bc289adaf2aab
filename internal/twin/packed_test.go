package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// observations are instances of speed, one a minute from start, value i%50 but where odd says another.
func observations(start time.Time, from, to int, odd func(int) string) model.Entity {
	e := ent("urn:1", "Session", nil)
	e.Attrs = map[tribune.Name][]model.Attr{}
	for i := from; i < to; i++ {
		v := fmt.Sprint(i % 50)
		if odd != nil && odd(i) != "" {
			v = odd(i)
		}
		e.Attrs["speed"] = append(e.Attrs["speed"], model.Attr{Kind: model.Property, Value: json.RawMessage(v), ObservedAt: start.Add(time.Duration(i) * time.Minute)})
	}
	return e
}

// packAll packs everything that can be.
func packAll(t testing.TB, tw *Twin, id tribune.EntityID) (packed int) {
	t.Helper()
	all, err := seriesOf(t.Context(), tw.cfg.Store, keysAt(tribune.Place{}), id, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		for _, order := range [...]byte{byObserved, byModified} {
			for {
				n, _, err := tw.packSeries(t.Context(), entityKey{"", id}, tribune.Place{}, s, timeSpan{order: order})
				if err != nil {
					t.Fatal(err)
				}
				if packed += n; n == 0 {
					break
				}
			}
		}
	}
	return packed
}

// answers is what a twin says of the past in many ways, as text.
func answers(t *testing.T, tw *Twin, start time.Time) string {
	t.Helper()
	at := func(i int) time.Time { return start.Add(time.Duration(i) * time.Minute) }
	out := ""
	hour, month := temporal.Duration{Span: time.Hour}, temporal.Duration{Months: 1}
	for i, q := range []EvolutionQuery{
		{Time: temporal.Query{Any: true}}, {Time: temporal.Query{LastN: 7}}, {Time: temporal.Query{Rel: temporal.Before, At: at(700)}}, {Time: temporal.Query{Rel: temporal.After, At: at(1000)}},
		{Time: temporal.Query{Rel: temporal.Between, At: at(511), End: at(513)}}, {Time: temporal.Query{Rel: temporal.Before, At: at(1030), LastN: 9}},
		{Time: temporal.Query{Property: temporal.ModifiedAt, LastN: 3}}, {Time: temporal.Query{Property: temporal.DeletedAt}},
		{Time: temporal.Query{}, Aggregate: &Aggregation{Every: hour}}, {Time: temporal.Query{Rel: temporal.After, At: at(77)}, Aggregate: &Aggregation{Every: month}},
		{Time: temporal.Query{Rel: temporal.Between, At: at(300), End: at(1200)}, Aggregate: &Aggregation{}}, {Time: temporal.Query{Property: temporal.ModifiedAt}, Aggregate: &Aggregation{Every: hour}},
	} {
		q.Query = Query{IDs: []tribune.EntityID{"urn:1"}}
		if q.Aggregate != nil {
			q.Aggregate.Methods = temporal.Avg | temporal.DistinctCount | temporal.Max | temporal.Min | temporal.Sum | temporal.TotalCount
			if i%2 == 0 {
				q.Aggregate.Methods &^= temporal.DistinctCount
			}
		}
		got, err := tw.Evolutions(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		out += fmt.Sprintf("query %d, cut %v\n", i, got.Cut)
		for _, e := range got.List {
			for _, a := range e.Attrs["speed"] {
				out += fmt.Sprintf("%s %s %s\n", a.Value, a.ObservedAt.Format("15:04"), a.Rare.Instance)
			}
			for _, g := range e.Aggregates["speed"] {
				for _, p := range g.Periods {
					out += p.From.String()
					q.Aggregate.Methods.Each(func(m temporal.Methods) {
						b, _ := p.Append(nil, m)
						out += fmt.Sprintf(" %v=%s", m, b)
					})
					out += "\n"
				}
			}
		}
	}
	return out
}

// Packing must not be seen from outside, whatever came before, after or late.
func TestPackedHistoryAnswersAsLooseHistoryDoes(t *testing.T) {
	for name, odd := range map[string]func(int) string{
		"numbers": nil,
		"mixed": func(i int) string {
			return map[int]string{3: `"text"`, 600: `[1,2]`, 601: "true", 1100: `{"a":1}`}[i]
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			tw := open(t, Config{Now: c.now, ClassOf: classes, Sealer: newSafe()})
			start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			evolve := func(p Past) {
				t.Helper()
				must(t, tw.Evolve(t.Context(), p))
			}
			evolve(Past{Entity: observations(start, 0, 300, odd)})
			evolve(Past{Entity: observations(start, 400, 1300, odd)})
			before := answers(t, tw, start)
			if n := packAll(t, tw, "urn:1"); n != 1024 {
				t.Fatalf("%d rows packed, want 1024", n)
			}
			if after := answers(t, tw, start); after != before {
				t.Errorf("packed:\n%s\nloose:\n%s", after, before)
			}
			verify(t, tw)
			// a hundred late ones, and as many more as make blocks: they go between and into blocks
			evolve(Past{Entity: observations(start, 300, 400, odd)})
			evolve(Past{Entity: observations(start, 1300, 2000, odd)})
			before = answers(t, tw, start)
			if n := packAll(t, tw, "urn:1"); n != 612 { // a block in which nothing is late stays as it is
				t.Fatalf("%d rows packed, want 612", n)
			}
			if after := answers(t, tw, start); after != before {
				t.Errorf("packed with late ones:\n%s\nloose:\n%s", after, before)
			}
			if census := verify(t, tw); census.Past != 2000+1 { // and the head
				t.Errorf("%d rows of history, want 2001", census.Past)
			}
		})
	}
}

// A correction of what is packed must take effect there, keep its instanceId, and leave everything else as it is.
func TestInstancesInBlocksAreCorrectedAndDeleted(t *testing.T) {
	tw := open(t, Config{})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, 0, 1200, nil)}))
	packAll(t, tw, "urn:1")
	all := func() []model.Attr {
		t.Helper()
		got, err := tw.Evolutions(t.Context(), EvolutionQuery{Query: Query{IDs: []tribune.EntityID{"urn:1"}}, Time: temporal.Query{}})
		if err != nil {
			t.Fatal(err)
		}
		return got.List[0].Attrs["speed"]
	}
	past := all()
	one := func(mode PastMode, i int, a model.Attr) Result {
		e := ent("urn:1", "", nil)
		e.Attrs = map[tribune.Name][]model.Attr{"speed": {a}}
		return tw.Evolve(t.Context(), Past{Mode: mode, Entity: e, Instance: past[i].Rare.Instance})
	}
	for _, i := range []int{0, 100, 511, 512, 1199} {
		must(t, one(PastDeleteInstance, i, model.Attr{}))
		if r := one(PastDeleteInstance, i, model.Attr{}); !isAbsent(r.Err) {
			t.Errorf("deleting instance %d again: got %v, want ErrNotFound", i, r.Err)
		}
	}
	moved := start.Add(-time.Hour)
	must(t, one(PastReplace, 200, model.Attr{Kind: model.Property, Value: json.RawMessage("777"), ObservedAt: moved}))
	left := all()
	if len(left) != 1195 || string(left[0].Value) != "777" || left[0].Rare.Instance != past[200].Rare.Instance {
		t.Fatalf("%d instances, the first %s %s, want 1195 and the one moved under its name %s", len(left), left[0].Value, left[0].Rare.Instance, past[200].Rare.Instance)
	}
	if !left[0].CreatedAt.Equal(past[200].CreatedAt) || !left[0].ModifiedAt.After(past[200].ModifiedAt) {
		t.Errorf("createdAt %v, modifiedAt %v", left[0].CreatedAt, left[0].ModifiedAt)
	}
	must(t, one(PastReplace, 200, model.Attr{Kind: model.Property, Value: json.RawMessage("778"), ObservedAt: past[200].ObservedAt}))
	if left = all(); len(left) != 1195 || string(left[198].Value) != "778" || left[198].Rare.Instance != past[200].Rare.Instance {
		t.Errorf("moved back: %s at 198", left[198].Value)
	}
	must(t, one(PastDeleteInstance, 200, model.Attr{}))
	if left = all(); len(left) != 1194 {
		t.Errorf("%d instances, want 1194", len(left))
	}
	verify(t, tw)
	e := ent("urn:1", "", nil)
	e.Attrs = map[tribune.Name][]model.Attr{"speed": {{}}}
	must(t, tw.Evolve(t.Context(), Past{Mode: PastDeleteAttr, Entity: e}))
	must(t, tw.Evolve(t.Context(), Past{Mode: PastDelete, Entity: ent("urn:1", "", nil)}))
	for p := range tw.cfg.Store.Scan(t.Context(), store.Prefix(store.Key(room, tribune.Place{}))) {
		if k := keysAt(tribune.Place{}); !bytes.HasPrefix(p.Key, k.of("c")) && !bytes.HasPrefix(p.Key, k.of("v")) { // change log, layout
			t.Errorf("left in the store: %q", p.Key)
		}
	}
}

// Readings are remembered by their history rows: packing must not make them apply twice.
func TestPackedReadingsApplyOnce(t *testing.T) {
	tw := open(t, Config{})
	base := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var all []tribune.Change
	for i := range 700 {
		at := base.Add(time.Duration(i) * time.Minute)
		all = append(all, tribune.Change{ID: fmt.Sprintf("device/%d", at.UnixNano()), Entity: "urn:1", Types: []tribune.Name{"Car"}, Attr: "n", Value: fmt.Appendf(nil, `{"type":"Property","value":%d,"observedAt":%q}`, i, at.Format(time.RFC3339))})
	}
	if err := tw.Apply(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if n := packAll(t, tw, "urn:1"); n != 512 {
		t.Fatalf("%d rows packed, want 512", n)
	}
	again, err := New(tw.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Apply(t.Context(), []tribune.Change{all[3], all[511], all[699]}); err != nil {
		t.Fatal(err)
	}
	if census := verify(t, again); census.Past != 700 {
		t.Errorf("%d history rows, want 700", census.Past)
	}
}

// At a power cut while history is packed every instance is where it was or in a block, once.
func TestPackingSurvivesPowerCuts(t *testing.T) {
	disk, rng := vfs.NewCrashableMem(), rand.New(rand.NewPCG(5, 5))
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for round := range 5 {
		st, err := pebble.Open(pebble.Config{Dir: "store", FS: disk, MemtableBytes: 256 << 10, CacheBytes: 1 << 20, Fatal: func(error) {}})
		if err != nil {
			t.Fatal(err)
		}
		tw := open(t, Config{Store: st, Now: time.Now})
		if census := verify(t, tw); round > 0 && census.Past != 1200*round+1 {
			t.Fatalf("round %d: %d rows, want %d", round, census.Past, 1200*round+1)
		}
		must(t, tw.Evolve(t.Context(), Past{Entity: observations(start, 1200*round, 1200*(round+1), nil)}))
		s := seriesKey{name: "speed"}
		for range rng.IntN(3) {
			if _, _, err := tw.packSeries(t.Context(), entityKey{"", "urn:1"}, tribune.Place{}, s, timeSpan{order: byObserved}); err != nil {
				t.Fatal(err)
			}
		}
		disk = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(100), RNG: rng})
		st.Close()
	}
}

func FuzzDecodeBlock(f *testing.F) {
	p, err := newPacks()
	if err != nil {
		f.Fatal(err)
	}
	var rows []pastRow
	for i, a := range observations(time.Unix(1e9, 0).UTC(), 0, 5, nil).Attrs["speed"] {
		rows = append(rows, pastRow{rowPlace{byObserved, ordinal(a.ObservedAt), []byte(fmt.Sprintf("change%010d", i))}, appendAttr([]byte{docFormat}, &a)})
	}
	head, body, err := p.encode("urn:1", seriesKey{name: "speed"}, rows)
	if err != nil {
		f.Fatal(err)
	}
	place := rows[0].append(nil)
	f.Add(place, head, body)
	f.Add(place, []byte{blockFormat, 0, 1}, []byte{})
	f.Fuzz(func(t *testing.T, place, head, body []byte) {
		b, err := decodeBlock(place, head)
		if err != nil {
			return
		}
		rows, err := p.rows(b, body)
		if err == nil && len(rows) != b.count {
			t.Errorf("%d rows of %d", len(rows), b.count)
		}
	})
}

func FuzzInstanceID(f *testing.F) {
	f.Add(instanceID([6]byte{1}, rowPlace{byObserved, 5, make([]byte, 10)}))
	f.Add(instancePrefix + "x")
	f.Fuzz(func(t *testing.T, text string) {
		h, p, ok := parseInstanceID(text)
		if !ok {
			return
		}
		if h2, p2, ok := parseInstanceID(instanceID(h, p)); !ok || h2 != h || p2.compare(p) != 0 || !slices.Equal(p2.suffix, p.suffix) {
			t.Errorf("%q does not come back", text)
		}
		q := p.moved('m', 7)
		if string(q.name()) != string(p.name()) {
			t.Errorf("%q has another name once it is moved", text)
		}
	})
}
