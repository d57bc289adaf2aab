package lab

import (
	"bytes"
	"embed"
	"html/template"
	"net"
	"net/http"
	"regexp"

	"golang.org/x/text/language"
)

// The page says what a laboratory is, to whoever opens it in a browser, in English or German.
//
//go:embed head.html page.html page.de.html
var pages embed.FS

// front is the page at /, and nothing below.
type front struct {
	pages *template.Template
	mqtt  string // port of the MQTT broker; "" = none
}

func newFront(mqtt string) *front {
	_, port, err := net.SplitHostPort(mqtt)
	if err != nil || port == "0" { // whichever is free: the line that Serve writes names it
		port = ""
	}
	return &front{pages: template.Must(template.ParseFS(pages, "*.html")), mqtt: port} // a test reads both
}

// plainHost is what a Host header looks like that may stand in a command.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:]+\](:[0-9]+)?$`)

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := struct{ HTTP, Host, MQTT string }{MQTT: f.mqtt}
	authority := r.Host
	if !plainHost.MatchString(authority) {
		authority = "localhost"
	}
	at.HTTP, at.Host = "http://"+authority, authority
	if host, _, err := net.SplitHostPort(authority); err == nil {
		at.Host = host
	}
	name := "page.html"
	if german(r) {
		name = "page.de.html"
	}
	var page bytes.Buffer
	if err := f.pages.ExecuteTemplate(&page, name, at); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Language")
	w.Write(page.Bytes())
}

// german reports whether the reader has chosen German, or else likes it better than English.
func german(r *http.Request) bool {
	switch r.URL.Query().Get("lang") {
	case "de":
		return true
	case "en":
		return false
	}
	const longest = 256 // bytes of a header that is read
	accept := r.Header.Get("Accept-Language")
	if len(accept) > longest {
		return false
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil {
		return false
	}
	_, i, _ := language.NewMatcher([]language.Tag{language.English, language.German}).Match(wanted...)
	return i == 1
}
