package gateway_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
)

const at = `"time":"2026-11-22T09:30:00Z"`

func TestMessages(t *testing.T) {
	cbor := "\x81\xa3\x00\x6btemperature\x02\xf9\x4d\xa0\x06\x1a\x6a\x02\xa9\xf0" // [{n: temperature, v: 22.5, t: ...}]
	for name, c := range map[string]struct{ contentType, body, want string }{
		"plain":                {"application/json", `{"temperature":21.5,` + at + `}`, "21.5@2026-11-22T09:30:00Z"},
		"without a type":       {"", `{"temperature":21.5,` + at + `}`, "21.5@2026-11-22T09:30:00Z"},
		"without a time":       {"application/json", `{"temperature":21.5}`, "21.5@2026-11-22T10:00:00Z"},
		"with a charset":       {"application/json; charset=utf-8", `{"temperature":21.5,` + at + `}`, "21.5@2026-11-22T09:30:00Z"},
		"an array":             {"application/json", ` [{"temperature":21,` + at + `},{"temperature":22,"time":"2026-11-22T10:31:00+01:00"}]`, "21@2026-11-22T09:30:00Z 22@2026-11-22T09:31:00Z"},
		"an array without any": {"application/json", `[{"temperature":21}]`, "21@2026-11-22T10:00:00Z"},
		"SenML":                {"application/senml+json", `[{"n":"temperature","u":"Cel","v":23,"t":1795339800}]`, "23@2026-11-22T09:30:00Z"},
		"SenML in CBOR":        {"application/senml+cbor", cbor, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			token := w.air("air-1")
			if got := w.post("/intake/air-1", "air-1", token, c.contentType, c.body); got.status != 204 || got.body != "" {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			got := strings.Join(w.history(entity("air-1"), "temperature"), " ")
			if c.want == "" {
				if !strings.HasPrefix(got, "22.5@") {
					t.Errorf("the city has %q", got)
				}
			} else if got != c.want {
				t.Errorf("the city has %q, want %q", got, c.want)
			}
			if again := w.post("/intake/air-1", "air-1", token, c.contentType, c.body); again.status != 204 {
				t.Errorf("sent again: %d %s", again.status, again.body)
			}
			if twice := strings.Join(w.history(entity("air-1"), "temperature"), " "); twice != got {
				t.Errorf("sent again the city has %q", twice)
			}
		})
	}
}

// An Idempotency-Key tells a second message from the same one again, where there is no time.
func TestIdempotencyKey(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	send := func(key, body string) int {
		return w.post("/intake/air-1", "air-1", token, "application/json", body, "Idempotency-Key", key).status
	}
	for _, key := range []string{`"one"`, "one", `"one"`, "two", "two"} {
		if got := send(key, `{"temperature":21}`); got != 204 {
			t.Errorf("%s: got %d", key, got)
		}
		w.set(func() { w.now = w.now.Add(time.Hour) })
	}
	want := []string{"21@2026-11-22T10:00:00Z", "21@2026-11-22T13:00:00Z"}
	if got := w.history(entity("air-1"), "temperature"); !slices.Equal(got, want) {
		t.Errorf("the city has %q, want %q", got, want)
	}
	for _, key := range []string{"", `""`, "a b", strings.Repeat("x", 129), `a"b`, "a\\b"} {
		if got := send(key, `{"temperature":21}`); got != 400 {
			t.Errorf("the key %q: got %d", key, got)
		}
	}
	for _, contentType := range []string{"application/senml+json", "text/csv"} {
		if got := w.post("/intake/air-1", "air-1", token, contentType, "x", "Idempotency-Key", "a"); got.status != 400 {
			t.Errorf("%s: got %d", contentType, got.status)
		}
	}
}

