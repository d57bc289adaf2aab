// Package report draws one audit, or one comparison of defences, as one page, complete in itself: no script, no network, for screen, phone and paper.
//
// tribune explain audit calls it. The page shows the whole verdict, with small groups: it is for whoever may see those, and says so. It names no record.
package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"tribune/internal/explain/audit"
	"tribune/internal/explain/price"
)

// Content is what a page is made of.
type Content struct {
	Verdict         *audit.Verdict
	Curves          []audit.Curve
	Price           *price.Result // what other defences would buy; nil: the plan wanted no comparison
	Model           string        // what the model is, in words
	Train           string        // the data's name
	Trained, Tested int           // records
}

//go:embed page.html
var page string

//go:embed front.html
var frontParts string

//go:embed prices.html
var prices string

//go:embed style.css
var style string

// Page is the HTML.
func Page(c Content) ([]byte, error) {
	v, err := newView(c)
	if err != nil {
		return nil, err
	}
	return draw(page, v)
}

// draw fills a template of a whole page.
func draw(page string, view any) ([]byte, error) {
	sum := sha256.Sum256([]byte(style))
	t, err := template.New("report").Funcs(template.FuncMap{
		"pct": percent, "num": decimal, "list": func(s []string) string { return strings.Join(s, ", ") },
	}).Parse(page + frontParts)
	if err != nil {
		return nil, fmt.Errorf("reading the report's template: %w", err)
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"View": view, "Style": template.CSS(style), "Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
	})
	if err != nil {
		return nil, fmt.Errorf("writing the report: %w", err)
	}
	return b.Bytes(), nil
}

// Prices is a page of a comparison of defences by itself, as tribune explain defend makes it: the same pictures as an audit's page has.
func Prices(r *price.Result, model, train string) ([]byte, error) {
	hash, err := r.Plan.Hash()
	if err != nil {
		return nil, err
	}
	drawn := fronts(r)
	return draw(prices, map[string]any{"Fronts": drawn, "Sayings": sayings(drawn), "Rule": r.Rule.String(), "Confidence": r.Plan.Confidence, "Plan": hash.String(), "Seed": r.Plan.Seed, "References": r.Plan.References, "Attacks": r.Plan.Attacks, "Model": model, "Train": train})
}

// percent is a share for people.
func percent(v float64) string {
	if v != 0 && v < 0.1 && v > -0.1 {
		return fmt.Sprintf("%.2f %%", 100*v)
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}

func decimal(v float64) string { return fmt.Sprintf("%.3f", v) }

// worst is the figure of a measure that decides: the one whose interval reaches highest. The others are refused, or none.
func worst(figures []audit.Figure, explanation string, g audit.Group, m audit.Measure) (f audit.Figure, found bool) {
	for _, o := range figures {
		if o.Explanation != explanation || o.Grouping != g.Grouping || o.Group != g.Group || o.Measure != m {
			continue
		}
		if !found || o.Refused != "" && f.Refused == "" || o.Refused == f.Refused && o.High > f.High {
			f, found = o, true
		}
	}
	return f, found
}

// one is the figure of one attack and sight.
func one(figures []audit.Figure, explanation, attack string, s audit.Sight, g audit.Group, m audit.Measure) (audit.Figure, bool) {
	i := slices.IndexFunc(figures, func(f audit.Figure) bool {
		return f.Explanation == explanation && f.Attack == attack && f.Sight == s && f.Grouping == g.Grouping && f.Group == g.Group && f.Measure == m
	})
	if i < 0 {
		return audit.Figure{}, false
	}
	return figures[i], true
}
