package portal

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/login"
	"tribune/internal/web"
	"tribune/protocol"
)

// TestStrangerSeesNoOnesData: without a session every page of one's own leads to the login page, and nothing is handed out.
func TestStrangerSeesNoOnesData(t *testing.T) {
	c := newOwnCity(t)
	for _, path := range []string{"/me", "/me/export", "/desk", "/account", "/de/me", "/me/uses/" + c.own.uses[aPlate][0].Tag.String()} {
		w := c.do(nil, "GET", path, nil)
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.Contains(to, "/login?return="+url.QueryEscape(path)) {
			t.Errorf("GET %s: %d to %q", path, w.Code, to)
		}
	}
	for _, path := range []string{"/me/trace", "/me/export/archive", "/me/export/open", "/desk", "/account/keys"} {
		if w := c.do(nil, "POST", path, url.Values{"of": {"0"}, "csrf": {""}}); w.Code != http.StatusSeeOther {
			t.Errorf("POST %s: %d", path, w.Code)
		}
		if w := c.do(nil, "POST", path, url.Values{"of": {"0"}}, "Accept", "application/json"); w.Code == 200 {
			t.Errorf("POST %s for a script: %d", path, w.Code)
		}
	}
}

// TestForgedFormDoesNothing: a form of another site, which cannot know the session's token, registers no key, opens nothing and
// hands out nothing.
func TestForgedFormDoesNothing(t *testing.T) {
	c := newOwnCity(t)
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	forms := map[string]struct {
		s    *web.Session
		form url.Values
	}{
		"/account/keys":      {&ada, url.Values{"key": {key}}},
		"/me/trace":          {&ada, url.Values{"of": {"0"}}},
		"/me/export/archive": {&ada, url.Values{"trace": {"yes"}}},
		"/me/export/open":    {&ada, url.Values{"of": {"0"}, "class": {"parking-session"}, "key": {key}}},
		"/desk":              {&ward, url.Values{"mandate": {"parking-enforcement-2026"}, "class": {"parking-session"}, "name": {aPlate}, "key": {key}}},
	}
	for path, f := range forms {
		for _, token := range []string{"", "wrong", mallory.CSRF} {
			f.form.Set("csrf", token)
			if w := c.do(f.s, "POST", path, f.form); w.Code != http.StatusForbidden {
				t.Errorf("%s with token %q: %d %s", path, token, w.Code, w.Body)
			}
		}
		// A session without a token must not be matched by a form without one.
		bare := *f.s
		bare.CSRF = ""
		f.form.Del("csrf")
		if w := c.do(&bare, "POST", path, f.form); w.Code != http.StatusForbidden {
			t.Errorf("%s with no token at all: %d", path, w.Code)
		}
	}
	if len(c.hub.asked) != 0 || len(c.keys.keys["ada"]) != 0 {
		t.Errorf("asked %d times, keys %v", len(c.hub.asked), c.keys.keys)
	}
}

// TestAnotherPersonsMarkInTheURL: marks are public, so one can be put into the address; whose it is stays unknown, and the
// answer is the same as for a mark that nobody has.
func TestAnotherPersonsMarkInTheURL(t *testing.T) {
	c := newOwnCity(t)
	mine := "/me/uses/" + c.own.uses[aPlate][0].Tag.String()
	if w := c.do(&ada, "GET", mine, nil); w.Code != 200 {
		t.Fatalf("one's own use: %d", w.Code)
	}
	other := c.do(&mallory, "GET", mine, nil)
	nobody := c.do(&mallory, "GET", "/me/uses/"+strings.Repeat("0", 32), nil)
	garbage := c.do(&mallory, "GET", "/me/uses/..%2F..%2Fetc", nil)
	for _, w := range []*httptest.ResponseRecorder{other, nobody, garbage} {
		if w.Code != http.StatusNotFound {
			t.Errorf("got %d", w.Code)
		}
	}
	same := func(w *httptest.ResponseRecorder) string {
		return strings.NewReplacer(c.own.uses[aPlate][0].Tag.String(), "TAG", strings.Repeat("0", 32), "TAG").Replace(w.Body.String())
	}
	if same(other) != same(nobody) {
		t.Error("the answer tells a mark of somebody else from one that nobody has")
	}
}

