package portal

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tribune"
	"tribune/internal/record"
)

// tally counts what is read of the record.
type tally struct {
	*fakeRecord
	leaves int
}

func (r *tally) Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error] {
	return func(yield func(record.Entry, error) bool) {
		for e, err := range r.fakeRecord.Range(ctx, from) {
			r.leaves++
			if !yield(e, err) {
				return
			}
		}
	}
}

// A page that read the whole record at every visit would be a way to stop the hub.
func TestVisitReadsOnlyWhatIsNew(t *testing.T) {
	cfg, rec := testConfig(t), &tally{fakeRecord: &fakeRecord{}}
	for range 3 * lookBack {
		rec.add(t, leaf(tribune.ActRead, true))
	}
	cfg.Record = rec
	p := newPortal(t, cfg)
	get(p, "/record")
	if rec.leaves > lookBack+1 {
		t.Errorf("the first visit read %d entries, at most %d", rec.leaves, lookBack)
	}
	rec.leaves = 0
	for range 20 {
		get(p, "/record?q=parking&office=parking-inspector")
	}
	if rec.leaves != 0 {
		t.Errorf("visits without news read %d entries", rec.leaves)
	}
	rec.add(t, leaf(tribune.ActDecide, true))
	if get(p, "/record"); rec.leaves != 1 {
		t.Errorf("one new entry, %d read", rec.leaves)
	}
}

func TestDeepPagingReadsOneWindowOfTheLog(t *testing.T) {
	cfg, rec := testConfig(t), &tally{fakeRecord: &fakeRecord{}}
	for range 3 * lookBack {
		rec.add(t, leaf(tribune.ActRead, true))
	}
	cfg.Record = rec
	p := newPortal(t, cfg)
	get(p, "/record")
	rec.leaves = 0
	page := readPage(t, p, "/record.json?before=900")
	if n := numbers(page); rec.leaves > windowSize+1 || n[0] != 899 || n[len(n)-1] != 850 {
		t.Errorf("read %d entries, got %v", rec.leaves, numbers(page))
	}
	seen := map[uint64]bool{}
	for path := "/record.json?size=500&before=900"; path != ""; {
		page := readPage(t, p, path)
		for _, n := range numbers(page) {
			seen[n] = true
		}
		path = page.Older
	}
	if len(seen) != 900 {
		t.Errorf("%d entries before 900 were reached", len(seen))
	}
	has(t, get(p, "/record?before=900").Body.String(), "older than the search reaches")
	has(t, get(p, "/record").Body.String(), "Search and counts reach back to entry 2,048 for the moment")
}

// An index without a bound would be a way to fill the hub's memory.
func TestIndexForgetsTheOldestRows(t *testing.T) {
	if n := unsafe.Sizeof(row{}); n != 24 {
		t.Errorf("a row has %d bytes; the bounds speak of 24", n)
	}
	x := newIndex(0)
	for i := range uint64(maxIndexed + 3*chunkRows) {
		x.push(row{at: int64(i)})
		x.next++
	}
	rows := 0
	for _, c := range x.chunks {
		rows += len(c)
	}
	if rows > maxIndexed+chunkRows || x.first+uint64(rows) != x.next || x.at(x.first).at != int64(x.first) || x.at(x.next-1).at != int64(x.next-1) {
		t.Errorf("%d rows from %d to %d", rows, x.first, x.next)
	}
}

// Whoever is denied may make up texts: they must not fill the hub's memory.
func TestMadeUpTextsAreBounded(t *testing.T) {
	x := newTexts()
	for i := range maxTexts + 100 {
		x.of(fmt.Sprintf("%064d", i))
	}
	if len(x.list) > maxTexts+1 || x.bytes > maxTextBytes || x.of("yet another") != notKept || x.text(notKept) == "" {
		t.Errorf("%d texts of %d bytes", len(x.list), x.bytes)
	}
	l := leaf(tribune.ActRead, false, strings.Repeat("ä", 20_000))
	if s := clipReasons(l.Decision.Missing); len(s) > maxReason+4 || strings.ContainsRune(s, '\ufffd') {
		t.Errorf("a reason of %d bytes is kept: %q", len(s), s[len(s)-8:])
	}
}

func TestFollowReadsTheWholeRecordInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, rec := testConfig(t), &fakeRecord{}
		rec.add(t, leaf(tribune.ActDecide, true))
		for range 3 * lookBack {
			rec.add(t, leaf(tribune.ActRead, true))
		}
		cfg.Record = rec
		p := newPortal(t, cfg)
		if n := readPage(t, p, "/record.json?kind=decide").Count; n != 0 {
			t.Errorf("the first visit found %d old entries", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- p.Follow(ctx) }()
		synctest.Wait()
		if page := readPage(t, p, "/record.json?kind=decide"); page.Count != 1 || page.First != 0 {
			t.Errorf("after reading everything %d entries, from %d", page.Count, page.First)
		}
		rec.add(t, leaf(tribune.ActDecide, true))
		time.Sleep(2 * followEach)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if page := readPage(t, p, "/record.json?kind=decide"); page.Count != 2 {
			t.Errorf("%d entries after one more", page.Count)
		}
	})
}
