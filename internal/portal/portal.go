// Package portal is the city's public page: what is measured now, and every act of power or use of personal data as it
// stands on record, each with its receipt. Server-rendered, no script, no cookie, no third-party request.
//
// It reads only what any visitor may read: the twin's public attributes and the published record.
package portal

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tribune/internal/record"
	"tribune/internal/twin"
)

//go:embed assets/src
var assets embed.FS

// Twin finds entities; sealed attributes stay sealed.
type Twin interface {
	Find(ctx context.Context, q twin.Query) (twin.Page, error)
}

// Record is the log.
type Record interface {
	Published() uint64
	Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error]
	Quorum() bool
}

// Fact is one line about how the demo's data came about.
type Fact struct{ Label, Value, Note string }

// Config wires the page.
type Config struct {
	City   string
	Demo   string // a sentence for the banner; "" = not a demo
	Twin   Twin
	Record Record
	Facts  func() []Fact // how the shown data came about; may be nil
	Now    func() time.Time
	Log    *slog.Logger
}

// Limits of the page.
const (
	pageFor = time.Second
)

// Portal serves the page.
type Portal struct {
	cfg  Config
	page *template.Template

	mu     sync.Mutex // guards what follows: one rendering a second serves every visitor
	cached []byte
	at     time.Time
	seen   chronicle
}

// New parses the page.
func New(cfg Config) (*Portal, error) {
	page, err := template.New("city.html").Funcs(template.FuncMap{"percent": percent, "thousands": thousands}).ParseFS(assets, "assets/src/city.html")
	if err != nil {
		return nil, fmt.Errorf("parsing the page: %w", err)
	}
	return &Portal{cfg: cfg, page: page}, nil
}

// Handler serves GET / and its style sheet.
func (p *Portal) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.city)
	mux.HandleFunc("GET /assets/portal.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "public, max-age=300")
		css, err := assets.ReadFile("assets/src/portal.css")
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Write(css)
	})
	return mux
}

func (p *Portal) city(w http.ResponseWriter, r *http.Request) {
	body, err := p.render(r.Context())
	if err != nil {
		p.cfg.Log.Error("rendering the page", "err", err)
		http.Error(w, "The page cannot be shown right now. The data themselves are at /ngsi-ld/v1/entities.", http.StatusServiceUnavailable)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	w.Write(body)
}
