package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// casesPage is what a person has asked of the city, and where they ask.
type casesPage struct {
	Cases   []shownLine
	Kinds   []caseChoice
	Names   []caseName
	Classes []meChoice
	Reasons []meChoice
	Remedy  rights.Place
	Lacks   string // what was sent lacks, "" = nothing was sent
	Text    string // as it was sent

	Recipients bool // recipients are told here
}

type caseChoice struct {
	Kind         rights.Kind
	Title, About string
	Chosen       bool
	Words        bool // it must be said in words
}

type caseName struct {
	Of         int
	Type, Name string
	Chosen     bool
}

func (p *Portal) showCases(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, session)
	if err != nil {
		return view{}, err
	}
	return p.casesView(r, s, room, url.Values{"kind": {r.URL.Query().Get("kind")}}, ""), nil
}

// casesView is the page, its form filled with what was sent; lacks says what that lacks.
func (p *Portal) casesView(r *http.Request, s *web.Session, room *rights.Room, sent url.Values, lacks string) view {
	w, rules := wordsOf(r), p.cfg.Citizens.Rules()
	theirs, _ := p.forWards(r, s, room)
	d := casesPage{Cases: p.lines(w, append(room.List(p.cfg.Citizens.Owner(s)), theirs...)), Remedy: rules.Authority, Lacks: lacks, Text: sent.Get("text"), Recipients: p.cfg.Recipients != nil}
	for _, k := range rights.Kinds() {
		if k == rights.Why {
			continue // asked at the use
		}
		d.Kinds = append(d.Kinds, caseChoice{k, caseTitle(w, k), caseAbout(w, k), sent.Get("kind") == string(k), needsWords(k)})
	}
	types := map[string]bool{}
	for i, name := range s.Names[:min(len(s.Names), maxNames)] {
		d.Names = append(d.Names, caseName{i, nameType(w, name.Type), name.Name, sent.Get("of") == strconv.Itoa(i)})
		types[name.Type] = true
	}
	n, set := p.naming(w), p.cfg.Law.Set()
	for _, c := range set.Classes() {
		if c.Personal && types[c.SubjectType] {
			d.Classes = append(d.Classes, meChoice{string(c.ID), n.class(string(c.ID)), sent.Get("class") == string(c.ID)})
		}
	}
	for _, one := range set.Purposes() {
		d.Reasons = append(d.Reasons, meChoice{string(one.ID), n.purpose(string(one.ID)), sent.Get("purpose") == string(one.ID)})
	}
	v := view{Name: "cases", Title: w.T("My requests"), Data: d, Private: true}
	if lacks != "" {
		v.Status = http.StatusUnprocessableEntity
	}
	return v
}

// unsaid is what a request still needs, in words: what was written is not lost for it.
func unsaid(w *words, f rights.Filing) string {
	switch {
	case needsWords(f.Kind) && f.Class == "":
		return w.T("Please choose which data it is about.")
	case f.Kind == rights.Objection && f.Purpose == "":
		return w.T("Please choose the purpose to which you object.")
	case needsWords(f.Kind) && f.Text == "":
		return w.T("Please say in your own words what you ask for.")
	}
	return ""
}

func needsWords(k rights.Kind) bool {
	return k == rights.Rectification || k == rights.Restriction || k == rights.Objection
}

// fileCase takes a request. Its page is named by the case's random id alone.
func (p *Portal) fileCase(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, form)
	if err != nil {
		return view{}, err
	}
	f := r.PostForm
	name, person, err := p.named(r, s)
	if err != nil {
		return view{}, err
	}
	kind := rights.Kind(f.Get("kind"))
	if kind == rights.Why {
		return view{}, tribune.Hint(fmt.Errorf("%w: why is asked at the use itself", tribune.ErrInvalid), "Open the use under My data.")
	}
	one := rights.Filing{Person: person, Kind: kind, NameType: name.Type, Name: name.Name, Text: strings.TrimSpace(f.Get("text"))}
	set := p.cfg.Law.Set()
	if id := f.Get("class"); id != "" {
		class, ok := set.Class(tribune.ClassID(id))
		if !ok || !class.Personal || class.SubjectType != name.Type {
			return view{}, fmt.Errorf("%w: choose a class of data from the list", tribune.ErrInvalid)
		}
		one.Class = class.ID
	}
	if id := f.Get("purpose"); id != "" && kind == rights.Objection {
		purpose, ok := set.Purpose(tribune.PurposeID(id))
		if !ok {
			return view{}, fmt.Errorf("%w: choose a purpose from the list", tribune.ErrInvalid)
		}
		one.Purpose = purpose.ID
	}
	if lack := unsaid(wordsOf(r), one); lack != "" {
		return p.casesView(r, s, room, f, lack), nil
	}
	if one.Office, err = room.Rules().OfficeFor(set.Offices(), kind, "", p.cfg.Now()); err != nil {
		return view{}, err
	}
	c, err := room.File(r.Context(), one)
	if err != nil {
		return view{}, err
	}
	return view{}, redirect(place("me", "cases", c.ID))
}

// askWhy files a question about one use, which the office of the use must answer.
func (p *Portal) askWhy(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, form)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Own != nil, "a look at one’s own data"); err != nil {
		return view{}, err
	}
	use, name, err := p.useOf(r, s)
	if err != nil {
		return view{}, err
	}
	office := use.Leaf.Act.Office
	if office == dataSubject {
		return view{}, fmt.Errorf("%w: it was you who used these data", tribune.ErrInvalid)
	}
	person, err := p.cfg.Citizens.Person(r.Context(), s, name)
	if err != nil {
		return view{}, fmt.Errorf("finding under which mark your data are kept: %w", err)
	}
	must, err := room.Rules().OfficeFor(p.cfg.Law.Set().Offices(), rights.Why, office, p.cfg.Now())
	if err != nil {
		return view{}, err
	}
	c, err := room.File(r.Context(), rights.Filing{
		Person: person, Kind: rights.Why, NameType: name.Type, Name: name.Name, Office: must, Leaf: use.Index, Text: strings.TrimSpace(r.PostForm.Get("text")),
	})
	if err != nil {
		return view{}, err
	}
	return view{}, redirect(place("me", "cases", c.ID))
}

func (p *Portal) showCase(r *http.Request) (view, error) {
	s, room, err := p.citizen(r, session)
	if err != nil {
		return view{}, err
	}
	c, err := room.Of(r.Context(), p.cfg.Citizens.Owner(s), r.PathValue("id"))
	if errors.Is(err, tribune.ErrNotFound) {
		_, find := p.forWards(r, s, room)
		if other, e := find(r.PathValue("id")); e == nil {
			c, err = other, nil
		}
	}
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	asked := w.T("Your request")
	if c.By != nil {
		asked = w.T("Request of a representative")
	}
	shown := p.shown(w, c, asked)
	if shown.Told, err = p.toldOfCase(r, w, s, c); err != nil {
		return view{}, err
	}
	return view{Name: "case", Title: shown.Title, Data: shown, Private: true}, nil
}
