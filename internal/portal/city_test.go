package portal

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tribune"
	"tribune/internal/twin/model"
)

func TestCityShowsPlacesAirActsAndGuardians(t *testing.T) {
	w := get(newPortal(t, testConfig(t)), "/")
	body := w.Body.String()
	has(t, body,
		`<main id="main"`, `<section id="acts"`, `<section id="parks"`, `<section id="air"`, `<section id="check"`, `<title>The city now · birmingham.example</title>`,
		`data-live="free">301</p><p>free places of 650 in 3 car parks</p>`, `data-live="published">3</p>`, `data-live="cosigners">0</p><p>guardians have co-signed`,
		`mean of 2 stations`, `data-live="pm25">46.3</span>`,
		`looked up the data of 1 person`, `asked for personal data and was refused`, `>permitted</span>`, `>denied</span>`,
		`the mandate parking-enforcement-2025 ended 2026-01-01`, `href="/record/entries/2"`, `href="/record/entries/1"`,
		`data-lon="-1.91" data-lat="52.49"`, `<strong data-live="free">300</strong>`, `22 November 2026, 10:00:00 UTC`,
	)
	if strings.Index(body, ">Arena<") > strings.Index(body, ">Zoo<") {
		t.Error("car parks are not in the order of their names")
	}
	if strings.Index(body, "/record/entries/2") > strings.Index(body, "/record/entries/1") {
		t.Error("the newest act is not first")
	}
	if strings.Contains(body, `href="/record/entries/0"`) {
		t.Error("the ceremony is listed as an act")
	}
}

