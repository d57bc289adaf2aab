package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tribune/internal/twin/api"
)

const (
	pastOps  = `,"operations":["retrieveTemporal","queryTemporal","upsertTemporal","appendAttrsTemporal","deleteAttrsTemporal","updateAttrInstanceTemporal","deleteAttrInstanceTemporal","deleteTemporal"]`
	allYears = "timerel=after&timeAt=2020-01-01T00:00:00Z"
)

// evolution is a car with speeds, each "DAY=VALUE" of May 2026.
func evolution(id, attr string, speeds ...string) string {
	var list []string
	for _, s := range speeds {
		day, value, _ := strings.Cut(s, "=")
		list = append(list, fmt.Sprintf(`{"type":"Property","value":%s,"observedAt":"2026-05-%sT00:00:00Z"}`, value, day))
	}
	return fmt.Sprintf(`{"id":%q,"type":"Car",%q:[%s]}`, id, attr, strings.Join(list, ","))
}

// pairs are the values of an attribute in an answer of temporalValues.
func pairs(e map[string]any, attr string) string {
	of, _ := e[attr].(map[string]any)
	var out []string
	values, _ := of["values"].([]any)
	for _, v := range values {
		pair := v.([]any)
		out = append(out, fmt.Sprintf("%s=%v", pair[1].(string)[8:10], pair[0]))
	}
	return strings.Join(out, " ")
}

func TestThePastOfTwoBrokersIsOne(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, `,"operations":["retrieveTemporal","queryTemporal"]`)
	here.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "01=10", "03=30"))
	there.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "02=20", "03=30", "04=40"))
	there.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:2", "speed", "02=99"))
	for query, want := range map[string]string{
		"": "01=10 02=20 03=30 04=40", "lastN=2": "04=40 03=30", "timerel=before&timeAt=2026-05-03T00:00:00Z": "01=10 02=20", "local=true": "01=10 03=30",
		"timerel=between&timeAt=2026-05-02T00:00:00Z&endTimeAt=2026-05-04T00:00:00Z&lastN=1": "03=30", "attrs=speed": "01=10 02=20 03=30 04=40", "datasetId=@none&lastN=1": "04=40",
	} {
		if e := object(t, here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues&"+query, "")); pairs(e, "speed") != want {
			t.Errorf("%q: got %s, want %s", query, pairs(e, "speed"), want)
		}
	}
	here.must(t, 404, "GET", "/temporal/entities/urn:c:1?attrs=colour", "")
	here.must(t, 404, "GET", "/temporal/entities/urn:c:2?local=true", "")
	here.must(t, 200, "GET", "/temporal/entities/urn:c:2", "")

	query := "/temporal/entities?format=temporalValues&type=Car&" + allYears
	for more, want := range map[string][]string{
		"": {"urn:c:1", "urn:c:2"}, "&limit=1": {"urn:c:1"}, "&limit=1&offset=1": {"urn:c:2"}, "&offset=2": nil, "&q=" + escape("speed>50"): {"urn:c:2"}, "&idPattern=1$": {"urn:c:1"}, "&local=true": {"urn:c:1"},
	} {
		status, text, h := here.says(t, "GET", query+more+"&count=true", "")
		var got []string
		for _, e := range list(t, text) {
			got = append(got, e["id"].(string))
		}
		count := "2"
		if strings.HasPrefix(more, "&q") || strings.HasPrefix(more, "&id") || strings.HasPrefix(more, "&local") {
			count = "1"
		}
		if status != 200 || !slices.Equal(got, want) || h.Get("NGSILD-Results-Count") != count {
			t.Errorf("%q: got %d %v of %s, want %v of %s", more, status, got, h.Get("NGSILD-Results-Count"), want, count)
		}
	}
	all := list(t, here.must(t, 200, "POST", "/temporal/entityOperations/query?format=temporalValues", `{"type":"Query","entities":[{"type":"Car","id":"urn:c:1"}],"temporalQ":{"timerel":"after","timeAt":"2020-01-01T00:00:00Z","lastN":1}}`))
	if len(all) != 1 || pairs(all[0], "speed") != "04=40" {
		t.Errorf("by POST: got %v", all)
	}
	text := here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=aggregatedValues&aggrMethods=avg,totalCount&"+allYears, "")
	if !strings.Contains(text, `"avg":[[25,`) || !strings.Contains(text, `"totalCount":[[4,`) { // the third of May counts once
		t.Errorf("aggregated it is %s", text)
	}
}

