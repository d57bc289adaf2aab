package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/web"
)

// usesPerPage keeps a page short enough to read; the filter and the pager reach the rest.
const usesPerPage = 50

// mePage is what one person is shown about themselves: all of it, whichever name of theirs it is filed under.
type mePage struct {
	Names   []meName
	Uses    []meUse
	Total   int // uses before the filter
	Found   int // and after it
	Filter  meFilter
	Offices []meChoice
	Reasons []meChoice
	Older   int // number of the next page, 0 = none
	Newer   int // one more than the number of the page before, 0 = none
	Record  uint64
	URL     string // of the city
}

// NewerPage is the number of the page before.
func (d mePage) NewerPage() int { return d.Newer - 1 }

// meName is one name of theirs with what is held about it.
type meName struct {
	Of       int // its place in the session, by which pages speak of it
	Type     string
	Name     string
	Holdings []meHolding
	Uses     int
	Known    bool // something was held about it once
}

// meHolding is what is held in one class.
type meHolding struct {
	Holding
	Title string
	Attrs []string
	Days  int // how long each value is kept; 0 = until it is erased
}

type meFilter struct{ Office, Purpose string }

type meChoice struct {
	Value, Title string
	Chosen       bool
}

func (p *Portal) showMe(r *http.Request) (view, error) {
	s, err := session(r)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return view{}, err
	}
	w, q := wordsOf(r), r.URL.Query()
	d := mePage{Filter: meFilter{q.Get("office"), q.Get("purpose")}, Record: p.cfg.Record.Published(), URL: p.cfg.URL}
	var all []meUse
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		one, uses, err := p.aboutName(r, i, name)
		if err != nil {
			return view{}, err
		}
		d.Names, all = append(d.Names, one), append(all, uses...)
	}
	slices.SortStableFunc(all, func(a, b meUse) int { return b.compare(a) })
	d.Total = len(all)
	p.choices(w, &d, all)
	all = slices.DeleteFunc(all, func(u meUse) bool {
		a := u.Leaf.Act
		return d.Filter.Office != "" && string(a.Office) != d.Filter.Office || d.Filter.Purpose != "" && string(a.Purpose) != d.Filter.Purpose
	})
	d.Found = len(all)
	page, err := strconv.Atoi(q.Get("page"))
	if err != nil || page < 0 || page > d.Found/usesPerPage {
		page = 0
	}
	d.Newer = page
	if (page+1)*usesPerPage < d.Found {
		d.Older = page + 1
	}
	d.Uses = all[min(page*usesPerPage, len(all)):min((page+1)*usesPerPage, len(all))]
	for i := range d.Uses {
		p.tell(r.Context(), w, &d.Uses[i])
		d.Uses[i].Asking = p.why(w, s, d.Uses[i].Use)
	}
	return view{Name: "me", Title: w.T("My data"), Data: d, Scripts: []string{"me"}, Private: true}, nil
}

// aboutName is what is held about one name and who has used it. Nothing that was ever held is no error.
func (p *Portal) aboutName(r *http.Request, of int, name web.PersonName) (meName, []meUse, error) {
	w := wordsOf(r)
	one := meName{Of: of, Type: nameType(w, name.Type), Name: name.Name, Known: true}
	held, err := p.cfg.Own.Holdings(r.Context(), name)
	if err != nil && !errors.Is(err, tribune.ErrNotFound) {
		return one, nil, fmt.Errorf("looking up what is held: %w", err)
	}
	for _, h := range held {
		one.Holdings = append(one.Holdings, p.holding(w, h))
	}
	uses, err := p.everyUse(r.Context(), name)
	if errors.Is(err, tribune.ErrNotFound) {
		one.Known = len(held) > 0
		return one, nil, nil
	}
	if err != nil {
		return one, nil, fmt.Errorf("looking up the uses on record: %w", err)
	}
	one.Uses = len(uses)
	var out []meUse
	for _, u := range uses {
		out = append(out, meUse{Use: u, Of: of, Type: one.Type})
	}
	return one, out, nil
}

func (p *Portal) holding(w *words, h Holding) meHolding {
	one := meHolding{Holding: h, Title: p.naming(w).class(string(h.Class))}
	if c, ok := p.cfg.Law.Set().Class(h.Class); ok {
		one.Days = int(c.Keep / (24 * time.Hour))
		for _, a := range c.Attrs {
			one.Attrs = append(one.Attrs, w.attribute(shortName(a)))
		}
	}
	return one
}

// choices are the offices and purposes that occur, for the filter.
func (p *Portal) choices(w *words, d *mePage, all []meUse) {
	n := p.naming(w)
	add := func(list []meChoice, value, title, chosen string) []meChoice {
		if value == "" || slices.ContainsFunc(list, func(c meChoice) bool { return c.Value == value }) {
			return list
		}
		return append(list, meChoice{value, title, value == chosen})
	}
	for _, u := range all {
		a := u.Leaf.Act
		d.Offices = add(d.Offices, string(a.Office), n.office(string(a.Office)), d.Filter.Office)
		d.Reasons = add(d.Reasons, string(a.Purpose), n.purpose(string(a.Purpose)), d.Filter.Purpose)
	}
}

func (p *Portal) showUse(r *http.Request) (view, error) {
	s, err := session(r)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return view{}, err
	}
	var tag tribune.Tag
	if err := tag.UnmarshalText([]byte(r.PathValue("tag"))); err != nil {
		return view{}, errNotMine
	}
	w := wordsOf(r)
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		uses, err := p.everyUse(r.Context(), name)
		if err != nil && !errors.Is(err, tribune.ErrNotFound) {
			return view{}, fmt.Errorf("looking up the uses on record: %w", err)
		}
		for _, u := range uses {
			if u.Tag == tag {
				one := meUse{Use: u, Of: i, Type: nameType(w, name.Type)}
				p.tell(r.Context(), w, &one)
				one.Asking = p.why(w, s, u)
				return view{Name: "meuse", Title: w.T("One use of my data"), Data: one, Scripts: []string{"me"}, Private: true}, nil
			}
		}
	}
	return view{}, errNotMine
}

// errNotMine is the same for a use of somebody else's data and for one that never was: marks are public, whose they are is not.
var errNotMine = fmt.Errorf("%w: no use of your data has this mark", tribune.ErrNotFound)

// giveTraceKey hands a person's own script the key that their marks are computed with, and the list to hold against the record.
func (p *Portal) giveTraceKey(w http.ResponseWriter, r *http.Request) error {
	s, err := form(r)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return err
	}
	name, err := nameOf(s, r.PostForm.Get("of"))
	if err != nil {
		return err
	}
	key, err := p.cfg.Own.TraceKey(r.Context(), name)
	if err != nil {
		return fmt.Errorf("looking up a trace key: %w", err)
	}
	defer clear(key)
	uses, err := p.cfg.Own.Uses(r.Context(), name)
	if err != nil {
		return fmt.Errorf("looking up the uses on record: %w", err)
	}
	type listed struct {
		N     uint64 `json:"n"`
		Index uint64 `json:"index"`
	}
	answer := struct {
		Key  []byte   `json:"key"`
		Uses []listed `json:"uses"`
	}{key, []listed{}}
	for _, u := range uses {
		answer.Uses = append(answer.Uses, listed{u.N, u.Index})
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}
