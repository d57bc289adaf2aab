package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
)

// texts are all texts of the pages, with where they stand.
func allTexts(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	names, err := fs.Glob(pages, "pages/*.html")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d templates, %v", len(names), err)
	}
	for _, name := range names {
		src, err := pages.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tree := range trees(t, name, string(src)) {
			eachCommand(tree.Root, func(c *parse.CommandNode) {
				for _, text := range textsOf(c) {
					found[text] = name
				}
			})
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			from, to := 0, 0
			switch sel.Sel.Name {
			case "T":
				from, to = 0, 1
			case "N":
				from, to = 1, 3
			}
			for i := from; i < to && i < len(call.Args); i++ {
				if text, ok := literal(call.Args[i]); ok {
					found[text] = name
				}
			}
			return true
		})
	}
	return found
}

// literal is a string written as one or several constants.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		a, ok1 := literal(e.X)
		b, ok2 := literal(e.Y)
		return a + b, ok1 && ok2 && e.Op == token.ADD
	case *ast.ParenExpr:
		return literal(e.X)
	}
	return "", false
}

func trees(t *testing.T, name, src string) map[string]*parse.Tree {
	t.Helper()
	funcs := map[string]any{}
	for f := range languages()[0].funcs("", &assets{}) {
		funcs[f] = fmt.Sprint
	}
	for _, f := range []string{"and", "or", "not", "len", "index", "slice", "print", "printf", "println", "html", "js", "urlquery", "eq", "ne", "lt", "le", "gt", "ge", "call"} {
		funcs[f] = fmt.Sprint
	}
	all, err := parse.Parse(name, src, "", "", funcs)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// textsOf is what a call of t or n says.
func textsOf(c *parse.CommandNode) (texts []string) {
	if len(c.Args) < 2 {
		return nil
	}
	name, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		return nil
	}
	from, to := 1, 1
	switch name.Ident {
	case "t":
		to = 2
	case "n":
		from, to = 2, 4
	}
	for i := from; i < to && i < len(c.Args); i++ {
		if s, ok := c.Args[i].(*parse.StringNode); ok {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// eachCommand visits every command of a template, however deep.
func eachCommand(n parse.Node, visit func(*parse.CommandNode)) {
	branch := func(b *parse.BranchNode) {
		eachCommand(b.Pipe, visit)
		eachCommand(b.List, visit)
		eachCommand(b.ElseList, visit)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				eachCommand(c, visit)
			}
		}
	case *parse.ActionNode:
		eachCommand(n.Pipe, visit)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.TemplateNode:
		eachCommand(n.Pipe, visit)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				visit(c)
				for _, a := range c.Args {
					eachCommand(a, visit)
				}
			}
		}
	case *parse.ChainNode:
		eachCommand(n.Node, visit)
	}
}

