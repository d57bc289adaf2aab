package portal

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of the first page.
const (
	cityFor    = time.Second // one look at twin and record serves every visitor for so long
	typesFor   = time.Minute // and one counting of entities
	latestActs = 6
	maxFind    = 100 // bytes of a search text
)

// cityNow is the city as every visitor sees it; nothing in it depends on who looks.
type cityNow struct {
	At           time.Time
	Quorum       bool
	Cosigners    int
	Published    uint64
	Parks        []park
	ParkCount    int // also where a search leaves some of Parks out
	Free, Places int
	Stations     []station
	PM25         float64 // mean of the stations that report it
	PM25Of       int     // how many do
	Drawn        bool    // positions are made up
	Acts         []entry
	Hidden       uint64 // entries of the hub's own bookkeeping
	Types        []kindOfThing
}

// city looks at twin and record, no oftener than visitors need.
type city struct {
	p *Portal

	mu      sync.Mutex // guards what follows
	last    *cityNow
	types   []kindOfThing
	counted time.Time
}

func (p *Portal) cityRoutes() {
	c := &city{p: p}
	p.page("GET /{$}", c.show)
	p.data("GET /city.json", c.live)
	p.page("GET /types/{type}", p.showType)
	p.page("GET /entities/{id}", p.showEntity)
	p.data("GET /entities/{id}/history.csv", p.historyCSV)
	p.data("GET /entities/{id}/history.json", p.historyJSON)
	p.page("GET /sources", p.showSources)
}

// look is the city now.
func (c *city) look(ctx context.Context) (*cityNow, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, now := c.p, c.p.cfg.Now()
	if c.last != nil && now.Sub(c.last.At) < cityFor {
		return c.last, nil
	}
	v := &cityNow{At: now, Quorum: p.cfg.Record.Quorum(), Published: p.cfg.Record.Published(), Cosigners: cosigners(p.cfg.Record.Checkpoint())}
	if err := p.parks(ctx, v); err != nil {
		return nil, err
	}
	if err := p.stations(ctx, v); err != nil {
		return nil, err
	}
	f, _, err := p.searchRecord(ctx, search{}, latestActs, naming{w: languages()[0]})
	if err != nil {
		return nil, err
	}
	v.Acts, v.Hidden = f.Entries, f.Hidden
	if c.types == nil || now.Sub(c.counted) >= typesFor {
		if c.types, err = p.countTypes(ctx); err != nil {
			return nil, err
		}
		c.counted = now
	}
	v.Types = slices.DeleteFunc(slices.Clone(c.types), func(k kindOfThing) bool { return k.Own })
	c.last = v
	return v, nil
}

// cosigners counts the co-signatures of a checkpoint: its signature lines but for the log's own.
func cosigners(checkpoint []byte) (n int) {
	origin, _, _ := bytes.Cut(checkpoint, []byte("\n"))
	for line := range bytes.Lines(checkpoint) {
		if rest, ok := bytes.CutPrefix(line, []byte("— ")); ok && !bytes.HasPrefix(rest, append(origin, ' ')) {
			n++
		}
	}
	return n
}

// cityData is what the page shows: the city, and what this reader asked for.
type cityData struct {
	*cityNow
	Acts  []line
	Find  string
	Found int // of Parks and Stations
}

func (c *city) show(r *http.Request) (view, error) {
	now, err := c.look(r.Context())
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	d := cityData{cityNow: now, Acts: c.p.naming(w).lines(now.Acts), Find: strings.TrimSpace(r.URL.Query().Get("find"))}
	d.Find = strings.ToValidUTF8(d.Find[:min(len(d.Find), maxFind)], "")
	if d.Find != "" {
		some := *now
		some.Parks = slices.DeleteFunc(slices.Clone(now.Parks), func(k park) bool { return !matches(k.Name, d.Find) })
		some.Stations = slices.DeleteFunc(slices.Clone(now.Stations), func(s station) bool { return !matches(s.Name, d.Find) })
		d.cityNow, d.Found = &some, len(some.Parks)+len(some.Stations)
	}
	return view{Name: "city", Title: w.T("The city now"), Data: d, Scripts: []string{"city"}}, nil
}

// matches reports whether a name holds every word of a search, without regard to case.
func matches(name, text string) bool {
	name = strings.ToLower(name)
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		if !strings.Contains(name, word) {
			return false
		}
	}
	return true
}

// live answers the page's script, and whoever else wants the city in one small JSON.
func (c *city) live(w http.ResponseWriter, r *http.Request) error {
	now, err := c.look(r.Context())
	if err != nil {
		return err
	}
	out := liveCity{
		At: now.At, Quorum: now.Quorum, Cosigners: now.Cosigners, Published: now.Published, Free: now.Free, Places: now.Places,
		PM25: rounded(now.PM25), Parks: now.Parks, Stations: now.Stations,
	}
	if len(now.Acts) > 0 {
		out.Act = &now.Acts[0].Index
	}
	writeJSON(w, out, false)
	return nil
}

// liveCity is /city.json.
type liveCity struct {
	At        time.Time `json:"at"`
	Quorum    bool      `json:"quorum"`
	Cosigners int       `json:"cosigners"`
	Published uint64    `json:"published"`     // entries on the record
	Act       *uint64   `json:"act,omitempty"` // the newest entry that is not the hub's own bookkeeping
	Free      int       `json:"free"`
	Places    int       `json:"places"`
	PM25      float64   `json:"pm25"`
	Parks     []park    `json:"parks"`
	Stations  []station `json:"stations"`
}

func byName[T any](list []T, name func(T) string, id func(T) string) {
	slices.SortFunc(list, func(a, b T) int {
		return cmp.Or(strings.Compare(strings.ToLower(name(a)), strings.ToLower(name(b))), strings.Compare(id(a), id(b)))
	})
}

// percent of a whole, 0 to 100.
func percent(part, whole int) int {
	if whole <= 0 {
		return 0
	}
	return max(0, min(100, part*100/whole))
}

// rounded to one decimal.
func rounded(x float64) float64 {
	return float64(int64(x*10+0.5)) / 10
}

// PM25Rounded is the mean as the card shows it.
func (v *cityNow) PM25Rounded() float64 { return rounded(v.PM25) }
