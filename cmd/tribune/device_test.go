package main_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune/internal/client/mqtt"
)

var deviceAnswers = []string{
	"--id", "air-1", "--title", "Air at the station", "--kind", "sensor", "--owner", "City Council", "--contact", "air@city.example", "--place", "New Street",
	"--longitude", "-1.9", "--latitude", "52.48", "--need", "To know what people breathe", "--alternative", "None is needed", "--cost", "18,000; 2,400 a year",
	"--fallback", "A hand-held meter", "--until", "2027-06-30", "--cannot-sense", "faces", "--cannot-sense", `voices "and" such`,
	"--sense", "title=Fine dust; name=pm25; type=AirQualityObserved; attribute=pm25; unit=ug/m3; minimum=0; maximum=1000",
}

func TestDeviceNewFromFlags(t *testing.T) {
	dir := t.TempDir()
	r := tribune(t, dir, append([]string{"device", "new"}, deviceAnswers...)...)
	if r.code != 0 || !strings.Contains(r.out, "tribune sign --key steward.key air-1.toml") {
		t.Fatalf("got exit %d: %s%s", r.code, r.out, r.log)
	}
	text, token := read(t, dir, "air-1.toml"), strings.TrimSpace(read(t, dir, "air-1.token"))
	for _, want := range []string{
		`id = "air-1"`, `cannot_sense = ["faces", "voices \"and\" such"]`, "until = 2027-06-30\n", `entity = "urn:ngsi-ld:AirQualityObserved:air-1"`,
		`type = "https://uri.etsi.org/ngsi-ld/default-context/AirQualityObserved"`, "maximum = 1000\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the document lacks %s:\n%s", want, text)
		}
	}
	if len(token) != 43 || strings.Contains(text+r.out+r.log, token) {
		t.Errorf("the token %q is no token, or told", token)
	}
	if info, err := os.Stat(filepath.Join(dir, "air-1.token")); err != nil || info.Mode() != 0o600 {
		t.Errorf("the token's file: %v %v", info.Mode(), err)
	}
	// Another token would make the first document, perhaps signed by now, worthless.
	if again := tribune(t, dir, append([]string{"device", "new"}, deviceAnswers...)...); again.code != 1 || strings.TrimSpace(read(t, dir, "air-1.token")) != token {
		t.Errorf("a second time: got exit %d: %s", again.code, again.log)
	}
	if r := tribune(t, dir, "device", "add", "air-1.toml"); r.code != 1 || !strings.Contains(r.log, "is not signed") || !strings.Contains(r.log, "tribune sign --key") {
		t.Errorf("adding it unsigned: got exit %d: %s", r.code, r.log)
	}
}

