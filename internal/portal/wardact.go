package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/protocol"
)

// What a representative does by a press: look, ask, withdraw. It is on record before it takes effect.

// lookForWard puts the look on record, and then shows the ward's uses, the look among them, and their consents: each as far as the scope goes.
func (p *Portal) lookForWard(r *http.Request) (view, error) {
	s, one, room, err := p.ward(r, form)
	if err != nil {
		return view{}, err
	}
	scope, uses := protocol.ScopeLook, []Use(nil)
	if !one.Doc.May(scope) { // what else is looked at: the consents
		scope = protocol.ScopeWithdraw
	}
	leaf, err := p.cfg.Representatives.Do(r.Context(), s, one.Mark, scope, protocol.DeedLook, "")
	if err != nil {
		return view{}, err
	}
	if scope == protocol.ScopeLook {
		if uses, err = p.cfg.Representatives.Uses(r.Context(), one); err != nil {
			return view{}, fmt.Errorf("looking up the uses on record: %w", err)
		}
	}
	if one, err = room.Representation(one.Mark); err != nil {
		return view{}, err
	}
	v := p.wardView(r, one, room, url.Values{}, "")
	d, w := v.Data.(wardPage), wordsOf(r)
	d.Looked, d.Entry = true, leaf
	if d.Withdraw {
		d.Consents = p.wardConsents(p.naming(w), room, one)
	}
	for _, u := range uses[:min(len(uses), usesPerPage)] {
		x := meUse{Use: u, For: one.Doc.Ward.Called}
		p.tell(r.Context(), w, &x)
		d.Uses = append(d.Uses, x)
	}
	v.Data = d
	return v, nil
}

// wardConsents are those in force.
func (p *Portal) wardConsents(n naming, room *rights.Room, one *rights.Representation) (all []consentAnswer) {
	now := p.cfg.Now()
	for _, c := range room.ConsentsOf(one.Ward) {
		if c.State(now) == rights.ConsentGiven {
			all = append(all, consentAnswer{ConsentRecord: c, PurposeName: n.purpose(string(c.Purpose)), ClassName: n.class(string(c.Class)), Who: n.office(string(c.Recipient)), InForce: true})
		}
	}
	return all
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
