package portal

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"tribune"
	"tribune/internal/web"
)

//go:embed pages
var pages embed.FS

// policy of every page: its own scripts, styles, images and answers, nobody else's. Inline scripts and styles are refused.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// view is what a page's handler returns: a template of pages/ and what it shows.
type view struct {
	Name    string // of the template, without .html
	Title   string // translated
	Data    any
	Status  int      // 0 = 200
	Scripts []string // of assets/dist, without .js; a script that is not built is left out
	Atom    string   // path of the page's feed, "" = none
	Private bool     // shows what only this session may see: never cached
}

// page is the dot of the layout; a page's template gets it too and finds its own data in .Data.
type page struct {
	view
	City, Demo string
	Lang       string
	Path       string // without the language
	Query      string // raw, without "?"
	Session    *web.Session
	Login      bool // whether one can log in at all
	Rights     bool // whether people's rights have pages here
	Languages  []*words
}

// In is this page's permalink in a language.
func (p page) In(tag string) string {
	path := "/" + tag + p.Path
	if p.Query != "" {
		path += "?" + p.Query
	}
	return path
}

// frame holds the parsed templates by language and prefix of links.
type frame struct {
	sets map[string]map[string]*template.Template // language or "/"+language -> page -> template
}

// load parses every page once for each language, and again for pages whose links keep to one language.
func (f *frame) load(a *assets) error {
	names, err := fs.Glob(pages, "pages/*.html")
	if err != nil {
		return err
	}
	f.sets = map[string]map[string]*template.Template{}
	for _, lang := range languages() {
		for _, prefix := range []string{"", "/" + lang.Tag} {
			set := map[string]*template.Template{}
			base, err := template.New("layout.html").Funcs(lang.funcs(prefix, a)).ParseFS(pages, "pages/layout.html", "pages/pieces.html")
			if err != nil {
				return fmt.Errorf("parsing the layout: %w", err)
			}
			for _, name := range names {
				short := strings.TrimSuffix(path.Base(name), ".html")
				if short == "layout" || short == "pieces" {
					continue
				}
				t, err := base.Clone()
				if err == nil {
					t, err = t.ParseFS(pages, name)
				}
				if err != nil {
					return fmt.Errorf("parsing page %s: %w", short, err)
				}
				set[short] = t
			}
			f.sets[prefix+" "+lang.Tag] = set
		}
	}
	return nil
}

// tongue is the language of a request, and the prefix its links keep.
type tongue struct{ prefix, tag string }

type tongueKey struct{}

func tongueOf(ctx context.Context) tongue {
	t, ok := ctx.Value(tongueKey{}).(tongue)
	if !ok {
		return tongue{"", "en"}
	}
	return t
}

// Handler serves every page, in the language that the path begins with or that the reader's browser asks for.
func (p *Portal) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := tongue{"", negotiate(r.Header.Get("Accept-Language"))}
		for _, lang := range languages() {
			prefix := "/" + lang.Tag
			if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix); ok && (rest == "" || rest[0] == '/') {
				t = tongue{prefix, lang.Tag}
				u := *r.URL
				u.RawPath = ""
				if u.Path = strings.TrimPrefix(u.Path, prefix); u.Path == "" {
					u.Path = "/"
				}
				if rest != "" && rest != u.EscapedPath() {
					u.RawPath = rest
				}
				r = r.Clone(r.Context())
				r.URL = &u
				break
			}
		}
		p.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), tongueKey{}, t)))
	})
}

// page registers a page's handler.
func (p *Portal) page(pattern string, show func(r *http.Request) (view, error)) {
	p.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, err := show(r)
		var away redirect
		switch {
		case errors.As(err, &away):
			http.Redirect(w, r, p.local(r, string(away)), http.StatusSeeOther)
			return
		case err != nil:
			p.fail(w, r, err)
			return
		}
		p.render(w, r, v)
	})
}

// redirect is an "error" with which a handler sends the reader to another page of ours, by its path without language.
type redirect string

func (r redirect) Error() string { return "see " + string(r) }

// local is a path of ours in the request's language.
func (p *Portal) local(r *http.Request, path string) string {
	return tongueOf(r.Context()).prefix + path
}

// session is whoever has logged in; where nobody has, the error leads to the login page and back.
func session(r *http.Request) (*web.Session, error) {
	if s := web.SessionOf(r.Context()); s != nil {
		return s, nil
	}
	back := tongueOf(r.Context()).prefix + r.URL.RequestURI()
	if r.Method != http.MethodGet {
		back = "/"
	}
	return nil, redirect("/login?return=" + url.QueryEscape(back))
}

func (p *Portal) render(w http.ResponseWriter, r *http.Request, v view) {
	t := tongueOf(r.Context())
	one := p.frame.sets[t.prefix+" "+t.tag][v.Name]
	if one == nil {
		p.fail(w, r, fmt.Errorf("there is no template %q", v.Name))
		return
	}
	dot := page{
		view: v, City: p.cfg.City, Demo: p.cfg.Demo, Lang: t.tag, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery,
		Session: web.SessionOf(r.Context()), Login: p.cfg.Login != nil, Rights: p.cfg.Citizens != nil, Languages: languages(),
	}
	var out bytes.Buffer
	if err := one.ExecuteTemplate(&out, "layout.html", dot); err != nil {
		p.cfg.Log.Error("rendering a page", "page", v.Name, "err", err)
		http.Error(w, "The page cannot be shown right now. The data themselves are at /ngsi-ld/v1/entities and /log/.", http.StatusInternalServerError)
		return
	}
	headers(w.Header(), v.Private || dot.Session != nil)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", t.tag)
	w.Header().Set("Vary", "Accept-Language, Cookie")
	if v.Status != 0 {
		w.WriteHeader(v.Status)
	}
	w.Write(out.Bytes())
}

// headers of everything the portal answers.
func headers(h http.Header, private bool) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	if private {
		h.Set("Cache-Control", "no-store")
	}
}

// fail shows an error as a page that says what to do. What it says is what the API's problem details say of it.
func (p *Portal) fail(w http.ResponseWriter, r *http.Request, err error) {
	problem := web.NewProblems(p.cfg.Log, "").Of(err)
	if problem.Status >= 500 && !errors.Is(err, tribune.ErrNoQuorum) && !errors.Is(err, tribune.ErrBusy) {
		p.cfg.Log.Error("a page failed", "route", r.Pattern, "request", web.RequestID(r.Context()), "err", err)
	}
	problem.Request = web.RequestID(r.Context())
	p.render(w, r, view{Name: "problem", Title: wordsOf(r).T(problem.Title), Data: problem, Status: problem.Status})
}

// writeJSON answers a script or a machine.
func writeJSON(w http.ResponseWriter, v any, private bool) {
	headers(w.Header(), private)
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