// TestExportOfSomebodyElsesName: only the session's own verified names can be traced, exported or opened, whatever a form says,
// and only with a key that is the session's own.
func TestExportOfSomebodyElsesName(t *testing.T) {
	c := newOwnCity(t)
	_, adasKey := c.key(t, &ada, 1)
	_, mallorysKey := c.key(t, &mallory, 2)
	for _, of := range []string{"1", "-1", "99", "", "0x0", aPlate} {
		for _, path := range []string{"/me/trace", "/me/export/open"} {
			w := c.do(&mallory, "POST", path, url.Values{"csrf": {mallory.CSRF}, "of": {of}, "name": {aPlate}, "class": {"parking-session"}, "key": {mallorysKey}})
			if w.Code != http.StatusNotFound {
				t.Errorf("%s of %q: %d %s", path, of, w.Code, w.Body)
			}
		}
	}
	open := url.Values{"csrf": {mallory.CSRF}, "of": {"0"}, "class": {"parking-session"}, "key": {adasKey}}
	if w := c.do(&mallory, "POST", "/me/export/open", open); w.Code != http.StatusForbidden {
		t.Errorf("with another person's key: %d", w.Code)
	}
	if len(c.hub.asked) != 0 {
		t.Errorf("the API was asked: %+v", c.hub.asked)
	}
	open.Set("key", mallorysKey)
	if w := c.do(&mallory, "POST", "/me/export/open", open); w.Code != http.StatusAccepted {
		t.Fatalf("one's own: %d %s", w.Code, w.Body)
	}
	if q := c.hub.asked[0]; !strings.Contains(q.body, "XX99XXX") || strings.Contains(q.body, aPlate) || q.caller.Actor != "person-mallory" || q.caller.Office != dataSubject {
		t.Errorf("asked %+v", q)
	}
	// An officer's login does not open the officer's own data: their keys act in their office.
	if w := c.do(&ward, "POST", "/me/export/open", url.Values{"csrf": {ward.CSRF}, "of": {"0"}}); w.Code == 200 || w.Code == http.StatusAccepted {
		t.Errorf("an officer: %d", w.Code)
	}
}

// TestPersonOpensOwnValues: the act first, in words; then, signed, the values, which pass through and are cached nowhere.
func TestPersonOpensOwnValues(t *testing.T) {
	c := newOwnCity(t)
	private, pub := c.key(t, &ada, 1)
	f := url.Values{"csrf": {ada.CSRF}, "of": {"0"}, "class": {"parking-session"}, "key": {pub}, "part": {"2"}}
	w := c.do(&ada, "POST", "/de/me/export/open", f, "Accept", "application/json")
	var act ownAct
	if err := json.Unmarshal(w.Body.Bytes(), &act); err != nil || w.Code != http.StatusAccepted {
		t.Fatalf("%d %v %s", w.Code, err, w.Body)
	}
	if q := c.hub.asked[0]; q.caller.Mandate != "subject-access-2026" || q.caller.Purpose != "subject-access" || !q.caller.Until.Equal(ada.Until) ||
		!strings.Contains(q.path, "offset=2000") || strings.Contains(q.path, aPlate) || !strings.Contains(q.body, `licensePlate==\"AB12CDE\"`) {
		t.Errorf("asked %+v", q)
	}
	if words := strings.Join(act.Words, " "); !strings.Contains(words, "GDPR article 15") || strings.Contains(words, "It concerns") {
		t.Errorf("act in words (German): %q", words)
	}
	digest := sha256.Sum256(append(protocol.Label("act"), act.Text...))
	f.Set("act", act.ID)
	f.Set("signature", base64.StdEncoding.EncodeToString(ed25519.Sign(private, digest[:])))
	w = c.do(&ada, "POST", "/me/export/open", f, "Accept", "application/json")
	if w.Code != 200 || w.Body.String() != c.hub.answer || w.Header().Get("Tribune-Entry") != "42" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	f.Set("signature", "AAAA")
	if w = c.do(&ada, "POST", "/me/export/open", f); w.Code != http.StatusBadRequest {
		t.Errorf("short signature: %d", w.Code)
	}
}

