package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/portal/browser"
	"tribune/policy"
)

// mustBeFound are kinds of pages that a visitor comes to by links from the first page. Whatever else is found is looked at, too.
var mustBeFound = strings.Fields(`
	/ /entities/OffStreetParking /entities/AirQualityObserved /types/* /record /record/entries/read-permitted /record/entries/standing-permitted
	/record/entries/delivery-permitted /record/checkpoint
	/registers /registers/sensors /registers/sensors/* /registers/sensors/*/sign /registers/purposes /registers/purposes/* /registers/mandates
	/registers/mandates/* /registers/offices /registers/offices/* /registers/classes /registers/classes/* /registers/policies /registers/policies/*
	/registers/law /registers/law/* /limits /sources /api /login`)

// ready is what must have happened on pages whose scripts draw something.
var ready = map[string]string{
	"/":                            `document.querySelectorAll(".place").length > 0`,
	"/entities/OffStreetParking":   `document.querySelector("#chart canvas") || document.querySelectorAll("#points tbody tr").length < 2`,
	"/entities/AirQualityObserved": `document.querySelector("#chart canvas") || document.querySelectorAll("#points tbody tr").length < 2`,
}

// Every page of a city, in a browser, as different people come to it: by eye in daylight and at night, by screen reader (as
// axe-core judges it), by keyboard, on a phone, magnified to 320 pixels, without scripts, on a slow machine; in both languages.
// Pages are found by their own links, one of each template and kind of thing; then those of people who have logged in.
func TestEveryPageIsForEveryone(t *testing.T) {
	b := browser.Start(t)
	c := newCity(t)
	c.start(t, "--people", "200", "--patrol", "5s")
	anyone := c.as(t, "")
	home := localhost(anyone.Base)
	changes := lawChanges(t, c)

	c.until(t, "the patrol's first look at somebody", func() bool { return strings.Contains(string(get(t, anyone, "/record.json").Body), `"kind":"read"`) })
	subscribed(t, c)
	visitor := newSite(t, home)
	v := newViewing(t, b, home)
	for _, lang := range []string{"en", "de"} {
		visitor.crawl(t, lang, "/", "/types/OffStreetParking")
	}
	for _, kind := range mustBeFound {
		if visitor.pages[kind].path == "" {
			t.Errorf("no link leads to a page of kind %s; found: %v", kind, visitor.plain())
		}
	}
	for _, kind := range visitor.plain() {
		v.look(t, kind, visitor.pages[kind].path)
	}
	v.look(t, "nothing found", "/?find=nowhere")
	v.look(t, "part of the record", "/record?office=parking-inspector")
	v.look(t, "law compared", changes)
	for _, path := range []string{"/nowhere", "/entities/urn:ngsi-ld:nothing", "/record/entries/99999999", "/registers/offices/nobody", "/record/entries/abc"} {
		v.look(t, "problem "+path, path)
	}
	if cookies := v.tab.Cookies(t); len(cookies) > 0 {
		t.Errorf("after all pages, and before any login, the browser holds %d cookies, such as %s", len(cookies), cookies[0].Name)
	}

	citizen := newViewing(t, b, home)
	t.Run("the provider's page", func(t *testing.T) {
		citizen.tab.Go(t, home+"/login/start?provider=demo")
		citizen.faces(t)
		citizen.tab.Walk(t)
	})
	citizen.logIn(t, "citizen")
	poll(t, "somebody to look up the citizen", func() bool {
		citizen.tab.Go(t, home+"/en/me")
		return strings.Contains(citizen.tab.Text(t), "looked up data about you") && strings.Contains(citizen.tab.Text(t), "was told of new data about you")
	}, func() string { return c.out.String() })
	own := visitor.as(citizen.tab.Cookies(t))
	for _, lang := range []string{"en", "de"} {
		own.crawl(t, lang, "/me", "/me/export", "/account")
	}
	for _, kind := range []string{"/me", "/me/uses/*", "/me/export", "/account"} {
		if own.pages[kind].path == "" {
			t.Errorf("a citizen finds no page of kind %s: %v", kind, own.plain())
		}
	}
	for _, kind := range own.plain() {
		citizen.look(t, kind, own.pages[kind].path)
	}
	citizen.look(t, "problem: a citizen at the desk", "/desk")

	officer := newViewing(t, b, home)
	officer.logIn(t, "inspector")
	officer.look(t, "desk without a key", "/desk")
	officer.makeKey(t)
	officer.look(t, "officer's account", "/account")
	officer.look(t, "desk", "/desk")
	officer.askAtDesk(t, resident(t, c))

	journalist := newViewing(t, b, home)
	journalist.logIn(t, "journalist")
	journalist.look(t, "journalist's data", "/me")
	journalist.look(t, "journalist's account", "/account")

	v.rows = slices.Concat(v.rows, citizen.rows, officer.rows, journalist.rows)
	t.Logf("what pages cost:\n%s", costs(v.rows))
	c.interrupt(t)
}

