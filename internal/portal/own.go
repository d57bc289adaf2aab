package portal

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/policy"
)

// What belongs to one session: logging in, the account with its keys, a person's own data, an officer's desk.
//
// Nothing a person is called by, a plate for example, ever stands in a URL: names of one's own are meant by their place in
// the session, names that an officer asks for travel in bodies. The login room refuses forms without the session's token;
// form looks again, so that no page is safe only by how it is wired.

// Bounds, with their reasons.
const (
	maxForm   = 32 << 10 // our longest form carries an act's text and a signature
	maxNames  = 32       // names of one person that are shown
	askFor    = 90 * time.Second
	maxAnswer = 1000 // entities of one answer: the API gives no more
)

func (p *Portal) ownRoutes() {
	p.page("GET /login", p.showLogin)
	p.page("GET /account", p.showAccount)
	p.mux.HandleFunc("POST /account/keys", p.own(p.addKey))
	p.mux.HandleFunc("GET /account/keys/{actor}", p.own(p.keyPaper))
	p.page("GET /me", p.showMe)
	p.page("GET /me/uses/{tag}", p.showUse)
	p.page("GET /me/export", p.showExport)
	p.mux.HandleFunc("POST /me/trace", p.own(p.giveTraceKey))
	p.mux.HandleFunc("POST /me/export/archive", p.own(p.giveArchive))
	p.mux.HandleFunc("POST /me/export/open", p.own(p.openOwn))
	p.page("GET /desk", p.showDesk)
	p.page("POST /desk", p.askAtDesk)
}

// own serves what is no page: downloads, and answers to scripts. Nothing of it is kept by any cache. A script, which asks for
// JSON, gets errors as problem details; a person gets a page.
func (p *Portal) own(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header(), true)
		err := serve(w, r)
		var away redirect
		switch {
		case err == nil:
		case wantsJSON(r):
			if errors.As(err, &away) {
				err = tribune.Hint(fmt.Errorf("%w: nobody has logged in", tribune.ErrUnknown), "Log in again.")
			}
			web.NewProblems(p.cfg.Log, "").Write(w, r, err)
		case errors.As(err, &away):
			http.Redirect(w, r, p.local(r, string(away)), http.StatusSeeOther)
		default:
			p.fail(w, r, err)
		}
	}
}

func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "application/json")
}

// form reads the form of a session and holds its token against the session's.
func form(r *http.Request) (*web.Session, error) {
	s, err := session(r)
	if err != nil {
		return nil, err
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return nil, fmt.Errorf("reading a form: %w", err)
		}
		return nil, fmt.Errorf("%w: the form cannot be read", tribune.ErrInvalid) // the parser's own words quote the form
	}
	token := r.PostForm.Get("csrf")
	if h := r.Header.Get("Tribune-CSRF"); h != "" {
		token = h
	}
	if s.CSRF == "" || subtle.ConstantTimeCompare([]byte(token), []byte(s.CSRF)) != 1 {
		return nil, tribune.Hint(fmt.Errorf("%w: this form is not from a page of this session", tribune.ErrDenied), "Open the page again and send the form from there.")
	}
	return s, nil
}

// nameOf is the session's name that "of" means by its place.
func nameOf(s *web.Session, of string) (web.PersonName, error) {
	i, err := strconv.Atoi(of)
	if err != nil || i < 0 || i >= len(s.Names) || i >= maxNames {
		return web.PersonName{}, fmt.Errorf("%w: this session has no such name", tribune.ErrNotFound)
	}
	return s.Names[i], nil
}

// offered refuses what this city does not offer.
func offered(there bool, what string) error {
	if there {
		return nil
	}
	return fmt.Errorf("%w: this city does not offer %s here", tribune.ErrUnsupported, what)
}

// dataSubject is the office in which a person reads their own data.
const dataSubject tribune.OfficeID = "data-subject"

// officeOf is the office a session's browser keys act in, "" = none.
func officeOf(s *web.Session) tribune.OfficeID {
	switch {
	case s.Office != "":
		return s.Office
	case len(s.Names) > 0:
		return dataSubject
	}
	return ""
}

// The states of a browser key, as Keys says them.
const (
	keyRequested = "requested"
	keySigned    = "signed"
	keyOnRecord  = "on record"
)

// usable reports whether acts can be signed with a key now.
func (k BrowserKey) usable(now time.Time) bool { return k.State == keyOnRecord && now.Before(k.Until) }

