package portal

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How the index follows the record.
const (
	lookBack   = 1024            // entries a visitor finds before the whole record has been read
	catchUp    = 2048            // entries read at most during one visit: about 40 ms
	followStep = 1 << 14         // entries read in one step in the background
	followEach = time.Second     // a visit reads what is newer anyway
	followRest = 5 * time.Second // after a record that could not be read
)

// book is the record in memory. Visitors see the newest part at once; Follow reads the whole in the background.
type book struct {
	record Record

	mu      sync.Mutex // guards what follows
	current *index
	whole   bool // current began at the first entry
}

// look is the index, with what has been published since.
func (b *book) look(ctx context.Context) (*index, error) {
	b.mu.Lock()
	if b.current == nil {
		published := b.record.Published()
		b.current = newIndex(published - min(published, lookBack))
		b.whole = published <= lookBack
	}
	x := b.current
	b.mu.Unlock()
	if _, err := x.feed(ctx, b.record, catchUp); err != nil {
		return nil, fmt.Errorf("reading the record: %w", err)
	}
	return x, nil
}

// complete reports whether the whole record has been read, so that a search reaches as far as the bounds go.
func (b *book) complete() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole
}

// Follow reads the whole record into memory and then what is added, until ctx ends. Without it, pages know the newest
// entries and find older ones by their number only.
func (p *Portal) Follow(ctx context.Context) error {
	b := &p.book
	b.mu.Lock()
	x, whole := b.current, b.whole
	b.mu.Unlock()
	if x == nil || !whole {
		x = newIndex(0)
	}
	for pause := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		done, err := x.feed(ctx, b.record, followStep)
		switch {
		case err != nil && ctx.Err() == nil:
			p.cfg.Log.Warn("reading the record for its pages", "err", err)
			pause = followRest
		case done:
			b.mu.Lock()
			b.current, b.whole = x, true
			b.mu.Unlock()
			pause = followEach
		default:
			pause = 0
		}
	}
}

// recordData is what the page of the record shows.
type recordData struct {
	Search    search
	Found     found
	Lines     []line
	Choices   choices
	Kinds     []choice
	Published uint64
	Quorum    bool
	Complete  bool // the whole record has been read
	Window    bool // older than the index reaches: read from the log itself
	Oldest    uint64
	Name      naming

	Subscription *entry // that is searched for
}

// choice is one option of a filter.
type choice struct {
	Value, Title string
	Chosen       bool
}

func (p *Portal) recordRoutes() {
	p.book.record = p.cfg.Record
	p.page("GET /record", p.showRecord)
	p.page("GET /record/entries", func(r *http.Request) (view, error) {
		return view{}, redirect("/record/entries/" + queryNumber(r))
	})
	p.page("GET /record/entries/{index}", p.showEntry)
	p.page("GET /record/checkpoint", p.showCheckpoint)
	p.data("GET /record.atom", p.recordAtom)
	p.data("GET /record.csv", p.recordCSV)
	p.data("GET /record.json", p.recordJSON)
	p.registerRoutes()
	p.page("GET /limits", p.showLimits)
	p.data("GET /limits.json", p.limitsJSON)
	p.data("GET /limits.csv", p.limitsCSV)
	p.page("GET /api", p.showAPI)
	p.data("GET /openapi.json", p.openAPI)
}

// queryNumber is the form field of "go to entry": digits only, else something that no entry has.
func queryNumber(r *http.Request) string {
	n := r.URL.Query().Get("index")
	if n == "" || len(n) > 19 || slices.ContainsFunc([]byte(n), func(c byte) bool { return c < '0' || c > '9' }) {
		return "none"
	}
	return n
}

// searchRecord answers a search from the index, or from the log where the page lies before what the index reaches.
func (p *Portal) searchRecord(ctx context.Context, s search, limit int, also naming) (f found, window bool, err error) {
	x, err := p.book.look(ctx)
	if err != nil {
		return f, false, err
	}
	x.mu.RLock()
	first := x.first
	x.mu.RUnlock()
	if s.Before > 0 && s.Before <= first {
		f, err = p.window(ctx, s, limit, also)
		return f, true, err
	}
	f = x.find(s, limit, also)
	if f.Older == 0 && f.First > 0 {
		f.Older = f.First // the log goes on where the index ends
	}
	return f, false, nil
}

