package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune/internal/twin/federation"
)

// A source that lies about the past: of other times, ids, types and attributes, without end, or not at all.
func TestLyingSourcesOfThePastAreNotBelieved(t *testing.T) {
	instance := func(id, typ, attr, at string) string {
		return fmt.Sprintf(`{"id":%q,"type":%q,%q:[{"type":"Property","value":666,"observedAt":%q}]}`, id, typ, attr, at)
	}
	past := func(body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/urn:c:1") {
				body = "[" + body + "]"
			}
			tells(body)(w, r)
		}
	}
	n := 0
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter, *http.Request)
		warning string
	}{
		"another time":      {past(instance("urn:c:1", "Car", "speed", "2027-05-01T00:00:00Z")), ""},
		"the end":           {past(instance("urn:c:1", "Car", "speed", "2026-06-01T00:00:00Z")), ""},
		"another id":        {past(instance("urn:c:9", "Car", "speed", "2026-05-01T00:00:00Z")), "199 "},
		"another type":      {past(instance("urn:c:1", "Citizen", "speed", "2026-05-01T00:00:00Z")), "199 "},
		"another attribute": {past(instance("urn:c:1", "Car", "driver", "2026-05-01T00:00:00Z")), "199 "},
		"no type":           {past(`{"id":"urn:c:1","speed":[]}`), "111 "},
		"no instances":      {past(`{"id":"urn:c:1","type":"Car","speed":[]}`), ""},
		"no JSON":           {past(`<html>`), "111 "},
		"too deep":          {past(strings.Repeat(`[`, 100_000)), "111 "},
		"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := []byte(strings.Repeat(" ", 1<<20)); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, "111 "},
		"the same page for ever": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(206)
			past(instance("urn:c:1", "Car", "speed", "2027-05-01T00:00:00Z"))(w, r)
		}, ""},
		"new pages for ever": {func(w http.ResponseWriter, r *http.Request) {
			n++
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(206)
			time.Sleep(time.Millisecond)
			body := instance("urn:c:1", "Car", "speed", time.Date(2027, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339))
			if !strings.HasSuffix(r.URL.Path, "/urn:c:1") {
				body = "[" + body + "]"
			}
			io.WriteString(w, body)
		}, "199 "},
	} {
		t.Run(name, func(t *testing.T) {
			here, s := newBroker(t, nil), newSource(t, c.answer)
			here.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "01=1"))
			here.registers(t, "s", s.URL, "inclusive", `{"entities":[{"id":"urn:c:1","type":"Car"}],"propertyNames":["speed"]}`, pastOps+`,"management":{"timeout":700}`)
			for _, path := range []string{"/temporal/entities/urn:c:1?", "/temporal/entities?type=Car&"} {
				begin := time.Now()
				code, text, h := here.says(t, "GET", path+"timerel=between&timeAt=2026-01-01T00:00:00Z&endTimeAt=2026-06-01T00:00:00Z", "")
				if code != 200 || strings.Contains(text, "666") || !strings.Contains(text, `"value":1,`) || !strings.HasPrefix(h.Get("NGSILD-Warning"), c.warning) {
					t.Errorf("%s: got %d %.300s with %q, want the warning %q", path, code, text, h.Get("NGSILD-Warning"), c.warning)
				}
				if took := time.Since(begin); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			}
		})
	}
}

// Brokers that register each other must not ask for ever, and one that is slow costs its own time alone.
func TestLoopsAndSlownessInThePast(t *testing.T) {
	a, b := newBroker(t, nil), newBroker(t, nil)
	a.registers(t, "b", b.URL, "inclusive", cars, pastOps)
	b.registers(t, "a", a.URL, "inclusive", cars, pastOps)
	a.must(t, 201, "POST", "/temporal/entities", evolution("urn:c:1", "speed", "01=1"))
	b.must(t, 200, "GET", "/temporal/entities/urn:c:1?local=true", "")
	slow := newSource(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	a.registers(t, "slow", slow.URL, "inclusive", cars, `,"operations":["retrieveTemporal","queryTemporal"],"management":{"timeout":200}`)
	for _, path := range []string{"/temporal/entities/urn:c:1?" + allYears, "/temporal/entities?type=Car&" + allYears} {
		begin := time.Now()
		code, text, h := a.says(t, "GET", path, "")
		if took := time.Since(begin); code != 200 || took > 3*time.Second || strings.Count(text, `"value":1,`) != 1 || !strings.Contains(strings.Join(h.Values("NGSILD-Warning"), ","), "urn:r:slow") {
			t.Errorf("%s: %d %s after %v with %q", path, code, text, took, h.Values("NGSILD-Warning"))
		}
	}
	own := "1.1 " + a.sources.Alias("")
	if _, _, h := a.says(t, "GET", "/temporal/entities/urn:c:1", "", "Via: "+own); !strings.HasPrefix(h.Get("NGSILD-Warning"), "199 ") {
		t.Errorf("a read that loops says %q", h.Get("NGSILD-Warning"))
	}
	a.must(t, 508, "DELETE", "/temporal/entities/urn:c:1", "", "Via: "+own)
}

// However much a source has to tell, a question ends at its bounds, and says so; nothing is added up of a part.
func TestASourceOfThePastIsReadToTheBounds(t *testing.T) {
	const many = 18_000
	n := 0
	s := newSource(t, func(w http.ResponseWriter, r *http.Request) {
		var b strings.Builder
		b.WriteString(`{"id":"urn:c:1","type":"Car","speed":[`)
		for i := range many {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"value":1,"observedAt":%q}`, time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC).Format(time.RFC3339))
			n++
		}
		b.WriteString(`]}`)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(206)
		io.WriteString(w, b.String())
	})
	here := newBroker(t, nil)
	here.registers(t, "s", s.URL, "inclusive", cars, pastOps+`,"management":{"timeout":30000}`)
	status, _, h := here.says(t, "GET", "/temporal/entities/urn:c:1?"+allYears, "")
	if most := federation.MaxInstances/many + 1; status != 206 || s.count() > most || !strings.Contains(h.Get("NGSILD-Warning"), "there is more") {
		t.Errorf("got %d with %q after %d pages, want at most %d", status, h.Get("NGSILD-Warning"), s.count(), most)
	}
	here.must(t, 403, "GET", "/temporal/entities/urn:c:1?format=aggregatedValues&aggrMethods=avg&"+allYears, "")
}
