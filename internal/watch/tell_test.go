package watch

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune/internal/web"
	"tribune/protocol"
)

func get(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, path, nil))
	return r
}

// Somebody is told of an incident once: not again in the next round, nor after a restart; of its end once, too. A hook that fails is
// asked again, and nothing that comes from outside is part of its command.
func TestTheHookHearsEverythingOnce(t *testing.T) {
	w := newWorld(t)
	dir, said := t.TempDir(), filepath.Join(t.TempDir(), "said")
	with := func(hook string) func(*Config) { return func(c *Config) { c.Hook = hook } }
	w.add(w.leaf(func(l *protocol.Leaf) {
		l.Decision.Policies = []string{"$(touch " + said + ".owned)`touch " + said + ".owned`"}
	}))
	w.cosign(4)
	one := w.watcher(dir, with("exit 1"))
	w.rounds(one, 2)
	one.Close()
	one = w.watcher(dir, with(`echo "$TRIBUNE_EVENT $TRIBUNE_KIND" >> `+said+`; cat >> `+said+`.json`))
	w.rounds(one, 3)
	backup, note := w.book.clone(2), w.note(w.book.clone(2), 2, w.guardians...)
	w.hub.book, w.hub.shows = backup, note
	w.rounds(one, 2)
	one.Close()
	one = w.watcher(dir, with(`echo "$TRIBUNE_EVENT $TRIBUNE_KIND" >> `+said))
	w.rounds(one, 2)
	w.cosign(4)
	w.rounds(one, 3)
	raw, err := os.ReadFile(said)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]int{"found decision\n": 1, "found membership\n": 1, "found law-change\n": 1, "found rolled-back\n": 1, "over rolled-back\n": 1, "over decision\n": 0} {
		if got := strings.Count(string(raw), line); got != want {
			t.Errorf("it heard %q %d times, want %d: %s", line, got, want, raw)
		}
	}
	if _, err := os.Stat(said + ".owned"); err == nil {
		t.Error("what a leaf says was run")
	}
	var first struct{ Event, Kind, Text, Do string }
	told, err := os.Open(said + ".json")
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	if err := json.NewDecoder(told).Decode(&first); err != nil || first.Event != "found" || first.Do == "" {
		t.Errorf("the first that it heard is %+v (%v)", first, err)
	}
}

