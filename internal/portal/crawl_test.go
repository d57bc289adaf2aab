package portal

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/web"
)

// maxScripts bounds what a page's scripts weigh, unpacked.
const maxScripts = 100_000

// elsewhere are the addresses of the hub that other rooms serve.
var elsewhere = []string{"/ngsi-ld/", "/openapi", "/log/", "/law/", "/models/explanations/", "/trust", "/group", "/record/leaves/", "/record/receipts/", "/record/releases/", "/logout", "/login/start", "/problems/", "/healthz", "/readyz"}

// crawl visits every page that can be reached by links from the given ones, as somebody or nobody, and calls visit.
func crawl(t *testing.T, p *Portal, s *web.Session, from []string, visit func(path string, w *httptest.ResponseRecorder)) (paths []string) {
	t.Helper()
	const most = 400
	queue, seen, ids, fragments := slices.Clone(from), map[string]bool{}, map[string]map[string]bool{}, map[string][]string{}
	for _, path := range queue {
		seen[path] = true
	}
	for len(queue) > 0 && len(paths) < most {
		path := queue[0]
		queue = queue[1:]
		w := visitAs(p, s, path)
		if w.Code != http.StatusOK && w.Code != http.StatusSeeOther {
			t.Errorf("%s: status %d", path, w.Code)
			continue
		}
		paths = append(paths, path)
		visit(path, w)
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		body := w.Body.String()
		ids[path] = map[string]bool{"": true}
		for _, id := range attributesOf(body, "id") {
			ids[path][id] = true
		}
		for _, link := range slices.Concat(attributesOf(body, "href"), attributesOf(body, "src")) {
			base, _ := url.Parse("http://localhost" + path)
			to, err := base.Parse(link)
			if err != nil {
				t.Errorf("%s: link %q: %v", path, link, err)
				continue
			}
			target := to.EscapedPath()
			if to.RawQuery != "" {
				target += "?" + to.RawQuery
			}
			if strings.HasPrefix(target, "/assets/") || slices.ContainsFunc(elsewhere, func(e string) bool { return strings.HasPrefix(target, e) }) {
				continue
			}
			if to.Fragment != "" {
				fragments[target] = append(fragments[target], path+" -> "+to.Fragment)
			}
			other := slices.ContainsFunc(languages(), func(w *words) bool {
				here := strings.HasPrefix(path, "/"+w.Tag+"/") || path == "/"+w.Tag
				return !here && (strings.HasPrefix(target, "/"+w.Tag+"/") || target == "/"+w.Tag)
			})
			if !seen[target] && !other {
				seen[target] = true
				queue = append(queue, target)
			}
		}
	}
	for target, wanted := range fragments {
		for _, w := range wanted {
			_, id, _ := strings.Cut(w, " -> ")
			if ids[target] != nil && !ids[target][id] {
				t.Errorf("%s: %s has no part %q", w, target, id)
			}
		}
	}
	return paths
}

func visitAs(p *Portal, s *web.Session, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if s != nil {
		r = r.WithContext(web.WithSession(r.Context(), s))
	}
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w
}

// attributesOf are the values of an attribute, in the order of the page.
func attributesOf(body, name string) (values []string) {
	for _, m := range regexp.MustCompile(`\s`+name+`="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		values = append(values, html.UnescapeString(m[1]))
	}
	return values
}

var (
	headings   = regexp.MustCompile(`<h([1-6])[\s>]`)
	scripts    = regexp.MustCompile(`(?is)<script([^>]*)>(.*?)</script>`)
	quoted     = regexp.MustCompile(`"[^"]*"`)
	inlineCode = regexp.MustCompile(`(?is)<style|<[a-z][^>]*\sstyle=|<[a-z][^>]*\son[a-z]+=`)
)

// checkPage is what holds of every page, whoever wrote it.
func checkPage(t *testing.T, p *Portal, path string, w *httptest.ResponseRecorder) {
	t.Helper()
	bad := func(format string, args ...any) { t.Helper(); t.Errorf("%s: %s", path, fmt.Sprintf(format, args...)) }
	h := w.Header()
	if h.Get("Content-Security-Policy") != contentPolicy || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" {
		bad("headers %v", h)
	}
	if h.Get("Set-Cookie") != "" {
		bad("sets a cookie")
	}
	if !strings.HasPrefix(h.Get("Content-Type"), "text/html") || w.Code != http.StatusOK || strings.HasPrefix(h.Get("Content-Disposition"), "attachment") {
		return // what is downloaded to be opened elsewhere is no page
	}
	body := w.Body.String()
	weight := 0
	for _, m := range scripts.FindAllStringSubmatch(body, -1) {
		src := attributesOf(m[1], "src")
		if len(src) != 1 || !strings.HasPrefix(src[0], "/assets/") || strings.TrimSpace(m[2]) != "" {
			bad("has an inline script: %.200s", m[0])
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(src[0], "/assets/"), "?")
		weight += len(p.assets.content[name])
	}
	if weight > maxScripts {
		bad("its scripts weigh %d bytes, at most %d", weight, maxScripts)
	}
	if found := inlineCode.FindString(quoted.ReplaceAllString(body, `""`)); found != "" {
		bad("needs what its own policy forbids: %.200s", found)
	}
	for _, name := range []string{"href", "src", "action", "formaction"} {
		for _, to := range attributesOf(body, name) {
			if !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") && !strings.HasPrefix(to, "?") && !strings.HasPrefix(to, "mailto:") && !strings.HasPrefix(to, "data:image/") || strings.HasPrefix(to, "//") {
				bad("leads elsewhere: %s=%q", name, to)
			}
		}
	}
	checkOutline(t, path, body)
	for _, text := range []string{"ZgotmplZ", "<no value>", "%!", "0001-01-01"} {
		if i := strings.Index(body, text); i >= 0 {
			bad("shows %q: …%s…", text, body[max(0, i-80):min(len(body), i+80)])
		}
	}
}