// windowSize is how many entries one page reads from the log itself.
const windowSize = 512

// window searches the entries right before s.Before. Its neighbours are the windows beside it.
func (p *Portal) window(ctx context.Context, s search, limit int, also naming) (found, error) {
	from := s.Before - min(s.Before, windowSize)
	x := newIndex(from)
	if _, err := x.feed(ctx, p.cfg.Record, s.Before-from); err != nil {
		return found{}, fmt.Errorf("reading the record: %w", err)
	}
	f := x.find(s, limit, also)
	if f.Older == 0 {
		f.Older = from
	}
	f.Newer = s.Before + windowSize
	f.Newest = f.Newer >= p.cfg.Record.Published()
	return f, nil
}

func (p *Portal) showRecord(r *http.Request) (view, error) {
	s, err := readSearch(r.URL.Query())
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	n := p.naming(w)
	d := recordData{Search: s, Name: n, Quorum: p.cfg.Record.Quorum(), Published: p.cfg.Record.Published(), Complete: p.book.complete()}
	if d.Found, d.Window, err = p.searchRecord(r.Context(), s, perPage, n); err != nil {
		return view{}, err
	}
	d.Lines = n.lines(d.Found.Entries)
	if i, ok := p.standingEntry(r.Context(), s.Standing); ok {
		d.Subscription = &entry{Index: i}
	}
	x, err := p.book.look(r.Context())
	if err != nil {
		return view{}, err
	}
	d.Complete = p.book.complete()
	d.Choices = x.choices()
	for _, k := range d.Choices.Kinds {
		d.Kinds = append(d.Kinds, choice{string(k), n.kind(k), string(k) == s.Kind})
	}
	return view{Name: "record", Title: w.T("The public record"), Data: d, Atom: "/record.atom"}, nil
}

// options of a filter, with titles; a value that is not on record stays chosen.
func options(all []string, chosen string, title func(string) string) []choice {
	var out []choice
	if chosen != "" && !slices.Contains(all, chosen) {
		all = append([]string{chosen}, all...)
	}
	for _, v := range all {
		out = append(out, choice{v, title(v), v == chosen})
	}
	return out
}

// Offices and the other filters are what the form offers.
func (d recordData) Offices() []choice {
	return options(d.Choices.Offices, d.Search.Office, d.Name.office)
}
func (d recordData) Purposes() []choice {
	return options(d.Choices.Purposes, d.Search.Purpose, d.Name.purpose)
}
func (d recordData) Mandates() []choice {
	return options(d.Choices.Mandates, d.Search.Mandate, func(id string) string { return id })
}
func (d recordData) Policies() []choice {
	return options(d.Choices.Policies, d.Search.Policy, func(id string) string { return id })
}

// count is how many entries match, as far as the index reaches.
func (p *Portal) count(ctx context.Context, s search) uint64 {
	x, err := p.book.look(ctx)
	if err != nil {
		return 0
	}
	if n, ok := x.counted(s); ok {
		return n
	}
	s.House = true
	return x.find(s, 0, naming{w: languages()[0]}).Count
}

// NewerPage is where the newer page begins: none where that is the newest one, whose address then is the plain one.
func (d recordData) NewerPage() uint64 {
	if d.Found.Newest {
		return 0
	}
	return d.Found.Newer
}

// Permalink is this page's address for ever: it names the entry it begins before.
func (d recordData) Permalink() template.URL {
	if d.Search.Before > 0 || len(d.Lines) == 0 {
		return d.Search.Page(d.Search.Before)
	}
	return d.Search.Page(d.Lines[0].Index + 1)
}

// Detailed reports whether one of the filters is set that are folded away.
func (d recordData) Detailed() bool {
	s := d.Search
	return s.Purpose != "" || s.Outcome != "" || s.From != "" || s.Until != "" || s.Mandate != "" || s.Policy != "" || s.House
}
