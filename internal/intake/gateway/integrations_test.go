package gateway_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/internal/intake/device"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/need"
	"tribune/protocol"
)

// manual is docs/integrations.md: its fenced blocks by the words after the fence, in order.
func manual(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/integrations.md")
	must(t, err)
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?ms)^```(.*?)\n(.*?)^```$").FindAllSubmatch(text, -1) {
		blocks[string(m[1])] = append(blocks[string(m[1])], string(m[2]))
	}
	return blocks
}

// reader is somebody who follows the manual: a town in which the manual's devices are registered, and a folder with their tokens.
type reader struct {
	*town
	blocks map[string][]string
	dir    string
}

const street = "urn:ngsi-ld:AirQualityObserved:high-street"

func follow(t *testing.T) *reader {
	t.Helper()
	w := newTown(t)
	w.set(func() { w.now = time.Now() }) // the examples send the time that it is
	r := &reader{town: w, blocks: manual(t), dir: t.TempDir()}
	year := w.now.Year()
	for _, id := range []string{"air-1", "lorawan", "home-1"} {
		token, sum := device.NewToken()
		text := strings.NewReplacer("TOKEN_SHA256", sum.String(), "from = 2026-11-22", fmt.Sprintf("from = %d-01-01", year), "until = 2027-12-31", fmt.Sprintf("until = %d-12-31", year+1)).
			Replace(r.one("toml " + id + ".toml"))
		signed, err := protocol.SignDocument(text, w.steward)
		must(t, err)
		_, err = w.devices.Add(signed)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(r.dir, id+".token"), []byte(token+"\n"), 0o600))
	}
	return r
}

// one is the manual's only block of a name, with this town's addresses.
func (r *reader) one(name string) string {
	r.t.Helper()
	if len(r.blocks[name]) != 1 {
		r.t.Fatalf("the manual has %d blocks %q, want one", len(r.blocks[name]), name)
	}
	return r.here(r.blocks[name][0])
}

// here puts this town's addresses in place of a demo's.
func (r *reader) here(text string) string {
	host, port, err := net.SplitHostPort(r.mqtt)
	must(r.t, err)
	return strings.NewReplacer("http://localhost:8080", r.url, "-h localhost -p 1883", "-h "+host+" -p "+port,
		`hostname="localhost", port=1883`, fmt.Sprintf("hostname=%q, port=%s", host, port),
		`"broker": "localhost", "port": "1883"`, fmt.Sprintf(`"broker": %q, "port": %q`, host, port),
		"2026-11-22T", time.Now().AddDate(0, 0, -1).Format("2006-01-02T"), "2026-11-21T", time.Now().AddDate(0, 0, -2).Format("2006-01-02T")).Replace(text)
}

// sh runs all shell blocks of a name in one shell, and returns what they print.
func (r *reader) sh(name string) string {
	r.t.Helper()
	if len(r.blocks["sh "+name]) == 0 {
		r.t.Fatalf("the manual has no block %q", "sh "+name)
	}
	return r.run(need.Tool(r.t, "bash"), "-euc", r.here(strings.Join(r.blocks["sh "+name], "\n")))
}

func (r *reader) run(name string, args ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s: %v: %s\n%s", name, err, out, r.log)
	}
	return string(out)
}

// has holds that an attribute has these values, in the order of their times.
func (r *reader) has(entity, attribute string, want ...string) {
	r.t.Helper()
	var got []string
	for _, v := range r.history(entity, attribute) {
		value, _, _ := strings.Cut(v, "@")
		got = append(got, value)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%s of %s is %q, want %q", attribute, entity, got, want)
	}
}

func TestManualCurl(t *testing.T) {
	need.Tool(t, "curl")
	r := follow(t)
	out := r.sh("curl")
	if want := `{"rows":3,"stored":3,"readings":5,"bad":0}` + "\n"; out != want {
		t.Errorf("it prints %q, want %q", out, want)
	}
	r.has(street, "temperature", "19.5", "19.7", "19.9", "20.1", "20.4", "21.5")
	r.has(street, "relativeHumidity", "50", "52", "51", "48")
}

func TestManualMosquitto(t *testing.T) {
	need.Tool(t, "mosquitto_pub")
	r := follow(t)
	r.sh("mosquitto")
	r.has(street, "temperature", "21.7")
	r.has(street, "relativeHumidity", "47")
}

func TestManualPython(t *testing.T) {
	for name, module := range map[string]string{"paho": "paho.mqtt.publish", "http": "urllib.request"} {
		t.Run(name, func(t *testing.T) {
			python := need.Python(t, module)
			r := follow(t)
			out := r.run(python, "-c", r.one("python "+name))
			if name == "paho" {
				r.has(street, "temperature", "21.8", "21.9", "22.0")
				return
			}
			if out != "204\n" {
				t.Errorf("it prints %q", out)
			}
			r.has(street, "relativeHumidity", "49")
		})
	}
}

func TestManualLoRaWAN(t *testing.T) {
	need.Tool(t, "curl")
	r := follow(t)
	layout, err := payload.Parse(r.one("toml lorawan.payload"))
	must(t, err)
	if out := r.sh("chirpstack"); !strings.Contains(out, `"leftOut":["a84041000181c061/battery.low"]`) {
		t.Errorf("ChirpStack hears %q", out)
	}
	r.set(func() { r.payloads["lorawan"] = layout })
	for _, name := range []string{"chirpstack-raw", "ttn"} {
		if out := r.sh(name); out != "" {
			t.Errorf("%s: it prints %q", name, out)
		}
	}
	for _, end := range []string{"a84041000181c061", "a84041000181c062", "a84041000181c063"} {
		r.has("urn:ngsi-ld:AirQualityObserved:"+end, "temperature", "23.5")
	}
	r.has("urn:ngsi-ld:AirQualityObserved:a84041000181c062", "batteryVoltage", "3.61")
	if got := r.gateway.Stats(); got.Quarantined != 0 || got.LeftOut != 1 {
		t.Errorf("stats are %+v", got)
	}
}

func TestManualReading(t *testing.T) {
	need.Tool(t, "curl")
	r := follow(t)
	r.sh("curl")
	token, err := os.ReadFile(filepath.Join(r.dir, "air-1.token"))
	must(t, err)
	if got := r.post("/intake/air-1", "air-1", strings.TrimSpace(string(token)), "application/json", `{"temperature":23.25}`); got.status != 204 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	out := r.sh("reading")
	for _, want := range []string{`"temperature":23.25}[{"id":"urn:ngsi-ld:AirQualityObserved:high-street"`, `"temperature":23.25}]{`, "[20.4,", "[23.25,"} {
		if !strings.Contains(strings.ReplaceAll(out, " ", ""), want) {
			t.Errorf("it prints %s, want %s", out, want)
		}
	}
}

// An example that no test runs is an example that will be wrong.
func TestManualHasNoBlockThatNothingRuns(t *testing.T) {
	run := []string{"json node-red", "python http", "python paho", "sh chirpstack", "sh chirpstack-raw", "sh curl", "sh mosquitto", "sh reading", "sh ttn",
		"toml air-1.toml", "toml home-1.toml", "toml lorawan.payload", "toml lorawan.toml", "yaml home-assistant"}
	if got := slices.Sorted(maps.Keys(manual(t))); !slices.Equal(got, run) {
		t.Errorf("blocks are %q, tests run %q", got, run)
	}
}
