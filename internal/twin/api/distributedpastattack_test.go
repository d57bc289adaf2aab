package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const sessionsWithPast = `"information":[{"entities":[{"type":"ParkingSession"},{"type":"Person"}]}]` + pastOps

// Whatever is written or asked of the past, a source is told nothing of what the law calls personal.
func TestSourcesOfThePastAreToldNothingPersonal(t *testing.T) {
	w := newWhole(t)
	w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+w.source.URL+`","mode":"inclusive",`+sessionsWithPast+`}`)
	instance := func(value string) string {
		return `[{"type":"Property","value":"` + value + `","observedAt":"2026-11-22T08:00:00Z"}]`
	}
	one := "/temporal/entities/urn:ngsi-ld:ParkingSession:9"
	for _, change := range [][3]string{
		{"POST", "/temporal/entities", `{"id":"urn:ngsi-ld:ParkingSession:9","type":"ParkingSession","synthetic":` + instance("yes") + `,"licensePlate":` + instance(ada.plate) + `,"driver":` + instance(ada.driver) + `}`},
		{"POST", one + "/attrs", `{"driver":` + instance(ada.driver) + `}`},
		{"POST", one + "/attrs", `{"driver":` + instance(ada.driver) + `,"synthetic":` + instance("no") + `}`},
		{"POST", "/temporal/entities/urn:ngsi-ld:ParkingSession:77/attrs", `{"driver":` + instance(ada.driver) + `}`}, // nobody here knows it
		{"POST", "/temporal/entities/urn:ngsi-ld:ParkingSession:77/attrs", `{"type":"Thing","driver":` + instance(ada.driver) + `}`},
		{"PATCH", one + "/attrs/driver/urn:ngsi-ld:Instance:x", `{"driver":` + instance(ada.driver) + `}`},
		{"PATCH", one + "/attrs/driver/urn:ngsi-ld:Instance:x", instance(ada.driver)},
		{"DELETE", one + "/attrs/driver/urn:ngsi-ld:Instance:x", ""}, {"DELETE", one + "/attrs/driver", ""}, {"DELETE", one + "/attrs/driver?deleteAll=true", ""},
	} {
		w.do(t, change[0], change[1], change[2], as("integrator-1"))
	}
	w.must(t, 200, "GET", one, "")
	w.holds(t, ada)
	for _, p := range probes() {
		w.do(t, p[0], p[1], p[2])
	}
	w.do(t, "GET", "/temporal/entities/urn:ngsi-ld:ParkingSession:1", "", enforce...) // who has a purpose asks nobody else
	w.source.mu.Lock()
	defer w.source.mu.Unlock()
	for i, r := range w.source.asked {
		asked, _ := url.QueryUnescape(r.URL.String())
		all := asked + " " + w.source.said[i] + " " + fmt.Sprint(r.Header)
		for _, secret := range append([]string{ada.plate, ada.driver, ada.fee, "Tribune-", "inspector-ward"}, sealedNames...) {
			if strings.Contains(all, secret) {
				t.Errorf("a context source was told %q: %s %s", secret, r.Method, all)
			}
		}
	}
	if all := strings.Join(w.source.said, " "); !strings.Contains(all, "synthetic") || len(w.source.asked) < 10 {
		t.Errorf("positive control: the source was asked %d times, and told %s", len(w.source.asked), all)
	}
	if strings.Contains(w.logged.String(), ada.driver) || strings.Contains(w.logged.String(), ada.plate) {
		t.Error("the log names a person")
	}
}

// A personal attribute that somebody else alone may hold is neither handed over nor kept.
func TestPersonalPastIsNotRedirected(t *testing.T) {
	w := newWhole(t)
	w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+w.source.URL+`","mode":"redirect",`+sessionsWithPast+`}`)
	a := w.do(t, "POST", "/temporal/entities", `{"id":"urn:ngsi-ld:ParkingSession:9","type":"ParkingSession","driver":[{"type":"Property","value":"`+ada.driver+`","observedAt":"2026-11-22T08:00:00Z"}]}`, as("integrator-1"))
	if a.status != 403 || w.source.count() != 0 {
		t.Errorf("got %d %s, the source was asked %d times", a.status, a.body, w.source.count())
	}
	if a = w.do(t, "GET", "/temporal/entities/urn:ngsi-ld:ParkingSession:9?local=true", ""); a.status != 404 {
		t.Errorf("it is kept here: %d %s", a.status, a.body)
	}
}