func TestDeviceNewNamesEveryMissingAnswer(t *testing.T) {
	dir := t.TempDir()
	r := tribune(t, dir, "device", "new", "--id", "air-1")
	for _, want := range []string{"title", "kind", "owner", "contact", "place", "need", "alternative", "cost", "fallback", "cannot_sense", "until", "senses"} {
		if r.code != 1 || !strings.Contains(r.log, want+" is missing") {
			t.Errorf("got exit %d without %q: %s", r.code, want, r.log)
		}
	}
	for i := 0; i+1 < len(deviceAnswers); i += 2 { // each of them alone
		name := deviceAnswers[i]
		var args []string
		for j := 0; j < len(deviceAnswers); j += 2 {
			if deviceAnswers[j] != name {
				args = append(args, deviceAnswers[j:j+2]...)
			}
		}
		if r := tribune(t, dir, append([]string{"device", "new"}, args...)...); r.code != 1 || !strings.Contains(r.log, "missing") {
			t.Errorf("without %s: got exit %d: %s%s", name, r.code, r.out, r.log)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
}

func TestDeviceNewRefusesWhatWouldBeOtherTOML(t *testing.T) {
	for _, more := range [][]string{
		{"--until", "2027-06-30\nneed = \"x\""}, {"--longitude", "1\nx = 1"}, {"--longitude", "NaN"}, {"--per-minute", "1e"}, {"--per-minute", "60\n[x]"},
		{"--sense", "title=x; colour=y"}, {"--sense", "title=x; name=y; minimum=0\n[y]"},
	} {
		r := tribune(t, t.TempDir(), append(append([]string{"device", "new"}, deviceAnswers...), more...)...)
		if r.code != 1 || r.out != "" {
			t.Errorf("%q: got exit %d: %s%s", more, r.code, r.out, r.log)
		}
	}
	dir := t.TempDir() // what stands in quotes stays there
	title := "Air\"\nneed = \"nothing\\u007f\x7f"
	r := tribune(t, dir, append(append([]string{"device", "new"}, deviceAnswers...), "--title", title)...)
	if text := read(t, dir, "air-1.toml"); r.code != 0 || strings.Count(text, "\nneed = ") != 1 {
		t.Errorf("got exit %d: %s\n%s", r.code, r.log, text)
	}
}

func TestDeviceNewAsks(t *testing.T) {
	dir := t.TempDir()
	said := strings.Join([]string{
		"cam-1", "Counter", "sensor", "Council", "x@city.example", "Bridge", "-1.9", "52.4", "to count", "walk elsewhere", "10", "a clicker", "2027-06-30", "", "", "",
		"faces", "names", "",
		"Bicycles; and scooters", "bikes/*", "BikeLane", "count", "urn:ngsi-ld:BikeLane:{1}", "", "0", "",
		"yes", "Battery", "battery", "https://city.example/Device", "https://city.example/battery", "urn:ngsi-ld:Device:cam-1", "%", "", "", "",
	}, "\n") + "\n"
	cmd := exec.Command(binary, "device", "new", "--ask", "--out", "counter.toml")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(said)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text := read(t, dir, "counter.toml")
	for _, want := range []string{`title = "Counter"`, `alternative = "walk elsewhere"`, `cannot_sense = ["faces", "names"]`, `title = "Bicycles, and scooters"`, `name = "bikes/*"`, "minimum = 0\n", `unit = "%"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the document lacks %s:\n%s", want, text)
		}
	}
	for _, want := range []string{"Why is it there?", "What can a person do who does not want to be sensed?", "What works by hand when it is off?", "When does it end?"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it did not ask %q", want)
		}
	}
	// A person who stops in between has made nothing.
	dir = t.TempDir()
	cmd = exec.Command(binary, "device", "new", "--ask")
	cmd.Dir, cmd.Stdin = dir, strings.NewReader("cam-1\nCounter\n")
	out, err = cmd.CombinedOutput()
	if left, _ := os.ReadDir(dir); err == nil || len(left) != 0 || !strings.Contains(string(out), "alternative is missing") {
		t.Errorf("half an answer: %v, left %v: %s", err, left, out)
	}
}

func TestDeviceWrongUsage(t *testing.T) {
	for _, args := range [][]string{{"device"}, {"device", "add"}, {"device", "sell", "x"}, {"device", "new", "x"}} {
		if r := tribune(t, t.TempDir(), args...); r.code != 2 || !strings.Contains(r.log, "tribune device -h") {
			t.Errorf("%q: got exit %d: %s", args, r.code, r.log)
		}
	}
	if r := tribune(t, t.TempDir(), "device", "list", "--dir", "nowhere"); r.code != 1 || !strings.Contains(r.log, "tribune demo --dir nowhere") {
		t.Errorf("where no city is: got exit %d: %s", r.code, r.log)
	}
}

// TestDeviceFromPaperToReading walks a device through its commands: made, signed, handed in, listed, heard.
func TestDeviceFromPaperToReading(t *testing.T) {
	c := newCity(t)
	c.start(t, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	defer c.interrupt(t)
	dir := t.TempDir()
	steps := [][]string{
		append([]string{"device", "new"}, deviceAnswers...),
		{"sign", "--key", filepath.Join(c.dir, "institutions", "steward.key"), "air-1.toml"},
		{"device", "add", "--dir", c.dir, "air-1.toml"},
	}
	for _, args := range steps {
		if r := tribune(t, dir, args...); r.code != 0 {
			t.Fatalf("%q: got exit %d: %s%s", args, r.code, r.out, r.log)
		}
	}
	r := tribune(t, dir, "device", "list", "--dir", c.dir)
	if r.code != 0 || !regexp.MustCompile(`(?m)^air-1 +sensor +2027-06-30 +Air at the station$`).MatchString(r.out) {
		t.Errorf("listing: got exit %d: %s%s", r.code, r.out, r.log)
	}
	nc, err := mqtt.Dial(t.Context(), strings.TrimSpace(read(t, c.dir, "mqtt")), netip.Addr{})
	if err == nil {
		err = nc.Login("air", "air-1", strings.TrimSpace(read(t, dir, "air-1.token")), time.Minute)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	nc.Write(mqtt.AppendPublish(nil, "devices/air-1/now", 7, []byte(`{"pm25": 12.5}`)))
	if id, err := nc.Acknowledged(); err != nil || id != 7 {
		t.Fatalf("PUBACK %d %v", id, err)
	}
	if a := get(t, c.as(t, ""), "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:air-1?options=keyValues"); !strings.Contains(string(a.Body), `"pm25":12.5`) {
		t.Errorf("the city shows %d %s", a.Status, a.Body)
	}
	if r := tribune(t, dir, "device", "add", "--dir", c.dir, "air-1.toml"); r.code != 1 || !strings.Contains(r.log, "409") {
		t.Errorf("the same document again: got exit %d: %s%s", r.code, r.out, r.log)
	}
	if r := tribune(t, dir, "sign", "--key", filepath.Join(c.dir, "institutions", "council.key"), "air-1.toml"); r.code != 0 {
		t.Fatal(r.log)
	}
	if r := tribune(t, dir, "device", "add", "--dir", c.dir, "air-1.toml"); r.code != 1 {
		t.Errorf("signed by another: got exit %d: %s%s", r.code, r.out, r.log)
	}
}
