package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"

	"tribune"
)

// Verifier is the verifier of receipts as one HTML file, in a language ("en", "de"): what pages check in the browser, for
// people who would not take the checker from the accused. It holds its script and style, and its policy forbids it every
// connection. The same release gives the same bytes, whoever serves them.
func Verifier(lang string) ([]byte, error) {
	var p Portal
	if err := p.assets.load(); err != nil {
		return nil, fmt.Errorf("reading the assets: %w", err)
	}
	if err := p.frame.load(&p.assets); err != nil {
		return nil, err
	}
	return p.verifier(lang)
}

func (p *Portal) verifier(lang string) ([]byte, error) {
	set := p.frame.sets[" "+lang]
	if set == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: no page is written in %q", tribune.ErrInvalid, lang), "There are %s.", tags())
	}
	script, style := p.assets.content["verifier.js"], p.assets.content["portal.css"]
	if script == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: this program was built without the scripts of its pages", tribune.ErrNotFound), "Run make build where npm is, or use tribune verify.")
	}
	dot := struct {
		Lang, Policy string
		Script       template.JS
		Style        template.CSS
	}{lang, "default-src 'none'; script-src " + inline(script) + "; style-src " + inline(style) + "; base-uri 'none'; form-action 'none'", template.JS(script), template.CSS(style)}
	var out bytes.Buffer
	if err := set["verifier"].ExecuteTemplate(&out, "verifier", dot); err != nil {
		return nil, fmt.Errorf("writing the verifier: %w", err)
	}
	return out.Bytes(), nil
}

// inline is how a content security policy names an inline script or style sheet.
func inline(text []byte) string {
	sum := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func tags() (all []string) {
	for _, w := range languages() {
		all = append(all, w.Tag)
	}
	return all
}

// verifierRoutes serve it as a download. In the page's own policy its inline script would not run, and should not: it is
// for keeping.
func (p *Portal) verifierRoutes() {
	p.mux.HandleFunc("GET /verifier.html", func(w http.ResponseWriter, r *http.Request) {
		file, err := p.verifier(tongueOf(r.Context()).tag)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		headers(w.Header(), false)
		sum := sha256.Sum256(file)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Disposition", `attachment; filename="tribune-verifier.html"`)
		w.Header().Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
		w.Header().Add("Vary", "Accept-Language")
		http.ServeContent(w, r, "", noTime, bytes.NewReader(file))
	})
}
