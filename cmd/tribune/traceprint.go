package main

import (
	"html/template"
	"io"
	"time"

	"tribune"
)

// traceSheet is for people without a phone: the ombudsman prints it and hands it over. Plain sentences, large type, nothing that only colour says.
const traceSheet = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Uses of your data</title>
<style>
@page { margin: 2cm }
body { font: 18pt/1.5 Georgia, serif; max-width: 34em; margin: 2em auto; padding: 0 1em; color: #000; background: #fff; overflow-wrap: break-word }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; break-after: avoid }
ol { list-style: none; padding: 0 }
li { margin: 0 0 1.2em; padding: .2em 0 0 .8em; border-left: 4px solid #000; break-inside: avoid }
li p { margin: 0 0 .2em }
.wrong { border: 4px solid #000; padding: 0 1em }
small { font-size: .8em }
</style>
<h1>Uses of your data</h1>
<p>Printed on {{.Now}}. The latest use stands first.</p>
{{range .Traces}}
<h2>{{.What}}: {{len .Shown}}</h2>
{{if .Shown}}<ol>{{range .Shown}}<li><p>{{.When}}</p><p><strong>{{.Who}}</strong> {{.What}}.</p>{{with .Why}}<p>Why: {{.}}</p>{{end}}<p>{{.How}}</p><p><small>Use {{.N}}, entry {{.Entry}} of the public record</small></p></li>{{end}}</ol>{{else}}<p>Nobody has used your data.</p>{{end}}
{{if .Findings}}<div class="wrong"><h2>Not as it should be</h2><ul>{{range .Findings}}<li>{{.What}}</li>{{end}}</ul><p>Show this to the ombudsman, or to a newspaper.</p></div>{{end}}
<h2>How this is known</h2>
{{range .Proof}}<p><small>{{.}}</small></p>{{end}}
{{if not .Findings}}<p>{{$.All}}</p>{{end}}
{{end}}
<h2>What you can do</h2>
<p>You may ask any office why it used your data, and it must answer within a month. Say the number of the entry: it says which use you mean. Whoever printed this sheet can write the letter with you.</p>
<p><small>The record names the office, never the person who works there. This sheet says who asked about you: keep it as you would keep a letter from the authorities. If it was printed for a child or for somebody in your care, “you” is that person.</small></p>
</html>
`

func printTraces(out io.Writer, all []traced, law map[tribune.Hash]titles, now time.Time) error {
	page, err := template.New("sheet").Parse(traceSheet)
	if err != nil {
		return err
	}
	return page.Execute(out, map[string]any{"Now": now.UTC().Format("2 January 2006, 15:04 UTC"), "Traces": sheets(all, law), "All": allOfThem})
}
