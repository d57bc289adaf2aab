package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/internal/recipients"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/protocol"
)

// Recipients is who was given people's data, as pages show it: to a person who of them was told what has become of their data (GDPR, article 19),
// to an office what waits at its desk.
type Recipients interface {
	Of(ctx context.Context, name web.PersonName) ([]recipients.Line, error)
	Desk(ctx context.Context, office tribune.OfficeID) ([]recipients.Line, error) // from outside: nothing that they name
	// AtDesk is one of them, whole. What it names is shown to nobody who has not read it by an act: PrepareRead is that act, for its actor to sign, and
	// Read puts it on record.
	AtDesk(ctx context.Context, office tribune.OfficeID, id string) (recipients.Line, error)
	PrepareRead(ctx context.Context, caller tribune.Caller, id string) (*Answer, error)
	Read(ctx context.Context, caller tribune.Caller, id, actID string, signature []byte) error
	Document(ctx context.Context, office tribune.OfficeID, id string) ([]byte, error)
	Take(ctx context.Context, office tribune.OfficeID, id string) error
}

func (p *Portal) recipientRoutes() {
	p.page("GET /me/recipients", p.showRecipients)
	p.page("GET /desk/notices", p.showNotices)
	p.page("GET /desk/notices/{id}", p.showNotice)
	p.page("POST /desk/notices/{id}", p.takeNotice)
	p.page("POST /desk/notices/{id}/read", p.readNotice)
	p.mux.HandleFunc("GET /desk/notices/{id}/notice.json", p.own(p.giveNotice))
}

// shownNotice is a notice in words.
type shownNotice struct {
	recipients.Line
	What, Who, Why, Data, Stands string
}

// recipientsPage is a person's; noticesPage an office's.
type recipientsPage struct{ Notices []shownNotice }

type noticesPage struct {
	Office  string
	Notices []shownNotice
}

func (p *Portal) showRecipients(r *http.Request) (view, error) {
	s, err := session(r)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	all, err := p.toldOf(r, w, s.Names)
	if err != nil {
		return view{}, err
	}
	return view{Name: "recipients", Title: w.T("Who was told"), Data: recipientsPage{all}, Private: true}, nil
}

// toldOf is who was told what has become of the data under names of a session's.
func (p *Portal) toldOf(r *http.Request, w *words, names []web.PersonName) (all []shownNotice, err error) {
	if p.cfg.Recipients == nil {
		return nil, nil
	}
	for _, name := range names[:min(len(names), maxNames)] {
		lines, err := p.cfg.Recipients.Of(r.Context(), name)
		if err != nil {
			return nil, fmt.Errorf("looking up who was told: %w", err)
		}
		for _, l := range lines {
			all = append(all, p.notice(w, l))
		}
	}
	slices.SortStableFunc(all, func(a, b shownNotice) int { return b.Event.Compare(a.Event) })
	return all, nil
}

// toldOfCase is who was told of what a case has come to.
func (p *Portal) toldOfCase(r *http.Request, w *words, s *web.Session, c *rights.Case) ([]shownNotice, error) {
	var kinds []protocol.NoticeKind
	switch c.Kind {
	case rights.Erasure:
		kinds = []protocol.NoticeKind{protocol.NoticeErased}
	case rights.Rectification:
		kinds = []protocol.NoticeKind{protocol.NoticeRectified}
	case rights.Restriction:
		kinds = []protocol.NoticeKind{protocol.NoticeRestricted, protocol.NoticeLifted}
	default:
		return nil, nil
	}
	name := web.PersonName{Type: c.NameType, Name: c.Name}
	if !slices.Contains(s.Names, name) {
		return nil, nil // a name that is theirs no more
	}
	all, err := p.toldOf(r, w, []web.PersonName{name})
	return slices.DeleteFunc(all, func(n shownNotice) bool {
		return !slices.Contains(kinds, n.Kind) || c.Class != "" && n.Class != c.Class || n.Event.Before(c.Filed().Truncate(time.Millisecond))
	}), err
}

func (p *Portal) notice(w *words, l recipients.Line) shownNotice {
	n := p.naming(w)
	one := shownNotice{Line: l, What: noticeWhat(w, l.Kind), Who: n.office(string(l.Office)), Why: n.purpose(string(l.Purpose)), Data: n.class(string(l.Class))}
	switch {
	case l.State == recipients.Told && l.Failed:
		one.Stands = w.T("its endpoint did not take it; the office took note on %s", w.Time(l.Since))
	case l.State == recipients.Told && l.Standing:
		one.Stands = w.T("its endpoint took it on %s", w.Time(l.Since))
	case l.State == recipients.Told:
		one.Stands = w.T("the office took note on %s", w.Time(l.Since))
	case l.State == recipients.AtDesk && l.Failed:
		one.Stands = w.T("could not be told at its endpoint; it waits at the office’s desk since %s", w.Time(l.Since))
	case l.State == recipients.AtDesk && !l.Read.IsZero():
		one.Stands = w.T("the office read it on %s; nobody has taken note yet", w.Time(l.Read))
	case l.State == recipients.AtDesk:
		one.Stands = w.T("waits at the office’s desk since %s; nobody has taken note yet", w.Time(l.Since))
	default:
		one.Stands = w.N(l.Tries, "on its way; %s try so far", "on its way; %s tries so far")
	}
	return one
}

func noticeWhat(w *words, k protocol.NoticeKind) string {
	switch k {
	case protocol.NoticeErased:
		return w.T("Erased")
	case protocol.NoticeRectified:
		return w.T("Corrected")
	case protocol.NoticeRestricted:
		return w.T("Use restricted")
	case protocol.NoticeLifted:
		return w.T("Restriction ended")
	}
	return string(k)
}
