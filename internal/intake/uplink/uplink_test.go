package uplink

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/uplink/payload"
)

type lpp struct{}

func (lpp) Decode(b []byte) ([]payload.Field, error) { return payload.Cayenne(b) }

func file(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// shown is a list of readings as the tests write them.
func shown(list []intake.Reading) (all []string) {
	for _, r := range list {
		all = append(all, fmt.Sprintf("%s=%s", r.Name, r.Value))
	}
	return all
}

// The same frame, told by each network server, decoded by it or not, is the same readings.
func TestUplinks(t *testing.T) {
	for _, c := range []struct {
		file, id string
		at       time.Time
		want     []string
	}{
		{"chirpstack-up.json", "6f0d4c52-3d8e-4d2e-9a4b-1f6a0f6c2b11", time.Date(2026, 11, 22, 9, 58, 12, 481903000, time.UTC), []string{
			"a84041000181c061/temperature=23.5", "a84041000181c061/humidity=48.5", "a84041000181c061/battery.volt=3.61", "a84041000181c061/battery.low=false",
			"a84041000181c061/gps.latitude=52.4801", "a84041000181c061/gps.longitude=-1.8951", "a84041000181c061/gps.altitude=140",
			`a84041000181c061/gps={"type":"Point","coordinates":[-1.8951,52.4801]}`,
		}},
		{"chirpstack-raw.json", "b6d9e1a0-9f7e-4c1b-8a53-27a7d41c5e90", time.Date(2026, 11, 22, 9, 59, 2, 3000000, time.UTC), []string{
			"a84041000181c062/temperature_1=23.5", "a84041000181c062/relative_humidity_2=48.5",
		}},
		{"ttn-up.json", "AZNSxK1p0n8bVt7c2Zq4Lw==/1204", time.Date(2026, 11, 22, 9, 58, 12, 493288351, time.UTC), []string{
			"a84041000181c061/temperature_1=23.5", "a84041000181c061/relative_humidity_2=48.5", "a84041000181c061/battery.volt=3.61", "a84041000181c061/battery.low=false",
		}},
		// Neither DevEUI nor session key, and a frame counter of 0, which is left out.
		{"ttn-first-frame.json", "260B4F13/0/1795341542003000000", time.Date(2026, 11, 22, 9, 59, 2, 3000000, time.UTC), []string{
			"lamp-post-15/temperature_1=23.5", "lamp-post-15/relative_humidity_2=48.5",
		}},
	} {
		parse := ChirpStack
		if strings.HasPrefix(c.file, "ttn") {
			parse = TheThingsStack
		}
		u, err := parse(file(t, c.file))
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		list, err := u.Readings(lpp{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got := shown(list); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.file, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		for _, r := range list {
			if !r.At.Equal(c.at) || r.ID != c.id {
				t.Errorf("%s: %s is of %s with the id %q, want %s and %q", c.file, r.Name, r.At, r.ID, c.at, c.id)
			}
		}
	}
}

func TestWhatIsNoUplinkIsTold(t *testing.T) {
	if u, err := TheThingsStack(file(t, "ttn-join.json")); u != nil || err != nil {
		t.Errorf("a join is %+v, %v", u, err)
	}
	frame := `{"deviceInfo":{"devEui":"a84041000181c061"},"time":"2026-11-22T09:59:02Z"%s}`
	for _, more := range []string{"", `,"object":null`, `,"object":{ }`, `,"data":""`} {
		if u, err := ChirpStack(fmt.Appendf(nil, frame, more)); err != nil || !u.Empty() {
			t.Errorf("%q: a frame without payload is %+v, %v", more, u, err)
		}
	}
}

func TestBadUplinks(t *testing.T) {
	cs := func(more string) string { return `{"deviceInfo":{"devEui":"a84041000181c061"}` + more + `}` }
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	var many strings.Builder
	for i := range maxFields + 1 {
		fmt.Fprintf(&many, `%c"f%d":1`, ",{"[min(1, max(0, 1-i))], i)
	}
	for name, text := range map[string]string{
		"not JSON":                "hello",
		"an array":                "[]",
		"no end device":           `{"data":"AWcA6w=="}`,
		"a DevEUI of 15 digits":   `{"deviceInfo":{"devEui":"a84041000181c06"},"data":"AWcA6w=="}`,
		"a DevEUI with a slash":   `{"deviceInfo":{"devEui":"a8404100/181c061"},"data":"AWcA6w=="}`,
		"no base64":               cs(`,"data":"%%%"`),
		"text after it":           cs("") + "x",
		"a member twice":          `{"time":"a","time":"b","deviceInfo":{"devEui":"a84041000181c061"}}`,
		"a payload too long":      cs(`,"data":"` + strings.Repeat("AAAA", 100) + `"`),
		"an object that is none":  cs(`,"object":[1]`),
		"a value of two paths":    cs(`,"object":{"a.b":1,"a":{"b":2}}`),
		"an object too deep":      cs(`,"object":` + deep),
		"a name too long":         cs(`,"object":{"` + strings.Repeat("x", 200) + `":1}`),
		"too many values":         cs(`,"object":` + many.String() + "}"),
		"an id too long":          cs(`,"deduplicationId":"` + strings.Repeat("x", 200) + `"`),
		"cut-off Cayenne LPP":     cs(`,"data":"AWcA"`),
		"a port that is no whole": cs(`,"fPort":1.5`),
	} {
		u, err := ChirpStack([]byte(text))
		if err == nil {
			_, err = u.Readings(lpp{})
		}
		if !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"not of The Things Stack": `{"deviceInfo":{"devEui":"a84041000181c061"}}`,
		"simulated":               `{"simulated":true,"end_device_ids":{"device_id":"a"},"uplink_message":{"frm_payload":"AWcA6w=="}}`,
		"no end device":           `{"uplink_message":{"frm_payload":"AWcA6w=="}}`,
	} {
		if u, err := TheThingsStack([]byte(text)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %+v, %v", name, u, err)
		}
	}
}

func TestAPayloadNobodyReadsIsSaid(t *testing.T) {
	u, err := ChirpStack(file(t, "chirpstack-raw.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Readings(nil); err == nil || !strings.Contains(err.Error(), "not decoded") {
		t.Errorf("got %v", err)
	}
}

// A tracker's position stands in the object itself.
func TestPositionOfATracker(t *testing.T) {
	for object, want := range map[string]string{
		`{"latitude":1,"longitude":2}`:                `d/latitude=1 d/longitude=2 d/position={"type":"Point","coordinates":[2,1]}`,
		`{"position":7,"latitude":1,"longitude":2}`:   `d/position=7 d/latitude=1 d/longitude=2`,
		`{"latitude":"1","longitude":2}`:              `d/latitude="1" d/longitude=2`,
		`{"list":[1,2],"text":"a\u0000b","no":null}`:  `d/list=[1,2] d/text="a\u0000b"`,
		`{"a":{"b":{"c":true}},"a.b.d":-0.5e-3,"":1}`: `d/a.b.c=true d/a.b.d=-0.5e-3 d/=1`,
	} {
		u := &Uplink{EndDevice: "d", Decoded: []byte(object)}
		list, err := u.Readings(nil)
		if got := strings.Join(shown(list), " "); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", object, got, err, want)
		}
	}
}

func fuzz(f *testing.F, parse func([]byte) (*Uplink, error), files ...string) {
	for _, name := range files {
		f.Add(file(f, name))
	}
	f.Add([]byte(`{"deviceInfo":{"devEui":"a84041000181c061"},"object":{"a":{"b":[1]},"latitude":1,"longitude":2}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		u, err := parse(body)
		if err != nil || u == nil {
			if err != nil && !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		list, err := u.Readings(lpp{})
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("%v is not ErrInvalid", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, r := range list {
			if seen[r.Name] && u.Decoded != nil {
				t.Fatalf("%q is there twice", r.Name)
			}
			seen[r.Name] = true
			if len(r.ID) > maxID || !valid(r) {
				t.Fatalf("reading %+v", r)
			}
		}
	})
}

func FuzzChirpStack(f *testing.F) { fuzz(f, ChirpStack, "chirpstack-up.json", "chirpstack-raw.json") }
func FuzzTheThingsStack(f *testing.F) {
	fuzz(f, TheThingsStack, "ttn-up.json", "ttn-first-frame.json", "ttn-join.json")
}

func valid(r intake.Reading) bool {
	return json.Valid(r.Value) && len(r.Name) <= maxSegment+1+maxPath
}