// Page, feed and list carry what a hostile city wrote as text.
func TestThePageIsTextAndPaper(t *testing.T) {
	w := newWorld(t)
	w.add(w.leaf(func(l *protocol.Leaf) { l.Decision.Policies = []string{`<script>alert(1)</script>"\u202e`} }))
	w.cosign(4)
	feed := filepath.Join(t.TempDir(), "feed.atom")
	one := w.watcher(t.TempDir(), func(c *Config) { c.Feed, c.URL, c.Title = feed, "https://paper.example/watch/", "The Paper's watch" })
	h, err := one.Handler()
	if err != nil {
		t.Fatal(err)
	}
	if body := get(t, h, "/").Body.String(); !strings.Contains(body, "Nothing has been looked at yet.") || strings.Contains(body, "No incident stands") {
		t.Errorf("before the first look the page says: %s", body)
	}
	w.rounds(one, 1)
	page := get(t, h, "/")
	body := page.Body.String()
	for _, want := range []string{"<title>The Paper&#39;s watch</title>", "1 incident stands.", "What this means", "What to do", "&lt;script&gt;", "A decision that does not replay", `href="/evidence/`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s: %s", want, body)
		}
	}
	if csp := page.Header().Get("Content-Security-Policy"); strings.Contains(body, "<script") || strings.Contains(body, "style=") || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("the page is not plain, or its policy is %q", csp)
	}
	id := one.Book.Open()[0].ID
	if r := get(t, h, "/evidence/"+id+".json"); r.Code != 200 || !strings.Contains(r.Body.String(), `"kind": "decision"`) {
		t.Errorf("evidence: %d %.200s", r.Code, r.Body)
	}
	for _, path := range []string{"/evidence/..%2fstate.json", "/evidence/" + id, "/evidence/0000000000000000.json", "/state.json"} {
		if r := get(t, h, path); r.Code != 404 {
			t.Errorf("%s: got %d, want 404", path, r.Code)
		}
	}
	raw, err := os.ReadFile(feed)
	if err != nil {
		t.Fatal(err)
	}
	var parsed web.AtomFeed
	if err := xml.Unmarshal(raw, &parsed); err != nil || len(parsed.Entries) != 3 || parsed.Entries[0].ID == "" || string(raw) != get(t, h, "/incidents.atom").Body.String() {
		t.Errorf("the feed: %v: %s", err, raw)
	}
	var list struct {
		Open      int
		Incidents []Incident
	}
	if err := json.Unmarshal(get(t, h, "/incidents.json").Body.Bytes(), &list); err != nil || list.Open != 1 || len(list.Incidents) != 3 {
		t.Errorf("the list: %v: %+v", err, list)
	}
	metrics := httptest.NewRecorder()
	one.Metrics(metrics, nil)
	for _, want := range []string{`tribune_watch_incidents_open{kind="decision",severity="alarm"} 1`, `tribune_watch_incidents_open{kind="stalled",severity="warning"} 0`, "tribune_watch_leaves 3\n", "tribune_watch_rounds_total 1\n"} {
		if !strings.Contains(metrics.Body.String(), want) {
			t.Errorf("the metrics lack %s: %s", want, metrics.Body)
		}
	}
}

// Every kind explains itself, and is known by one name.
func TestEveryKindSaysWhatItMeansAndWhatToDo(t *testing.T) {
	seen := map[Kind]bool{}
	for _, a := range kinds {
		if seen[a.kind] || a.title == "" || len(a.means) < 40 || len(a.do) < 20 {
			t.Errorf("%s: %+v", a.kind, a)
		}
		seen[a.kind] = true
	}
	guide, err := os.ReadFile("../../docs/watch.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range kinds {
		if !strings.Contains(string(guide), "`"+string(a.kind)+"`") {
			t.Errorf("docs/watch.md does not say what %s is", a.kind)
		}
	}
}

// A hub that does wrong a million times does not fill the disk, and what it did first is kept.
func TestAFloodOfIncidentsIsBounded(t *testing.T) {
	w := newWorld(t)
	b, err := OpenBook(t.TempDir(), w.clock)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 * maxOfKind {
		b.report(BadTags, fmt.Sprintf("leaf %d", i), "x", nil)
	}
	b.report(SplitView, "one", "y", nil)
	all := b.All()
	kinds := map[Kind]int{}
	for _, in := range all {
		kinds[in.Kind]++
	}
	if kinds[BadTags] != maxOfKind || kinds[Flood] != 1 || kinds[SplitView] != 1 {
		t.Errorf("kept are %v", kinds)
	}
}

func TestAnIncidentIsResolvedByItsOperator(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.add([]byte("{}"))
	w.cosign(4)
	one := w.watcher(dir)
	w.rounds(one, 1)
	id := one.Book.Open()[0].ID
	if err := Resolve(dir, id, "x"); err == nil {
		t.Error("it is resolved behind the back of a watcher that runs")
	}
	one.Close()
	if err := Resolve(dir, "0000000000000000", "x"); err == nil {
		t.Error("an incident that there is not is resolved")
	}
	if err := Resolve(dir, id, "The city has explained it."); err != nil {
		t.Fatal(err)
	}
	one = w.watcher(dir)
	w.rounds(one, 2)
	w.expect(one, false)
	if in := one.Book.All(); in[0].Note == "" && in[1].Note == "" && in[2].Note == "" {
		t.Errorf("the note is gone: %+v", in)
	}
}