// valuesSaid are the texts that reach the pages as values, as far as this program ships them.
func valuesSaid(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for m := time.January; m <= time.December; m++ {
		all[m.String()] = "months"
	}
	problems := web.NewProblems(slog.New(slog.NewTextHandler(io.Discard, nil)), "")
	for _, err := range []error{
		tribune.ErrDenied, tribune.ErrVetoed, tribune.ErrRefused, tribune.ErrNoQuorum, tribune.ErrUnknown, tribune.ErrExpired, tribune.ErrTooLarge, tribune.ErrBusy,
		tribune.ErrUnsupported, tribune.ErrConflict, tribune.ErrNotFound, tribune.ErrInvalid, errors.New("anything"),
	} {
		p := problems.Of(err)
		all[p.Title] = "problem titles"
	}
	rules, err := rights.ReadRules(filepath.Join(t.TempDir(), "none"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range rights.BreachTexts(rules) {
		all[text] = "the breach desk"
	}
	for _, p := range rules.Periods {
		all[p.Basis] = "legal bases of the shipped clocks"
	}
	set := testLaw(t).set
	for _, o := range set.Offices() {
		all[o.Title] = "offices of the demo's law"
	}
	for _, p := range set.Purposes() {
		all[p.Title] = "purposes of the demo's law"
	}
	for _, c := range set.Classes() {
		all[c.Title] = "classes of the demo's law"
	}
	if c, ok := set.Class(tribune.ClassUnclassified); ok {
		all[c.Title] = "what the law does not describe"
	}
	for _, register := range []string{"offices", "purposes", "classes", "models"} { // with those that only a city with a court has
		text, err := os.ReadFile(filepath.Join("..", "..", "law", register+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^title = "([^"]+)"$`).FindAllStringSubmatch(string(text), -1) {
			all[m[1]] = register + " of the demo's law"
		}
	}
	for text := range lawSays(t) {
		all[text] = "the demo's law"
	}
	demo, err := os.ReadFile(filepath.Join("..", "city", "demo.go"))
	if err != nil {
		t.Fatal(err)
	}
	banner := regexp.MustCompile(`demoBanner\s*=\s*("(?:[^"\\]|\\.)*")`).FindSubmatch(demo)
	if banner == nil {
		t.Fatal("internal/city/demo.go has no demoBanner")
	}
	text, err := strconv.Unquote(string(banner[1]))
	if err != nil {
		t.Fatal(err)
	}
	all[text] = "the demo's banner"
	return all
}

// lawSays are the sentences of the demo's law, which pages show as they stand: why a policy is there, what a purpose or a model is for, what an office may
// do, on what a mandate rests.
func lawSays(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	root := filepath.Join("..", "..", "law")
	sentence := regexp.MustCompile(`(?m)^(?:@because\("([^"]+)"\)|(?:description|basis) = "([^"]+)")$`)
	list := regexp.MustCompile(`(?m)^powers = \[(.+)\]$`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".toml") && !strings.HasSuffix(path, ".cedar") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range sentence.FindAllStringSubmatch(string(text), -1) {
			all[m[1]+m[2]] = true
		}
		for _, m := range list.FindAllStringSubmatch(string(text), -1) {
			for _, power := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(m[1], -1) {
				all[power[1]] = true
			}
		}
		if d.Name() == "models.toml" {
			for _, m := range regexp.MustCompile(`(?m)^purpose = "([^"]+)"$`).FindAllStringSubmatch(string(text), -1) {
				all[m[1]] = true
			}
		}
		return err
	})
	if err != nil || len(all) < 40 {
		t.Fatalf("%d sentences of the demo's law, %v", len(all), err)
	}
	return all
}

// A page half in German is a page that nobody proofread.
func TestGermanSaysEverythingAndNothingElse(t *testing.T) {
	wanted, values := allTexts(t), valuesSaid(t)
	if len(wanted) < 100 {
		t.Fatalf("only %d texts were found: the test no longer reads the pages", len(wanted))
	}
	de := wordsTagged("de")
	for _, text := range slices.Sorted(maps.Keys(wanted)) {
		own, ok := de.texts[text]
		switch {
		case !ok || own == "":
			t.Errorf("%s: German lacks %q", wanted[text], text)
		case strings.Join(verbs(own), " ") != strings.Join(verbs(text), " "):
			t.Errorf("%s: %q has verbs %v, its German %q has %v", wanted[text], text, verbs(text), own, verbs(own))
		}
	}
	for _, text := range slices.Sorted(maps.Keys(values)) {
		if de.texts[text] == "" {
			t.Errorf("%s: German lacks %q", values[text], text)
		}
	}
	for _, text := range slices.Sorted(maps.Keys(de.texts)) {
		if wanted[text] == "" && values[text] == "" {
			t.Errorf("German has %q, which nothing says", text)
		}
	}
}

func wordsTagged(tag string) *words {
	for _, w := range languages() {
		if w.Tag == tag {
			return w
		}
	}
	return nil
}

var verb = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// verbs are the places for arguments, in an order that a translation with explicit indexes may change.
func verbs(text string) []string {
	found := verb.FindAllString(text, -1)
	next := 0
	for i, v := range found {
		next++
		if at, rest, ok := strings.Cut(strings.TrimPrefix(v, "%["), "]"); ok && strings.HasPrefix(v, "%[") {
			next, _ = strconv.Atoi(at)
			v = "%" + rest
		}
		found[i] = fmt.Sprintf("%d%s", next, v)
	}
	slices.Sort(found)
	return found
}

