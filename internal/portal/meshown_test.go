package portal

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"tribune/internal/web"
)

func TestTimelineSaysWhoWhyByWhichLaw(t *testing.T) {
	c := newOwnCity(t)
	body := c.do(&ada, "GET", "/me", nil).Body.String()
	has(t, body, "Parking inspector looked up data about you.", "You looked at your own data.", "Parking enforcement", "Council decision", "to check that vehicle.",
		"Your data were used 2 times.", "Parking sessions: which vehicle stood where", `data-check data-index="3" data-n="1" data-of="0"`, "/record/entries/3", "13 December 2026")
	lacks(t, body, "inspector-ward", "Mallory")
	filtered := c.do(&ada, "GET", "/me?office=parking-inspector", nil).Body.String()
	has(t, filtered, "1 use fits.", "Parking inspector looked up data about you.")
	lacks(t, filtered, "You looked at your own data.")
	nobody := ada
	nobody.Names = nil
	has(t, c.do(&nobody, "GET", "/me", nil).Body.String(), "has verified no name of yours")
	unknown := ada
	unknown.Names = []web.PersonName{{Type: "plate", Name: "NEVER1"}}
	has(t, c.do(&unknown, "GET", "/me", nil).Body.String(), "nothing ever was")
}

// TestDeskTakesBothSteps: question, act in words, signature, answer as tables.
func TestDeskTakesBothSteps(t *testing.T) {
	c := newOwnCity(t)
	private, pub := c.key(t, &ward, 3)
	form := c.do(&ward, "GET", "/desk", nil).Body.String()
	has(t, form, "Parking enforcement", "Council decision", "Parking sessions")
	lacks(t, form, "ended-2025", "subject-access-2026")
	f := url.Values{"csrf": {ward.CSRF}, "mandate": {"parking-enforcement-2026"}, "class": {"parking-session"}, "name": {aPlate}, "key": {pub}}
	w := c.do(&ward, "POST", "/desk", f)
	has(t, w.Body.String(), "This is what you sign", "It concerns 1 person.", "Purpose: Parking enforcement", "Legal basis: Council decision")
	var id string
	for id = range c.hub.acts {
	}
	act := c.hub.acts[id]
	signature, err := act.Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	f.Set("act", id)
	f.Set("signature", base64.StdEncoding.EncodeToString(signature))
	w = c.do(&ward, "POST", "/desk", f)
	has(t, w.Body.String(), "1 entry found", "/record/receipts/42", "<caption>Parking session</caption>", "<span>a, b</span>", "<span>=1&#43;1</span>", "<span>22 November 2026, 07:31:13 UTC</span>")
	// The same signature again: the act was used.
	w = c.do(&ward, "POST", "/desk", f)
	has(t, w.Body.String(), "Too late", `value="AB12CDE"`)
}

func TestDeskRefusesWhatIsNotTheOfficers(t *testing.T) {
	c := newOwnCity(t)
	_, pub := c.key(t, &ward, 3)
	_, adasKey := c.key(t, &ada, 1)
	good := url.Values{"csrf": {ward.CSRF}, "mandate": {"parking-enforcement-2026"}, "class": {"parking-session"}, "name": {aPlate}, "key": {pub}}
	for what, change := range map[string][2]string{
		"an ended mandate": {"mandate", "ended-2025"}, "another office's mandate": {"mandate", "subject-access-2026"}, "a public class": {"class", "car-park"},
		"no class": {"class", "none"}, "another's key": {"key", adasKey}, "no name": {"name", " "}, "a long name": {"name", strings.Repeat("x", 300)},
	} {
		f := url.Values{}
		for k, v := range good {
			f[k] = v
		}
		f.Set(change[0], change[1])
		if w := c.do(&ward, "POST", "/desk", f); w.Code != 400 && w.Code != 403 {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
	if w := c.do(&ada, "GET", "/desk", nil); w.Code != http.StatusForbidden {
		t.Errorf("a citizen at the desk: %d", w.Code)
	}
	if len(c.hub.asked) != 0 {
		t.Errorf("asked %+v", c.hub.asked)
	}
	c.hub.deny = &web.Problem{Title: "No policy permits this", Status: 403, Missing: []string{"the mandate does not cover this class"}, Policies: []string{"floor-mandate"}}
	w := c.do(&ward, "POST", "/desk", good)
	has(t, w.Body.String(), "Denied", "the mandate does not cover this class", "floor-mandate", "without a legal basis that is in force", "/record/entries/7")
	if w.Code != 403 {
		t.Errorf("denial: %d", w.Code)
	}
}

// TestKeyThatWaitsSignsNothing: in a real city the council signs elsewhere; until then the request can be downloaded, by its
// owner only, and the key opens nothing.
func TestKeyThatWaitsSignsNothing(t *testing.T) {
	c := newOwnCity(t)
	c.keys.atOnce = false
	_, pub := c.key(t, &ada, 1)
	has(t, c.do(&ada, "GET", "/account", nil).Body.String(), "It waits for the council’s signature.", "/account/keys/person-ada")
	if w := c.do(&ada, "GET", "/account/keys/person-ada", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "actor") {
		t.Errorf("the request: %d %s", w.Code, w.Body)
	}
	if w := c.do(&mallory, "GET", "/account/keys/person-ada", nil); w.Code != 404 {
		t.Errorf("somebody else's request: %d", w.Code)
	}
	if w := c.do(&ada, "POST", "/me/export/open", url.Values{"csrf": {ada.CSRF}, "of": {"0"}, "class": {"parking-session"}, "key": {pub}}); w.Code != 403 {
		t.Errorf("opening with a key that waits: %d", w.Code)
	}
	for _, bad := range []string{"", "AAAA", pub + "AA==", "not base64"} {
		if w := c.do(&ada, "POST", "/account/keys", url.Values{"csrf": {ada.CSRF}, "key": {bad}}); w.Code != 400 {
			t.Errorf("key %q: %d", bad, w.Code)
		}
	}
}