// A source whose answers are pages of three instances is read to the end, and what is told here is a page again (clause 6.3.10).
func TestPagesOfInstancesAreFollowed(t *testing.T) {
	there := newBroker(t, func(c *api.Config) { c.TemporalPage = 3 })
	here, small := newBroker(t, nil), newBroker(t, func(c *api.Config) { c.TemporalPage = 4 })
	var days, others []string
	for day := 1; day <= 10; day++ {
		days = append(days, fmt.Sprintf("%02d=%d", day, day))
		others = append(others, fmt.Sprintf("%02d=%d", day+5, day))
	}
	there.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", days...))
	there.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:2", "speed", others...))
	for _, b := range []*broker{here, small} {
		b.registers(t, "there", there.URL, "inclusive", cars, pastOps)
	}
	for _, query := range []string{"", allYears, "timerel=before&timeAt=2027-01-01T00:00:00Z", "timerel=between&timeAt=2020-01-01T00:00:00Z&endTimeAt=2027-01-01T00:00:00Z"} {
		if e := object(t, here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues&"+query, "")); pairs(e, "speed") != strings.Join(days, " ") {
			t.Errorf("%s: got %s", query, pairs(e, "speed"))
		}
		e := object(t, here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues&lastN=9&"+query, ""))
		if got := pairs(e, "speed"); strings.Count(got, "=") != 9 || !strings.HasPrefix(got, "10=10") || !strings.HasSuffix(got, "02=2") {
			t.Errorf("%s, the last nine: got %s", query, got)
		}
	}
	there.must(t, 204, "POST", "/temporal/entities/urn:c:1/attrs", `{"scope":[{"type":"Property","value":"/a","observedAt":"2019-01-01T00:00:00Z"}]}`)
	if e := object(t, here.must(t, 200, "GET", "/temporal/entities/urn:c:1?format=temporalValues&lastN=9&"+allYears, "")); strings.Count(pairs(e, "speed"), "=") != 9 || pairs(e, "scope") != "01=/a" {
		t.Errorf("with a scope that was valid before: %v", e)
	}
	all := list(t, here.must(t, 200, "GET", "/temporal/entities?format=temporalValues&type=Car&"+allYears+"&q="+escape("speed==1"), "")) // which the later pages do not fulfil
	if len(all) != 2 || pairs(all[0], "speed") != strings.Join(days, " ") || pairs(all[1], "speed") != strings.Join(others, " ") {
		t.Errorf("a query finds %v", all)
	}
	small.must(t, 201, "POST", "/temporal/entities?local=true", evolution("urn:c:1", "doors", days...))
	small.must(t, 204, "POST", "/temporal/entities/urn:c:1/attrs?local=true", `{"doors":[{"type":"Property","value":1},{"type":"Property","value":2},{"type":"Property","value":3},{"type":"Property","value":4}]}`)
	for query, want := range map[string]string{"": "14", allYears: "10", "timerel=before&timeAt=2026-05-08T00:00:00Z": "7", "timeproperty=modifiedAt": "14"} { // all that is here is read, too
		if text := small.must(t, 200, "GET", "/temporal/entities/urn:c:1?attrs=doors&format=aggregatedValues&aggrMethods=totalCount&"+query, ""); !strings.Contains(text, `"totalCount":[[`+want+`,`) {
			t.Errorf("%q: added up it is %s, want %s", query, text, want)
		}
	}
	if text := small.must(t, 206, "GET", "/temporal/entities/urn:c:1?attrs=doors&format=temporalValues&lastN=9&"+allYears, ""); pairs(object(t, text), "doors") != "10=10 09=9 08=8 07=7" {
		t.Errorf("a page backwards: %s", text)
	}
	status, text, h := small.says(t, "GET", "/temporal/entities/urn:c:1?attrs=speed&format=temporalValues&"+allYears, "")
	if want := "date-time 2020-01-01T00:00:00Z-2026-05-04T00:00:00Z/*"; status != 206 || h.Get("Content-Range") != want || pairs(object(t, text), "speed") != strings.Join(days[:4], " ") {
		t.Errorf("a page here: got %d %s %s", status, h.Get("Content-Range"), text)
	}
}

// What is registered to be held elsewhere is not served from here; a supplement only fills what nobody else knows.
func TestModesOfThePast(t *testing.T) {
	answer := func(value string) func(http.ResponseWriter, *http.Request) {
		return tells(`{"id":"urn:c:1","type":"Car","speed":[{"type":"Property","value":` + value + `,"observedAt":"2026-05-01T00:00:00Z"},{"type":"Property","value":` + value + `,"observedAt":"2026-05-02T00:00:00Z"}]}`)
	}
	one := `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["speed"]}`
	interval := `,"observationInterval":{"startAt":"2020-01-01T00:00:00Z"}`
	for name, c := range map[string]struct {
		mode, information, more string
		speed, colour           string
	}{
		"exclusive":             {"exclusive", one, pastOps, "01=1 02=1", "01=7"},
		"redirect":              {"redirect", cars, pastOps, "01=1 02=1", ""},
		"inclusive":             {"inclusive", cars, interval, "01=0 02=1", "01=7"},
		"auxiliary":             {"auxiliary", cars, interval, "01=0 02=1", "01=7"},
		"of the present":        {"redirect", cars, "", "01=0", "01=7"},
		"redirect, not offered": {"redirect", cars, interval + `,"operations":["retrieveOps"]`, "", ""},
		"of another time":       {"redirect", cars, pastOps + `,"observationInterval":{"startAt":"2020-01-01T00:00:00Z","endAt":"2021-01-01T00:00:00Z"}`, "01=0", "01=7"},
	} {
		t.Run(name, func(t *testing.T) {
			here, s := newBroker(t, nil), newSource(t, answer("1"))
			here.must(t, 201, "POST", "/temporal/entities?local=true", evolution("urn:c:1", "speed", "01=0"))
			here.must(t, 204, "POST", "/temporal/entities/urn:c:1/attrs?local=true", `{"colour":[{"type":"Property","value":7,"observedAt":"2026-05-01T00:00:00Z"}]}`)
			if name == "exclusive" || c.mode == "redirect" {
				here.must(t, 204, "DELETE", "/entities/urn:c:1?local=true", "") // nothing of the present may stand against the registration
			}
			here.registers(t, "s", s.URL, c.mode, c.information, c.more)
			status, text, _ := here.says(t, "GET", "/temporal/entities/urn:c:1?format=temporalValues&timerel=after&timeAt=2026-01-01T00:00:00Z", "")
			if c.speed == "" {
				if status != 404 {
					t.Fatalf("got %d %s, want 404", status, text)
				}
				return
			}
			if e := object(t, text); pairs(e, "speed") != c.speed || pairs(e, "colour") != c.colour {
				t.Errorf("got %s", text)
			}
		})
	}
}

// Filters on pieces of entities need splitEntities; then the last instances are told of the whole, and decide nothing.
func TestFiltersOnPiecesOfThePast(t *testing.T) {
	here, there := newBroker(t, nil), newBroker(t, nil)
	here.registers(t, "there", there.URL, "inclusive", cars, pastOps)
	here.must(t, 201, "POST", "/temporal/entities?local=true", evolution("urn:c:1", "speed", "01=80", "03=10"))
	there.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "colour", "01=5", "02=6"))
	query := "/temporal/entities?format=temporalValues&type=Car&" + allYears + "&q=" + escape("speed>70;colour==5")
	if all := list(t, here.must(t, 200, "GET", query, "")); len(all) != 0 {
		t.Errorf("nobody alone fulfils it: %v", all)
	}
	all := list(t, here.must(t, 200, "GET", query+"&splitEntities=true&lastN=1&count=true", ""))
	if len(all) != 1 || pairs(all[0], "speed") != "03=10" || pairs(all[0], "colour") != "02=6" {
		t.Errorf("put together: %v", all)
	}
	if all := list(t, here.must(t, 200, "GET", query+"&splitEntities=true&attrs=colour", "")); len(all) != 1 || all[0]["speed"] != nil || pairs(all[0], "colour") != "01=5 02=6" {
		t.Errorf("of one attribute: %v", all)
	}
	there.must(t, 204, "POST", "/temporal/entities/urn:c:1/attrs", `{"scope":[{"type":"Property","value":"/a","observedAt":"2026-05-02T00:00:00Z"}]}`)
	scoped := "/temporal/entities?format=temporalValues&type=Car&" + allYears + "&splitEntities=true&scopeQ="
	if all := list(t, here.must(t, 200, "GET", scoped+"/a", "")); len(all) != 1 || pairs(all[0], "speed") != "03=10" || pairs(all[0], "colour") != "02=6" {
		t.Errorf("in a scope: %v", all)
	}
	if all := list(t, here.must(t, 200, "GET", scoped+"/b", "")); len(all) != 0 {
		t.Errorf("in no scope: %v", all)
	}
}

