package portal

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	d.Classes, d.Reasons = p.wardChoices(p.naming(w), p.cfg.Law.Set(), one, sent)
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