// subscribed has the demo's inspector told of when parking ends, and waits until the demo's citizen is one of whom it was. It returns
// the entry of the subscription.
func subscribed(t *testing.T, c *city) (entry int) {
	t.Helper()
	r := tribune(t, c.abroad, "subscribe", "new", "--dir", c.dir, "--as", "inspector-ward", "--attrs", "paidUntil,endedAt", "--to", "https://enforcement.birmingham.example/told")
	if r.code != 0 {
		t.Fatalf("subscribing: exit %d %s", r.code, r.log)
	}
	var found struct{ Entries []struct{ Index int } }
	count := func(kind string) int {
		if err := json.Unmarshal(get(t, c.as(t, ""), "/record.json?kind="+kind).Body, &found); err != nil {
			t.Fatal(err)
		}
		return len(found.Entries)
	}
	if count("standing") != 1 {
		t.Fatal("the subscription is not on record")
	}
	entry = found.Entries[0].Index
	body := fmt.Sprintf(`{"id":"urn:ngsi-ld:ParkingSession:told:1","type":"ParkingSession","synthetic":true,"licensePlate":%q,"driver":"Somebody","paidUntil":"2026-11-22T18:00:00Z"}`, resident(t, c))
	if a := do(t, c.as(t, "integrator-1"), "POST", entities, body); a.Status != 201 {
		t.Fatalf("parking: %d %s", a.Status, a.Body)
	}
	c.until(t, "somebody to be on record as told of", func() bool { return count("delivery") > 0 })
	return entry
}

// resident is the number plate of the demo's citizen.
func resident(t *testing.T, c *city) string {
	return strings.TrimSpace(read(t, c.dir, "sim", "resident"))
}

// viewing is one person's browser, with and without scripts.
type viewing struct {
	home  string
	tab   *browser.Page
	plain *browser.Page // without scripts
	rows  []row
}

func newViewing(t *testing.T, b *browser.Browser, home string) *viewing {
	v := &viewing{home: home, tab: b.OpenAny(t, home+"/healthz", browser.Options{}), plain: b.OpenAny(t, home+"/healthz", browser.Options{NoScript: true})}
	v.tab.Fresh(t)
	return v
}

func (v *viewing) logIn(t *testing.T, person string) {
	t.Helper()
	logIn(t, v.tab, v.home, person)
	logIn(t, v.plain, v.home, person) // which needs no script
}

var (
	daylight  = browser.Options{}
	night     = browser.Options{Dark: true}
	phone     = browser.Options{Width: 390, Height: 844, Lang: "de"}
	magnified = browser.Options{Width: 320, Height: 640}
)

// look goes through one page in every way.
func (v *viewing) look(t *testing.T, kind, path string) {
	t.Helper()
	t.Run(strings.ReplaceAll(strings.TrimPrefix(kind, "/"), "/", " "), func(t *testing.T) {
		problem := strings.HasPrefix(kind, "problem")
		v.tab.Forget()
		paint := v.open(t, kind, "/en"+path, daylight, problem)
		weight := v.tab.Weigh(t)
		v.faces(t)
		if steps := v.tab.Walk(t); len(steps) < 5 || !strings.Contains(steps[0].Element, "skip") {
			t.Errorf("the keyboard makes %d steps, the first on %+v", len(steps), steps[:min(len(steps), 1)])
		}
		text := v.tab.Text(t)
		paint = min(paint, v.open(t, kind, "/de"+path, phone, problem))
		v.tab.Axe(t)
		v.tab.Fits(t)
		v.tab.As(t, magnified)
		v.tab.Fits(t)
		if v.tab.Text(t) == text {
			t.Error("German and English are the same")
		}
		v.tab.Clean(t)
		v.cost(t, row{kind, weight, paint}, "/en"+path)
		v.withoutScripts(t, "/en"+path)
	})
}

