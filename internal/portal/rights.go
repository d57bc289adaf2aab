package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// Citizens is the room of people's rights, and what its pages need of the city beside it.
type Citizens interface {
	Rules() *rights.Rules
	Room() (*rights.Room, error) // fails before the guardians' keys exist
	Owner(s *web.Session) tribune.Hash
	Person(ctx context.Context, s *web.Session, name web.PersonName) (rights.Person, error)
	Signer(actor tribune.ActorID) (rights.Signer, error) // the key of an actor whose appointment is on record
	Sign(message []byte) (signature, key []byte)         // by the hub

	// PrepareDecision is an act of kind decide about one person, for its actor to sign; Decide puts it on record.
	PrepareDecision(ctx context.Context, caller tribune.Caller, p tribune.Pseudonym, note string) (*Answer, error)
	Decide(ctx context.Context, caller tribune.Caller, note, actID string, signature []byte) (uint64, error)
}

func (p *Portal) rightsRoutes() {
	p.page("GET /rights", p.showRights)
	p.mux.HandleFunc("GET /rights.json", p.giveRights)
	p.page("GET /me/cases", p.showCases)
	p.page("POST /me/cases", p.fileCase)
	p.page("GET /me/cases/{id}", p.showCase)
	p.page("POST /me/uses/{tag}/why", p.askWhy)
	p.page("GET /me/consents", p.showConsents)
	p.page("POST /me/consents", p.answerConsent)
	p.page("POST /me/consents/{id}/withdraw", p.withdrawConsent)
	p.mux.HandleFunc("GET /me/consents/{id}/receipt.json", p.own(p.giveReceipt))
	p.page("GET /desk/cases", p.showDeskCases)
	p.page("GET /desk/cases/{id}", p.showDeskCase)
	p.page("POST /desk/cases/{id}", p.answerCase)
	p.page("POST /desk/cases/{id}/take", p.takeCase)
	p.page("POST /desk/cases/{id}/read", p.readCase)
	p.page("GET /desk/breach", p.showBreach)
	p.trackerRoutes()
}

// citizen is who asks about their own data, by a page (session) or by one of its forms (form), and the room that keeps what they ask.
func (p *Portal) citizen(r *http.Request, who func(*http.Request) (*web.Session, error)) (*web.Session, *rights.Room, error) {
	s, err := who(r)
	if err != nil {
		return nil, nil, err
	}
	room, err := p.room()
	return s, room, err
}

// room is the room of rights, where this city offers it.
func (p *Portal) room() (*rights.Room, error) {
	if err := offered(p.cfg.Citizens != nil, "people’s rights with clocks"); err != nil {
		return nil, err
	}
	return p.cfg.Citizens.Room()
}

// rightsPage is for everybody: what one may ask, by when it is answered, and how offices keep to it.
type rightsPage struct {
	Periods   []shownPeriod
	Counts    []shownCount
	Total     rights.Count
	Consents  [3]int // in force, refused, withdrawn
	Closed    bool   // the room does not exist yet
	Authority rights.Place
	Court     rights.Place
	Zone      string
	Holidays  string // until when they are listed
}

type shownPeriod struct {
	rights.Period
	Title, About string
}

type shownCount struct {
	rights.Count
	Who, What string
}

func (p *Portal) showRights(r *http.Request) (view, error) {
	if err := offered(p.cfg.Citizens != nil, "people’s rights with clocks"); err != nil {
		return view{}, err
	}
	w, rules := wordsOf(r), p.cfg.Citizens.Rules()
	d := rightsPage{Authority: rules.Authority, Court: rules.Court, Zone: rules.Zone().String()}
	if day, err := time.Parse(time.DateOnly, rules.HolidaysUntil()); err == nil {
		d.Holidays = w.Date(day)
	}
	for _, k := range rights.Kinds() {
		if one, ok := rules.Period(k); ok {
			one.Basis = w.T(one.Basis)
			d.Periods = append(d.Periods, shownPeriod{one, caseTitle(w, k), caseAbout(w, k)})
		}
	}
	room, err := p.cfg.Citizens.Room()
	if err != nil {
		d.Closed = true
		return view{Name: "rights", Title: w.T("Your rights"), Data: d}, nil
	}
	n := p.naming(w)
	for _, c := range room.Counts() {
		d.Counts = append(d.Counts, shownCount{c, n.office(string(c.Office)), caseTitle(w, c.Kind)})
		d.Total.Open += c.Open
		d.Total.Overdue += c.Overdue
		d.Total.Late += c.Late
		d.Total.Answered += c.Answered
		d.Total.Refused += c.Refused
	}
	d.Consents[0], d.Consents[1], d.Consents[2] = room.Permissions()
	return view{Name: "rights", Title: w.T("Your rights"), Data: d}, nil
}

// giveRights is the same numbers for machines.
func (p *Portal) giveRights(w http.ResponseWriter, r *http.Request) {
	room, err := p.room()
	if err != nil {
		web.NewProblems(p.cfg.Log, "").Write(w, r, err)
		return
	}
	given, refused, withdrawn := room.Permissions()
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	json.NewEncoder(w).Encode(map[string]any{
		"asOf": p.cfg.Now().UTC().Format(time.RFC3339), "cases": room.Counts(), "consents": map[string]int{"inForce": given, "refused": refused, "withdrawn": withdrawn},
	})
}