// What is bad is answered as arrived, so that nobody sends it for ever; and quoted nowhere.
func TestBadMessagesAreQuarantinedAndQuotedNowhere(t *testing.T) {
	const secret = "AB12CDE"
	for name, c := range map[string]struct {
		contentType, body string
		reading           float64
	}{
		"not JSON":                       {"application/json", secret, 0},
		"an array that is broken":        {"application/json", `[{"temperature":1},"` + secret + `"]`, 0},
		"an array that ends early":       {"application/json", `[{"temperature":1}`, 0},
		"an array with text after it":    {"application/json", `[{"temperature":1}] ` + secret, 0},
		"an array of nothing":            {"application/json", `[]`, 0},
		"an array of empty objects":      {"application/json", `[{},{}]`, 0},
		"an array of arrays":             {"application/json", `[[{"temperature":1}]]`, 0},
		"a name twice":                   {"application/json", `[{"temperature":1,"temperature":2}]`, 0},
		"a time of another kind":         {"application/json", `[{"temperature":1,"time":"` + secret + `"}]`, 0},
		"what it may not sense":          {"application/json", `{"` + secret + `":1}`, 0},
		"what it may not sense, in line": {"application/json", `[{"temperature":1},{"` + secret + `":1}]`, 2},
		"out of range":                   {"application/json", `[{"temperature":1,` + at + `},{"humidity":3},{"temperature":99}]`, 3},
		"one reading twice":              {"application/json", `[{"temperature":1,` + at + `},{"temperature":2,` + at + `}]`, 2},
		"bad UTF-8":                      {"application/json", "[{\"note\":\"\xff" + secret + "\"}]", 0},
		"SenML of another unit":          {"application/senml+json", `[{"n":"temperature","u":"` + secret + `","v":1}]`, 0},
		"not signed by who must sign":    {"application/cose", secret, 0},
		"too many readings":              {"application/json", "[" + strings.Repeat(`{"temperature":1},`, intake.MaxReadings) + `{"temperature":1}]`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			token := w.air("air-1")
			got := w.post("/intake/air-1", "air-1", token, c.contentType, c.body)
			if got.status != 202 || got.header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			var problem map[string]any
			must(t, json.Unmarshal([]byte(got.body), &problem))
			if problem["type"] != "/problems/quarantined" || problem["detail"] == "" {
				t.Errorf("got %s", got.body)
			}
			if want, _ := problem["reading"].(float64); want != c.reading {
				t.Errorf("reading %v, want %v", problem["reading"], c.reading)
			}
			list := w.entries("air-1")
			if len(list) != 1 {
				t.Errorf("in quarantine: %+v", list)
			}
			for where, text := range map[string]string{"the answer": got.body, "the log": w.log.String(), "the quarantine": fmt.Sprint(list)} {
				if strings.Contains(text, secret) || strings.Contains(text, token) {
					t.Errorf("%s quotes it: %s", where, text)
				}
			}
			if got := w.history(entity("air-1"), "temperature"); got != nil {
				t.Errorf("the city has %q", got)
			}
		})
	}
}

func TestStrangersAreTurnedAwayAlike(t *testing.T) {
	w := newTown(t)
	token, other := w.air("air-1"), w.air("air-2")
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	var first string
	for name, auth := range map[string][]string{
		"nothing":                  nil,
		"a wrong token":            {basic("air-1", "x"+token)},
		"another device's token":   {basic("air-1", other)},
		"another device":           {basic("air-2", other)},
		"an empty token":           {basic("air-1", "")},
		"a bearer of another":      {"Bearer " + other},
		"an empty bearer":          {"Bearer "},
		"a token of 1 KB":          {"Bearer " + strings.Repeat("x", 1<<10)},
		"a scheme nobody knows":    {"Digest " + token},
		"two headers":              {basic("air-1", token), basic("air-1", token)},
		"no base64":                {"Basic %%%"},
		"a token without a scheme": {token},
	} {
		r, err := http.NewRequest("POST", w.url+"/intake/air-1", strings.NewReader(`{"temperature":1}`))
		must(t, err)
		for _, a := range auth {
			r.Header.Add("Authorization", a)
		}
		res, err := http.DefaultClient.Do(r)
		must(t, err)
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 401 || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic") {
			t.Errorf("%s: got %d %q", name, res.StatusCode, res.Header)
		}
		if strings.Contains(string(body), token) || strings.Contains(string(body), other) {
			t.Errorf("%s: the answer holds a token: %s", name, body)
		}
	}
	for _, id := range []string{"air-1", "nobody"} { // whether a device exists is public, whether a token fits one is not
		got := w.post("/intake/"+id, id, strings.Repeat("x", 43), "", "{}")
		body := got.body[:strings.Index(got.body, `"request"`)]
		if first == "" {
			first = body
		}
		if got.status != 401 || body != first {
			t.Errorf("%s: got %d %s", id, got.status, got.body)
		}
	}
	for _, auth := range []string{basic("air-1", token), "Bearer " + token, "bearer " + token} {
		if got := w.post("/intake/air-1", "", "", "", `{"temperature":1}`, "Authorization", auth); got.status != 204 {
			t.Errorf("%.6s: got %d %s", auth, got.status, got.body)
		}
	}
	if got := w.gateway.Stats(); got.Strangers != 14 || got.Messages != 3 {
		t.Errorf("stats are %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	send := func(contentType, body string, headers ...string) reply {
		return w.post("/intake/air-1", "air-1", token, contentType, body, headers...)
	}
	for name, c := range map[string]struct {
		got  reply
		want int
	}{
		"HTML":                   {send("text/html", "<p>"), 415},
		"a type that is broken":  {send("application/json; =", "{}"), 415},
		"another character set":  {send("application/json; charset=latin1", "{}"), 415},
		"gzip":                   {send("application/json", "{}", "Content-Encoding", "gzip"), 415},
		"more than 1 MB":         {send("application/json", strings.Repeat(" ", 1<<20)+"{}"), 413},
		"another path":           {w.post("/intake/air-1/kafka", "air-1", token, "", "{}"), 404},
		"not a network server":   {w.post("/intake/air-1/ttn", "air-1", token, "application/json", "{}"), 403},
		"no payload layouts":     {w.get("/intake/air-1/payload"), 404},
		"GET where nothing is":   {w.get("/intake/air-1"), 405},
		"more than 1 MB, unsaid": {w.send("/intake/air-1", "air-1", token, "application/json", io.MultiReader(strings.NewReader(strings.Repeat(" ", 1<<20)+"{}"))), 413},
		"a CSV of 17 MB":         {send("text/csv", "time,temperature\n"+strings.Repeat(" ", 17<<20)), 413},
	} {
		if c.got.status != c.want {
			t.Errorf("%s: got %d %s, want %d", name, c.got.status, c.got.body, c.want)
		}
	}
	if got := w.entries("air-1"); len(got) != 0 {
		t.Errorf("in quarantine: %+v", got)
	}
}