// faces judges the page that is open, in daylight, at night and magnified.
func (v *viewing) faces(t *testing.T) {
	t.Helper()
	v.tab.Axe(t)
	v.tab.As(t, night)
	v.tab.Axe(t)
	v.tab.As(t, magnified)
	v.tab.Fits(t)
	v.tab.As(t, daylight)
}

// open opens a page and waits until its scripts have drawn.
func (v *viewing) open(t *testing.T, kind, path string, o browser.Options, problem bool) (paint time.Duration) {
	t.Helper()
	v.tab.As(t, o)
	if status := v.tab.Any(t, v.home+path); problem != (status >= 400) {
		t.Errorf("%s answers %d", path, status)
	}
	if drawn := ready[kind]; drawn != "" {
		v.tab.Wait(t, drawn)
	}
	return v.tab.FirstPaint(t)
}

// withoutScripts: everything is there to read, and what needs a script is not offered.
func (v *viewing) withoutScripts(t *testing.T, path string) {
	t.Helper()
	v.plain.Any(t, v.home+path)
	v.plain.Fits(t)
	if dead := browser.Eval[[]string](t, v.plain, `[...document.querySelectorAll("main button, main canvas, main [data-check]")].filter(e => e.checkVisibility() && !e.closest("form")).map(e => e.outerHTML.slice(0, 120))`); len(dead) > 0 {
		t.Errorf("without scripts it offers what does nothing: %s", strings.Join(dead, " "))
	}
	if n := browser.Eval[int](t, v.plain, `document.querySelector("main h1") === null ? 0 : document.querySelector("main").innerText.length`); n < 80 {
		t.Errorf("without scripts it says no more than %d letters", n)
	}
}

// makeKey makes a key in the browser, as an officer does once.
func (v *viewing) makeKey(t *testing.T) {
	t.Helper()
	v.tab.As(t, daylight)
	v.tab.Go(t, v.home+"/en/account")
	v.tab.Click(t, "#make-key")
	v.tab.Wait(t, `document.readyState == "complete" && document.querySelector('main a[href*="/record/entries/"]') != null`)
}

// askAtDesk asks for a person's data: the act to sign, and the answer, are pages that no link leads to.
func (v *viewing) askAtDesk(t *testing.T, plate string) {
	t.Helper()
	v.tab.Forget()
	v.question(t, plate)
	t.Run("desk: the act", v.faces)
	v.sign(t)
	t.Run("desk: the answer", v.faces)
	v.tab.Clean(t)
}

func (v *viewing) question(t *testing.T, plate string) {
	t.Helper()
	v.tab.Go(t, v.home+"/en/desk")
	browser.Eval[bool](t, v.tab, fmt.Sprintf(`(document.querySelector("#name").value = %q, true)`, plate))
	v.tab.Follow(t, "#question button")
	v.tab.Wait(t, `document.querySelector("#sign-now")?.checkVisibility()`)
}

func (v *viewing) sign(t *testing.T) {
	t.Helper()
	v.tab.Follow(t, "#sign-now")
	v.tab.Wait(t, `document.querySelector("#answer") != null`)
}

// lawChanges gives the city a policy set under which inspectors could look back twice as far, and is the path of the page that
// compares it with the law in force.
func lawChanges(t *testing.T, c *city) (path string) {
	t.Helper()
	sets, err := filepath.Glob(filepath.Join(c.dir, "hub", "law", "sets", "*.json"))
	if err != nil || len(sets) != 1 {
		t.Fatalf("a new city has sets %v (%v)", sets, err)
	}
	var set struct {
		Files map[string][]byte `json:"files"`
	}
	if err := json.Unmarshal([]byte(read(t, sets[0])), &set); err != nil {
		t.Fatal(err)
	}
	const file = "policies/parking.cedar"
	text := string(set.Files[file])
	dir := t.TempDir()
	write(t, strings.Replace(text, "windowDays <= 31", "windowDays <= 62", 1), dir, file)
	if r := tribune(t, dir, "sign", "--key", filepath.Join(c.dir, "institutions", "steward.key"), file); r.code != 0 {
		t.Fatalf("signing: %s%s", r.out, r.log)
	}
	if set.Files[file] = []byte(read(t, dir, file)); string(set.Files[file]) == text {
		t.Fatal("the policy has no window of 31 days")
	}
	data, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	hash := policy.HashFiles(set.Files).String()
	write(t, string(data), filepath.Dir(sets[0]), hash+".json")
	return "/registers/law/" + hash + "/changes?from=" + strings.TrimSuffix(filepath.Base(sets[0]), ".json")
}
