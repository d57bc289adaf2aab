package portal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/record"
	"tribune/protocol"
)

// pageOf is one page of /record.json.
type pageOf struct {
	Entries      []jsonEntry
	Count, First uint64
	Older, Newer string
}

func readPage(t *testing.T, p *Portal, path string) (page pageOf) {
	t.Helper()
	w := get(p, path)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	check(t, json.Unmarshal(w.Body.Bytes(), &page))
	return page
}

func numbers(page pageOf) (out []uint64) {
	for _, e := range page.Entries {
		out = append(out, e.Index)
	}
	return out
}

// A link to a page of the record must show the same entries for ever, and no entry may fall between two pages.
func TestPagesStayTheSameWhileTheRecordGrows(t *testing.T) {
	cfg := testConfig(t)
	rec := &fakeRecord{quorum: true}
	for i := range 137 {
		rec.add(t, leaf(tribune.ActRead, i%3 != 0))
	}
	cfg.Record = rec
	p := newPortal(t, cfg)
	var paths []string
	var before [][]uint64
	seen := map[uint64]int{}
	for path := "/record.json?outcome=permitted&size=20"; path != ""; {
		page := readPage(t, p, path)
		for _, n := range numbers(page) {
			seen[n]++
		}
		if page.Count != 91 {
			t.Fatalf("%s counts %d entries, want 91", path, page.Count)
		}
		if path = page.Older; path != "" {
			paths = append(paths, path)
			before = append(before, numbers(readPage(t, p, path)))
		}
	}
	if len(seen) != 91 {
		t.Errorf("%d different entries on all pages, want 91", len(seen))
	}
	for n, times := range seen {
		if times != 1 {
			t.Errorf("entry %d is on %d pages", n, times)
		}
	}
	for range 55 {
		rec.add(t, leaf(tribune.ActRead, true))
	}
	for i, path := range paths {
		if got := fmt.Sprint(numbers(readPage(t, p, path))); got != fmt.Sprint(before[i]) {
			t.Errorf("%s showed %v, and now %v", path, before[i], got)
		}
	}
	back := readPage(t, p, readPage(t, p, paths[0]).Newer)
	if n := numbers(back); n[len(n)-1] <= before[0][0] || len(n) != 20 {
		t.Errorf("the page newer than %v is %v", before[0], n)
	}
}

func TestBrowsingMeetsEveryEntryOnceAndLeadsBack(t *testing.T) {
	cfg, rec := testConfig(t), &fakeRecord{}
	for i := range 230 {
		kind := tribune.ActRead
		if i%4 == 0 {
			kind = tribune.ActEnrol
		}
		rec.add(t, leaf(kind, true))
	}
	cfg.Record = rec
	p := newPortal(t, cfg)
	var pages []pageOf
	seen := map[uint64]bool{}
	for path := "/record.json"; path != ""; path = pages[len(pages)-1].Older {
		page := readPage(t, p, path)
		for _, n := range numbers(page) {
			if n%4 == 0 || seen[n] {
				t.Errorf("entry %d is bookkeeping or there twice", n)
			}
			seen[n] = true
		}
		pages = append(pages, page)
	}
	if len(seen) != 172 || len(pages) != 4 || pages[0].Count != 172 || pages[0].Newer != "" {
		t.Errorf("%d entries on %d pages, counted %d", len(seen), len(pages), pages[0].Count)
	}
	for i := len(pages) - 1; i > 1; i-- {
		if back := readPage(t, p, pages[i].Newer); fmt.Sprint(numbers(back)) != fmt.Sprint(numbers(pages[i-1])) {
			t.Errorf("newer than page %d: %v, want %v", i, numbers(back), numbers(pages[i-1]))
		}
	}
	has(t, get(p, "/record").Body.String(), "58 further entries are bookkeeping")
}

