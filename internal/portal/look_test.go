package portal

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/need"
	"tribune/internal/portal/browser"
	"tribune/internal/twin"
	"tribune/internal/web"
)

// What only a browser can tell: whether pages can be read, reached and used, and how soon. `go test -run TestLook` with
// TRIBUNE_PICTURES=DIR leaves pictures of every page in DIR.

// paintBudget is when a reader on the two cores of a test machine, busy with other tests, has seen something.
const paintBudget = time.Second

// largeCity is as many places as the demo has.
func largeCity() (views []twin.View) {
	at := func(i, n int, radius float64) map[string]any {
		r, angle := radius*math.Sqrt((float64(i)+0.5)/float64(n)), float64(i)*2.399963
		return map[string]any{"type": "Point", "coordinates": []float64{-1.9027 + r*math.Cos(angle)/67800, 52.4797 + r*math.Sin(angle)/111320}}
	}
	for i := range 30 {
		places := 100 + 70*(i*7%19)
		free := places * (i * 5 % 30) / 29
		views = append(views, entity("OffStreetParking", fmt.Sprintf("urn:ngsi-ld:OffStreetParking:birmingham:BHM%02d", i), map[string]any{
			"name": fmt.Sprintf("Car park BHM%02d", i), "availableSpotNumber": free, "totalSpotNumber": places, "occupiedSpotNumber": places - free, "location": at(i, 30, 1500),
			"dataProvider": "City Council", "source": "Parking, replayed.",
		}))
	}
	for i := range 12 {
		views = append(views, entity("AirQualityObserved", fmt.Sprintf("urn:ngsi-ld:AirQualityObserved:station-%d", i), map[string]any{
			"name": fmt.Sprintf("Station %d", i), "pm25": 5.5 * float64(i), "pm10": 9 * i, "no2": 31, "o3": 40, "location": at(i, 12, 7000),
		}))
	}
	return views
}

// look serves a city to a browser, as somebody or nobody.
func look(t *testing.T, s *web.Session) (string, *fakeRecord) {
	t.Helper()
	cfg := testConfig(t)
	rec := cfg.Record.(*fakeRecord)
	cfg.Twin = &fakeTwin{views: append(largeCity(), entity("ParkingSession", "urn:ngsi-ld:ParkingSession:1", nil))}
	for i := range 12 {
		l := leaf(tribune.ActRead, i%4 > 0)
		l.Act.Office = "planner"
		rec.add(t, l)
	}
	cfg.Now = time.Now
	p := newPortal(t, cfg)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s != nil {
			r = r.WithContext(web.WithSession(r.Context(), s))
		}
		p.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, rec
}

const largePark = "/entities/urn:ngsi-ld:OffStreetParking:birmingham:BHM07"

// lookedAt are the pages of this file's owner, and what must be on them once scripts have run.
var lookedAt = []struct{ name, path, ready string }{
	{"city", "/", `document.querySelectorAll(".place").length > 0`},
	{"entity", largePark + "?range=7d", `document.querySelector("#chart canvas")`},
	{"type", "/types/OffStreetParking", `true`},
	{"sources", "/sources", `true`},
	{"problem", "/entities/urn:nothing", `true`},
}

func TestLookPagesCanBeReadByEveryone(t *testing.T) {
	b := browser.Start(t)
	base, _ := look(t, nil)
	built := newPortal(t, testConfig(t)).assets.built("city.js")
	for _, who := range []struct {
		name string
		browser.Options
	}{
		{"light", browser.Options{}}, {"dark", browser.Options{Dark: true}}, {"phone", browser.Options{Width: 390, Height: 844, Lang: "de"}},
		{"narrow", browser.Options{Width: 320, Height: 640}}, {"plain", browser.Options{NoScript: true}}, {"print", browser.Options{Print: true, Width: 800}},
	} {
		for _, at := range lookedAt {
			t.Run(at.name+"-"+who.name, func(t *testing.T) {
				page := b.OpenAny(t, base+at.path, who.Options)
				if built && !who.NoScript {
					page.Wait(t, at.ready)
				}
				page.Fits(t)
				if !who.NoScript {
					page.Axe(t)
				}
				if at.name != "problem" {
					page.Clean(t)
				}
				if n := page.ScriptBytes(t); n > maxScripts {
					t.Errorf("scripts of %d bytes, at most %d", n, maxScripts)
				}
				if dir := os.Getenv("TRIBUNE_PICTURES"); dir != "" {
					page.Screenshot(t, filepath.Join(dir, at.name+"-"+who.name+".png"))
				}
			})
		}
	}
}