// Base64 is the public key as pages and scripts compare it.
func (k BrowserKey) Base64() string { return base64.StdEncoding.EncodeToString(k.Key) }

// callerWith is the caller that a browser's key makes: in one office, under one mandate and, of a person who is no officer, for
// one name of theirs. The key must be one of the session's own.
func (p *Portal) callerWith(ctx context.Context, s *web.Session, key string, name web.PersonName, m tribune.Mandate) (tribune.Caller, error) {
	none := tribune.Hint(fmt.Errorf("%w: this browser has no key that may sign for this now", tribune.ErrDenied), "See your keys on the account page.")
	if p.cfg.Keys == nil {
		return tribune.Caller{}, none
	}
	all, err := p.cfg.Keys.List(ctx, s)
	if err != nil {
		return tribune.Caller{}, fmt.Errorf("listing browser keys: %w", err)
	}
	for _, k := range all {
		if k.Office != officeOf(s) || k.Base64() != key || k.For != name || !k.usable(p.cfg.Now()) {
			continue
		}
		until := k.Until
		if !s.Until.IsZero() && s.Until.Before(until) {
			until = s.Until
		}
		return tribune.Caller{Actor: k.Actor, Office: k.Office, Purpose: m.Purpose, Mandate: m.ID, Until: until}, nil
	}
	return tribune.Caller{}, none
}

// inForce are the mandates of an office that are in force now, for which ok holds; the one that lasts longest first.
func (p *Portal) inForce(office tribune.OfficeID, ok func(tribune.Mandate) bool) (out []tribune.Mandate) {
	now := p.cfg.Now()
	for _, m := range p.cfg.Law.Mandates() {
		for _, o := range m.Offices {
			if o == office && !now.Before(m.From) && now.Before(m.Until) && ok(m) {
				out = append(out, m)
				break
			}
		}
	}
	sortMandates(out)
	return out
}

// reads reports whether some policy lets an office read under a mandate: an office has mandates for other acts as well.
func (p *Portal) reads(office tribune.OfficeID, m tribune.Mandate) bool {
	return slices.ContainsFunc(p.cfg.Law.Set().Rules(), func(r *policy.Rule) bool {
		reach := r.Reach()
		return r.Permit && policy.Covers(reach.Kinds, tribune.ActRead) && policy.Covers(reach.Offices, office) && policy.Covers(reach.Purposes, m.Purpose)
	})
}

// question asks for everything of one class about one person: an NGSI-LD Query, which travels in a body. part counts
// answers of maxAnswer entities.
func question(class tribune.Class, name string, part int) (path string, body []byte, err error) {
	type selector struct {
		ID   string `json:"id,omitempty"`
		Type string `json:"type"`
	}
	query := struct {
		Type     string     `json:"type"`
		Entities []selector `json:"entities"`
		Q        string     `json:"q,omitempty"`
	}{Type: "Query"}
	for _, t := range class.Types {
		query.Entities = append(query.Entities, selector{Type: string(t)})
	}
	if class.Subject == "" { // the entity is the person
		if len(query.Entities) != 1 {
			return "", nil, fmt.Errorf("%w: of this class one cannot ask by name", tribune.ErrUnsupported)
		}
		query.Entities[0].ID = name
	} else {
		text, err := json.Marshal(name)
		if err != nil {
			return "", nil, fmt.Errorf("%w: the name is no text", tribune.ErrInvalid)
		}
		query.Q = string(class.Subject) + "==" + string(text)
	}
	if body, err = json.Marshal(query); err != nil {
		return "", nil, fmt.Errorf("writing a question: %w", err)
	}
	v := url.Values{"limit": {strconv.Itoa(maxAnswer)}, "options": {"keyValues"}}
	if part > 0 {
		v.Set("offset", strconv.Itoa(part*maxAnswer))
	}
	return "/ngsi-ld/v1/entityOperations/query?" + v.Encode(), body, nil
}

// signed reads which act a form answers, and its signature. Both empty: it is a first question.
func signed(f url.Values) (actID string, signature []byte, err error) {
	actID = f.Get("act")
	if actID == "" {
		return "", nil, nil
	}
	if signature, err = base64.StdEncoding.DecodeString(strings.TrimSpace(f.Get("signature"))); err != nil || len(signature) != 64 || len(actID) > 64 {
		return "", nil, tribune.Hint(fmt.Errorf("%w: the signature is not an Ed25519 signature in base64", tribune.ErrInvalid), "Sign with the key of this browser, or paste what your own tool has made.")
	}
	return actID, signature, nil
}
