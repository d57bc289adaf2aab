package api

import (
	"net/http/httptest"
	"testing"

	"tribune"
	"tribune/internal/web"
)

func TestEveryAnswerSaysToWhichVersionItConforms(t *testing.T) {
	cfg, _ := parts(t)
	h := New(cfg)
	ask(h, "", "POST", "/entities", aCar)
	ask(h, "", "POST", "/subscriptions", aSubscription)
	ask(h, "", "POST", "/csourceRegistrations", aRegistration)
	for _, path := range []string{"/entities/urn:a:car", "/entities?type=Car", "/subscriptions/urn:a:sub", "/subscriptions", "/csourceRegistrations/urn:a:reg", "/csourceRegistrations?type=Car", "/types", "/types/Car", "/attributes", "/entityMaps?type=Car"} {
		for prefer, want := range map[string]string{"ngsi-ld=1.0": "ngsi-ld=1.0", "body=json, ngsi-ld=1.9": "ngsi-ld=1.9", "ngsi-ld=2.3": "ngsi-ld=1.9", "body=json": ""} {
			r := httptest.NewRequest("GET", Prefix+path, nil)
			r.Header.Set("Prefer", prefer)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "i", Office: "integrator"})))
			if got := w.Header().Get("Preference-Applied"); got != want || w.Code/100 != 2 {
				t.Errorf("%s with Prefer: %s: %d, Preference-Applied %q, want %q", path, prefer, w.Code, got, want)
			}
		}
	}
}