// One English text has one German: two files that disagree would make it depend on their names.
func TestNoTextIsTranslatedTwice(t *testing.T) {
	for _, lang := range languages() {
		seen := map[string]string{}
		files, err := fs.Glob(catalogue, "words/"+lang.Tag+"/*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for text := range readCatalogue(t, file) {
				if seen[text] != "" {
					t.Errorf("%q stands in %s and in %s", text, seen[text], file)
				}
				seen[text] = file
			}
		}
	}
}

// Text that no function translates is English on every page.
func TestTemplatesHoldNoTextOutsideTheCatalogue(t *testing.T) {
	names, err := fs.Glob(pages, "pages/*.html")
	if err != nil {
		t.Fatal(err)
	}
	action := regexp.MustCompile(`(?s)\{\{.*?\}\}`)
	english := regexp.MustCompile(`(?s)<(\w+)[^>]*\slang="en"[^>]*>.*?</\w+>|<(code|pre|script|title)[^>]*>.*?</(code|pre|script|title)>`)
	tag := regexp.MustCompile(`(?s)<[^>]*>`)
	spoken := regexp.MustCompile(`\s(?:aria-label|title|placeholder|alt|label|aria-description)="([^"]*)"`)
	word := regexp.MustCompile(`\p{L}{2,}`)
	same := []string{"PM", "NO", "UTC", "CSV", "JSON", "Atom", "NGSI", "LD", "OpenAPI", "SHA", "QR", "µg", "mg", "Ed", "PNG", "SVG", "tribune", "PDF", "DPV", "hex", "Cedar", "TOML", "MQTT", "HTTP"}
	for _, name := range names {
		src, err := pages.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		body := english.ReplaceAllString(action.ReplaceAllString(string(src), "\x00"), "")
		for _, m := range spoken.FindAllStringSubmatch(body, -1) {
			if word.MatchString(m[1]) {
				t.Errorf("%s: the attribute %s is not translated", name, strings.TrimSpace(m[0]))
			}
		}
		for _, text := range strings.FieldsFunc(tag.ReplaceAllString(body, "\n"), func(r rune) bool { return r == '\n' || r == 0 }) {
			if strings.HasPrefix(strings.TrimSpace(text), "?") {
				continue // a part of an address
			}
			for _, w := range word.FindAllString(text, -1) {
				if !slices.Contains(same, w) {
					t.Errorf("%s: %q is not translated", name, strings.TrimSpace(text))
					break
				}
			}
		}
	}
}

func TestNumbersDatesAndPluralsAreWrittenAsPeopleDo(t *testing.T) {
	at := time.Date(2026, 3, 1, 9, 5, 7, 0, time.FixedZone("", 3600))
	for _, c := range []struct{ tag, number, date, time, one, many string }{
		{"en", "1,234,567", "1 March 2026", "1 March 2026, 08:05:07 UTC", "1 entry", "2,000 entries"},
		{"de", "1.234.567", "1. März 2026", "1. März 2026, 08:05:07 UTC", "1 entry", "2.000 entries"},
	} {
		w := wordsTagged(c.tag)
		for _, pair := range [][2]string{
			{w.Number(1234567), c.number}, {w.Date(at), c.date}, {w.Time(at), c.time}, {w.Date(time.Time{}), "–"},
			{w.N(1, "%s entry", "%s entries"), c.one}, {w.N(uint64(2000), "%s entry", "%s entries"), c.many},
		} {
			if w.Tag == "de" && strings.Contains(pair[1], "entr") {
				continue // its words are the catalogue's business
			}
			if pair[0] != pair[1] {
				t.Errorf("%s: got %q, want %q", c.tag, pair[0], pair[1])
			}
		}
	}
}

func readCatalogue(t *testing.T, file string) map[string]string {
	t.Helper()
	data, err := catalogue.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	if err := json.Unmarshal(data, &texts); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return texts
}
