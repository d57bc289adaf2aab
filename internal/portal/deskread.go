package portal

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// An officer reads what a person has written to their office by an act on record, which carries the person's mark: a login alone reads nothing.
// One act lets that officer read that case for readFor; a restart ends it.

const (
	readFor  = time.Hour // time to answer; who comes back tomorrow reads again
	maxReads = 10_000    // readings that are remembered; beyond it everybody reads anew
)

// caseReads remembers who has read what. Its zero value knows nobody.
type caseReads struct {
	mu  sync.Mutex // guards all
	all map[caseRead]time.Time
}

type caseRead struct{ reader, id string }

func (c *caseReads) add(s *web.Session, id string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxReads {
		c.all = map[caseRead]time.Time{}
	}
	c.all[caseRead{s.Subject, id}] = now.Add(readFor)
}

func (c *caseReads) may(s *web.Session, id string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	until, ok := c.all[caseRead{s.Subject, id}]
	if ok && !now.Before(until) {
		delete(c.all, caseRead{s.Subject, id})
	}
	return ok && now.Before(until)
}

// readCase takes both steps of reading a case: the act to sign, and its signature. The act is on record, and the person can see that it is, before
// anything is shown.
func (p *Portal) readCase(r *http.Request) (view, error) {
	s, err := officer(r, form)
	if err != nil {
		return view{}, err
	}
	d, room, err := p.deskCase(r, s)
	if err != nil {
		return view{}, err
	}
	if d.Mandate.ID == "" {
		return view{}, tribune.Hint(fmt.Errorf("%w: no mandate is in force by which this office answers people", tribune.ErrDenied), "The council signs mandates.")
	}
	c, err := room.For(r.Context(), s.Office, d.ID)
	if err != nil {
		return view{}, err
	}
	f := r.PostForm
	d.Key = f.Get("key")
	caller, err := p.callerWith(r.Context(), s, d.Key, web.PersonName{}, d.Mandate)
	if err != nil {
		return view{}, err
	}
	actID, signature, err := signed(f)
	if err != nil {
		return view{}, err
	}
	note := c.Note(rights.Answer{State: rights.Read})
	if actID == "" {
		a, err := p.cfg.Citizens.PrepareDecision(r.Context(), caller, c.Subject, note)
		if err != nil {
			return view{}, err
		}
		act, err := p.actOf(wordsOf(r), a, caller)
		if err != nil {
			return view{}, err
		}
		d.Act, d.Reading = &act, true
		return deskCaseView(wordsOf(r), d), nil
	}
	leaf, err := p.cfg.Citizens.Decide(r.Context(), caller, note, actID, signature)
	if errors.Is(err, tribune.ErrNotFound) || errors.Is(err, tribune.ErrConflict) && !errors.Is(err, tribune.ErrUncertain) {
		d.Expired = true
		return deskCaseView(wordsOf(r), d), nil
	}
	if err != nil {
		return view{}, fmt.Errorf("putting the reading of a request on record: %w", err)
	}
	if err := room.NoteRead(r.Context(), s.Office, d.ID, leaf); err != nil {
		return view{}, fmt.Errorf("keeping that a request was read, in entry %d: %w", leaf, err)
	}
	p.read.add(s, d.ID, p.cfg.Now())
	return view{}, redirect(place("desk", "cases", d.ID))
}
