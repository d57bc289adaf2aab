package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/protocol"
)

// lind answers people.
var lind = web.Session{Subject: "lind", Name: "Lind", Role: web.RoleOfficer, Actor: "protection-lind", Office: "data-protection", Method: "openid", Until: now.Add(time.Hour), CSRF: "lind-token"}

// sent posts a form of a session and returns where it leads.
func (c *ownCity) sent(t *testing.T, s *web.Session, path string, form url.Values) string {
	t.Helper()
	form.Set("csrf", s.CSRF)
	w := c.do(s, "POST", path, form)
	if w.Code != http.StatusSeeOther {
		t.Fatalf("POST %s: %d %s", path, w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// TestPersonAsksAndTheOfficeAnswers walks a case through both faces: filed, shown, answered by a signed act, shown.
func TestPersonAsksAndTheOfficeAnswers(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	private, pub := c.key(t, &lind, 9)
	at := c.sent(t, &ada, "/me/cases", url.Values{"kind": {"rectification"}, "of": {"0"}, "class": {"parking-session"}, "text": {"It was <b>not</b> my car."}})
	id := strings.TrimPrefix(at, "/me/cases/")
	if strings.Contains(at, aPlate) || len(id) != 32 {
		t.Fatalf("filed at %s", at)
	}
	body := c.do(&ada, "GET", at, nil).Body.String()
	for _, want := range []string{"It was &lt;b&gt;not&lt;/b&gt; my car.", "days left, until 22 December 2026", "Data protection office", "GDPR, articles 12(3) and 16"} {
		if !strings.Contains(body, want) {
			t.Errorf("the person's page lacks %q", want)
		}
	}
	desk := "/desk/cases/" + id
	for name, w := range map[string]int{
		"another person": c.do(&mallory, "GET", at, nil).Code, "another office": c.do(&ward, "GET", desk, nil).Code, "a person at the desk": c.do(&ada, "GET", desk, nil).Code,
		"the office at the person's page": c.do(&lind, "GET", at, nil).Code,
	} {
		if w != http.StatusNotFound && w != http.StatusForbidden {
			t.Errorf("%s: %d", name, w)
		}
	}
	if body = c.do(&lind, "GET", "/desk/cases", nil).Body.String(); !strings.Contains(body, id) {
		t.Error("the desk does not list it")
	}
	if body = c.do(&lind, "GET", desk, nil).Body.String(); strings.Contains(body, "my car") || strings.Contains(body, aPlate) || strings.Contains(body, "articles 12(3) and 16") && strings.Contains(body, "Parking sessions") {
		t.Errorf("a login alone reads the request: %s", body)
	}
	if w := c.do(&lind, "POST", desk, url.Values{"csrf": {lind.CSRF}, "state": {"refused"}, "text": {"Unread."}, "key": {pub}}); w.Code != http.StatusSeeOther {
		t.Errorf("answered unread: %d", w.Code)
	}
	c.reads(t, f, &lind, id, private, pub)
	if body = c.do(&lind, "GET", desk, nil).Body.String(); !strings.Contains(body, "my car") {
		t.Error("after the act the request cannot be read")
	}
	if body = c.do(&ada, "GET", at, nil).Body.String(); !strings.Contains(body, "When the office has read it") || !strings.Contains(body, "/record/entries/3") {
		t.Error("the person does not see that it was read")
	}
	f.decided = 0
	answer := url.Values{"csrf": {lind.CSRF}, "state": {"refused"}, "text": {"The picture shows it."}, "key": {pub}}
	w := c.do(&lind, "POST", desk, answer)
	act := regexp.MustCompile(`name="act" value="([0-9a-f]{32})"`).FindStringSubmatch(w.Body.String())
	text := regexp.MustCompile(`data-text="([^"]+)"`).FindStringSubmatch(w.Body.String())
	if w.Code != 200 || act == nil || text == nil || f.decided != 0 {
		t.Fatalf("no act to sign: %d %s", w.Code, w.Body)
	}
	if got, _ := f.room.Of(t.Context(), f.Owner(&ada), id); got.State() != rights.Received {
		t.Fatalf("before the signature it is %s", got.State())
	}
	var a protocol.Act
	if err := protocol.DecodeJCS([]byte(html.UnescapeString(text[1])), &a); err != nil {
		t.Fatal(err)
	}
	sig, err := a.Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	answer.Set("act", act[1])
	answer.Set("signature", base64.StdEncoding.EncodeToString(sig))
	c.sent(t, &lind, desk, answer)
	body = c.do(&ada, "GET", at, nil).Body.String()
	for _, want := range []string{"The picture shows it.", "refused", "Information Commissioner", "County Court", "/record/entries/3"} {
		if !strings.Contains(body, want) {
			t.Errorf("after the refusal the person's page lacks %q", want)
		}
	}
}

// TestAnswerIsNotChangedAfterItsAct: what is signed is what is given; another text under the same act is refused.
func TestAnswerIsNotChangedAfterItsAct(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	private, pub := c.key(t, &lind, 9)
	id := strings.TrimPrefix(c.sent(t, &ada, "/me/cases", url.Values{"kind": {"access"}, "of": {"0"}}), "/me/cases/")
	c.reads(t, f, &lind, id, private, pub)
	f.decided = 0
	answer := url.Values{"csrf": {lind.CSRF}, "state": {"answered"}, "text": {"Granted."}, "key": {pub}}
	w := c.do(&lind, "POST", "/desk/cases/"+id, answer)
	act := regexp.MustCompile(`name="act" value="([0-9a-f]{32})"`).FindStringSubmatch(w.Body.String())
	if act == nil {
		t.Fatalf("no act: %s", w.Body)
	}
	sig, err := f.acts[act[1]].Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	answer.Set("act", act[1])
	answer.Set("signature", base64.StdEncoding.EncodeToString(sig))
	answer.Set("text", "Granted, in part.")
	if w := c.do(&lind, "POST", "/desk/cases/"+id, answer); !strings.Contains(w.Body.String(), "Too late") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got, _ := f.room.Of(t.Context(), f.Owner(&ada), id); got.State() != rights.Received || f.decided != 0 {
		t.Errorf("it is %s, %d acts on record", got.State(), f.decided)
	}
}

// TestForgedRightsFormDoesNothing: no form of rights is taken without the session's token, nor from nobody.
func TestForgedRightsFormDoesNothing(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	tag := c.own.uses[aPlate][1].Tag.String()
	forms := map[string]url.Values{
		"/me/cases": {"kind": {"access"}, "of": {"0"}}, "/me/uses/" + tag + "/why": {}, "/me/consents": {"answer": {"no"}, "of": {"0"}, "ask": {"0"}},
		"/me/consents/" + strings.Repeat("0", 32) + "/withdraw": {},
	}
	for path, form := range forms {
		for _, token := range []string{"", "wrong", mallory.CSRF} {
			form.Set("csrf", token)
			if w := c.do(&ada, "POST", path, form); w.Code != http.StatusForbidden {
				t.Errorf("POST %s with token %q: %d", path, token, w.Code)
			}
		}
		if w := c.do(nil, "POST", path, form); w.Code != http.StatusSeeOther {
			t.Errorf("POST %s by nobody: %d", path, w.Code)
		}
	}
	if len(f.room.List(f.Owner(&ada))) != 0 || len(f.room.Answers(f.Owner(&ada))) != 0 {
		t.Error("something was kept")
	}
	for _, path := range []string{"/me/cases", "/me/consents", "/desk/cases"} {
		if w := c.do(nil, "GET", path, nil); w.Code != http.StatusSeeOther {
			t.Errorf("GET %s by nobody: %d", path, w.Code)
		}
	}
}

// TestAskWhyGoesToTheOfficeOfTheUse: a question about a use of one's own goes to who used it, once; nobody asks about another's use, nor
// about their own looking.
func TestAskWhyGoesToTheOfficeOfTheUse(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	byWard, bySelf, other := c.own.uses[aPlate][1], c.own.uses[aPlate][0], c.own.uses["XX99XXX"][1]
	if body := c.do(&ada, "GET", "/me", nil).Body.String(); strings.Count(body, ">Ask why</button>") != 1 {
		t.Fatal("not exactly the office's use has a button")
	}
	at := c.sent(t, &ada, "/me/uses/"+byWard.Tag.String()+"/why", url.Values{})
	got, err := f.room.Of(t.Context(), f.Owner(&ada), strings.TrimPrefix(at, "/me/cases/"))
	if err != nil || got.Office != "parking-inspector" || got.Leaf != byWard.Index || got.Kind != rights.Why {
		t.Fatalf("got %+v, %v", got, err)
	}
	if body := c.do(&ada, "GET", "/me", nil).Body.String(); strings.Contains(body, ">Ask why</button>") || !strings.Contains(body, "You have asked why") {
		t.Error("the use does not show that it was asked")
	}
	for name, path := range map[string]string{"again": byWard.Tag.String(), "their own looking": bySelf.Tag.String(), "somebody else's use": other.Tag.String()} {
		if w := c.do(&ada, "POST", "/me/uses/"+path+"/why", url.Values{"csrf": {ada.CSRF}}); w.Code < 400 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	// Nobody answers: the number is public, the question is not.
	later := got.Due
	c.cfg.Now = func() time.Time { return later }
	w := c.do(nil, "GET", "/rights.json", nil)
	var out struct{ Cases []rights.Count }
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || len(out.Cases) != 1 || out.Cases[0].Overdue != 1 || out.Cases[0].Office != "parking-inspector" {
		t.Fatalf("public numbers: %s (%v)", w.Body, err)
	}
	lacks(t, w.Body.String()+c.do(nil, "GET", "/rights", nil).Body.String(), aPlate, got.ID, got.Subject.String())
}

// TestConsentOverThePages: a no needs nothing, a yes its signature, a withdrawal one press; the receipt is the person's alone.
func TestConsentOverThePages(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	private, pub := c.key(t, &ada, 5)
	body := c.do(&ada, "GET", "/me/consents", nil).Body.String()
	lacks(t, body, "checked", "autofocus")
	text := html.UnescapeString(regexp.MustCompile(`data-text="([^"]+)"`).FindStringSubmatch(body)[1])
	yes := url.Values{"of": {"0"}, "ask": {"0"}, "answer": {"yes"}, "text": {text}, "key": {pub}, "signature": {base64.StdEncoding.EncodeToString(make([]byte, 64))}, "csrf": {ada.CSRF}}
	if w := c.do(&ada, "POST", "/me/consents", yes); w.Code < 400 {
		t.Fatalf("a yes that nobody signed: %d", w.Code)
	}
	c.sent(t, &ada, "/me/consents", url.Values{"of": {"0"}, "ask": {"0"}, "answer": {"no"}})
	if all := f.room.Answers(f.Owner(&ada)); len(all) != 1 || all[0].Signed != nil {
		t.Fatalf("after the no: %+v", all)
	}
	yes.Set("signature", base64.StdEncoding.EncodeToString(ed25519.Sign(private, append(protocol.Label("consent"), text...))))
	c.sent(t, &ada, "/me/consents", yes)
	all := f.room.Answers(f.Owner(&ada))
	if len(all) != 1 || all[0].Signed == nil {
		t.Fatalf("after the yes: %+v", all)
	}
	receipt := "/me/consents/" + all[0].ID + "/receipt.json"
	if w := c.do(&ada, "GET", receipt, nil); w.Code != 200 || !strings.Contains(w.Body.String(), "ISO/IEC TS 27560:2023") || !strings.Contains(w.Body.String(), "dpv:ConsentGiven") {
		t.Errorf("receipt: %d %s", w.Code, w.Body)
	}
	if w := c.do(&mallory, "GET", receipt, nil); w.Code != http.StatusNotFound {
		t.Errorf("somebody else's receipt: %d", w.Code)
	}
	if w := c.do(&mallory, "POST", "/me/consents/"+all[0].ID+"/withdraw", url.Values{"csrf": {mallory.CSRF}}); w.Code != http.StatusNotFound {
		t.Errorf("somebody else withdraws: %d", w.Code)
	}
	c.sent(t, &ada, "/me/consents/"+all[0].ID+"/withdraw", url.Values{})
	act := tribune.Act{At: c.cfg.Now(), Caller: tribune.Caller{Office: "planner", Purpose: "plan-city"}, Scope: tribune.Scope{Class: "parking-session", Subjects: []tribune.Pseudonym{all[0].Subject}}}
	if len(f.room.Consents(act)) != 0 {
		t.Error("in evidence after the withdrawal")
	}
}

// TestDataTrackerAnswersAsSpecified holds the answers against dumonitor-openapi.yaml 2.1.0: names, required members, order and paging.
func TestDataTrackerAnswersAsSpecified(t *testing.T) {
	c := newOwnCity(t)
	c.withRights(t)
	get := func(s *web.Session, path string, v any) int {
		t.Helper()
		w := c.do(s, "GET", "/datatracker/v2/"+path, nil)
		if w.Code == 200 {
			dec := json.NewDecoder(w.Body)
			dec.DisallowUnknownFields()
			if err := dec.Decode(v); err != nil || w.Header().Get("Cache-Control") != "no-store" {
				t.Fatalf("%s: %v", path, err)
			}
		}
		return w.Code
	}
	type usage struct{ Logtime, Action, ReceiverCode, ReceiverName, ReceiverSystem *string }
	var found struct {
		TotalUsages *int
		Usages      []usage
	}
	if code := get(&ada, "findUsage?userCode="+aPlate, &found); code != 200 || *found.TotalUsages != 2 || len(found.Usages) != 2 {
		t.Fatalf("findUsage: %d, %+v", code, found)
	}
	before := ""
	for _, u := range found.Usages {
		if u.Logtime == nil || u.Action == nil || u.ReceiverCode == nil || u.ReceiverSystem == nil {
			t.Fatalf("a required member is missing: %+v", u)
		}
		if _, err := time.Parse(time.RFC3339, *u.Logtime); err != nil || before != "" && *u.Logtime > before {
			t.Errorf("logtime %s after %s: %v", *u.Logtime, before, err)
		}
		before = *u.Logtime
	}
	if u := found.Usages[1]; *u.ReceiverCode != "parking-inspector" || *u.Action != "Parking enforcement" || *u.ReceiverName != "Parking inspector" || *u.ReceiverSystem != "parking-enforcement-2026" {
		t.Errorf("got %s %s %s %s", *u.ReceiverCode, *u.Action, *u.ReceiverName, *u.ReceiverSystem)
	}
	for query, want := range map[string][2]int{
		"limit=1": {2, 1}, "offset=1": {2, 1}, "offset=9": {2, 0}, "limit=0": {2, 0}, "periodStart=2099-01-01T00:00:00Z": {0, 0}, "periodEnd=2000-01-01T00:00:00Z": {0, 0}, "periodStart=2021-01-31T10:20:30Z": {2, 2},
	} {
		if code := get(&ada, "findUsage?"+query, &found); code != 200 || *found.TotalUsages != want[0] || len(found.Usages) != want[1] {
			t.Errorf("%s: %d, %d of %d, want %v", query, code, len(found.Usages), *found.TotalUsages, want)
		}
	}
	for query, want := range map[string]int{"userCode=XX99XXX": 403, "userCode=EE12345678901": 403, "limit=-1": 400, "limit=9999999999": 400, "offset=x": 400, "periodStart=yesterday": 400} {
		if code := get(&ada, "findUsage?"+query, &found); code != want {
			t.Errorf("%s: %d, want %d", query, code, want)
		}
	}
	var period struct{ PeriodStart *string }
	if code := get(&ada, "usagePeriod", &period); code != 200 || period.PeriodStart == nil {
		t.Errorf("usagePeriod: %d %+v", code, period)
	}
	var beat struct{ Status, Message string }
	if code := get(nil, "heartbeat", &beat); code != 200 || beat.Status != "OK" {
		t.Errorf("heartbeat: %d %+v", code, beat)
	}
	for _, path := range []string{"findUsage?userCode=" + aPlate, "usagePeriod"} {
		if code := get(nil, path, &found); code != 401 {
			t.Errorf("%s by nobody: %d", path, code)
		}
	}
}

// TestWhatIsMissingIsSaidBesideTheForm: who forgot a choice keeps what they wrote, and nothing was filed.
func TestWhatIsMissingIsSaidBesideTheForm(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	for want, form := range map[string]url.Values{
		"Please choose which data":       {"kind": {"rectification"}, "text": {"It was <i>not</i> me."}},
		"Please choose the purpose":      {"kind": {"objection"}, "class": {"parking-session"}, "text": {"It was <i>not</i> me."}},
		"Please say in your own words":   {"kind": {"restriction"}, "class": {"parking-session"}},
		"Please say in your own words w": {"kind": {"objection"}, "class": {"parking-session"}, "purpose": {"plan-city"}, "text": {"  "}},
	} {
		form.Set("csrf", ada.CSRF)
		form.Set("of", "0")
		w := c.do(&ada, "POST", "/me/cases", form)
		body := w.Body.String()
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(body, want) || !strings.Contains(body, `value="`+form.Get("kind")+`" required checked`) {
			t.Errorf("%s: %d %s", want, w.Code, body)
		}
		if form.Has("class") && !strings.Contains(body, `value="parking-session" selected`) || strings.Contains(form.Get("text"), "<i>") && !strings.Contains(body, "It was &lt;i&gt;not&lt;/i&gt; me.") {
			t.Errorf("%s: what was sent is lost", want)
		}
	}
	if n := len(f.room.List(f.Owner(&ada))); n != 0 {
		t.Errorf("%d cases were filed", n)
	}
}

func TestNameIsOneWordOfTheCommandShown(t *testing.T) {
	for name, want := range map[string]string{"AB12 CDE": "'AB12 CDE'", "O'Neil; rm -rf ~": `'O'\''Neil; rm -rf ~'`} {
		if got := shellWord(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