// checkOutline: what a screen reader goes by.
func checkOutline(t *testing.T, path, body string) {
	t.Helper()
	last, ones := 0, 0
	for _, m := range headings.FindAllStringSubmatch(body, -1) {
		level := int(m[1][0] - '0')
		if level == 1 {
			ones++
		}
		if level > last+1 {
			t.Errorf("%s: a heading of level %d follows one of level %d", path, level, last)
		}
		last = level
	}
	if ones != 1 {
		t.Errorf("%s: %d headings of level 1", path, ones)
	}
	ids := attributesOf(body, "id")
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			t.Errorf("%s: the id %q stands twice", path, ids[i])
		}
	}
	for _, name := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "list"} {
		for _, list := range attributesOf(body, name) {
			for _, id := range strings.Fields(list) {
				if _, ok := slices.BinarySearch(ids, id); !ok {
					t.Errorf("%s: %s=%q names nothing", path, name, id)
				}
			}
		}
	}
	if !strings.Contains(body, `<main id="main"`) || !regexp.MustCompile(`<title>[^<]+</title>`).MatchString(body) {
		t.Errorf("%s: no main part or no title", path)
	}
}

// starts are the pages that no link may lead to, besides the first.
var starts = []string{"/", "/record", "/registers", "/limits", "/sources", "/api", "/entities/urn:ngsi-ld:OffStreetParking:zoo", "/types/OffStreetParking"}

func TestEveryPageKeepsTheHouseRulesAndItsLinksLeadSomewhere(t *testing.T) {
	cfg := testConfig(t)
	cfg.Citizens = newOwnCity(t).withRights(t)
	p := newPortal(t, cfg)
	for _, prefix := range []string{"", "/de"} {
		from := slices.Clone(starts)
		for i := range from {
			from[i] = prefix + from[i]
		}
		paths := crawl(t, p, nil, from, func(path string, w *httptest.ResponseRecorder) {
			checkPage(t, p, path, w)
			if lang := strings.TrimPrefix(prefix, "/"); lang != "" && w.Header().Get("Content-Language") != "" && w.Header().Get("Content-Language") != lang {
				t.Errorf("%s: is in %s", path, w.Header().Get("Content-Language"))
			}
		})
		if len(paths) < 30 {
			t.Errorf("only %d pages were found from %q: %v", len(paths), prefix, paths)
		}
	}
}

// Names come from whoever may write entities, from leaves, from the address and from forms.
func TestHostileTextIsEscapedOnEveryPage(t *testing.T) {
	const attack = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.City}}`
	cfg := testConfig(t)
	cfg.Citizens = newOwnCity(t).withRights(t)
	tw := cfg.Twin.(*fakeTwin)
	tw.views = append(tw.views,
		entity("OffStreetParking", "javascript:alert(1)"+attack, map[string]any{"name": attack, attack: attack, "availableSpotNumber": 3, "dataProvider": attack, "source": attack}),
		entity("AirQualityObserved", "urn:x"+attack, map[string]any{"name": attack, "pm25": 1, attack: 2}),
	)
	for _, v := range tw.views {
		for name := range v.Attrs {
			v.Attrs[name][0].UnitCode = attack
		}
	}
	rec := cfg.Record.(*fakeRecord)
	bad := leaf(tribune.ActKind(attack), false, attack)
	bad.Act.Office, bad.Act.Purpose, bad.Act.Mandate = attack, attack, attack
	rec.add(t, bad)
	cfg.Demo, cfg.City = attack, attack
	cfg.Facts = func() []Fact { return []Fact{{attack, attack, attack}} }
	p := newPortal(t, cfg)
	q := url.QueryEscape(attack)
	from := slices.Concat(starts, []string{"/?find=" + q, "/record?q=" + q, "/entities/" + url.PathEscape("urn:x"+attack) + "?attr=pm25"})
	crawl(t, p, nil, from, func(path string, w *httptest.ResponseRecorder) {
		body := w.Body.String()
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			return
		}
		for _, raw := range []string{"<script>alert", "<img src=x", `href="javascript`} {
			if i := strings.Index(body, raw); i >= 0 {
				t.Errorf("%s holds %q: %s", path, raw, body[max(0, i-100):min(len(body), i+100)])
			}
		}
		checkPage(t, p, path, w)
	})
	for _, path := range []string{"/entities/" + url.PathEscape(attack), "/types/" + url.PathEscape(attack), "/entities/urn:ngsi-ld:OffStreetParking:zoo?attr=" + q, "/entities/urn:ngsi-ld:OffStreetParking:zoo?range=" + q, "/record?before=" + q, "/de/registers/offices/" + url.PathEscape(attack)} {
		if w := get(p, path); w.Code < 400 || w.Code >= 500 || strings.Contains(w.Body.String(), "<script>alert") {
			t.Errorf("%s answers %d %s", path, w.Code, w.Body)
		}
	}
}