// What a source tells of the past of a personal attribute is left out of every answer, whatever the source calls the entity: its values are
// neither shown, compared, counted nor added up.
func TestPersonalPastOfSourcesIsLeftOut(t *testing.T) {
	for name, c := range map[string]struct{ typ, register string }{
		"what it is":          {"ParkingSession", `{"entities":[{"type":"ParkingSession"}]}`},
		"what it is not":      {"Thing", `{"entities":[{"type":"ParkingSession"},{"type":"Thing"}]}`},
		"both":                {`Thing","ParkingSession`, `{"entities":[{"type":"Thing"}]}`},
		"an attribute of any": {"Thing", `{"propertyNames":["fee","synthetic"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWhole(t)
			s := newSource(t, func(rw http.ResponseWriter, r *http.Request) {
				one := `{"id":"urn:ngsi-ld:ParkingSession:1","type":["` + c.typ + `"],"fee":[{"type":"Property","value":171717,"observedAt":"2026-11-21T08:00:00Z"}],"synthetic":[{"type":"Property","value":3,"observedAt":"2026-11-21T08:00:00Z"}]}`
				if !strings.HasSuffix(r.URL.Path, ":1") {
					one = "[" + one + "]"
				}
				tells(one)(rw, r)
			})
			w.holds(t, ada)
			w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+s.URL+`","mode":"inclusive","information":[`+c.register+`]`+pastOps+`}`)
			types := "ParkingSession"
			if c.typ == "Thing" {
				types += ",Thing"
			}
			told, window := 0, "timerel=before&timeAt=2099-01-01T00:00:00Z"
			for _, path := range []string{"/temporal/entities/urn:ngsi-ld:ParkingSession:1?" + window, "/temporal/entities?type=" + types + "&" + window, "/temporal/entities?type=Thing&" + window} {
				for _, more := range []string{"", "&format=temporalValues", "&lastN=1", "&options=sysAttrs", "&format=aggregatedValues&aggrMethods=totalCount,max,sum", "&pick=fee,synthetic", "&splitEntities=true", "&count=true"} {
					if strings.Contains(path, ":1?") && (strings.HasPrefix(more, "&split") || strings.HasPrefix(more, "&count")) {
						continue
					}
					a := w.do(t, "GET", path+more, "")
					told += strings.Count(a.body, "synthetic")
					if a.status != 200 && a.status != 404 || strings.Contains(a.body, "171717") || strings.Contains(a.body, `"fee"`) || strings.Contains(a.body, ada.fee) {
						t.Errorf("%s: got %d %s", path+more, a.status, a.body)
					}
				}
			}
			if told < 8 {
				t.Errorf("positive control: the source was believed %d times", told)
			}
			for _, q := range []string{"fee==171717", "fee", "fee>1"} {
				for _, more := range []string{"", "&splitEntities=true"} {
					before := s.count()
					a := w.do(t, "GET", "/temporal/entities?type=ParkingSession&count=true&"+window+"&q="+url.QueryEscape(q)+more, "")
					if a.status != 200 || a.body != "[]" || a.header.Get("NGSILD-Results-Count") != "0" || s.count() != before {
						t.Errorf("q=%s%s: got %d %s of %s, the source was asked %d times", q, more, a.status, a.body, a.header.Get("NGSILD-Results-Count"), s.count()-before)
					}
				}
			}
		})
	}
}

// A subject's values that are sealed here stay sealed and whole beside what others tell, page after page.
func TestSealedPastStaysBesideOthers(t *testing.T) {
	w := newWhole(t)
	w.holds(t, ada)
	s := newSource(t, tells(`{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","synthetic":[{"type":"Property","value":5,"observedAt":"`+time.Now().UTC().Format(time.RFC3339)+`"}]}`))
	w.must(t, 201, "POST", "/csourceRegistrations", `{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"`+s.URL+`","mode":"inclusive",`+sessionsWithPast+`}`)
	a := w.do(t, "GET", "/temporal/entities/urn:ngsi-ld:ParkingSession:1", "")
	if a.status != 200 || !strings.Contains(a.body, `"value":5`) || !strings.Contains(strings.Join(a.header.Values("NGSILD-Warning"), ","), "5 personal attributes are withheld") {
		t.Errorf("got %d %s with %q", a.status, a.body, a.header.Values("NGSILD-Warning"))
	}
	before := s.count()
	if a = w.do(t, "GET", "/temporal/entities/urn:ngsi-ld:ParkingSession:1", "", enforce...); s.count() != before {
		t.Errorf("who has a purpose had a source asked: %d %s", a.status, a.body)
	}
}

// A source calls an entity something else than it is here, and the request asks for what the source calls it.
func TestAskingThePastForTheFalseTypeFindsNothingPersonal(t *testing.T) {
	here, there := lawful(t), newBroker(t, nil)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"ParkingSession","zone":{"type":"Property","value":1}}`)
	there.must(t, 201, "POST", "/temporal/entities", `{"id":"urn:p:1","type":"Sign","licensePlate":[{"type":"Property","value":"`+plate+`","observedAt":"2026-05-01T00:00:00Z"}],"zone":[{"type":"Property","value":2,"observedAt":"2026-05-01T00:00:00Z"}]}`)
	here.registers(t, "there", there.URL, "inclusive", `{"propertyNames":["licensePlate","zone"]}`, pastOps)
	for _, ask := range []string{"/temporal/entities?type=Sign&" + allYears, "/temporal/entities/urn:p:1?" + allYears, "/temporal/entities?type=Sign&id=urn:p:1&format=temporalValues&splitEntities=true&" + allYears, "/temporal/entities?type=Sign&format=aggregatedValues&aggrMethods=max&" + allYears} {
		status, text, h := here.says(t, "GET", ask, "")
		if status != 200 || strings.Contains(text, plate) || !strings.Contains(text, "zone") || !strings.Contains(h.Get("NGSILD-Warning"), "1 personal") {
			t.Errorf("%s: got %d %s with %q", ask, status, text, h.Get("NGSILD-Warning"))
		}
	}
}
