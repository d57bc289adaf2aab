package portal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// Some people act for others: parents for their children, and whom a court has appointed. Whatever they do here stands on record first, with the
// marks of both, and is listed to both. A representative is never shown what they have not asked for by a press of their own: each look is one.

// Representatives knows who acts for whom.
type Representatives interface {
	// Of are the representations that a session's names are about: as representative, and as ward.
	Of(s *web.Session) (acting, ward []*rights.Representation, err error)
	// Do puts on record what a representative is about to do. It fails with ErrNotFound where no such representation of this session is in force,
	// ErrDenied beyond its scope.
	Do(ctx context.Context, s *web.Session, mark tribune.Hash, scope, deed, what string) (leaf uint64, err error)
	DeedAt(leaf uint64) (*rights.Representation, rights.Deed, bool)
	// Uses are the ward's. Only Do gives the right to ask for them.
	Uses(ctx context.Context, p *rights.Representation) ([]Use, error)
}

func (p *Portal) wardRoutes() {
	p.page("GET /me/representatives", p.showRepresentatives)
	p.page("GET /me/wards/{id}", p.showWard)
	p.page("POST /me/wards/{id}/look", p.lookForWard)
	p.page("POST /me/wards/{id}/cases", p.fileForWard)
	p.page("POST /me/wards/{id}/consents/{consent}/withdraw", p.withdrawForWard)
}

// shownWard is one representation in words.
type shownWard struct {
	*rights.Representation
	Basis, Issuer, Stands string
	Scope                 []string
	From, Until           time.Time // until is the last moment's day
	InForce, Look, Ask    bool
	Adult                 time.Time
	Done                  []shownDeed
}

// shownDeed is one thing that was done, newest first.
type shownDeed struct {
	At   time.Time
	What string
	Leaf uint64
}

// representativesPage is both sides of one person.
type representativesPage struct{ Acting, Ward []shownWard }

func (p *Portal) representatives(r *http.Request, who func(*http.Request) (*web.Session, error)) (*web.Session, []*rights.Representation, []*rights.Representation, error) {
	s, err := who(r)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := offered(p.cfg.Representatives != nil && p.cfg.Citizens != nil, "acting for somebody else"); err != nil {
		return nil, nil, nil, err
	}
	acting, ward, err := p.cfg.Representatives.Of(s)
	return s, acting, ward, err
}

func (p *Portal) showRepresentatives(r *http.Request) (view, error) {
	_, acting, ward, err := p.representatives(r, session)
	if err != nil {
		return view{}, err
	}
	w, d := wordsOf(r), representativesPage{}
	for _, one := range acting {
		d.Acting = append(d.Acting, p.shownWard(w, one))
	}
	for _, one := range ward {
		d.Ward = append(d.Ward, p.shownWard(w, one))
	}
	return view{Name: "representatives", Title: w.T("Acting for somebody"), Data: d, Private: true}, nil
}

func (p *Portal) shownWard(w *words, one *rights.Representation) shownWard {
	now := p.cfg.Now()
	s := shownWard{Representation: one, Basis: basisTitle(w, one.Doc.Basis), Issuer: one.Issuer, InForce: one.InForce(now)}
	from, until := one.Doc.Span()
	s.From, s.Until = from, until.Add(-time.Millisecond)
	if day, err := time.Parse(time.DateOnly, one.Doc.Adult); err == nil {
		s.Adult = day
	}
	switch {
	case s.InForce:
		s.Stands = w.T("in force")
	case !one.Ended.IsZero():
		s.Stands = w.T("ended on %s", w.Date(one.Ended))
	case now.Before(from):
		s.Stands = w.T("not begun")
	default:
		s.Stands = w.T("over")
	}
	for _, word := range one.Doc.Scope {
		s.Scope = append(s.Scope, scopeTitle(w, word))
		s.Ask = s.Ask || isCase(word)
	}
	s.Look = one.Doc.May(protocol.ScopeLook)
	for _, d := range one.Deeds {
		s.Done = append(s.Done, shownDeed{d.At, deedTitle(w, d), d.Leaf})
	}
	slices.Reverse(s.Done)
	return s
}

