package federation

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// Whoever asks chooses the question, and a source may answer nothing, with large headers: neither may be kept for free.
func TestEmptyAnswersAreNotKeptWithoutEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, reply := range map[string]Reply{
		"empty":         {Status: 200, Body: []byte("[]")},
		"large headers": {Status: 200, Header: http.Header{"X": {string(make([]byte, 60<<10))}}, Body: []byte("[]")},
	} {
		a := newAnswers()
		for i := range 2 * maxKept / keptOverhead {
			a.put(strconv.Itoa(i), reply, now.Add(time.Hour))
		}
		if got, most := len(a.byKey), maxKept/(&keptAnswer{reply: reply}).cost(); got > most || got != a.order.Len() {
			t.Errorf("%s: %d answers are kept, want at most %d", name, got, most)
		}
		if _, ok := a.get("0", now); ok {
			t.Errorf("%s: the oldest is still there", name)
		}
		for a.order.Len() > 0 {
			a.drop(a.order.Back())
		}
		if a.bytes != 0 {
			t.Errorf("%s: nothing is kept, and counts %d bytes", name, a.bytes)
		}
	}
}

// Registrations are shown to everybody: what opens a source is refused where it would stand in the open.
func TestEndpointOfASourceCarriesNoPassword(t *testing.T) {
	for _, endpoint := range []string{"https://hub:geheim@source.example.org", "http://hub@source.example.org", "https://:geheim@source.example.org"} {
		doc, err := jsonld.Read([]byte(`{"id":"urn:r:1","type":"ContextSourceRegistration","endpoint":"` + endpoint + `","information":[{"entities":[{"type":"Car"}]}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(doc, asWritten{}); !errors.Is(err, tribune.ErrInvalid) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v", endpoint, err)
		}
	}
}
