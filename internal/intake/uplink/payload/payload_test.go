package payload

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
)

func shown(fields []Field) string {
	var all []string
	for _, f := range fields {
		all = append(all, fmt.Sprintf("%s=%s", f.Name, f.Value))
	}
	return strings.Join(all, " ")
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The first four payloads are the examples of the format's own description.
func TestCayenne(t *testing.T) {
	for payload, want := range map[string]string{
		"03 67 01 10 05 67 00 FF":          "temperature_3=27.2 temperature_5=25.5",
		"01 67 FF D7":                      "temperature_1=-4.1",
		"06 71 04 D2 FB 2E 00 00":          "accelerometer_6.x=1.234 accelerometer_6.y=-1.234 accelerometer_6.z=0",
		"01 88 06 76 5F F2 96 0A 00 03 E8": `gps_1={"type":"Point","coordinates":[-87.9094,42.3519]} gps_1.latitude=42.3519 gps_1.longitude=-87.9094 gps_1.altitude=10`,
		"":                                 "",
		"00 00 01 01 01 00 02 02 80 00 03 03 7F FF":             "digital_in_0=1 digital_out_1=0 analog_in_2=-327.68 analog_out_3=327.67",
		"04 64 FF FF FF FF 05 65 FF FF 06 66 01":                "generic_4=4294967295 luminosity_5=65535 presence_6=1",
		"07 68 61 08 73 27 10 09 74 01 6B":                      "relative_humidity_7=48.5 barometric_pressure_8=1000 voltage_9=3.63",
		"0A 75 00 01 0B 76 33 BF 5D 20 0C 78 64 0D 79 FF FF":    "current_10=0.001 frequency_11=868179232 percentage_12=100 altitude_13=-1",
		"0E 7D 01 90 0F 80 00 64 10 82 00 00 04 D2":             "concentration_14=400 power_15=100 distance_16=1.234",
		"11 83 00 00 00 01 12 84 01 67 13 85 6B 02 0C 00":       "energy_17=0.001 direction_18=359 unixtime_19=1795296256",
		"14 86 00 01 FF FF 80 00 15 87 FF 80 00 FF 8E 01":       "gyrometer_20.x=0.01 gyrometer_20.y=-0.01 gyrometer_20.z=-327.68 colour_21.r=255 colour_21.g=128 colour_21.b=0 switch_255=1",
		"01 88 80 00 00 7F FF FF 80 00 00":                      `gps_1={"type":"Point","coordinates":[838.8607,-838.8608]} gps_1.latitude=-838.8608 gps_1.longitude=838.8607 gps_1.altitude=-83886.08`,
		"01 67 00 EB 02 68 61 (reserved type follows) 03 FE 00": "",
	} {
		if i := strings.Index(payload, "("); i >= 0 {
			fields, err := Cayenne(unhex(t, payload[:i]+payload[strings.Index(payload, ")")+1:]))
			if fields != nil || !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("%s: got %s, %v", payload, shown(fields), err)
			}
			continue
		}
		fields, err := Cayenne(unhex(t, payload))
		if got := shown(fields); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", payload, got, err, want)
		}
	}
}

func TestCutOffCayenneGivesNothing(t *testing.T) {
	whole := unhex(t, "01 88 06 76 5F F2 96 0A 00 03 E8")
	for n := 1; n < len(whole); n++ {
		if fields, err := Cayenne(whole[:n]); fields != nil || !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%d of %d bytes: got %s, %v", n, len(whole), shown(fields), err)
		}
	}
}

// tank is a layout of every kind of field.
const tank = `device = "lorawan"
[[layout]]
name = "lpp"
end_devices = ["a84041000181c061"]
format = "cayenne-lpp"
[[layout]]
name = "tank"
port = 2
length = 16
[[layout.field]]
name = "level"
offset = 0
length = 2
scale = 0.01
[[layout.field]]
name = "temperature"
offset = 2
length = 2
endian = "little"
signed = true
scale = 0.1
add = -40
[[layout.field]]
name = "high"
offset = 4
shift = 4
bits = 4
[[layout.field]]
name = "low"
offset = 4
bits = 4
signed = true
[[layout.field]]
name = "lid"
offset = 5
shift = 7
boolean = true
[[layout.field]]
name = "state"
offset = 5
bits = 2
words = { 0 = "empty", 1 = "half", 2 = "full" }
[[layout.field]]
name = "probe"
offset = 6
length = 2
signed = true
missing = -32768
[[layout.field]]
name = "flow"
offset = 8
length = 4
float = true
[[layout.field]]
name = "total"
offset = 12
length = 4
endian = "little"
`

