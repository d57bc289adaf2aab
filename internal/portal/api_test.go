package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

func TestDescriptionOfTheAPIIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPIDocument)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(t, get(newPortal(t, testConfig(t)), "/openapi.json").Body.String(), `"openapi": "3.0.3"`)
}

// What is described and does not exist sends people into the void. Of the portal every path is asked; of the others the
// route is looked up where they register it.
func TestEveryDescribedPathIsServed(t *testing.T) {
	doc, err := readAPI()
	check(t, err)
	cfg, city := newChronicled(t).Config, newOwnCity(t)
	cfg.Own, cfg.Citizens = city.own, city.withRights(t)
	p := newPortal(t, cfg)
	own := []string{trackerPrefix + "/findUsage", trackerPrefix + "/usagePeriod"} // for whoever has logged in
	routed := map[string][]string{"hub": patterns(t, "../city"), "ngsi-ld": patterns(t, "../twin/api"), "intake": patterns(t, "../intake/gateway")}
	if len(routed["hub"]) < 8 || len(routed["ngsi-ld"]) < 8 {
		t.Fatalf("found %d routes of the hub and %d of NGSI-LD", len(routed["hub"]), len(routed["ngsi-ld"]))
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			switch o.ServedBy {
			case "portal":
				asked := strings.NewReplacer("{id}", "air-001").Replace(path)
				want := http.StatusOK
				if slices.Contains(own, path) {
					want = http.StatusUnauthorized
				}
				if w := get(p, asked); w.Code != want {
					t.Errorf("%s: the portal answers %d, want %d", asked, w.Code, want)
				}
			case "intake": // its routes are written behind its prefix
				tail := strings.TrimPrefix(path, "/intake/")
				if !slices.ContainsFunc(routed["intake"], func(s string) bool { return s == "{device}"+strings.TrimPrefix(tail, "{device}") }) {
					t.Errorf("%s %s: no route of the intake", method, path)
				}
			case "hub", "ngsi-ld":
				bare := strings.TrimPrefix(path, "/ngsi-ld/v1")
				if !covered(routed[o.ServedBy], strings.ToUpper(method), bare) {
					t.Errorf("%s %s: no route of %s", method, path, o.ServedBy)
				}
			default:
				t.Errorf("%s %s: served by %q", method, path, o.ServedBy)
			}
			if o.SummaryDe == "" || o.Summary == "" {
				t.Errorf("%s %s: no summary in both languages", method, path)
			}
		}
	}
}

// And what the portal serves as data must be described.
func TestEveryTableAndFeedIsDescribed(t *testing.T) {
	doc, err := readAPI()
	check(t, err)
	for _, path := range append([]string{"/record.json", "/record.csv", "/record.atom", "/limits.json", "/limits.csv", "/openapi.json"},
		"/registers/sensors.json", "/registers/law.csv", "/registers/sensors/{id}/document", "/registers/sensors/{id}/qr.svg") {
		if doc.Paths[path] == nil {
			t.Errorf("%s is not described", path)
		}
	}
	body := get(newPortal(t, testConfig(t)), "/de/api").Body.String()
	for path := range doc.Paths {
		if !strings.Contains(body, "</span> "+path+"</h3>") {
			t.Errorf("the page lacks %s", path)
		}
	}
	has(t, body, "Protokoll durchsuchen", "Öffentliche Daten (NGSI-LD)")
}

// patterns are the string literals of a package that look like routes.
func patterns(t *testing.T, dir string) (out []string) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	check(t, err)
	route := regexp.MustCompile(`^((GET|POST|PUT|PATCH|DELETE) )?/[a-zA-Z{]|^{device}`)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		check(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && route.MatchString(s) {
					out = append(out, s)
				}
			}
			return true
		})
	}
	return out
}

func covered(routes []string, method, path string) bool {
	for _, r := range routes {
		m, pattern, ok := strings.Cut(r, " ")
		if !ok {
			m, pattern = "", r
		}
		if m != "" && m != method {
			continue
		}
		if pattern == path || strings.HasSuffix(pattern, "/") && strings.HasPrefix(path, pattern) {
			return true
		}
	}
	return false
}
