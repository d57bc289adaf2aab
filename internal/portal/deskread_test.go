package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune/internal/web"
)

// reads walks both steps of reading a case at the desk.
func (c *ownCity) reads(t *testing.T, f *fakeCitizens, s *web.Session, id string, private ed25519.PrivateKey, pub string) {
	t.Helper()
	at := "/desk/cases/" + id + "/read"
	w := c.do(s, "POST", at, url.Values{"csrf": {s.CSRF}, "key": {pub}})
	act := regexp.MustCompile(`name="act" value="([0-9a-f]{32})"`).FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || act == nil {
		t.Fatalf("no act of reading: %d %s", w.Code, w.Body)
	}
	sig, err := f.acts[act[1]].Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	c.sent(t, s, at, url.Values{"key": {pub}, "act": {act[1]}, "signature": {base64.StdEncoding.EncodeToString(sig)}})
}

// One act lets one officer read one case for an hour: not a colleague, not another case, not tomorrow, and nothing without a signature that fits.
func TestReadingACaseIsAnAct(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	private, pub := c.key(t, &lind, 9)
	file := func(kind string) string {
		return strings.TrimPrefix(c.sent(t, &ada, "/me/cases", url.Values{"kind": {kind}, "of": {"0"}, "text": {"words of " + kind}}), "/me/cases/")
	}
	id, other := file("access"), file("portability")
	shown := func(s *web.Session, id string) bool {
		return strings.Contains(c.do(s, "GET", "/desk/cases/"+id, nil).Body.String(), "words of")
	}
	if shown(&lind, id) {
		t.Fatal("a login alone reads it")
	}
	w := c.do(&lind, "POST", "/desk/cases/"+id+"/read", url.Values{"csrf": {lind.CSRF}, "key": {pub}})
	act := regexp.MustCompile(`name="act" value="([0-9a-f]{32})"`).FindStringSubmatch(w.Body.String())
	if act == nil || strings.Contains(w.Body.String(), "words of") || strings.Contains(w.Body.String(), aPlate) {
		t.Fatalf("the act to sign: %s", w.Body)
	}
	if w := c.do(&lind, "POST", "/desk/cases/"+id+"/read", url.Values{"csrf": {lind.CSRF}, "key": {pub}, "act": {act[1]}, "signature": {base64.StdEncoding.EncodeToString(make([]byte, 64))}}); w.Code < 400 || shown(&lind, id) || f.decided != 0 {
		t.Errorf("with another signature: %d, %d acts", w.Code, f.decided)
	}
	c.reads(t, f, &lind, id, private, pub)
	colleague := lind
	colleague.Subject, colleague.CSRF = "colleague", "colleague-token"
	if !shown(&lind, id) || shown(&lind, other) || shown(&colleague, id) || f.decided != 1 {
		t.Errorf("read: %v; another case: %v; a colleague: %v; %d acts", shown(&lind, id), shown(&lind, other), shown(&colleague, id), f.decided)
	}
	if w := c.do(&ward, "POST", "/desk/cases/"+other+"/read", url.Values{"csrf": {ward.CSRF}, "key": {pub}}); w.Code != http.StatusNotFound {
		t.Errorf("another office: %d", w.Code)
	}
}

func TestAReadingEnds(t *testing.T) {
	var reads caseReads
	reads.add(&lind, "a", now)
	if !reads.may(&lind, "a", now.Add(readFor-time.Second)) || reads.may(&lind, "a", now.Add(readFor)) || reads.may(&lind, "b", now) {
		t.Error("a reading is of one case, for an hour")
	}
}
