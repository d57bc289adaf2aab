package portal

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
	xnumber "golang.org/x/text/number"
)

// The catalogue. English stands in the pages and in the code, as {{t "Car parks"}} or words.T("Car parks"); another language
// is a folder words/LANGUAGE of JSON files {"English text": "its translation"}, read together. A text that a language lacks
// is shown in English; a test keeps German complete and free of what no page says any more. To add a language: add its
// folder, and its line in languages.
//
//go:embed words
var catalogue embed.FS

// tongue's words.
type words struct {
	Tag, Name string
	texts     map[string]string
	printer   *message.Printer
}

// languages in the order in which they are offered; the first is the one pages are written in. They are read once.
var languages = sync.OnceValue(func() []*words {
	return []*words{readWords("en", "English"), readWords("de", "Deutsch")}
})

// readWords reads one language. Its files are part of the binary, and a test reads them all: a broken one cannot be shipped.
func readWords(tag, name string) *words {
	w := &words{Tag: tag, Name: name, texts: map[string]string{}, printer: message.NewPrinter(language.Make(tag))}
	files, _ := fs.Glob(catalogue, "words/"+tag+"/*.json")
	for _, file := range files {
		data, err := catalogue.ReadFile(file)
		if err != nil || json.Unmarshal(data, &w.texts) != nil {
			panic("words: " + file + " is not an object of texts") // a mistake of ours, found by the first test
		}
	}
	return w
}

// negotiate picks a language for a browser.
func negotiate(accept string) string {
	var tags []language.Tag
	for _, w := range languages() {
		tags = append(tags, language.Make(w.Tag))
	}
	if len(accept) > 256 {
		accept = ""
	}
	wanted, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(wanted) == 0 {
		return languages()[0].Tag
	}
	_, i, confidence := language.NewMatcher(tags).Match(wanted...)
	if confidence == language.No {
		i = 0
	}
	return languages()[i].Tag
}

// T is a text in this language, with its arguments in the places of fmt verbs.
func (w *words) T(text string, args ...any) string {
	if own, ok := w.texts[text]; ok {
		text = own
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// N is the text for one or for many; the first %s or %d of both is the number as people write it.
func (w *words) N(n any, one, many string, args ...any) string {
	text := many
	if fmt.Sprint(n) == "1" {
		text = one
	}
	return w.T(text, append([]any{w.Number(n)}, args...)...)
}

// Number writes a number as people of this language do.
func (w *words) Number(n any) string {
	return w.printer.Sprint(xnumber.Decimal(n))
}

// Date is the day of a time, in UTC.
func (w *words) Date(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	layout := "2 January 2006"
	if w.Tag == "de" {
		layout = "2. January 2006"
	}
	t = t.UTC()
	return strings.Replace(t.Format(layout), t.Month().String(), w.T(t.Month().String()), 1)
}

// Time is a time to the second, in UTC.
func (w *words) Time(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return w.Date(t) + ", " + t.UTC().Format("15:04:05") + " UTC"
}

// funcs are what templates call. Links keep prefix.
func (w *words) funcs(prefix string, a *assets) template.FuncMap {
	return template.FuncMap{
		"t": w.T, "n": w.N, "num": w.Number, "date": w.Date, "time": w.Time,
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"link":    func(path string) string { return prefix + path },
		"kinds":   w.kinds,
		"segment": url.PathEscape, "thing": w.thing, "attribute": w.attribute, "measure": w.measure,
		"asset": a.url, "built": a.built,
		"join": strings.Join, "percent": percent, "tab": tabOf,
	}
}

// tab is one entry of the navigation: here marks the section that the page belongs to.
type tab struct {
	Path, Title string
	Here, Exact bool
}

func tabOf(p page, path, title string) tab {
	exact := p.Path == path
	return tab{Path: path, Title: title, Exact: exact, Here: exact || path != "/" && strings.HasPrefix(p.Path, path+"/")}
}

// wordsOf are the words of a request's language.
func wordsOf(r *http.Request) *words {
	tag := tongueOf(r.Context()).tag
	for _, w := range languages() {
		if w.Tag == tag {
			return w
		}
	}
	return languages()[0]
}
