package main

import (
	"html/template"
	"io"
	"time"
)

// traceSheet is for people without a phone: the ombudsman prints it and hands it over.
const traceSheet = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Uses of your data</title>
<style>
body { font: 20pt/1.5 Georgia, serif; max-width: 34em; margin: 2em auto; padding: 0 1em; color: #000; background: #fff }
h1 { font-size: 1.5em } h2 { font-size: 1.2em }
li { margin: 0 0 1em; break-inside: avoid }
.wrong { border: 4px solid #000; padding: 0 1em }
small { font-size: .8em }
</style>
<h1>Uses of your data</h1>
<p>Printed on {{.Now}}.</p>
{{range .Traces}}{{if not .Empty}}
<h2>{{.What}}: {{len .Uses}}</h2>
{{if .Uses}}<ol>{{range .Uses}}<li>{{.Words}}</li>{{end}}</ol>{{else}}<p>Nobody has used your data.</p>{{end}}
{{if .Findings}}<div class="wrong"><h2>Not as it should be</h2><ul>{{range .Findings}}<li>{{.What}}</li>{{end}}</ul></div>{{end}}
<h2>How this is known</h2>
{{range .Proof}}<p>{{.}}</p>{{end}}
{{if not .Findings}}<p>{{$.All}}</p>{{end}}
{{end}}{{end}}
<p><small>The record names the office, never the person who works there. You may ask any office why it used your data; the number of the entry says which use you mean.
This sheet says who asked about you. Keep it as you would keep a letter from the authorities.</small></p>
</html>
`

func printTraces(out io.Writer, all []traced, now time.Time) error {
	page, err := template.New("sheet").Parse(traceSheet)
	if err != nil {
		return err
	}
	return page.Execute(out, map[string]any{"Now": now.UTC().Format("2 January 2006, 15:04 UTC"), "Traces": all, "All": allOfThem})
}
