package portal

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"tribune"
	"tribune/internal/web"
)

// Notices at an office's desk. From outside a notice is a number, what has happened to how many things of which class, and since when it waits. What it
// names is somebody's: to read it is an act on record, as with what people write to an office (deskread.go). Nobody takes note of what they have not read.

// deskNotice is one notice, from outside or read. It has two faces: the notice, and the act to sign.
type deskNotice struct {
	shownNotice
	Office  string
	Mandate tribune.Mandate // by which the office reads it; an empty ID = none is in force
	Keys    []string
	Key     string
	Act     *ownAct
	Expired bool
	Unread  bool // this officer has not read it by an act: nothing that it names is here
}

// noticeRead is how caseReads remembers that a notice was read.
func noticeRead(id string) string { return "notice " + id }

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

func (p *Portal) showNotice(r *http.Request) (view, error) {
	s, err := officer(r, session)
	if err != nil {
		return view{}, err
	}
	d, err := p.deskNotice(r, s)
	if err != nil {
		return view{}, err
	}
	return deskNoticeView(wordsOf(r), d), nil
}

func deskNoticeView(w *words, d *deskNotice) view {
	return view{Name: "notice", Title: w.T("Notice %s", d.Number()), Data: d, Scripts: []string{"rightsdesk"}, Private: true}
}

func (p *Portal) deskNotice(r *http.Request, s *web.Session) (*deskNotice, error) {
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return nil, err
	}
	l, err := p.cfg.Recipients.AtDesk(r.Context(), s.Office, r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	w, unread := wordsOf(r), !p.read.may(s, noticeRead(l.ID), p.cfg.Now())
	if unread {
		l = l.Outside()
	}
	d := &deskNotice{shownNotice: p.notice(w, l), Unread: unread, Office: p.naming(w).office(string(s.Office))}
	room, err := p.room()
	if err != nil {
		return nil, err
	}
	if all := p.inForce(s.Office, func(m tribune.Mandate) bool { return m.Purpose == room.Rules().Purpose }); len(all) > 0 {
		d.Mandate = all[0]
	}
	d.Keys, err = p.usableKeys(r, s)
	return d, err
}

// usableKeys are the keys with which an officer's browsers can sign now.
func (p *Portal) usableKeys(r *http.Request, s *web.Session) (keys []string, err error) {
	if p.cfg.Keys == nil {
		return nil, nil
	}
	all, err := p.cfg.Keys.List(r.Context(), s)
	if err != nil {
		return nil, fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range all {
		if k.Office == s.Office && k.usable(p.cfg.Now()) {
			keys = append(keys, k.Base64())
		}
	}
	return keys, nil
}

// readNotice takes both steps of reading one: the act to sign, and its signature. The act is on record before anything is shown.
func (p *Portal) readNotice(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	d, err := p.deskNotice(r, s)
	if err != nil {
		return view{}, err
	}
	if d.Mandate.ID == "" {
		return view{}, tribune.Hint(fmt.Errorf("%w: no mandate is in force by which this office answers people", tribune.ErrDenied), "The council signs mandates.")
	}
	d.Key = r.PostForm.Get("key")
	caller, err := p.callerWith(r.Context(), s, d.Key, web.PersonName{}, d.Mandate)
	if err != nil {
		return view{}, err
	}
	actID, signature, err := signed(r.PostForm)
	if err != nil {
		return view{}, err
	}
	if actID == "" {
		a, err := p.cfg.Recipients.PrepareRead(r.Context(), caller, d.ID)
		if err != nil {
			return view{}, err
		}
		act, err := p.actOf(wordsOf(r), a, caller)
		if err != nil {
			return view{}, err
		}
		d.Act = &act
		return deskNoticeView(wordsOf(r), d), nil
	}
	err = p.cfg.Recipients.Read(r.Context(), caller, d.ID, actID, signature)
	if errors.Is(err, tribune.ErrNotFound) || errors.Is(err, tribune.ErrConflict) && !errors.Is(err, tribune.ErrUncertain) {
		d.Expired = true
		return deskNoticeView(wordsOf(r), d), nil
	}
	if err != nil {
		return view{}, fmt.Errorf("putting the reading of a notice on record: %w", err)
	}
	p.read.add(s, noticeRead(d.ID), p.cfg.Now())
	return view{}, redirect(place("desk", "notices", d.ID))
}

// noticeIsRead is the session of an officer who has read the notice of the path.
func (p *Portal) noticeIsRead(r *http.Request, who func(*http.Request) (*web.Session, error)) (*web.Session, error) {
	s, err := officer(r, who)
	if err != nil {
		return nil, err
	}
	if err := offered(p.cfg.Recipients != nil, "telling recipients"); err != nil {
		return nil, err
	}
	if !p.read.may(s, noticeRead(r.PathValue("id")), p.cfg.Now()) {
		return nil, tribune.Hint(fmt.Errorf("%w: you have not read this notice, or it was more than an hour ago", tribune.ErrDenied), "Open it at the desk: to read it is an act on record.")
	}
	return s, nil
}

func (p *Portal) takeNotice(r *http.Request) (view, error) {
	s, err := p.noticeIsRead(r, form)
	if err != nil {
		return view{}, err
	}
	if err := p.cfg.Recipients.Take(r.Context(), s.Office, r.PathValue("id")); err != nil {
		return view{}, err
	}
	return view{}, redirect("/desk/notices")
}

func (p *Portal) giveNotice(w http.ResponseWriter, r *http.Request) error {
	s, err := p.noticeIsRead(r, session)
	if err != nil {
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

// Number is by what an office speaks of a notice.
func (n shownNotice) Number() string { return n.ID[:min(len(n.ID), 8)] }
