package portal

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// deskCases is what an office must answer.
type deskCases struct {
	Office     string
	Cases      []shownLine
	Open, Soon int
	Overdue    int
	HasPower   bool
}

// deskCase is one of them. It has two faces: the case with the form, and the act to sign.
type deskCase struct {
	shownCase
	Office     string
	Mandate    tribune.Mandate // by which the office answers; an empty ID = none is in force
	Keys       []string
	Key        string
	State      string // as chosen
	Answer     string
	Extendable bool
	Act        *ownAct
	Reading    bool // the act is that of reading it
	Expired    bool
	Unread     bool // this officer has not read it by an act: nothing of its content is here
}

// ShellName is the person's name as one word of a command line.
func (d deskCase) ShellName() string { return shellWord(d.Name) }

func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (p *Portal) showDeskCases(r *http.Request) (view, error) {
	s, err := officer(r, session)
	if err != nil {
		return view{}, err
	}
	room, err := p.room()
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	d := deskCases{Office: p.naming(w).office(string(s.Office)), Cases: p.lines(w, room.Desk(s.Office))}
	if o, ok := p.cfg.Law.Set().Office(s.Office); ok {
		for _, power := range o.Powers {
			d.HasPower = d.HasPower || power == room.Rules().Answers || power == room.Rules().Explains
		}
	}
	for _, c := range d.Cases {
		switch {
		case c.Open && c.Late:
			d.Overdue++
			d.Open++
		case c.Open:
			d.Open++
		}
		if c.Soon {
			d.Soon++
		}
	}
	return view{Name: "deskcases", Title: w.T("People’s requests"), Data: d, Private: true}, nil
}

func (p *Portal) showDeskCase(r *http.Request) (view, error) {
	s, err := officer(r, session)
	if err != nil {
		return view{}, err
	}
	d, _, err := p.deskCase(r, s)
	if err != nil {
		return view{}, err
	}
	return deskCaseView(wordsOf(r), d), nil
}

func deskCaseView(w *words, d *deskCase) view {
	return view{Name: "deskcase", Title: w.T("A person’s request"), Data: d, Scripts: []string{"rightsdesk"}, Private: true}
}

func (p *Portal) deskCase(r *http.Request, s *web.Session) (*deskCase, *rights.Room, error) {
	room, err := p.room()
	if err != nil {
		return nil, nil, err
	}
	c, err := room.For(r.Context(), s.Office, r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	w, unread := wordsOf(r), !p.read.may(s, c.ID, p.cfg.Now())
	if unread {
		c = c.Outside()
	}
	d := &deskCase{Unread: unread, shownCase: p.shown(w, c, w.T("The person’s request")), Office: p.naming(w).office(string(s.Office)), Extendable: c.Extendable(p.cfg.Now())}
	if all := p.inForce(s.Office, func(m tribune.Mandate) bool { return m.Purpose == room.Rules().Purpose }); len(all) > 0 {
		d.Mandate = all[0]
	}
	if p.cfg.Keys == nil {
		return d, room, nil
	}
	keys, err := p.cfg.Keys.List(r.Context(), s)
	if err != nil {
		return nil, nil, fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range keys {
		if k.Office == s.Office && k.usable(p.cfg.Now()) {
			d.Keys = append(d.Keys, k.Base64())
		}
	}
	return d, room, nil
}

func (p *Portal) takeCase(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	room, err := p.room()
	if err != nil {
		return view{}, err
	}
	id := r.PathValue("id")
	if err := room.Take(r.Context(), s.Office, id); err != nil {
		return view{}, err
	}
	return view{}, redirect(place("desk", "cases", id))
}

// answerCase takes both steps: the answer, which is answered with the act to sign, and the signature. The act is on record before the
// answer is given, and the private part of its leaf commits to case, state and words.
func (p *Portal) answerCase(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	d, room, err := p.deskCase(r, s)
	if err != nil {
		return view{}, err
	}
	if d.Unread { // nobody answers what they have not read
		return view{}, redirect(place("desk", "cases", d.ID))
	}
	f := r.PostForm
	d.State, d.Answer, d.Key = f.Get("state"), strings.ReplaceAll(strings.TrimSpace(f.Get("text")), "\r\n", "\n"), f.Get("key")
	answer := rights.Answer{State: rights.State(d.State), Text: d.Answer}
	c, err := room.May(r.Context(), s.Office, d.ID, answer)
	if err != nil {
		return view{}, err
	}
	if d.Mandate.ID == "" {
		return view{}, tribune.Hint(fmt.Errorf("%w: no mandate is in force by which this office answers people", tribune.ErrDenied), "The council signs mandates.")
	}
	caller, err := p.callerWith(r.Context(), s, d.Key, web.PersonName{}, d.Mandate)
	if err != nil {
		return view{}, err
	}
	actID, signature, err := signed(f)
	if err != nil {
		return view{}, err
	}
	if actID == "" {
		return p.prepareAnswer(r, d, caller, c, answer)
	}
	leaf, err := p.cfg.Citizens.Decide(r.Context(), caller, c.Note(answer), actID, signature)
	if errors.Is(err, tribune.ErrNotFound) || errors.Is(err, tribune.ErrConflict) && !errors.Is(err, tribune.ErrUncertain) {
		d.Expired = true
		return deskCaseView(wordsOf(r), d), nil
	}
	if err != nil {
		return view{}, fmt.Errorf("putting an answer on record: %w", err)
	}
	if err := room.Put(r.Context(), s.Office, d.ID, answer, leaf); err != nil {
		return view{}, fmt.Errorf("giving an answer that stands on record in entry %d: %w", leaf, err)
	}
	return view{}, redirect(place("desk", "cases", d.ID))
}

func (p *Portal) prepareAnswer(r *http.Request, d *deskCase, caller tribune.Caller, c *rights.Case, answer rights.Answer) (view, error) {
	a, err := p.cfg.Citizens.PrepareDecision(r.Context(), caller, c.Subject, c.Note(answer))
	if err != nil {
		return view{}, err
	}
	act, err := p.actOf(wordsOf(r), a, caller)
	if err != nil {
		return view{}, err
	}
	d.Act = &act
	return deskCaseView(wordsOf(r), d), nil
}
