package portal

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
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
	Desk(ctx context.Context, office tribune.OfficeID) ([]recipients.Line, error)
	Document(ctx context.Context, office tribune.OfficeID, id string) ([]byte, error)
	Take(ctx context.Context, office tribune.OfficeID, id string) error
}

func (p *Portal) recipientRoutes() {
	p.page("GET /me/recipients", p.showRecipients)
	p.page("GET /desk/notices", p.showNotices)
	p.page("POST /desk/notices/{id}", p.takeNotice)
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

func (p *Portal) showNotices(r *http.Request) (view, error) {
	s, err := officer(r, session)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return view{}, err
	}
	lines, err := p.cfg.Recipients.Desk(r.Context(), s.Office)
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	d := noticesPage{Office: p.naming(w).office(string(s.Office))}
	for _, l := range lines {
		d.Notices = append(d.Notices, p.notice(w, l))
	}
	return view{Name: "notices", Title: w.T("Notices about data you were given"), Data: d, Private: true}, nil
}

func (p *Portal) takeNotice(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return view{}, err
	}
	if err := p.cfg.Recipients.Take(r.Context(), s.Office, r.PathValue("id")); err != nil {
		return view{}, err
	}
	return view{}, redirect("/desk/notices")
}

func (p *Portal) giveNotice(w http.ResponseWriter, r *http.Request) error {
	s, err := officer(r, session)
	if err != nil {
		return err
	}
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return err
	}
	data, err := p.cfg.Recipients.Document(r.Context(), s.Office, r.PathValue("id"))
	if err != nil {
		return err
	}
	headers(w.Header(), true)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="notice.json"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, err = w.Write(data)
	return err
}