func TestBandsSayHowFullAndHowDusty(t *testing.T) {
	for _, c := range []struct {
		free, places int
		want         string
	}{{0, 0, "none"}, {0, 10, "high"}, {-3, 10, "high"}, {1, 10, "mid"}, {2, 10, "low"}, {10, 10, "low"}} {
		if got := fullness(c.free, c.places, percent(c.places-c.free, c.places)); got != c.want {
			t.Errorf("%d free of %d: got %s, want %s", c.free, c.places, got, c.want)
		}
	}
	for value, want := range map[float64]string{0: "low", 15: "low", 15.1: "mid", 50: "mid", 51: "high"} {
		if got := dust(&value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
	if dust(nil) != "none" {
		t.Error("no value has a band")
	}
}

func TestEmptyCityWithoutQuorumSaysSo(t *testing.T) {
	cfg := testConfig(t)
	cfg.Twin, cfg.Record = &fakeTwin{}, &fakeRecord{}
	body := get(newPortal(t, cfg), "/").Body.String()
	has(t, body, "Nobody has used personal data or power yet.", "too few guardians answer, so nothing personal can be opened", "No car park reports yet.")
}

// Smart Data Models write the same things with other vocabularies.
func TestCarParksOfOtherVocabulariesAreFound(t *testing.T) {
	cfg := testConfig(t)
	v := entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:smart", map[string]any{})
	const parking = "https://smartdatamodels.org/dataModel.Parking/"
	v.Types = []tribune.Name{parking + "OffStreetParking"}
	v.Attrs = map[tribune.Name][]model.Attr{
		"https://smartdatamodels.org/name":  {{Kind: model.LanguageProperty, Value: json.RawMessage(`{"fr":"Gare","en":"Station"}`)}},
		parking + "availableSpotNumber":     {{Kind: model.Property, Value: json.RawMessage(`12`)}},
		parking + "totalSpotNumber":         {{Kind: model.Property, Value: json.RawMessage(`20`)}},
		parking + "unexpected":              {{Kind: model.JSONProperty, Value: json.RawMessage(`{"a":[1,2]}`)}},
		"https://uri.etsi.org/ngsi-ld/name": {{Kind: model.Property, Value: json.RawMessage(`{"not":"a text"}`)}},
	}
	delete(v.Attrs, "https://uri.etsi.org/ngsi-ld/name")
	cfg.Twin = &fakeTwin{views: append(testCity(), v)}
	p := newPortal(t, cfg)
	has(t, get(p, "/").Body.String(), `>Station</a>`, `<strong data-live="free">12</strong>`, `<span data-live="percent">40</span>`)
	has(t, get(p, "/entities/"+string(v.ID)).Body.String(), `<h1>Station</h1>`, `Unexpected`, `{&#34;a&#34;:[1,2]}`)
}

// A sealed attribute has no value here, and must not be taken for zero of a public one.
func TestSealedAttributesAreNamedByTheirClassAndNeverShown(t *testing.T) {
	cfg := testConfig(t)
	v := entity("OffStreetParking", "urn:ngsi-ld:OffStreetParking:1", map[string]any{"totalSpotNumber": 40})
	v.Attrs[vocabulary+"name"] = []model.Attr{{Value: json.RawMessage(`"AB12CDE"`), Sealed: &tribune.Sealed{Class: "unclassified"}}}
	v.Attrs[vocabulary+"availableSpotNumber"] = []model.Attr{{Value: json.RawMessage(`777`), Sealed: &tribune.Sealed{Class: "parking-session"}}}
	cfg.Twin = &fakeTwin{views: append(testCity(), v)}
	p := newPortal(t, cfg)
	for _, path := range []string{"/", "/city.json", "/entities/urn:ngsi-ld:OffStreetParking:1", "/entities/urn:ngsi-ld:OffStreetParking:1?range=all", "/types/OffStreetParking", "/sources"} {
		if body := get(p, path).Body.String(); strings.Contains(body, "AB12CDE") || strings.Contains(body, "777") {
			t.Errorf("%s shows a sealed value", path)
		}
	}
	has(t, get(p, "/entities/urn:ngsi-ld:OffStreetParking:1").Body.String(), `sealed, class <a href="/registers/classes/parking-session">`, `Sealed values are encrypted.`)
	if w := get(p, "/entities/urn:ngsi-ld:OffStreetParking:1/history.csv?attr=availableSpotNumber"); w.Code != 404 {
		t.Errorf("the history of a sealed attribute answers %d", w.Code)
	}
	has(t, get(p, "/").Body.String(), `data-band="none"`)
}

func TestFindWorksWithoutAScript(t *testing.T) {
	p := newPortal(t, testConfig(t))
	body := get(p, "/?find=+RING+bull").Body.String()
	has(t, body, `value="RING bull"`, "1 place found", "Bull Ring", `free places of 650 in`)
	if strings.Contains(body, "Arena") || strings.Contains(body, "Dongsi") {
		t.Error("what does not fit is shown")
	}
	has(t, get(p, "/?find=nowhere").Body.String(), "0 places found", "No car park has that name.")
	if w := get(p, "/?find="+strings.Repeat("%C3%A4", 2000)); w.Code != 200 || !utf8.Valid(w.Body.Bytes()) {
		t.Errorf("a long search answers %d", w.Code)
	}
}

func TestLiveJSONIsWhatThePageSays(t *testing.T) {
	w := get(newPortal(t, testConfig(t)), "/city.json")
	var city liveCity
	if err := json.Unmarshal(w.Body.Bytes(), &city); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Type") != "application/json" || city.Free != 301 || city.Places != 650 || city.Published != 3 || city.Act == nil || *city.Act != 2 || len(city.Parks) != 3 || len(city.Stations) != 2 {
		t.Errorf("got %v %s", w.Header(), w.Body)
	}
	if p := city.Parks[0]; p.Name != "Arena" || p.Free != 1 || p.Full != 99 || p.Band != "mid" || !p.At.Equal(now) || p.Place == nil {
		t.Errorf("got %+v", p)
	}
}

// A page that asked the twin for every visitor would be a way to stop the hub.
func TestOneLookASecondServesEveryone(t *testing.T) {
	cfg, at := testConfig(t), now
	cfg.Now = func() time.Time { return at }
	tw := cfg.Twin.(*fakeTwin)
	p := newPortal(t, cfg)
	first := get(p, "/").Body.String()
	asked := tw.asked
	for range 50 {
		get(p, "/")
		get(p, "/de/?find=zoo")
		get(p, "/city.json")
	}
	if tw.asked != asked {
		t.Errorf("the twin was asked %d times more within a second", tw.asked-asked)
	}
	tw.views = append(tw.views, entity("OffStreetParking", "urn:new", map[string]any{"name": "New", "availableSpotNumber": 1, "totalSpotNumber": 1}))
	at = at.Add(cityFor)
	if later := get(p, "/").Body.String(); later == first || !strings.Contains(later, "New") || tw.asked == asked {
		t.Error("a second later the page is still the old one")
	}
}

func TestCosignersAreCountedWithoutTheLog(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "city/log\n3\nAAAA\n\n— city/log xyz\n": 0, "city/log\n3\nAAAA\n\n— city/log xyz\n— a.example abc\n— b.example abc\n": 2,
		"city/log\n3\nAAAA\n\n— city/logs xyz\n": 1,
	} {
		if got := cosigners([]byte(text)); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

func TestTypesAreListedInPagesAndPersonalOnesAreNot(t *testing.T) {
	cfg := testConfig(t)
	tw := cfg.Twin.(*fakeTwin)
	for i := range perType + 5 {
		tw.views = append(tw.views, entity("EnvironmentObserved", "urn:ngsi-ld:EnvironmentObserved:"+string(rune('a'+i/26))+string(rune('a'+i%26)), map[string]any{"temperature": i}))
	}
	tw.views = append(tw.views, entity("ParkingSession", "urn:ngsi-ld:ParkingSession:1", nil))
	p := newPortal(t, cfg)
	body := get(p, "/").Body.String()
	has(t, body, `<a href="/types/EnvironmentObserved">Environment observed</a> <small>105</small>`)
	if strings.Contains(body, "ParkingSession") {
		t.Error("the sessions of people are listed as a thing of the city")
	}
	count := func(w *httptest.ResponseRecorder) int { return strings.Count(w.Body.String(), `<th scope="row">`) }
	if n := count(get(p, "/types/EnvironmentObserved")); n != perType {
		t.Errorf("%d rows on the first page", n)
	}
	if n := count(get(p, "/types/EnvironmentObserved?page=2")); n != 5 {
		t.Errorf("%d rows on the second page", n)
	}
	for _, bad := range []string{"0", "-1", "x", "99999999999"} {
		if w := get(p, "/types/EnvironmentObserved?page="+bad); w.Code != 400 {
			t.Errorf("page %s answers %d", bad, w.Code)
		}
	}
}
