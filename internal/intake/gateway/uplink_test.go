package gateway_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/intake/uplink/payload"
)

// lora registers a network server whose end devices report air.
func (w *town) lora() string {
	w.t.Helper()
	about := func(name, attribute, more string) string {
		return sense("*/"+name, "urn:ngsi-ld:AirQualityObserved:{1}", "AirQualityObserved", attribute, more)
	}
	return w.add("lorawan", "network-server", "", about("temperature", "temperature", celsius), about("temperature_1", "temperature", celsius),
		about("humidity", "relativeHumidity", "unit = \"%RH\""), about("battery.volt", "batteryVoltage", "unit = \"V\""), about("gps", "location", ""))
}

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../uplink/testdata/" + name)
	must(t, err)
	return string(data)
}

const lamp = "urn:ngsi-ld:AirQualityObserved:a84041000181c061"

func TestUplinksReachTheCityOnce(t *testing.T) {
	w := newTown(t)
	token := w.lora()
	for path, name := range map[string]string{"/intake/lorawan/chirpstack?event=up": "chirpstack-up.json", "/intake/lorawan/ttn?payload=cayenne-lpp": "ttn-up.json"} {
		for range 2 { // network servers send again what was not answered in time
			got := w.post(path, "lorawan", token, "application/json", file(t, name))
			if got.status != 200 || !strings.Contains(got.body, `"leftOut":["a84041000181c061/`) {
				t.Fatalf("%s: got %d %s", name, got.status, got.body)
			}
			w.set(func() { w.now = w.now.Add(time.Hour) })
		}
	}
	want := []string{"23.5@2026-11-22T09:58:12Z", "23.5@2026-11-22T09:58:12Z"} // of two network servers, once each
	if got := w.history(lamp, "temperature"); !slices.Equal(got, want) {
		t.Errorf("temperatures are %q, want %q", got, want)
	}
	if got := w.history(lamp, "location"); len(got) != 1 || !strings.Contains(got[0], `[-1.8951,52.4801]`) {
		t.Errorf("the place is %q", got)
	}
	if got := w.history(lamp, "batteryVoltage"); len(got) != 2 {
		t.Errorf("voltages are %q", got)
	}
}

func TestRawPayloadsAreReadByWhatTheStewardSigned(t *testing.T) {
	w := newTown(t)
	token := w.lora()
	raw := file(t, "chirpstack-raw.json")
	send := func(query string) reply {
		return w.post("/intake/lorawan/chirpstack?event=up"+query, "lorawan", token, "application/json", raw)
	}
	if got := send(""); got.status != 202 || !strings.Contains(got.body, "not decoded") {
		t.Errorf("without a layout: got %d %s", got.status, got.body)
	}
	if got := send("&payload=tank"); got.status != 404 {
		t.Errorf("a layout nobody has signed: got %d %s", got.status, got.body)
	}
	if got := send("&payload=cayenne-lpp"); got.status != 200 || !strings.Contains(got.body, "relative_humidity_2") {
		t.Errorf("Cayenne LPP: got %d %s", got.status, got.body)
	}
	layout, err := payload.Parse("device = \"lorawan\"\n[[layout]]\nname = \"post\"\nport = 2\n[[layout.field]]\nname = \"humidity\"\noffset = 6\nscale = 0.5\n")
	must(t, err)
	layout.Signed = []byte("device = ...\n\n\u2014 signed")
	w.set(func() { w.payloads["lorawan"] = layout })
	if got := send(""); got.status != 204 {
		t.Errorf("with a layout: got %d %s", got.status, got.body)
	}
	if got := w.get("/intake/lorawan/payload"); got.status != 200 || got.body != string(layout.Signed) {
		t.Errorf("the layouts are %d %q", got.status, got.body)
	}
	if got := w.history("urn:ngsi-ld:AirQualityObserved:a84041000181c062", "relativeHumidity"); len(got) != 1 || got[0] != "48.5@2026-11-22T09:59:02Z" {
		t.Errorf("humidity is %q", got)
	}
}

func TestOtherEventsAreIgnoredAndCounted(t *testing.T) {
	w := newTown(t)
	token := w.lora()
	for path, body := range map[string]string{
		"chirpstack?event=join": "{}", "chirpstack?event=status": "{}", "chirpstack?event=txack": "whatever",
		"chirpstack?event=up": `{"deviceInfo":{"devEui":"a84041000181c061"}}`, "ttn": file(t, "ttn-join.json"),
	} {
		if got := w.post("/intake/lorawan/"+path, "lorawan", token, "application/json", body); got.status != 204 {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := w.gateway.Stats(); got.Ignored != 5 || got.Messages != 0 {
		t.Errorf("stats are %+v", got)
	}
}

func TestBadUplinksAreQuarantined(t *testing.T) {
	w := newTown(t)
	token := w.lora()
	frame := func(object string) string {
		return `{"deviceInfo":{"devEui":"a84041000181c061"},"deduplicationId":"x","object":` + object + `}`
	}
	for name, c := range map[string]struct {
		path, body string
		want       int
	}{
		"not JSON":             {"chirpstack?event=up", "AB12CDE", 202},
		"nothing it may sense": {"chirpstack?event=up", frame(`{"plate":"AB12CDE"}`), 202},
		"out of range":         {"chirpstack?event=up", frame(`{"temperature":1000}`), 202},
		"a value that deletes": {"chirpstack?event=up", frame(`{"temperature":"urn:ngsi-ld:null"}`), 202},
		"simulated":            {"ttn", strings.Replace(file(t, "ttn-up.json"), "{", `{"simulated":true,`, 1), 202},
		"no event":             {"chirpstack", frame(`{"temperature":1}`), 400},
	} {
		got := w.post("/intake/lorawan/"+c.path, "lorawan", token, "application/json", c.body)
		if got.status != c.want || strings.Contains(got.body, "AB12CDE") {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
	if got := w.post("/intake/lorawan/chirpstack?event=up", "lorawan", token, "application/octet-stream", "\x0a\x24"); got.status != 415 || !strings.Contains(got.body, "JSON") {
		t.Errorf("Protocol Buffers: got %d %s", got.status, got.body)
	}
	if got := w.entries("lorawan"); len(got) != 5 {
		t.Errorf("in quarantine: %+v", got)
	}
	if got := w.history(lamp, "temperature"); got != nil {
		t.Errorf("the city has %q", got)
	}
}
