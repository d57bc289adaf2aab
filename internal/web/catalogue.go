package web

import (
	"html/template"
	"net/http"
)

// Catalogue serves, at /problems/ and below, what the types of our own problems mean.
func Catalogue() http.Handler {
	page := template.Must(template.New("problems").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Problems</title></head><body><main>
<h1>Problems</h1>
<p>An answer of type <code>application/problem+json</code> (RFC 9457) names one of these.</p>
<dl>{{range .}}<dt id="{{.Name}}"><code>{{.Name}}</code>, HTTP {{.Status}}</dt><dd>{{.Title}}.</dd>{{end}}</dl>
</main></body></html>
`))
	all := append(rows(), internal, signatureNeeded, quarantined)
	known := map[string]bool{}
	for _, r := range all {
		known[r.Name] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path[min(len(base), len(r.URL.Path)):]
		if name != "" {
			if !known[name] {
				http.NotFound(w, r)
				return
			}
			http.Redirect(w, r, base+"#"+name, http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, all)
	})
}