// wardPage is where a representative acts.
type wardPage struct {
	shownWard
	Kinds    []caseChoice
	Classes  []meChoice
	Reasons  []meChoice
	Cases    []shownLine
	Consents []consentAnswer
	Withdraw bool
	Lacks    string
	Text     string

	Looked bool // the page after a look
	Uses   []meUse
	Entry  uint64 // of the look
}

// ward is the representation that a path means, in force and this session's.
func (p *Portal) ward(r *http.Request, who func(*http.Request) (*web.Session, error)) (*web.Session, *rights.Representation, *rights.Room, error) {
	s, acting, _, err := p.representatives(r, who)
	if err != nil {
		return nil, nil, nil, err
	}
	room, err := p.cfg.Citizens.Room()
	if err != nil {
		return nil, nil, nil, err
	}
	i := slices.IndexFunc(acting, func(one *rights.Representation) bool { return one.Doc.ID == r.PathValue("id") })
	if i < 0 || !acting[i].InForce(p.cfg.Now()) {
		return nil, nil, nil, fmt.Errorf("%w: no representation of yours with this name is in force", tribune.ErrNotFound)
	}
	return s, acting[i], room, nil
}

func (p *Portal) showWard(r *http.Request) (view, error) {
	_, one, room, err := p.ward(r, session)
	if err != nil {
		return view{}, err
	}
	return p.wardView(r, one, room, url.Values{}, ""), nil
}

func (p *Portal) wardView(r *http.Request, one *rights.Representation, room *rights.Room, sent url.Values, lacks string) view {
	w := wordsOf(r)
	d := wardPage{shownWard: p.shownWard(w, one), Lacks: lacks, Text: sent.Get("text"), Withdraw: one.Doc.May(protocol.ScopeWithdraw), Cases: p.lines(w, room.ListBy(one.Mark))}
	for _, k := range rights.Kinds() {
		if one.Doc.May(string(k)) {
			d.Kinds = append(d.Kinds, caseChoice{k, caseFor(w, k), "", sent.Get("kind") == string(k), needsWords(k)})
		}
	}
	n, set := p.naming(w), p.cfg.Law.Set()
	d.Classes, d.Reasons = p.wardChoices(n, set, one, sent)
	if d.Withdraw {
		now := p.cfg.Now()
		for _, c := range room.ConsentsOf(one.Ward) {
			if c.State(now) == rights.ConsentGiven {
				d.Consents = append(d.Consents, consentAnswer{ConsentRecord: c, PurposeName: n.purpose(string(c.Purpose)), ClassName: n.class(string(c.Class)), Who: n.office(string(c.Recipient)), InForce: true})
			}
		}
	}
	v := view{Name: "ward", Title: w.T("Acting for %s", one.Doc.Ward.Called), Data: d, Private: true}
	if lacks != "" {
		v.Status = http.StatusUnprocessableEntity
	}
	return v
}

func (p *Portal) wardChoices(n naming, set *policy.Set, one *rights.Representation, sent url.Values) (classes, reasons []meChoice) {
	for _, c := range set.Classes() {
		if c.Personal && c.SubjectType == one.Doc.Ward.Type {
			classes = append(classes, meChoice{string(c.ID), n.class(string(c.ID)), sent.Get("class") == string(c.ID)})
		}
	}
	for _, x := range set.Purposes() {
		reasons = append(reasons, meChoice{string(x.ID), n.purpose(string(x.ID)), sent.Get("purpose") == string(x.ID)})
	}
	return classes, reasons
}

// lookForWard puts the look on record, and then shows the ward's uses, the look among them.
func (p *Portal) lookForWard(r *http.Request) (view, error) {
	s, one, room, err := p.ward(r, form)
	if err != nil {
		return view{}, err
	}
	leaf, err := p.cfg.Representatives.Do(r.Context(), s, one.Mark, protocol.ScopeLook, protocol.DeedLook, "")
	if err != nil {
		return view{}, err
	}
	uses, err := p.cfg.Representatives.Uses(r.Context(), one)
	if err != nil {
		return view{}, fmt.Errorf("looking up the uses on record: %w", err)
	}
	if one, err = room.Representation(one.Mark); err != nil {
		return view{}, err
	}
	v := p.wardView(r, one, room, url.Values{}, "")
	d, w := v.Data.(wardPage), wordsOf(r)
	d.Looked, d.Entry = true, leaf
	for _, u := range uses[:min(len(uses), usesPerPage)] {
		x := meUse{Use: u, For: one.Doc.Ward.Called}
		p.tell(r.Context(), w, &x)
		d.Uses = append(d.Uses, x)
	}
	v.Data = d
	return v, nil
}

