package portal

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rsc.io/qr"

	"tribune/internal/intake/device"
)

func TestPoleAnswersWhatAPersonBeforeTheDeviceAsks(t *testing.T) {
	h := newChronicled(t)
	d, _ := h.register.Get("barrier-7")
	d.Refused(now.Add(-time.Minute), "the topic is not its own")
	d.Accepted(3)
	p := newPortal(t, h.Config)
	body := get(p, "/registers/sensors/barrier-7").Body.String()
	has(t, body,
		"Number plate", "who is sitting in the car", "Parking Ltd, 7 Moor Street", "To open for those who have paid.", "30 June 2027", "Take a paper ticket", "An attendant opens by hand", "12,000 pounds",
		"It reports data about people.", "Parking sessions: which vehicle", "30 days", "Parking inspector", "Parking enforcement", "article 21", "cannot take an objection online yet",
		"I object, under article 21", "the topic is not its own", "3 readings", "not on the public record", "/registers/sensors/barrier-7/qr.svg",
	)
	has(t, get(p, "/registers/sensors/air-001").Body.String(), "It reports nothing about people", "everyone", "Its entry on the record: 4", `href="mailto:air@birmingham.example?body=`)
	has(t, get(p, "/registers/sensors/air-001/sign").Body.String(), "It cannot sense", "number plates", "localhost:8080/registers/sensors/air-001")
	doc := get(p, "/registers/sensors/air-001/document")
	one, _ := h.register.Get("air-001")
	if doc.Body.String() != string(one.Signed) || !strings.HasPrefix(doc.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the document is not what was signed: %v", doc.Header())
	}
	for _, path := range []string{"/registers/sensors/nobody", "/registers/sensors/nobody/qr.svg", "/registers/sensors/..%2fair-001/document"} {
		if w := get(p, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A document is signed by the steward, but its words are its owner's.
func TestHostileWordsInADeviceDocument(t *testing.T) {
	h := newChronicled(t)
	text := strings.NewReplacer(`"air-001"`, `"evil-1"`, `"Air, High Street"`, `"<script>alert(1)</script>"`, `"air@birmingham.example"`, `"javascript:alert(1)"`, `"faces"`, `"\"><img src=x>"`, `"High Street 1"`, `"{{.City}}"`,
		"1111111111111111111111111111111111111111111111111111111111111111", "4111111111111111111111111111111111111111111111111111111111111111").Replace(airDevice)
	h.add(t, text)
	p := newPortal(t, h.Config)
	for _, path := range []string{"/registers/sensors", "/registers/sensors/evil-1", "/registers/sensors/evil-1/sign", "/registers/classes/air-quality"} {
		body := get(p, path).Body.String()
		for _, raw := range []string{"<script>alert", "<img src=x", `href="javascript`} {
			if strings.Contains(body, raw) {
				t.Errorf("%s holds %q", path, raw)
			}
		}
		has(t, body, "&lt;script&gt;")
	}
}

func TestContactBecomesALinkOnlyWhereItIsAnAddress(t *testing.T) {
	w := languages()[0]
	for contact, want := range map[string]string{
		"a@b.example": "mailto:a@b.example?", "+44 121 303 1111": "tel:+441213031111", "https://b.example/contact": "https://b.example/contact", "http://b.example": "", "javascript:alert(1)": "",
		"a@b.example?bcc=all@b.example": "", "https://b.example/\"onclick=": "", "data:text/html,x": "", "//evil.example": "", "Town Hall, room 3": "",
	} {
		got := string(contactLink(w, &device.Device{Document: device.Document{ID: "x", Contact: contact}}))
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q became %q, want %q", contact, got, want)
		}
	}
}

func TestQRCodeIsWhatTheEncoderDrew(t *testing.T) {
	p := newPortal(t, newChronicled(t).Config)
	w := get(p, "/registers/sensors/air-001/qr.svg")
	var svg struct {
		ViewBox string `xml:"viewBox,attr"`
		Paths   []struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal(w.Body.Bytes(), &svg); err != nil || len(svg.Paths) != 2 || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Fatalf("%v %s", err, w.Body)
	}
	code, err := qr.Encode("http://localhost:8080/registers/sensors/air-001", qr.Q)
	check(t, err)
	drawn := map[[2]int]bool{}
	for _, run := range strings.Split(strings.TrimSuffix(svg.Paths[1].D, "z"), "z") {
		var x, y, wide, back int
		if _, err := fmt.Sscanf(run, "M%d %dh%dv1h-%d", &x, &y, &wide, &back); err != nil || wide != back {
			t.Fatalf("run %q: %v", run, err)
		}
		for i := range wide {
			drawn[[2]int{x + i - 4, y - 4}] = true
		}
	}
	for y := range code.Size {
		for x := range code.Size {
			if drawn[[2]int{x, y}] != code.Black(x, y) {
				t.Fatalf("module %d,%d differs", x, y)
			}
		}
	}
}

// What a page says of who may read is what policies and mandates leave open, and no more.
func TestReadersOfAClassEndWithTheirMandate(t *testing.T) {
	h := newChronicled(t)
	p := newPortal(t, h.Config)
	body := get(p, "/registers/classes/parking-session").Body.String()
	has(t, body, "Parking inspector", "A person, for their own data", "Decision of the city council on parking enforcement, under the Traffic Management Act 2004, part 6, until 22 November 2027")
	has(t, body, "Can be looked up by", "Driver, for the purpose", `href="/registers/purposes/enforce-parking"`, "Each look-up is an act on the public record",
		"Who may be told of them as they arrive", "that a parked vehicle&#39;s paid time changes")
	has(t, get(p, "/de/registers/classes/parking-session").Body.String(), "Kann nachgeschlagen werden über")
	has(t, get(p, "/registers/classes.json").Body.String(), `"https://uri.etsi.org/ngsi-ld/default-context/driver enforce-parking"`)
	if body := get(p, "/registers/classes/car-park").Body.String(); strings.Contains(body, "Can be looked up by") {
		t.Error("a public class says what can be looked up")
	}
	h.law.mandates = h.law.mandates[1:2] // the one that has ended
	has(t, get(p, "/registers/classes/parking-session").Body.String(), "Nobody, now")
	has(t, get(p, "/registers/classes/unclassified").Body.String(), "treated like the most personal data")
	has(t, get(p, "/registers/mandates").Body.String(), "0 mandates are in force.", "ended")
}

func TestRegistersAnswerInEveryForm(t *testing.T) {
	h := newChronicled(t)
	p := newPortal(t, h.Config)
	for _, name := range []string{"sensors", "purposes", "mandates", "offices", "classes", "policies", "law"} {
		for _, form := range []string{"", ".json", ".csv"} {
			for _, lang := range []string{"", "/de"} {
				if w := get(p, lang+"/registers/"+name+form); w.Code != http.StatusOK || w.Body.Len() < 40 {
					t.Errorf("%s/registers/%s%s: %d", lang, name, form, w.Code)
				}
			}
		}
	}
	for _, path := range []string{"/registers/purposes/nothing", "/registers/offices/nothing", "/registers/classes/nothing", "/registers/policies/nothing", "/registers/mandates/nothing"} {
		if w := get(p, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for set, want := range map[string]int{strings.Repeat("0", 64): 404, "x": 400, strings.ToUpper(h.first.Hash().String()): 400, h.first.Hash().String(): 200} {
		if w := get(p, "/registers/offices?set="+set); w.Code != want {
			t.Errorf("set %s: %d, want %d", set, w.Code, want)
		}
	}
}

func TestCityWithoutLawOrDevicesSaysSo(t *testing.T) {
	cfg := testConfig(t)
	cfg.Law = &fakeLaw{}
	p := newPortal(t, cfg)
	has(t, get(p, "/registers").Body.String(), "This hub has no law yet.")
	has(t, get(p, "/registers/sensors").Body.String(), "No device is registered.")
	if w := get(p, "/registers/offices"); w.Code != http.StatusNotFound {
		t.Errorf("offices without a law: %d", w.Code)
	}
	if w := get(p, "/record/entries/1"); w.Code != http.StatusOK {
		t.Errorf("an entry without a law: %d", w.Code)
	}
}

func TestLawOverTime(t *testing.T) {
	h := newChronicled(t)
	p := newPortal(t, h.Config)
	has(t, get(p, "/registers/law").Body.String(), "Version 2 <span class=\"badge ok\">in force</span>", "policy planner-studies-sessions says something else", "The first law of this city", "<code>policies/planning.cedar</code>", "6 entries were decided by it.")
	changes := "/registers/law/" + h.second.Hash().String() + "/changes?from=" + h.first.Hash().String()
	body := get(p, changes).Body.String()
	has(t, body, "It may loosen:", `<span class="quietly">added:`, `<span class="quietly">removed:`, "context.windowDays &lt;= 62", "1 line added, 1 line removed.")
	if strings.Count(body, "<h2><code>") != 1 {
		t.Error("files that are the same are shown")
	}
	has(t, get(p, "/registers/law/"+h.first.Hash().String()+"/changes?from="+h.first.Hash().String()).Body.String(), "nothing differs")
	has(t, get(p, "/registers/policies").Body.String(), "19 November 2026", "21 November 2026")
	for path, want := range map[string]int{changes + "0": 400, "/registers/law/" + strings.Repeat("0", 64): 404, "/registers/law/current": 200, "/registers/law/current/changes": 400, "/registers/law/..%2f": 400} {
		if w := get(p, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// A set that the record names and this hub never had is still shown as having been there.
func TestLawThatThisHubNeverHadIsNotHidden(t *testing.T) {
	h := newChronicled(t)
	delete(h.law.sets, h.first.Hash())
	p := newPortal(t, h.Config)
	has(t, get(p, "/registers/law").Body.String(), "Version 1", h.first.Hash().String(), "Its files are not on this hub")
	has(t, get(p, "/record/entries/2").Body.String(), "(its text is not on this hub)")
}

// A change of many lines is cut, and says so.
func TestLongChangesAreCutAndSaySo(t *testing.T) {
	h := newChronicled(t)
	c := fileChange{Name: "policies/planning.cedar", How: "changed"}
	check(t, c.lines(h.first, h.second))
	if c.Add != 1 || c.Del != 1 || c.Long || len(c.Hunk) != 1 {
		t.Errorf("%+v", c)
	}
	c = fileChange{Name: "not there"}
	if check(t, c.lines(h.first, h.second)); c.Add+c.Del != 0 {
		t.Errorf("%+v", c)
	}
}