// caseTitle names a kind of case.
func caseTitle(w *words, k rights.Kind) string {
	switch k {
	case rights.Access:
		return w.T("See what is held about me")
	case rights.Portability:
		return w.T("Take my data with me")
	case rights.Rectification:
		return w.T("Correct what is wrong")
	case rights.Restriction:
		return w.T("Stop using it until it is settled")
	case rights.Objection:
		return w.T("Object to a purpose")
	case rights.Erasure:
		return w.T("Erase my data")
	case rights.Why:
		return w.T("Why was it used?")
	}
	return string(k)
}

// caseAbout says what comes of it.
func caseAbout(w *words, k rights.Kind) string {
	switch k {
	case rights.Access:
		return w.T("Most of it you can see at once under My data. Ask here for what you miss there.")
	case rights.Portability:
		return w.T("A copy as JSON and CSV is at once under “A copy of everything”. Ask here for another form, or to have it sent on.")
	case rights.Rectification:
		return w.T("Say what is wrong and what is right.")
	case rights.Restriction:
		return w.T("Once the office has granted it, the hub denies every use of these data, but for those that the law names.")
	case rights.Objection:
		return w.T("The office must weigh your reasons. Once it has granted the objection, the hub denies that purpose for your data.")
	case rights.Erasure:
		return w.T("The office decides; what is erased can be opened by nobody any more. The record keeps that there was a use, without your name.")
	case rights.Why:
		return w.T("You ask it at the use itself, under My data; the office that used your data must answer.")
	}
	return ""
}

// caseState says where a case stands.
func caseState(w *words, s rights.State) string {
	switch s {
	case rights.Received:
		return w.T("received")
	case rights.InWork:
		return w.T("somebody works on it")
	case rights.Extended:
		return w.T("more time taken")
	case rights.Answered:
		return w.T("answered")
	case rights.Refused:
		return w.T("refused")
	case rights.Lifted:
		return w.T("ended")
	}
	return string(s)
}

// countdown is a case's clock in words.
func countdown(w *words, rules *rights.Rules, due, now time.Time, open bool) string {
	last := rules.LastDay(due)
	if !open {
		return ""
	}
	switch n := rules.DaysLeft(due, now); {
	case n < 0:
		return w.N(-n, "overdue since %s day; the last day was %s", "overdue since %s days; the last day was %s", w.Date(last))
	case n == 0:
		return w.T("due today, %s", w.Date(last))
	default:
		return w.N(n, "%s day left, until %s", "%s days left, until %s", w.Date(last))
	}
}

// shownLine is a case in a list.
type shownLine struct {
	rights.Line
	Title, Who, Stands, Clock string
}

func (p *Portal) lines(w *words, all []rights.Line) (out []shownLine) {
	n, rules := p.naming(w), p.cfg.Citizens.Rules()
	for _, l := range all {
		out = append(out, shownLine{l, caseTitle(w, l.Kind), n.office(string(l.Office)), caseState(w, l.State), countdown(w, rules, l.Due, p.cfg.Now(), l.Open)})
	}
	return out
}

// shownEvent is one thing that happened to a case.
type shownEvent struct {
	rights.Event
	What string // who did it, and what it came to
}

// shownCase is a case, for the person or for the office.
type shownCase struct {
	*rights.Case
	Title, Who, Stands, Clock, Basis string
	NameTitle, ClassTitle, Purposes  string
	Last, FirstLast                  time.Time
	Overdue, Closed, WasLate         bool
	History                          []shownEvent
	Told                             []shownNotice // for the person alone
	Authority, Court                 rights.Place
	ByBasis                          string // as what somebody acts for the person
}

// shown is a case in words; asked is how its first event is called: the person reads "your", the office does not.
func (p *Portal) shown(w *words, c *rights.Case, asked string) shownCase {
	n, rules, now := p.naming(w), p.cfg.Citizens.Rules(), p.cfg.Now()
	period, _ := rules.Period(c.Kind)
	s := shownCase{
		Case: c, Title: caseTitle(w, c.Kind), Who: n.office(string(c.Office)), Stands: caseState(w, c.State()), Basis: w.T(period.Basis),
		Clock: countdown(w, rules, c.Due, now, !c.State().Closed()), NameTitle: nameType(w, c.NameType), Last: rules.LastDay(c.Due), FirstLast: rules.LastDay(c.First),
		Overdue: c.Overdue(now), Closed: c.State().Closed(), WasLate: c.State().Closed() && c.Late(now), Authority: rules.Authority, Court: rules.Court,
	}
	if c.By != nil {
		s.ByBasis = basisTitle(w, c.By.Basis)
	}
	if c.Class != "" {
		s.ClassTitle = n.class(string(c.Class))
	}
	if c.Purpose != "" {
		s.Purposes = n.purpose(string(c.Purpose))
	}
	for _, e := range c.Events {
		one := shownEvent{Event: e, What: asked}
		if e.Office != "" {
			one.What = n.office(string(e.Office)) + ": " + caseState(w, e.State)
		}
		s.History = append(s.History, one)
	}
	slices.Reverse(s.History)
	return s
}

// place is the path of a page about one case or consent.
func place(parts ...string) string {
	path := ""
	for _, part := range parts {
		path += "/" + part
	}
	return path
}

// named is the name of theirs that a form means by its place.
func (p *Portal) named(r *http.Request, s *web.Session) (web.PersonName, rights.Person, error) {
	name, err := nameOf(s, r.PostForm.Get("of"))
	if err != nil {
		return name, rights.Person{}, err
	}
	person, err := p.cfg.Citizens.Person(r.Context(), s, name)
	if err != nil {
		return name, person, fmt.Errorf("finding under which mark your data are kept: %w", err)
	}
	return name, person, nil
}