func TestLayout(t *testing.T) {
	d, err := Parse(tank)
	if err != nil {
		t.Fatal(err)
	}
	l, ok := d.Find("", "0000000000000000", 2)
	if !ok || l.Name != "tank" {
		t.Fatalf("found %+v", l)
	}
	for payload, want := range map[string]string{
		"0123 CB00 5A 82 0014 3FC00000 01000000": "level=2.91 temperature=-19.7 high=5 low=-6 lid=true state=full probe=20 flow=1.5 total=1",
		"FFFF FFFF F7 01 8000 BDCCCCCD FFFFFFFF": "level=655.35 temperature=-40.1 high=15 low=7 lid=false state=half flow=-0.1 total=4294967295",
	} {
		fields, err := l.Decode(unhex(t, payload))
		if got := strings.ReplaceAll(shown(fields), `"`, ""); err != nil || !near(got, want) {
			t.Errorf("%s: got %s, %v, want %s", payload, got, err, want)
		}
	}
	for name, payload := range map[string]string{
		"too short":           "0123",
		"too long":            "0123 CB00 5A 82 0014 3FC00000 01000000 00",
		"a word that is none": "0123 CB00 5A 83 0014 3FC00000 01000000",
		"not a number":        "0123 CB00 5A 82 0014 7FC00000 01000000",
		"endless":             "0123 CB00 5A 82 0014 FF800000 01000000",
	} {
		if fields, err := l.Decode(unhex(t, payload)); fields != nil || !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %s, %v", name, shown(fields), err)
		}
	}
}

// near allows for single precision: 0.1 of four bytes is 0.100000001490.
func near(got, want string) bool { return strings.ReplaceAll(got, "-0.10000000149", "-0.1") == want }

func TestTheFirstLayoutThatFitsReads(t *testing.T) {
	d, err := Parse(tank)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, end string
		port      int
		want      string
	}{
		{"", "a84041000181c061", 2, "lpp"}, {"", "a84041000181c062", 2, "tank"}, {"", "a84041000181c062", 3, ""},
		{"tank", "a84041000181c061", 9, "tank"}, {"nothing", "a84041000181c061", 2, ""},
	} {
		l, ok := d.Find(c.name, c.end, c.port)
		if got := ""; ok {
			got = l.Name
			if got != c.want {
				t.Errorf("%+v: got %s", c, got)
			}
		} else if c.want != "" {
			t.Errorf("%+v: got none", c)
		}
	}
	l, _ := d.Find("lpp", "", 0)
	if fields, err := l.Decode(unhex(t, "016700EB")); err != nil || shown(fields) != "temperature_1=23.5" {
		t.Errorf("got %s, %v", shown(fields), err)
	}
}

// All 64 bits must come out: a float in between would lose eleven of them.
func TestWholeNumbersAreExact(t *testing.T) {
	for keys, want := range map[string]string{"": "18446744073709551615", "signed = true": "-1", "shift = 1": "9223372036854775807", "bits = 63": "9223372036854775807"} {
		d, err := Parse("device = \"a\"\n[[layout]]\nname = \"b\"\n[[layout.field]]\nname = \"c\"\noffset = 0\nlength = 8\n" + keys)
		if err != nil {
			t.Fatal(err)
		}
		fields, err := d.Layouts[0].Decode(unhex(t, "FFFFFFFFFFFFFFFF"))
		if err != nil || shown(fields) != "c="+want {
			t.Errorf("%s: got %s, %v, want %s", keys, shown(fields), err, want)
		}
	}
}

func TestBrokenLayoutsAreRefused(t *testing.T) {
	layout := func(keys string) string { return "device = \"a\"\n[[layout]]\nname = \"b\"\n" + keys }
	field := func(keys string) string { return layout("[[layout.field]]\nname = \"c\"\n" + keys) }
	for name, text := range map[string]string{
		"not TOML":                   "[[",
		"no device":                  "[[layout]]\nname = \"b\"\nformat = \"cayenne-lpp\"",
		"no layout":                  `device = "a"`,
		"no fields":                  layout(""),
		"a key that means nothing":   field("offzet = 1"),
		"a key in capitals":          field("Offset = 1"),
		"a name with a slash":        layout("[[layout.field]]\nname = \"c/d\""),
		"a name twice":               field("[[layout.field]]\nname = \"c\""),
		"a layout twice":             field("[[layout]]\nname = \"b\"\nformat = \"cayenne-lpp\""),
		"a layout that is cayenne":   strings.Replace(field(""), `"b"`, `"cayenne-lpp"`, 1),
		"another format":             layout(`format = "javascript"`),
		"a format with fields":       layout("format = \"cayenne-lpp\"\n[[layout.field]]\nname = \"c\""),
		"a length of nine bytes":     field("length = 9"),
		"a negative length":          field("length = -1"),
		"a negative offset":          field("offset = -1"),
		"an offset beyond a frame":   field("offset = 242"),
		"an offset beyond its frame": layout("length = 4\n[[layout.field]]\nname = \"c\"\noffset = 3\nlength = 2"),
		"an endless offset":          field("offset = 9223372036854775807"),
		"a middle endian":            field(`endian = "middle"`),
		"a shift beyond":             field("shift = 8"),
		"a negative shift":           field("shift = -1"),
		"bits beyond":                field("shift = 4\nbits = 5"),
		"a float of two bytes":       field("length = 2\nfloat = true"),
		"a float with bits":          field("length = 4\nfloat = true\nbits = 3"),
		"a scaled text":              field("words = { 0 = \"no\" }\nscale = 2"),
		"words that are boolean":     field("words = { 0 = \"no\" }\nboolean = true"),
		"an empty word":              field("words = { 0 = \"\" }"),
		"a word of no number":        field("words = { 0x0 = \"no\" }"),
		"an endless scale":           field("scale = inf"),
		"a scale that is no number":  field("scale = nan"),
		"no DevEUI":                  layout("end_devices = [\"A84041000181C061\"]\nformat = \"cayenne-lpp\""),
		"a port of 256":              layout("port = 256\nformat = \"cayenne-lpp\""),
		"a length of no frame":       layout("length = 243\n[[layout.field]]\nname = \"c\""),
	} {
		if d, err := Parse(text); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %+v, %v", name, d, err)
		}
	}
}

