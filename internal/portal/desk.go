package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
)

// maxAsked bounds a name that an officer asks for.
const maxAsked = 256

// deskPage is an officer's desk. It has four faces: the question; the act to sign; the answer; what was in the way. What was
// asked stays in the form, never in the address.
type deskPage struct {
	Office   string
	Powers   []string
	Mandates []deskMandate
	Classes  []deskClass
	Keys     []string // public keys that may sign now
	Mandate  string   // as chosen
	Class    string
	Name     string
	Key      string
	NameType string

	Act     *ownAct
	Chosen  deskMandate
	Answer  *deskAnswer
	Problem *ownProblem
	Expired bool // the act was signed too late, or used already
}

type deskMandate struct {
	tribune.Mandate
	Purpose, About string // of the purpose: title and description
	Covers         []string
	Last           time.Time // the last day
}

// deskClass is a class of personal data and the kind of name by which one asks.
type deskClass struct {
	ID              tribune.ClassID
	Title, NameType string
	Covered         bool // by a mandate of this office; where not, the answer will be no, on record
}

// officer is the session of somebody who holds an office.
func officer(r *http.Request, read func(*http.Request) (*web.Session, error)) (*web.Session, error) {
	s, err := read(r)
	if err != nil {
		return nil, err
	}
	if s.Office == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: the desk is for people who hold an office", tribune.ErrDenied), "What is held about yourself is under My data.")
	}
	return s, nil
}

func (p *Portal) showDesk(r *http.Request) (view, error) {
	s, err := officer(r, session)
	if err != nil {
		return view{}, err
	}
	d, err := p.desk(r, s)
	if err != nil {
		return view{}, err
	}
	return p.deskView(r, d), nil
}

func (p *Portal) deskView(r *http.Request, d *deskPage) view {
	v := view{Name: "desk", Title: wordsOf(r).T("Desk"), Data: d, Scripts: []string{"desk"}, Private: true}
	if d.Problem != nil && d.Problem.Status >= 400 {
		v.Status = d.Problem.Status
	}
	return v
}

// desk is what there is to choose from.
func (p *Portal) desk(r *http.Request, s *web.Session) (*deskPage, error) {
	if err := offered(p.cfg.Ask != nil && p.cfg.Keys != nil, "a desk"); err != nil {
		return nil, err
	}
	w := wordsOf(r)
	n, set := p.naming(w), p.cfg.Law.Set()
	d := &deskPage{Office: n.office(string(s.Office))}
	if o, ok := set.Office(s.Office); ok {
		d.Powers = o.Powers
	}
	covered := map[tribune.ClassID]bool{}
	for _, m := range p.inForce(s.Office, func(m tribune.Mandate) bool { return len(m.Classes) > 0 && p.reads(s.Office, m) }) {
		one := deskMandate{Mandate: m, Purpose: n.purpose(string(m.Purpose)), Last: lastDay(m.Until)}
		if why, ok := set.Purpose(m.Purpose); ok {
			one.About = why.Description
		}
		for _, c := range m.Classes {
			covered[c] = true
			one.Covers = append(one.Covers, n.class(string(c)))
		}
		d.Mandates = append(d.Mandates, one)
	}
	for _, c := range set.Classes() {
		if c.Personal {
			d.Classes = append(d.Classes, deskClass{c.ID, c.Title, nameType(w, c.SubjectType), covered[c.ID]})
		}
	}
	slices.SortStableFunc(d.Classes, func(a, b deskClass) int {
		if a.Covered != b.Covered && a.Covered {
			return -1
		} else if a.Covered != b.Covered {
			return 1
		}
		return 0
	})
	keys, err := p.cfg.Keys.List(r.Context(), s)
	if err != nil {
		return nil, fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range keys {
		if k.Office == s.Office && k.usable(p.cfg.Now()) {
			d.Keys = append(d.Keys, k.Base64())
		}
	}
	return d, nil
}

// askAtDesk takes both steps: the question, which is answered with the act to sign, and the signature, which is answered with
// the data.
func (p *Portal) askAtDesk(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	d, err := p.desk(r, s)
	if err != nil {
		return view{}, err
	}
	f := r.PostForm
	d.Mandate, d.Class, d.Name, d.Key = f.Get("mandate"), f.Get("class"), strings.TrimSpace(f.Get("name")), f.Get("key")
	if d.Name == "" || len(d.Name) > maxAsked {
		return view{}, tribune.Hint(fmt.Errorf("%w: a question is about one name of at most %d bytes", tribune.ErrInvalid, maxAsked), "Write the name you ask for.")
	}
	i := slices.IndexFunc(d.Mandates, func(m deskMandate) bool { return string(m.ID) == d.Mandate })
	class, ok := p.cfg.Law.Set().Class(tribune.ClassID(d.Class))
	if i < 0 || !ok || !class.Personal {
		return view{}, fmt.Errorf("%w: choose a mandate of your office and a class of data from the lists", tribune.ErrInvalid)
	}
	d.Chosen, d.NameType = d.Mandates[i], nameType(wordsOf(r), class.SubjectType)
	caller, err := p.callerWith(r.Context(), s, d.Key, web.PersonName{}, d.Chosen.Mandate)
	if err != nil {
		return view{}, err
	}
	actID, signature, err := signed(f)
	if err != nil {
		return view{}, err
	}
	path, body, err := question(class, d.Name, 0)
	if err != nil {
		return view{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), askFor)
	defer cancel()
	a, err := p.cfg.Ask(ctx, caller, path, body, actID, signature)
	if err != nil {
		return view{}, fmt.Errorf("asking at the desk: %w", err)
	}
	return p.deskAnswered(r, d, class, a, caller, actID != "")
}

func (p *Portal) deskAnswered(r *http.Request, d *deskPage, class tribune.Class, a *Answer, caller tribune.Caller, wasSigned bool) (view, error) {
	switch {
	case a.Status == http.StatusPreconditionRequired:
		act, err := p.actOf(wordsOf(r), a, caller)
		if err != nil {
			return view{}, err
		}
		d.Act = &act
	case a.Status == http.StatusOK:
		answer, err := readAnswer(wordsOf(r), a, class.Attrs)
		if err != nil {
			return view{}, err
		}
		d.Answer = answer
	default:
		problem := p.problemOf(a)
		d.Problem = &problem
		d.Expired = wasSigned && (a.Status == http.StatusNotFound || a.Status == http.StatusConflict)
	}
	return p.deskView(r, d), nil
}