// What a source is asked holds what its registration says, in its words, and the time.
func TestWhatSourcesOfThePastAreAsked(t *testing.T) {
	s := newSource(t, tells(`[]`))
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "inclusive", `{"entities":[{"idPattern":"^urn:c:","type":"Car"}],"propertyNames":["speed"]}`, pastOps)
	here.must(t, 200, "GET", "/temporal/entities?type=Car,Bus&lastN=3&timeproperty=modifiedAt&datasetId=@none&timerel=between&timeAt=2026-01-01T00:00:00Z&endTimeAt=2026-02-01T00:00:00Z&q="+escape("speed>5")+"&format=temporalValues", "")
	r, _ := s.only(t)
	for name, want := range map[string]string{"type": "Car", "idPattern": "^urn:c:", "attrs": "speed", "q": "speed>5", "lastN": "3", "timerel": "between", "timeAt": "2026-01-01T00:00:00Z", "endTimeAt": "2026-02-01T00:00:00Z",
		"timeproperty": "modifiedAt", "datasetId": "@none", "options": "sysAttrs", "format": ""} {
		if got := r.URL.Query().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	here.must(t, 200, "GET", "/temporal/entities?type=Car&lastN=3&format=aggregatedValues&aggrMethods=avg&"+allYears, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.asked[1].URL.Query(); q.Has("lastN") || q.Has("aggrMethods") {
		t.Errorf("to aggregate it was asked %s", s.asked[1].URL)
	}
}