func TestRegisterTakesOnlyWhatTheStewardSigned(t *testing.T) {
	steward, other := signer(t), signer(t)
	dir := t.TempDir()
	r, err := New(Config{Dir: dir, Steward: steward.vkey})
	if err != nil {
		t.Fatal(err)
	}
	put := func(name, text string, s signed) {
		t.Helper()
		data, err := protocol.SignDocument(text, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A device's own document and other files are none of its business.
	for _, name := range []string{"lorawan.toml", "lorawan.recorded.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("lorawan.payload", tank, steward)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	d, ok := r.Get("lorawan")
	if !ok || len(d.Layouts) != 2 || !strings.Contains(string(d.Signed), "test.example") {
		t.Fatalf("got %+v", d)
	}
	for name, file := range map[string]func(){
		"signed by another":     func() { put("lorawan.payload", tank, other) },
		"of another device":     func() { put("other.payload", tank, steward) },
		"broken":                func() { put("lorawan.payload", "device = 1\n", steward) },
		"too large to be read":  func() { put("lorawan.payload", strings.Repeat("#\n", maxDocument), steward) },
		"changed after signing": func() { os.WriteFile(filepath.Join(dir, "lorawan.payload"), append([]byte("#"), d.Signed...), 0o600) },
	} {
		file()
		if err := r.Reload(); err == nil || !strings.Contains(err.Error(), ".payload") {
			t.Errorf("%s: got %v", name, err)
		}
		if now, ok := r.Get("lorawan"); !ok || now != d {
			t.Errorf("%s: what was in force is gone", name)
		}
		os.Remove(filepath.Join(dir, "other.payload"))
		put("lorawan.payload", tank, steward)
	}
	os.Remove(filepath.Join(dir, "lorawan.payload"))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Get("lorawan"); ok {
		t.Error("layouts whose file is gone are still in force")
	}
}

type signed struct {
	note.Signer
	vkey string
}

func signer(t *testing.T) signed {
	t.Helper()
	skey, vkey, err := protocol.NewKey("test.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return signed{s, vkey}
}

func FuzzCayenne(f *testing.F) {
	f.Add(unhex(f, "016700EB026861"))
	f.Add(unhex(f, "018806765FF2960A0003E8"))
	f.Fuzz(func(t *testing.T, b []byte) { holds(t, b, Cayenne) })
}

func FuzzLayout(f *testing.F) {
	d, err := Parse(tank)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(unhex(f, "0123CB005A8200143FC0000001000000"))
	f.Fuzz(func(t *testing.T, b []byte) { holds(t, b, d.Layouts[1].Decode) })
}

// holds checks that what comes out of a payload is JSON.
func holds(t *testing.T, b []byte, decode func([]byte) ([]Field, error)) {
	fields, err := decode(b)
	if err != nil {
		if !errors.Is(err, tribune.ErrInvalid) || fields != nil {
			t.Fatalf("%v with %d fields", err, len(fields))
		}
		return
	}
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == "" || !json.Valid(f.Value) }); i >= 0 {
		t.Fatalf("field %d: %+v", i, fields[i])
	}
}

// FuzzParse: whatever is accepted as a layout reads every payload without panic.
func FuzzParse(f *testing.F) {
	f.Add(tank)
	f.Add("device = \"a\"\n[[layout]]\nname = \"b\"\n[[layout.field]]\nname = \"c\"\nlength = 8\nfloat = true\nscale = 1e308\nadd = -1e308\n")
	longest := make([]byte, MaxPayload)
	for i := range longest {
		longest[i] = byte(i * 37)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		for i := range d.Layouts {
			for _, b := range [][]byte{nil, {1}, longest} {
				holds(t, b, d.Layouts[i].Decode)
			}
		}
	})
}

func TestNumbersHaveTwelveDigits(t *testing.T) {
	for x, want := range map[float64]string{0.1 * 3: "0.3", math.Copysign(0, -1): "0", 2.0 / 3: "0.666666666667", 1e15 + 0.1: "1000000000000000", 123456789.125: "123456789.125"} {
		if got, ok := number(x); !ok || string(got) != want {
			t.Errorf("%v: got %s, want %s", x, got, want)
		}
	}
	for _, x := range []float64{math.Inf(1), math.NaN(), math.MaxFloat64} {
		if got, ok := number(x); ok && !json.Valid(got) {
			t.Errorf("%v: got %s", x, got)
		}
	}
}
