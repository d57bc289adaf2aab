package provider

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
	"golang.org/x/text/language"
)

//go:embed pages
var files embed.FS

// pages are the templates and what goes with each of them.
type pages struct {
	templates *template.Template
	css       []byte
	policy    string // Content-Security-Policy
	words     []words
	matcher   language.Matcher
}

func newPages(cfg Config) (*pages, error) {
	templates, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	css, err := files.ReadFile("pages/style.css")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	p := &pages{templates: templates, css: css}
	p.words, p.matcher = languages()
	// The form is sent to us and answered with a redirect to the client: browsers hold form-action against both.
	targets := []string{"'self'"}
	for _, uri := range cfg.RedirectURIs {
		u, err := url.Parse(uri)
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		if origin := u.Scheme + "://" + u.Host; !slices.Contains(targets, origin) {
			targets = append(targets, origin)
		}
	}
	if cfg.NativeID != "" {
		targets = append(targets, "http://127.0.0.1:*")
	}
	p.policy = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action " + strings.Join(targets, " ")
	return p, nil
}

// view is what the templates see.
type view struct {
	T       words
	City    string // the hub's URL
	People  []Person
	Details []Detail
	Message string
}

// Names are a person's verified names, in words.
func (v view) Names(p Person) string {
	var names []string
	for _, n := range p.Names {
		kind := v.T.Types[n.Type]
		if kind == "" {
			kind = n.Type
		}
		names = append(names, kind+" "+n.Name)
	}
	return strings.Join(names, ", ")
}

// wordsFor chooses the language: what the client asked for (ui_locales) before what the browser prefers.
func (p *pages) wordsFor(r *http.Request, locales []language.Tag) words {
	accepted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil {
		accepted = nil // a header that nobody can read is no preference
	}
	_, i, _ := p.matcher.Match(append(slices.Clone(locales), accepted...)...)
	return p.words[i]
}

func (p *Provider) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	v.City = p.cfg.Audience
	var out bytes.Buffer
	if err := p.pages.templates.ExecuteTemplate(&out, name, v); err != nil {
		p.cfg.Log.ErrorContext(r.Context(), "demo provider: rendering", "page", name, "error", err)
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.T.Lang)
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

// problem is a page that says what is wrong, in a sentence chosen from the words.
func (p *Provider) problem(w http.ResponseWriter, r *http.Request, status int, sentence func(words) string) {
	t := p.pages.wordsFor(r, nil)
	p.render(w, r, status, "problem.html", view{T: t, Message: sentence(t)})
}

func (p *Provider) over(w http.ResponseWriter, r *http.Request) {
	p.problem(w, r, http.StatusForbidden, func(t words) string { return t.Over })
}

// choice shows the page of a request to the browser that began it.
func (p *Provider) choice(w http.ResponseWriter, r *http.Request) {
	req, err := p.store.pending(r.PathValue("id"), secretOf(r))
	if err != nil {
		p.over(w, r)
		return
	}
	p.render(w, r, http.StatusOK, "choose.html", view{T: p.pages.wordsFor(r, req.asked.UILocales), People: p.cfg.People, Details: req.details})
}

// chosen answers a request with the person whose button was pressed, and sends the browser back to the client.
func (p *Provider) chosen(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || !single(r.PostForm) {
		p.problem(w, r, http.StatusBadRequest, func(t words) string { return t.BadRequest })
		return
	}
	id, secret := r.PathValue("id"), secretOf(r)
	if r.PostForm.Has("cancel") {
		req, err := p.store.abandon(id, secret)
		if err != nil {
			p.over(w, r)
			return
		}
		http.SetCookie(w, p.cookie(id, "", -1))
		op.AuthRequestError(w, r, req, oidc.ErrAccessDenied().WithDescription("nobody was chosen"), p.op)
		return
	}
	req, err := p.store.answer(id, secret, r.PostForm.Get("person"))
	if errors.Is(err, errNoPerson) {
		p.problem(w, r, http.StatusBadRequest, func(t words) string { return t.NoPerson })
		return
	}
	if err != nil {
		p.over(w, r)
		return
	}
	http.SetCookie(w, p.cookie(id, "", -1))
	op.AuthResponse(req, p.op, w, r)
}

// foreign refuses a form that another site sent.
func (p *Provider) foreign(w http.ResponseWriter, r *http.Request) {
	p.problem(w, r, http.StatusForbidden, func(t words) string { return t.Foreign })
}

func (p *Provider) ended(w http.ResponseWriter, r *http.Request) {
	p.render(w, r, http.StatusOK, "ended.html", view{T: p.pages.wordsFor(r, nil)})
}

func (p *pages) style(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Write(p.css)
}

func secretOf(r *http.Request) string {
	if c, err := r.Cookie(cookieName); err == nil {
		return c.Value
	}
	return ""
}
