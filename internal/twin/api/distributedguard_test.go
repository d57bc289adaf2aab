package api_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/api"
)

// toldAs is a law under which roads are public whatever is said of them, but where somebody else says it, not what is personal
// for citizens.
func toldAs(cfg *api.Config) {
	cfg.ClassOf = func(types []tribune.Name, attr tribune.Name) tribune.Class {
		for _, typ := range types {
			if strings.HasSuffix(string(typ), "/Citizen") {
				return tribune.Class{ID: "citizens", Personal: true}
			}
		}
		if len(types) == 0 {
			return tribune.Class{ID: tribune.ClassUnclassified}
		}
		return tribune.Class{ID: "roads"}
	}
	cfg.ClassTold = func(types []tribune.Name, attr tribune.Name) tribune.Class {
		if strings.HasSuffix(string(attr), "/birthDate") {
			return tribune.Class{ID: tribune.ClassUnclassified}
		}
		return cfg.ClassOf(types, attr)
	}
}

// The hub holds nothing of Anna. A source that is registered for roads calls her a road.
func TestSourceCannotCallACitizenAThing(t *testing.T) {
	s := newSource(t, func(w http.ResponseWriter, r *http.Request) {
		one := `{"id":"urn:citizen:anna","type":"Road","birthDate":{"type":"Property","value":"1990-01-01"},"surface":{"type":"Property","value":"old"}}`
		if strings.HasSuffix(r.URL.Path, "/entities") {
			one = "[" + one + "]"
		}
		tells(one)(w, r)
	})
	here := newBroker(t, toldAs)
	here.registers(t, "s", s.URL, "inclusive", `{"entities":[{"type":"Road"}]}`, `,"operations":["federationOps"]`)
	for _, ask := range []string{"/entities/urn:citizen:anna", "/entities?type=Road", "/entities?type=Road&attrs=surface", "/entities/urn:citizen:anna?attrs=surface", "/entities?type=Road&options=keyValues"} {
		status, text, h := here.says(t, "GET", ask, "")
		if status != 200 || strings.Contains(text, "1990") || !strings.Contains(text, "old") { // surface is the control: public federation goes on
			t.Errorf("%s: got %d %s", ask, status, text)
		}
		if !strings.Contains(h.Get("NGSILD-Warning"), "1 personal") {
			t.Errorf("%s: what is left out is not said: %q", ask, h.Get("NGSILD-Warning"))
		}
	}
	before := s.count()
	for _, ask := range []string{`/entities?type=Road&q=` + escape(`birthDate=="1990-01-01"`), "/entities/urn:citizen:anna?attrs=birthDate", "/entities?type=Road,Citizen&attrs=surface"} {
		if _, text, h := here.says(t, "GET", ask, ""); s.count() != before || strings.Contains(text, "1990") || !strings.Contains(h.Get("NGSILD-Warning"), "no context source is asked") {
			t.Errorf("%s: the source was asked %d times, got %s with %q", ask, s.count()-before, text, h.Get("NGSILD-Warning"))
		}
	}
}

// A request for what the source calls it must not hide what it is here.
func TestAskingForTheFalseTypeFindsNothingPersonal(t *testing.T) {
	here, there := lawful(t), newBroker(t, nil)
	here.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"ParkingSession","zone":{"type":"Property","value":1}}`)
	there.must(t, 201, "POST", "/entities", `{"id":"urn:p:1","type":"Sign","licensePlate":{"type":"Property","value":"`+plate+`"},"zone":{"type":"Property","value":2}}`)
	here.registers(t, "there", there.URL, "inclusive", `{"propertyNames":["licensePlate","zone"]}`, allOps)
	for _, ask := range []string{"/entities?type=Sign", "/entities/urn:p:1?type=Sign", "/entities?type=Sign&id=urn:p:1&options=keyValues"} {
		status, text, h := here.says(t, "GET", ask, "")
		if status != 200 || strings.Contains(text, plate) || !strings.Contains(text, "zone") || !strings.Contains(h.Get("NGSILD-Warning"), "1 personal") {
			t.Errorf("%s: got %d %s with %q", ask, status, text, h.Get("NGSILD-Warning"))
		}
	}
}

// Whoever may register could have one small change copied to thousands of places at once.
func TestOneChangeIsNotCopiedToAllSourcesAtOnce(t *testing.T) {
	var now, most, all atomic.Int64
	listener, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(30 * time.Millisecond)
		now.Add(-1)
		all.Add(1)
		w.WriteHeader(http.StatusCreated)
	}))
	s.Listener.Close()
	s.Listener = listener
	s.Start()
	defer s.Close()
	here := newBroker(t, nil)
	for i := range 90 { // three hosts, as there is a bound for each
		endpoint := fmt.Sprintf("http://127.0.0.%d:%d", 1+i%3, listener.Addr().(*net.TCPAddr).Port)
		here.registers(t, fmt.Sprint(i), endpoint, "inclusive", cars, allOps)
	}
	here.must(t, 201, "POST", "/entities", `{"id":"urn:c:1","type":"Car"}`)
	if all.Load() != 90 || most.Load() > 32 {
		t.Errorf("%d sources were told, up to %d at once; want all 90, and at most 32", all.Load(), most.Load())
	}
}