func TestLookKeyboardComesEverywhere(t *testing.T) {
	b := browser.Start(t)
	base, _ := look(t, nil)
	for _, at := range lookedAt {
		page := b.OpenAny(t, base+at.path, browser.Options{})
		if newPortal(t, testConfig(t)).assets.built("city.js") {
			page.Wait(t, at.ready)
		}
		steps := page.Walk(t)
		if len(steps) < 5 || !strings.Contains(steps[0].Element, "skip") {
			t.Errorf("%s: %d steps, the first on %+v", at.name, len(steps), steps[:min(len(steps), 1)])
		}
	}
}

func TestLookFirstPaintIsSoon(t *testing.T) {
	b := browser.Start(t)
	base, _ := look(t, nil)
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>-</title><p>-"))
	}))
	t.Cleanup(empty.Close)
	best := func(address string) (best time.Duration) {
		for range 4 { // other tests share the machine: the best is the page's own
			if d := b.Open(t, address, browser.Options{}).FirstPaint(t); best == 0 || d < best {
				best = d
			}
		}
		return best
	}
	machine := best(empty.URL) // what an empty page costs here and now is not the portal's doing
	for _, at := range lookedAt[:2] {
		paint := best(base + at.path)
		t.Logf("%s: first paint after %v, of an empty page after %v", at.name, paint, machine)
		if paint > paintBudget+2*machine {
			t.Errorf("%s: first paint after %v, at most %v", at.name, paint, paintBudget)
		}
	}
}

// The map says what the tables say, by keyboard too, and lives.
func TestLookMapPopupsAndLiveValues(t *testing.T) {
	if !newPortal(t, testConfig(t)).assets.built("city.js") {
		need.Missing(t, "the scripts are not built: run scripts/assets")
	}
	base, rec := look(t, nil)
	page := browser.Open(t, base+"/", browser.Options{})
	page.Wait(t, `document.querySelectorAll(".place.park").length === 30`)
	if label := browser.Eval[string](t, page, `document.querySelector(".place").getAttribute("aria-label")`); !strings.HasPrefix(label, "Car park BHM") {
		t.Errorf("a place is called %q", label)
	}
	browser.Eval[bool](t, page, `(document.querySelector(".place").focus(), true)`)
	page.Press(t, "\r")
	page.Wait(t, `document.querySelector(".leaflet-popup a[href*='/entities/']") && document.activeElement.closest(".leaflet-popup")`)
	page.Axe(t)
	page.Press(t, "\u001b")
	page.Wait(t, `!document.querySelector(".leaflet-popup") && document.activeElement.classList.contains("place")`)
	page.Click(t, "#layers button:nth-child(2)")
	page.Wait(t, `document.querySelectorAll(".place.air").length === 12 && document.querySelectorAll(".place.park").length === 0`)
	rec.add(t, leaf(tribune.ActDecide, true))
	page.Wait(t, `document.querySelector(".cards [data-live=published]").textContent === "16"`)
	rec.add(t, leaf(tribune.ActDecide, true))
	page.Wait(t, `document.querySelector("#acts-list").innerText.includes("used its power over 1 person")`)
	browser.Eval[bool](t, page, `(() => { const i = document.querySelector("#find-name"); i.value = "bhm07"; i.dispatchEvent(new Event("input")); return true })()`)
	page.Wait(t, `document.querySelector("#found").innerText === "1 place found" && [...document.querySelectorAll("tr[data-id]")].filter(r => !r.hidden).length === 1`)
	page.Clean(t)
}

func TestLookChartSaysWhatItsTableSays(t *testing.T) {
	if !newPortal(t, testConfig(t)).assets.built("entity.js") {
		need.Missing(t, "the scripts are not built: run scripts/assets")
	}
	base, _ := look(t, nil)
	b := browser.Start(t)
	for _, o := range []browser.Options{{}, {Lang: "de", Dark: true, Width: 390}} {
		page := b.Open(t, base+largePark+"?"+url.Values{"attr": {"occupiedSpotNumber"}, "range": {"all"}}.Encode(), o)
		page.Wait(t, `document.querySelector("#chart canvas")`)
		if n := browser.Eval[int](t, page, `document.querySelectorAll("#points tbody tr").length`); n != 48 {
			t.Errorf("%d rows", n)
		}
		page.Fits(t)
		page.Clean(t)
	}
}