func (w *town) get(path string) reply {
	w.t.Helper()
	res, err := http.Get(w.url + path)
	must(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(w.t, err)
	return reply{res.StatusCode, res.Header, string(text)}
}

// What is not durable must be sent again: never 2xx, and the sender is told when.
func TestWhatIsNotDurableIsNotAcknowledged(t *testing.T) {
	w := newTown(t)
	token := w.air("air-1")
	slow := w.add("slow-1", "sensor", "per_minute = 1", sense("temperature", entity("slow-1"), "AirQualityObserved", "temperature", celsius))
	send := func(id, token, body string) reply { return w.post("/intake/"+id, id, token, "application/json", body) }

	w.set(func() {
		w.apply = func(context.Context, []tribune.Change) error { return errors.New("disk full of AB12CDE") }
	})
	for _, c := range []struct{ contentType, body string }{{"application/json", `{"note":"AB12CDE"}`}, {"text/csv", "time,note\n2026-11-22T09:00:00Z,AB12CDE"}} {
		got := w.post("/intake/air-1", "air-1", token, c.contentType, c.body)
		if got.status != 500 || strings.Contains(got.body, "AB12CDE") {
			t.Errorf("a store that is down: got %d %s", got.status, got.body)
		}
	}
	w.set(func() { w.apply = func(context.Context, []tribune.Change) error { return tribune.ErrNoQuorum } })
	if got := send("air-1", token, `{"note":"x"}`); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("too few guardians: got %d %s", got.status, got.body)
	}
	w.set(func() { w.apply = nil })

	if got := send("slow-1", slow, `{"temperature":1}`); got.status != 204 {
		t.Errorf("within its rate: got %d %s", got.status, got.body)
	}
	if got := send("slow-1", slow, `{"temperature":2}`); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("beyond its rate: got %d %s", got.status, got.body)
	}

	busy := fmt.Errorf("%w: the document is not on record yet", tribune.ErrBusy)
	w.set(func() { w.auth = func(string, string) (*device.Device, error) { return nil, busy } })
	if got := send("air-1", token, `{"temperature":1}`); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("not on record: got %d %s", got.status, got.body)
	}
	w.set(func() { w.auth = nil; w.now = w.now.AddDate(2, 0, 0) })
	if got := send("air-1", token, `{"temperature":1}`); got.status != 403 || !strings.Contains(got.body, "ended") {
		t.Errorf("a device that has ended: got %d %s", got.status, got.body)
	}
	if got := w.history(entity("air-1"), "temperature"); got != nil {
		t.Errorf("the city has %q", got)
	}
}

// One device that opens hundreds of requests holds its own places only.
func TestOneDeviceCannotTakeAllPlaces(t *testing.T) {
	w := newTown(t)
	greedy, other := w.air("greedy-1"), w.air("air-1")
	gate := make(chan struct{})
	w.set(func() {
		w.apply = func(_ context.Context, changes []tribune.Change) error {
			if changes[0].Source == "greedy-1" {
				<-gate
			}
			return nil
		}
	})
	const many = 100
	answers := make(chan int, many)
	for i := range many {
		go func() {
			body := fmt.Sprintf(`{"temperature":%d,"time":"2026-11-22T09:00:%02d.%03dZ"}`, i%50, i%60, i)
			r, err := http.NewRequest("POST", w.url+"/intake/greedy-1", strings.NewReader(body))
			if err != nil {
				answers <- 0
				return
			}
			r.SetBasicAuth("greedy-1", greedy)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				answers <- 0
				return
			}
			res.Body.Close()
			answers <- res.StatusCode
		}()
	}
	busy := 0
	for busy < many-32 { // these are answered at once
		if got := <-answers; got != 503 {
			t.Fatalf("got %d, want 503", got)
		}
		busy++
	}
	if got := w.gateway.Stats(); got.UnderWay > 32 {
		t.Errorf("stats are %+v", got)
	}
	if got := w.post("/intake/air-1", "air-1", other, "application/json", `{"temperature":1}`); got.status != 204 {
		t.Errorf("another device: got %d %s", got.status, got.body)
	}
	close(gate)
	for range many - busy {
		if got := <-answers; got != 204 && got != 503 {
			t.Errorf("got %d", got)
		}
	}
	if got := w.gateway.Stats().UnderWay; got != 0 {
		t.Errorf("%d requests are still under way", got)
	}
}
