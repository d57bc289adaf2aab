package portal

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/rights"
)

// breachPage is the desk at which an office works out what a breach came to: what the public record says of it, by when whom must be told, and
// drafts. What is asked stands in the address: it names nobody.
type breachPage struct {
	Kinds       []meChoice
	Offices     []meChoice
	From, Until string // as the form has them, UTC
	Aware       string
	Problem     string

	Answer          *rights.Assessment
	What, People    string
	Could, CouldNot []string
	Lines           []breachLine
	Clocks          []breachClock
	Size            uint64 // of the record that was read
}

type breachLine struct {
	rights.BreachLine
	Who, Why string
}

type breachClock struct {
	rights.Clock
	Whom  string
	Late  bool
	Draft string
}

// formTime is how a browser's field for day and time writes it.
const formTime = "2006-01-02T15:04"

func (p *Portal) showBreach(r *http.Request) (view, error) {
	if _, err := officer(r, session); err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Citizens != nil, "a breach desk"); err != nil {
		return view{}, err
	}
	w, q, n := wordsOf(r), r.URL.Query(), p.naming(wordsOf(r))
	d := breachPage{From: q.Get("from"), Until: q.Get("until"), Aware: q.Get("aware")}
	for _, k := range rights.BreachKinds() {
		d.Kinds = append(d.Kinds, meChoice{string(k), rights.BreachWhat(w.T, k), q.Get("kind") == string(k)})
	}
	for _, o := range p.cfg.Law.Set().Offices() {
		d.Offices = append(d.Offices, meChoice{string(o.ID), n.office(string(o.ID)), q.Get("office") == string(o.ID)})
	}
	v := view{Name: "breach", Title: w.T("Breach desk"), Data: &d, Private: true}
	if q.Get("kind") == "" {
		return v, nil
	}
	b, err := breachOf(r)
	if err == nil {
		err = p.assess(r.Context(), w, &d, b)
	}
	if err != nil {
		d.Problem, v.Status = w.T("This cannot be answered: %s", err.Error()), http.StatusBadRequest
	}
	return v, nil
}

func breachOf(r *http.Request) (b rights.Breach, err error) {
	q := r.URL.Query()
	b.Kind, b.Office = rights.BreachKind(q.Get("kind")), tribune.OfficeID(q.Get("office"))
	for _, one := range []struct {
		name string
		into *time.Time
	}{{"from", &b.From}, {"until", &b.Until}, {"aware", &b.Aware}} {
		if *one.into, err = time.Parse(formTime, q.Get(one.name)); err != nil {
			return b, fmt.Errorf("%w: give day and time of all three", tribune.ErrInvalid)
		}
	}
	return b, b.Check()
}

func (p *Portal) assess(ctx context.Context, w *words, d *breachPage, b rights.Breach) error {
	x, err := p.book.look(ctx)
	if err != nil {
		return err
	}
	leaves, size, err := x.within(b)
	if err != nil {
		return err
	}
	if size < p.cfg.Record.Published() {
		return tribune.Hint(fmt.Errorf("%w: the record is still being read", tribune.ErrBusy), "Ask again in a minute.")
	}
	a, err := b.Assess(leaves)
	if err != nil {
		return err
	}
	n, rules := p.naming(w), p.cfg.Citizens.Rules()
	d.Answer, d.Size, d.What, d.People, d.Could, d.CouldNot = &a, size, a.What(w.T), a.People(w.T), a.Could(w.T), a.CouldNot(w.T)
	for _, l := range a.Lines {
		d.Lines = append(d.Lines, breachLine{l, n.office(string(l.Office)), n.purpose(string(l.Purpose))})
	}
	for _, c := range rules.Clocks(b.Aware) {
		draft := a.Draft(w.T, c, rules, p.cfg.City)
		c.Law = w.T(c.Law)
		d.Clocks = append(d.Clocks, breachClock{c, w.T(c.To), !c.Due.IsZero() && !p.cfg.Now().Before(c.Due), draft})
	}
	return nil
}

// within is what the index holds of a breach's window, and how many entries the record has. Where the window begins before what is held in
// memory there is no answer: half of it would be a wrong one.
func (x *index) within(b rights.Breach) (iter.Seq2[rights.OnRecord, error], uint64, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.first > 0 && b.Reach().UnixMilli() <= x.at(x.first).at {
		return nil, 0, tribune.Hint(fmt.Errorf("%w: the window begins before what this page holds of the record", tribune.ErrUnsupported), "Use: tribune breach")
	}
	var all []rights.OnRecord
	for i := x.first; i < x.next; i++ {
		r := x.at(i)
		if at := time.UnixMilli(r.at).UTC(); r.flags&flagBroken == 0 && b.Within(at) {
			all = append(all, rights.OnRecord{
				Index: i, At: at, Kind: x.kindText(r.kind), Office: tribune.OfficeID(x.office.text(r.office)), Purpose: tribune.PurposeID(x.purp.text(r.purpose)),
				Count: int(r.count), Permitted: r.flags&flagPermit != 0,
			})
		}
	}
	return func(yield func(rights.OnRecord, error) bool) {
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
	}, x.next, nil
}