// A record that cannot be read is an error, not an empty record.
func TestUnreadableRecordIsNoEmptyRecord(t *testing.T) {
	cfg := testConfig(t)
	cfg.Record = brokenRecord{cfg.Record}
	p := newPortal(t, cfg)
	for _, path := range []string{"/record", "/record.json", "/record.atom", "/registers/law"} {
		if w := get(p, path); w.Code < 500 || strings.Contains(w.Body.String(), "/secret") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

type brokenRecord struct{ Record }

func (brokenRecord) Range(context.Context, uint64) iter.Seq2[record.Entry, error] {
	return func(yield func(record.Entry, error) bool) {
		yield(record.Entry{}, errors.New("reading /secret: input/output error"))
	}
}

func TestUnpublishedEntriesAreNotShown(t *testing.T) {
	h := newChronicled(t)
	h.put(t, now, h.second, leaf(tribune.ActErase, true))
	h.rec.waiting = 1
	p := newPortal(t, h.Config)
	last := len(h.rec.leaves) - 1
	if w := get(p, fmt.Sprintf("/record/entries/%d", last)); w.Code != http.StatusNotFound {
		t.Errorf("the entry answers %d", w.Code)
	}
	for _, path := range []string{"/record", "/record.json?all=1", "/record.csv?all=1", "/record.atom?all=1", fmt.Sprintf("/record.json?before=%d", last+9)} {
		if body := get(p, path).Body.String(); strings.Contains(body, "erase") {
			t.Errorf("%s shows what nobody has vouched for", path)
		}
	}
}

func TestEntryNumbersThatOverflowOrAreNone(t *testing.T) {
	p := newPortal(t, newChronicled(t).Config)
	for path, want := range map[string]int{
		"/record/entries/18446744073709551616": 400, "/record/entries/9223372036854775808": 400, "/record/entries/9223372036854775807": 404, "/record/entries/-1": 400,
		"/record/entries/1e3": 400, "/record/entries/none": 400, "/record/entries/%2e%2e": 400, "/record/entries/99": 404, "/record/entries/0": 200,
		"/record?before=18446744073709551616": 400, "/record?before=-1": 400, "/record?before=9223372036854775807": 200, "/record.json?size=0": 400, "/record.json?size=501": 400,
		"/record.json?size=99999999999999999999": 400, "/record?outcome=perhaps": 400, "/record?from=yesterday": 400, "/record?from=2026-13-01": 400, "/record.csv?until=9999-99-99": 400,
	} {
		if w := get(p, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	if w := get(p, "/record/entries?index=7"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/record/entries/7" {
		t.Errorf("go to entry: %d %v", w.Code, w.Header())
	}
	if w := get(p, "/record/entries?index=//evil.example"); w.Header().Get("Location") != "/record/entries/none" {
		t.Errorf("go to entry leads to %q", w.Header().Get("Location"))
	}
}

// A search text is words, never a pattern: nobody can make the hub backtrack.
func TestSearchTextIsNoPattern(t *testing.T) {
	h := newChronicled(t)
	p := newPortal(t, h.Config)
	for q, want := range map[string]uint64{
		".*": 0, "(a+)+$": 0, "[": 0, "%": 0, "inspector": 4, "INSPECTOR denied": 0, "ended mandate": 1, "Traffic act": 3, "look up": 3, "planning": 0, "Ärger": 0,
	} {
		if got := readPage(t, p, "/record.json?q="+url.QueryEscape(q)).Count; got != want {
			t.Errorf("%q finds %d entries, want %d", q, got, want)
		}
	}
	if w := get(p, "/record?q="+strings.Repeat("a", maxQuery+1)); w.Code != http.StatusBadRequest {
		t.Errorf("a long text: %d", w.Code)
	}
	if got := readPage(t, p, "/record.json?q="+url.QueryEscape(strings.Repeat("a ", maxQuery/2))).Count; got == 0 {
		t.Error("many short words find nothing")
	}
}

func TestFiltersOfTheRecord(t *testing.T) {
	h := newChronicled(t)
	p := newPortal(t, h.Config)
	for query, want := range map[string]string{
		"":                                 "[10 9 8 7 6 2 1]",
		"all=1":                            "[10 9 8 7 6 5 4 3 2 1 0]",
		"kind=ceremony":                    "[0]",
		"kind=read":                        "[9 7 2]",
		"outcome=denied":                   "[7]",
		"office=parking-inspector":         "[10 9 7 2]",
		"purpose=keep-trace&all=1":         "[3]",
		"mandate=parking-enforcement-2025": "[7]",
		"policy=inspector-issues-notice":   "[10]",
		"from=2026-11-22":                  "[10 9 8]",
		"until=2026-11-19":                 "[2 1]",
		"from=2026-11-21&until=2026-11-21": "[7 6]",
		"office=nobody":                    "[]",
		"before=7":                         "[6 2 1]",
	} {
		if got := fmt.Sprint(numbers(readPage(t, p, "/record.json?"+query))); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
	}
	has(t, get(p, "/record").Body.String(), "4 further entries are bookkeeping of the hub itself", "looked up the data of 1 person")
	has(t, get(p, "/record/entries/8").Body.String(), "On 2026-11-21, 17 further requests were refused.")
}

// FuzzSearch: whatever stands in an address, a search that is taken is written in one spelling that gives it again.
func FuzzSearch(f *testing.F) {
	for _, seed := range []string{"", "q=a+b&all=1&before=7", "from=2026-01-01&until=2026-12-31&outcome=denied", "kind=%00&office=%ff", "before=18446744073709551615"} {
		f.Add(seed)
	}
	x := newIndex(0)
	x.add([]decoded{{0, leaf(tribune.ActRead, true), true}, {1, leaf(tribune.ActRead, false, "why"), true}, {2, protocol.Leaf{}, false}})
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		s, err := readSearch(q)
		if err != nil {
			return
		}
		again, err := url.ParseQuery(s.query(s.Before))
		if err != nil {
			t.Fatal(err)
		}
		if s2, err := readSearch(again); err != nil || s2 != s {
			t.Fatalf("%+v became %+v, %v", s, s2, err)
		}
		x.find(s, perPage, naming{w: languages()[0]})
	})
}

func BenchmarkSearchAMillionEntries(b *testing.B) {
	x := newIndex(0)
	l := leaf(tribune.ActRead, true)
	r := x.row(decoded{0, l, true})
	for range maxIndexed {
		x.push(r)
		x.next++
	}
	s, err := readSearch(url.Values{"q": {"parking inspector mandate"}, "outcome": {"denied"}, "from": {"2020-01-01"}})
	check(b, err)
	for b.Loop() {
		x.find(s, perPage, naming{w: languages()[0]})
	}
}

func BenchmarkNewestPageOfAMillion(b *testing.B) {
	x := newIndex(0)
	r := x.row(decoded{0, leaf(tribune.ActRead, true), true})
	for range maxIndexed {
		x.push(r)
		x.next++
	}
	for b.Loop() {
		x.find(search{}, perPage, naming{w: languages()[0]})
	}
}

func BenchmarkFeed(b *testing.B) {
	rec := &fakeRecord{}
	for range 4096 {
		rec.add(b, leaf(tribune.ActRead, true))
	}
	for b.Loop() {
		if _, err := newIndex(0).feed(b.Context(), rec, 4096); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/entry")
}