// TestHubThatSwapsTheAct: an act that says something else than was asked is not put before the person to sign.
func TestHubThatSwapsTheAct(t *testing.T) {
	c := newOwnCity(t)
	_, pub := c.key(t, &ada, 1)
	honest := c.cfg.Ask
	c.cfg.Ask = func(ctx context.Context, caller tribune.Caller, path string, body []byte, actID string, signature []byte) (*Answer, error) {
		caller.Purpose = "enforce-parking"
		return honest(ctx, caller, path, body, actID, signature)
	}
	w := c.do(&ada, "POST", "/me/export/open", url.Values{"csrf": {ada.CSRF}, "of": {"0"}, "class": {"parking-session"}, "key": {pub}})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "enforce-parking") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

// TestPlateNeverInURLOrLog: what an officer asks for, and what a citizen is called, stands in no address that the pages link to
// or lead to, and in no log line, even where things go wrong.
func TestPlateNeverInURLOrLog(t *testing.T) {
	c := newOwnCity(t)
	_, wardsKey := c.key(t, &ward, 3)
	f := url.Values{"csrf": {ward.CSRF}, "mandate": {"parking-enforcement-2026"}, "class": {"parking-session"}, "name": {aPlate}, "key": {wardsKey}}
	pages := []*httptest.ResponseRecorder{c.do(&ada, "GET", "/me", nil), c.do(&ada, "GET", "/me/export", nil), c.do(&ada, "GET", "/account", nil), c.do(&ward, "POST", "/desk", f)}
	c.hub.deny = &web.Problem{Title: "The hub has failed", Status: 500}
	pages = append(pages, c.do(&ward, "POST", "/desk", f))
	c.cfg.Ask = func(context.Context, tribune.Caller, string, []byte, string, []byte) (*Answer, error) {
		return nil, fmt.Errorf("store: %w", io.ErrUnexpectedEOF)
	}
	pages = append(pages, c.do(&ward, "POST", "/desk", f))
	for i, w := range pages {
		for _, attr := range []string{`href="`, `action="`, `src="`} {
			for _, part := range strings.Split(w.Body.String(), attr)[1:] {
				if link, _, _ := strings.Cut(part, `"`); strings.Contains(link, aPlate) {
					t.Errorf("page %d links to %s", i, link)
				}
			}
		}
		if strings.Contains(w.Header().Get("Location"), aPlate) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("page %d: %v", i, w.Header())
		}
	}
	if w := c.do(&ward, "GET", "/desk?name="+aPlate, nil); strings.Contains(w.Body.String(), `value="`+aPlate) {
		t.Error("the desk takes a name from the address")
	}
	for _, q := range c.hub.asked {
		if strings.Contains(q.path, aPlate) {
			t.Errorf("asked at %s", q.path)
		}
	}
	if strings.Contains(c.log.String(), aPlate) || c.log.Len() == 0 {
		t.Errorf("log: %s", c.log)
	}
}

// TestHostileNames: a name is whatever a provider or an officer writes. It is text on a page, one string in a question, and
// never a file name.
func TestHostileNames(t *testing.T) {
	for _, hostile := range []string{`<script>alert(1)</script>`, `"==""|id==".*`, `../../etc/passwd`, "=cmd|' /C calc'!A0", "a\"b\\", "\u202eevil", strings.Repeat("x", 200)} {
		c := newOwnCity(t)
		eve := ada
		eve.Name, eve.Names = hostile, []web.PersonName{{Type: "plate", Name: hostile}}
		c.own.keys[hostile], c.own.held[hostile], c.own.uses[hostile] = traceKey(3), c.own.held[aPlate], c.own.uses[aPlate]
		for _, path := range []string{"/me", "/account", "/me/export"} {
			if w := c.do(&eve, "GET", path, nil); w.Code != 200 || strings.Contains(w.Body.String(), "<script>alert") {
				t.Errorf("%s with %q: %d", path, hostile, w.Code)
			}
		}
		_, pub := c.key(t, &eve, 1)
		if w := c.do(&eve, "POST", "/me/export/open", url.Values{"csrf": {eve.CSRF}, "of": {"0"}, "class": {"parking-session"}, "key": {pub}}); w.Code != http.StatusAccepted {
			t.Fatalf("%q: %d %s", hostile, w.Code, w.Body)
		}
		var query struct{ Q string }
		if err := json.Unmarshal([]byte(c.hub.asked[0].body), &query); err != nil {
			t.Fatal(err)
		}
		quoted, ok := strings.CutPrefix(query.Q, "https://uri.etsi.org/ngsi-ld/default-context/licensePlate==")
		var name string
		if err := json.Unmarshal([]byte(quoted), &name); !ok || err != nil || name != hostile {
			t.Errorf("asked with %q: %v", query.Q, err)
		}
		w := c.do(&eve, "POST", "/me/export/archive", url.Values{"csrf": {eve.CSRF}})
		z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range z.File {
			if file.Name != "README.txt" && !strings.HasPrefix(file.Name, "1-plate/") || strings.Contains(file.Name, "..") {
				t.Errorf("file %q", file.Name)
			}
		}
	}
}

