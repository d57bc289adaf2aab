package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/internal/need"
)

// violation is one rule of axe-core that a page breaks.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string   `json:"html"`
		Target  []string `json:"target"`
		Failure string   `json:"failureSummary"`
	} `json:"nodes"`
}

// Axe fails with what axe-core finds against WCAG 2.2, levels A and AA, and its good practices.
func (p *Page) Axe(t testing.TB) {
	t.Helper()
	source := filepath.Join(root(t), "internal", "portal", "assets", "node_modules", "axe-core", "axe.min.js")
	script, err := os.ReadFile(source)
	if err != nil {
		need.Missing(t, "axe-core is not installed: run scripts/assets")
	}
	Eval[bool](t, p, string(script)+"\n;true")
	found := Eval[[]violation](t, p, `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
		r.violations.map(v => ({id: v.id, impact: v.impact || "", help: v.help, nodes: v.nodes.map(n => ({html: n.html, target: n.target.map(String), failureSummary: n.failureSummary || ""}))})))`)
	for _, v := range found {
		var where strings.Builder
		for _, n := range v.Nodes[:min(len(v.Nodes), 5)] {
			fmt.Fprintf(&where, "\n  %s\n    %.300s\n    %s", strings.Join(n.Target, " "), n.HTML, strings.ReplaceAll(n.Failure, "\n", "\n    "))
		}
		t.Errorf("%s (%s), %d times: %s%s", v.ID, v.Impact, len(v.Nodes), v.Help, where.String())
	}
}

// Focus is what has the keyboard's focus at one step.
type Focus struct {
	Element string  `json:"element"` // its tag, id, class and name
	Text    string  `json:"text"`
	Width   float64 `json:"width"`
	Height  float64 `json:"height"`
	Shown   bool    `json:"shown"`  // within the page and not hidden
	Marked  bool    `json:"marked"` // one sees that it has the focus
}

const focusNow = `(() => {
	const e = document.activeElement;
	if (!e || e === document.body || e === document.documentElement) return null;
	if (!window.walked) window.walked = new Set();
	if (window.walked.has(e)) return null;
	window.walked.add(e);
	const box = e.getBoundingClientRect(), style = getComputedStyle(e);
	const name = e.tagName.toLowerCase() + (e.id ? "#" + e.id : "") + (typeof e.className === "string" && e.className ? "." + e.className.trim().replace(/\s+/g, ".") : "") + (e.getAttribute("name") ? "[name=" + e.getAttribute("name") + "]" : "");
	return {
		element: name, text: (e.getAttribute("aria-label") || e.innerText || "").trim().slice(0, 60), width: box.width, height: box.height,
		shown: box.width > 0 && box.height > 0 && style.visibility === "visible" && box.right > 0 && box.left < document.documentElement.clientWidth + 1,
		marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none",
	};
})()`

// maxSteps ends a walk that never comes to an end.
const maxSteps = 600

// Walk presses Tab until the focus has been everywhere, and fails where it is invisible, unmarked or caught. Of a group of radio buttons
// Tab reaches one; the arrow keys reach the others.
func (p *Page) Walk(t testing.TB) []Focus {
	t.Helper()
	Eval[bool](t, p, `(() => { window.walked = new Set(); document.activeElement?.blur(); window.scrollTo(0, 0); return true })()`)
	var all []Focus
	for range maxSteps {
		p.Press(t, "\t")
		at := Eval[*Focus](t, p, focusNow)
		if at == nil {
			break
		}
		all = append(all, *at)
		if !at.Shown {
			t.Errorf("step %d: the focus is where nobody sees it: %s %q (%.0f by %.0f)", len(all), at.Element, at.Text, at.Width, at.Height)
		}
		if !at.Marked {
			t.Errorf("step %d: nothing shows that the focus is on %s %q", len(all), at.Element, at.Text)
		}
	}
	if want := Eval[int](t, p, `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")].filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true})).filter(e => !window.walked.has(e) && !(e.type === "radio" && [...document.getElementsByName(e.name)].some(o => window.walked.has(o)))).length`); want > 0 {
		t.Errorf("the keyboard never comes to %d elements, like %s", want, Eval[string](t, p, `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")].filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({visibilityProperty: true})).filter(e => !window.walked.has(e) && !(e.type === "radio" && [...document.getElementsByName(e.name)].some(o => window.walked.has(o))))[0].outerHTML.slice(0, 200)`))
	}
	return all
}

// Fits fails where the page is wider than the screen: its reader would have to scroll both ways (WCAG 1.4.10).
func (p *Page) Fits(t testing.TB) {
	t.Helper()
	type sizes struct{ Page, Screen float64 }
	s := Eval[sizes](t, p, `({Page: document.documentElement.scrollWidth, Screen: document.documentElement.clientWidth})`)
	if s.Page > s.Screen+1 {
		t.Errorf("the page is %.0f wide on a screen of %.0f; widest: %s", s.Page, s.Screen, Eval[string](t, p,
			`[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest(".scroll, pre, .leaflet-container")).slice(0, 3).map(e => e.outerHTML.slice(0, 160)).join(" | ")`))
	}
}
