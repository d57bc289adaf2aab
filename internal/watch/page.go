package watch

import (
	"bytes"
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"os"
	"regexp"
	"slices"
	"time"
)

//go:embed page
var files embed.FS

// pageShown bounds the incidents of one part of the page; the JSON list has all.
const pageShown = 100

// card is one incident as the page shows it.
type card struct {
	Incident
	Title, Means, Do, Tone, FirstAt, OverAt string
}

type pageData struct {
	Title, LookedAt     string
	Looked              bool
	Words               []string
	Open, Notices, Over []card
	More                int
}

// Handler is the watcher's public surface: the page, feed and list of incidents, their evidence, and the copy of the record.
func (w *Watcher) Handler() (http.Handler, error) {
	page, err := template.ParseFS(files, "page/page.html")
	if err != nil {
		return nil, err
	}
	css, err := files.ReadFile("page/watch.css")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	w.Copy.Routes(mux)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, r *http.Request) {
		var out bytes.Buffer
		if err := page.Execute(&out, w.page()); err != nil {
			http.Error(rw, "the page cannot be made", http.StatusInternalServerError)
			return
		}
		answer(rw, "text/html; charset=utf-8", out.Bytes())
	})
	mux.HandleFunc("GET /watch.css", func(rw http.ResponseWriter, r *http.Request) { answer(rw, "text/css; charset=utf-8", css) })
	mux.HandleFunc("GET /incidents.json", func(rw http.ResponseWriter, r *http.Request) {
		raw, err := w.list()
		if err != nil {
			http.Error(rw, "the list cannot be made", http.StatusInternalServerError)
			return
		}
		answer(rw, "application/json", raw)
	})
	mux.HandleFunc("GET /incidents.atom", func(rw http.ResponseWriter, r *http.Request) {
		raw, err := w.feed(w.Book.All())
		if err != nil {
			http.Error(rw, "the feed cannot be made", http.StatusInternalServerError)
			return
		}
		answer(rw, "application/atom+xml; charset=utf-8", raw)
	})
	mux.HandleFunc("GET /evidence/{file}", w.evidence)
	return mux, nil
}

func answer(rw http.ResponseWriter, kind string, body []byte) {
	h := rw.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	rw.Write(body)
}

var evidenceName = regexp.MustCompile(`^[0-9a-f]{16}\.json$`)

func (w *Watcher) evidence(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if !evidenceName.MatchString(name) {
		http.NotFound(rw, r)
		return
	}
	raw, err := os.ReadFile(EvidenceFile(w.cfg.Dir, name[:len(name)-len(".json")]))
	if err != nil {
		http.NotFound(rw, r)
		return
	}
	answer(rw, "application/json", raw)
}

// list is every incident with what its kind means, for programs.
func (w *Watcher) list() ([]byte, error) {
	type entry struct {
		Incident
		Title string `json:"title"`
		Means string `json:"means"`
		Do    string `json:"do"`
	}
	out := struct {
		Log       string  `json:"log"`
		Status    Status  `json:"status"`
		Open      int     `json:"open"`
		Incidents []entry `json:"incidents"`
	}{w.trust.Origin(), w.Copy.Status(), len(w.Book.Open()), []entry{}}
	for _, in := range w.Book.All() {
		a := in.Kind.about()
		out.Incidents = append(out.Incidents, entry{in, a.title, a.means, a.do})
	}
	return json.MarshalIndent(out, "", " ")
}

// weight is a kind's place in the list of kinds, the worst first.
func weight(k Kind) int {
	return slices.IndexFunc(kinds[:], func(a about) bool { return a.kind == k })
}

func (w *Watcher) page() pageData {
	s := w.Copy.Status()
	d := pageData{Title: w.title(), Looked: !s.Looked.IsZero(), LookedAt: s.Looked.Format(time.RFC3339), Words: s.Words()}
	for _, in := range w.Book.All() {
		a := in.Kind.about()
		c := card{Incident: in, Title: a.title, Means: a.means, Do: a.do, Tone: string(in.Severity), FirstAt: in.First.Format(time.RFC3339)}
		to := &d.Open
		if !in.Resolved.IsZero() {
			c.OverAt, c.Tone, to = in.Resolved.Format(time.RFC3339), "", &d.Over
		} else if in.Severity == Notice {
			to = &d.Notices
		}
		if len(*to) >= pageShown {
			d.More++
			continue
		}
		*to = append(*to, c)
	}
	slices.SortStableFunc(d.Open, func(a, b card) int { return weight(a.Kind) - weight(b.Kind) })
	return d
}