// TestArchiveHoldsTheTraceKeyOnlyIfAsked, and all the rest always.
func TestArchiveHoldsTheTraceKeyOnlyIfAsked(t *testing.T) {
	c := newOwnCity(t)
	for _, want := range []bool{false, true} {
		f := url.Values{"csrf": {ada.CSRF}}
		if want {
			f.Set("trace", "yes")
		}
		w := c.do(&ada, "POST", "/me/export/archive", f)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/zip" || w.Header().Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, file := range z.File {
			r, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			files[file.Name] = string(data)
		}
		secret := base64.StdEncoding.EncodeToString(traceKey(1))
		if _, got := files["1-plate/trace-key.txt"]; got != want || strings.Contains(strings.Join(mapValues(files), ""), secret) != want {
			t.Errorf("trace key in the archive: %v, want %v", got, want)
		}
		index := c.own.uses[aPlate][0].Index
		for _, name := range []string{"README.txt", "1-plate/holdings.csv", "1-plate/uses.json", fmt.Sprintf("1-plate/receipts/%d.tlog", index)} {
			if files[name] == "" {
				t.Errorf("%s is missing or empty", name)
			}
		}
		has(t, files["1-plate/uses.csv"], "2,", "parking-enforcement-2026", c.own.uses[aPlate][1].Tag.String())
		lacks(t, strings.Join(mapValues(files), ""), "XX99XXX", c.own.uses["XX99XXX"][0].Tag.String())
	}
}

func mapValues(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// TestLoginPageLeadsNowhereElse: a link to our login page cannot lead on to another site, says what went wrong in words for
// every code of the login room, and sets no cookie.
func TestLoginPageLeadsNowhereElse(t *testing.T) {
	c := newOwnCity(t)
	for _, to := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "/\tevil", "", "me"} {
		body := c.do(nil, "GET", "/login?return="+url.QueryEscape(to), nil).Body.String()
		has(t, body, `href="/login/start?provider=demo&amp;return=%2fme"`)
	}
	has(t, c.do(nil, "GET", "/login?return=%2Fde%2Fme%2Fexport", nil).Body.String(), `return=%2fde%2fme%2fexport"`)
	w := wordsIn("en")
	general, seen := loginProblem(w, "made-up"), map[string]bool{}
	for _, p := range login.Problems() {
		text := loginProblem(w, string(p))
		if text == general || seen[text] {
			t.Errorf("problem %s has no words of its own", p)
		}
		seen[text] = true
		has(t, c.do(nil, "GET", "/login?problem="+string(p), nil).Body.String(), text)
	}
	got := c.do(nil, "GET", "/login?problem=<script>", nil)
	has(t, got.Body.String(), general)
	if len(got.Result().Cookies()) != 0 || strings.Contains(got.Body.String(), "<script>") {
		t.Errorf("cookies %v", got.Result().Cookies())
	}
}

func wordsIn(tag string) *words {
	for _, w := range languages() {
		if w.Tag == tag {
			return w
		}
	}
	return nil
}

func TestFormsAreBounded(t *testing.T) {
	c := newOwnCity(t)
	f := url.Values{"csrf": {ada.CSRF}, "of": {"0"}, "x": {strings.Repeat("a", maxForm)}}
	if w := c.do(&ada, "POST", "/me/trace", f); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d", w.Code)
	}
}
