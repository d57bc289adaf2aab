package lab

import (
	_ "embed"
	"net/http"
)

// page says what a laboratory is, to whoever opens it in a browser.
//
//go:embed page.html
var page []byte

// home serves the page at /, and nothing below.
func home(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-cache")
	w.Write(page)
}