// fileForWard files a request for a ward: on record first, then with the office.
func (p *Portal) fileForWard(r *http.Request) (view, error) {
	s, one, room, err := p.ward(r, form)
	if err != nil {
		return view{}, err
	}
	f := r.PostForm
	kind := rights.Kind(f.Get("kind"))
	filing := rights.Filing{
		Person: rights.Person{Owner: p.cfg.Citizens.Owner(s), Subject: one.Ward}, Kind: kind, NameType: one.Doc.Ward.Type, Name: one.Doc.Ward.Name, Text: strings.TrimSpace(f.Get("text")),
		By: &rights.By{Mark: one.Mark, Called: one.Doc.Representative.Called, Basis: one.Doc.Basis},
	}
	if !isCase(string(kind)) || kind == rights.Why {
		return view{}, fmt.Errorf("%w: choose what to ask for from the list", tribune.ErrInvalid)
	}
	set := p.cfg.Law.Set()
	if id := f.Get("class"); id != "" {
		class, ok := set.Class(tribune.ClassID(id))
		if !ok || !class.Personal || class.SubjectType != one.Doc.Ward.Type {
			return view{}, fmt.Errorf("%w: choose a class of data from the list", tribune.ErrInvalid)
		}
		filing.Class = class.ID
	}
	if id := f.Get("purpose"); id != "" && kind == rights.Objection {
		purpose, ok := set.Purpose(tribune.PurposeID(id))
		if !ok {
			return view{}, fmt.Errorf("%w: choose a purpose from the list", tribune.ErrInvalid)
		}
		filing.Purpose = purpose.ID
	}
	if lack := unsaid(wordsOf(r), filing); lack != "" {
		return p.wardView(r, one, room, f, lack), nil
	}
	if filing.Office, err = room.Rules().OfficeFor(set.Offices(), kind, "", p.cfg.Now()); err != nil {
		return view{}, err
	}
	if _, err := p.cfg.Representatives.Do(r.Context(), s, one.Mark, string(kind), protocol.DeedAsk, string(kind)); err != nil {
		return view{}, err
	}
	c, err := room.File(r.Context(), filing)
	if err != nil {
		return view{}, err
	}
	return view{}, redirect(place("me", "cases", c.ID))
}

func (p *Portal) withdrawForWard(r *http.Request) (view, error) {
	s, one, room, err := p.ward(r, form)
	if err != nil {
		return view{}, err
	}
	id := r.PathValue("consent")
	if !slices.ContainsFunc(room.ConsentsOf(one.Ward), func(c *rights.ConsentRecord) bool { return c.ID == id }) {
		return view{}, fmt.Errorf("%w: there is no such consent of theirs", tribune.ErrNotFound)
	}
	if _, err := p.cfg.Representatives.Do(r.Context(), s, one.Mark, protocol.ScopeWithdraw, protocol.DeedWithdraw, ""); err != nil {
		return view{}, err
	}
	if _, err := room.WithdrawFor(r.Context(), one.Ward, id); err != nil {
		return view{}, err
	}
	return view{}, redirect(place("me", "wards", one.Doc.ID))
}

// forWards are the requests that representatives have made for a session's person, and one of them by its id.
func (p *Portal) forWards(r *http.Request, s *web.Session, room *rights.Room) (lines []rights.Line, one func(id string) (*rights.Case, error)) {
	none := func(string) (*rights.Case, error) { return nil, tribune.ErrNotFound }
	if p.cfg.Representatives == nil {
		return nil, none
	}
	_, ward, err := p.cfg.Representatives.Of(s)
	if err != nil || len(ward) == 0 {
		return nil, none
	}
	var subjects []tribune.Pseudonym
	for _, one := range ward {
		if !slices.Contains(subjects, one.Ward) {
			subjects = append(subjects, one.Ward)
		}
	}
	return room.ListWard(subjects...), func(id string) (*rights.Case, error) {
		for _, subject := range subjects {
			if c, err := room.OfWard(r.Context(), subject, id); !errors.Is(err, tribune.ErrNotFound) {
				return c, err
			}
		}
		return nil, tribune.ErrNotFound
	}
}
