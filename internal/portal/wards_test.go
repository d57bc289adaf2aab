package portal

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/rights"
	"tribune/internal/web"
	"tribune/protocol"
)

// mallory acts for ada in these tests.
type fakeRepresentatives struct {
	room  *rights.Room
	uses  func() ([]Use, error)
	fails error
	done  []string
}

func sessionNames(s *web.Session) (names []protocol.PersonName) {
	for _, n := range s.Names {
		names = append(names, protocol.PersonName{Type: n.Type, Name: n.Name})
	}
	return names
}

func (f *fakeRepresentatives) Of(s *web.Session) (acting, ward []*rights.Representation, err error) {
	acting, ward = f.room.Representations(sessionNames(s))
	return acting, ward, nil
}

func (f *fakeRepresentatives) Do(ctx context.Context, s *web.Session, mark tribune.Hash, scope, deed, what string) (uint64, error) {
	if f.fails != nil {
		return 0, f.fails
	}
	if _, err := f.room.Acting(sessionNames(s), mark, scope); err != nil {
		return 0, err
	}
	f.done = append(f.done, deed)
	leaf := uint64(700 + len(f.done))
	return leaf, f.room.Noted(ctx, mark, rights.Deed{At: now, Deed: deed, What: what, Leaf: leaf})
}

func (f *fakeRepresentatives) DeedAt(leaf uint64) (*rights.Representation, rights.Deed, bool) {
	return f.room.DeedAt(leaf)
}

func (f *fakeRepresentatives) Uses(context.Context, *rights.Representation) ([]Use, error) {
	f.done = append(f.done, "shown")
	return f.uses()
}

func (c *ownCity) withRepresentative(t *testing.T, scope ...string) (*fakeRepresentatives, *rights.Representation) {
	t.Helper()
	cs := c.withRights(t)
	ada0, _ := cs.Person(t.Context(), &ada, ada.Names[0])
	doc := protocol.Representation{
		Basis: protocol.BasisParent, Adult: now.AddDate(1, 0, 0).Format(time.DateOnly), City: "birmingham.example", From: protocol.Time(now), Until: protocol.Time(now.AddDate(0, 6, 0)), ID: protocol.NewID(), Version: 1, Scope: scope,
		Ward: protocol.RepresentParty{Called: "Ada", Type: "plate", Name: aPlate}, Representative: protocol.RepresentParty{Called: "Mallory <b>", Type: "plate", Name: "XX99 XXX"},
	}
	text, err := doc.Text()
	if err != nil {
		t.Fatal(err)
	}
	skey, _, err := protocol.NewKey("registry")
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := protocol.SignDocument(text, s)
	if err != nil {
		t.Fatal(err)
	}
	p := &rights.Representation{Mark: protocol.RepresentationMark(text), Document: signed, Issuer: "registry", Ward: ada0.Subject, Deeds: []rights.Deed{{At: now, Deed: protocol.DeedGrant, Leaf: 700}}}
	if err := cs.room.Granted(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	f := &fakeRepresentatives{room: cs.room, uses: func() ([]Use, error) { return c.own.uses[aPlate], nil }}
	c.cfg.Representatives = f
	return f, p
}

// TestRepresentativeActsAndBothSeeIt: a look is on record before anything is shown; a request says who made it; the ward finds both.
func TestRepresentativeActsAndBothSeeIt(t *testing.T) {
	c := newOwnCity(t)
	f, p := c.withRepresentative(t, "access", "look")
	at := "/me/wards/" + p.Doc.ID
	page := c.do(&mallory, "GET", at, nil).Body.String()
	if len(f.done) != 0 || strings.Contains(page, `class="use"`) || !strings.Contains(page, "Acting for Ada") {
		t.Errorf("before any press: %v", f.done)
	}
	looked := c.do(&mallory, "POST", at+"/look", url.Values{"csrf": {mallory.CSRF}})
	if looked.Code != http.StatusOK || strings.Join(f.done, " ") != "look shown" || !strings.Contains(looked.Body.String(), "Parking inspector looked up data about Ada.") || strings.Contains(looked.Body.String(), "about you") {
		t.Errorf("the look: %d, %v", looked.Code, f.done)
	}
	if looked.Header().Get("Cache-Control") != "no-store" || strings.Contains(looked.Body.String(), `data-check`) {
		t.Error("it can be kept, or offers the ward’s key")
	}
	to := c.sent(t, &mallory, at+"/cases", url.Values{"kind": {"access"}})
	for who, s := range map[string]*web.Session{"the representative": &mallory, "the ward": &ada} {
		if body := c.do(s, "GET", to, nil).Body.String(); !strings.Contains(body, "Mallory &lt;b&gt;, as a parent") {
			t.Errorf("%s reads no word of who asked", who)
		}
	}
	for path, want := range map[string]string{"/me/cases": "by a representative", "/me/representatives": "The representative made a request: see what is held."} {
		if body := c.do(&ada, "GET", path, nil).Body.String(); !strings.Contains(body, want) {
			t.Errorf("the ward’s %s lacks %q", path, want)
		}
	}
	private, pub := c.key(t, &lind, 9)
	c.reads(t, c.cfg.Citizens.(*fakeCitizens), &lind, strings.TrimPrefix(to, "/me/cases/"), private, pub)
	if w := c.do(&lind, "GET", strings.Replace(to, "/me/", "/desk/", 1), nil); !strings.Contains(w.Body.String(), "Mallory &lt;b&gt;") {
		t.Errorf("the office is not told who asked: %d", w.Code)
	}
	if strings.Contains(c.log.String(), "Mallory") || strings.Contains(c.log.String(), aPlate) {
		t.Error("the log has a name")
	}
}

// TestWhoIsNoRepresentativeSeesNothing: strangers, the ward under the representative's address, beyond the scope, without the session's form, after the end.
func TestWhoIsNoRepresentativeSeesNothing(t *testing.T) {
	c := newOwnCity(t)
	f, p := c.withRepresentative(t, "access")
	at := "/me/wards/" + p.Doc.ID
	good := url.Values{"csrf": {mallory.CSRF}, "kind": {"access"}}
	for what, w := range map[string]int{
		"a stranger's page":     c.do(&lind, "GET", at, nil).Code,
		"the ward's page":       c.do(&ada, "GET", at, nil).Code,
		"a stranger's request":  c.do(&ada, "POST", at+"/cases", url.Values{"csrf": {ada.CSRF}, "kind": {"access"}}).Code,
		"beyond the scope":      c.do(&mallory, "POST", at+"/cases", url.Values{"csrf": {mallory.CSRF}, "kind": {"erasure"}}).Code,
		"a look beyond it":      c.do(&mallory, "POST", at+"/look", url.Values{"csrf": {mallory.CSRF}}).Code,
		"a consent beyond it":   c.do(&mallory, "POST", at+"/consents/x/withdraw", url.Values{"csrf": {mallory.CSRF}}).Code,
		"a form from elsewhere": c.do(&mallory, "POST", at+"/cases", url.Values{"kind": {"access"}}).Code,
		"asking why":            c.do(&mallory, "POST", at+"/cases", url.Values{"csrf": {mallory.CSRF}, "kind": {"why"}}).Code,
	} {
		if w != http.StatusNotFound && w != http.StatusForbidden && w != http.StatusBadRequest {
			t.Errorf("%s: %d", what, w)
		}
	}
	if len(f.done) != 0 || len(f.room.ListBy(p.Mark)) != 0 {
		t.Fatalf("something happened: %v", f.done)
	}
	f.fails = fmt.Errorf("%w: too few guardians", tribune.ErrNoQuorum)
	if w := c.do(&mallory, "POST", at+"/cases", good); w.Code != http.StatusServiceUnavailable || len(f.room.ListBy(p.Mark)) != 0 {
		t.Errorf("without the record: %d, %d requests", w.Code, len(f.room.ListBy(p.Mark)))
	}
	f.fails = nil
	to := c.sent(t, &mallory, at+"/cases", good)
	if err := f.room.Noted(t.Context(), p.Mark, rights.Deed{At: now, Deed: protocol.DeedEnd, Leaf: 799}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{at, to} {
		if w := c.do(&mallory, "GET", path, nil); w.Code != http.StatusNotFound {
			t.Errorf("after the end %s: %d", path, w.Code)
		}
	}
	if w := c.do(&ada, "GET", to, nil); w.Code != http.StatusOK {
		t.Errorf("the ward's own case: %d", w.Code)
	}
}

// TestConsentsOfAWardAreALook: which consents somebody has given is seen after a press that stands on record, and not before.
func TestConsentsOfAWardAreALook(t *testing.T) {
	c := newOwnCity(t)
	f, p := c.withRepresentative(t, protocol.ScopeWithdraw)
	private, pub := c.key(t, &ada, 5)
	text := html.UnescapeString(regexp.MustCompile(`data-text="([^"]+)"`).FindStringSubmatch(c.do(&ada, "GET", "/me/consents", nil).Body.String())[1])
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(private, append(protocol.Label("consent"), text...)))
	c.sent(t, &ada, "/me/consents", url.Values{"of": {"0"}, "ask": {"0"}, "answer": {"yes"}, "text": {text}, "key": {pub}, "signature": {signature}})
	at := "/me/wards/" + p.Doc.ID
	if page := c.do(&mallory, "GET", at, nil).Body.String(); strings.Contains(page, "/withdraw") || len(f.done) != 0 {
		t.Errorf("consents are shown before anything is on record: %v", f.done)
	}
	looked := c.do(&mallory, "POST", at+"/look", url.Values{"csrf": {mallory.CSRF}})
	if !strings.Contains(looked.Body.String(), "/withdraw") || strings.Contains(looked.Body.String(), `class="use"`) || strings.Join(f.done, " ") != protocol.DeedLook {
		t.Errorf("after the press: %d, %v", looked.Code, f.done)
	}
}

// TestReasonOfAnEmergencyIsForThePersonAlone: what two dispatchers wrote of somebody's need is not read out to whoever acts for them.
func TestReasonOfAnEmergencyIsForThePersonAlone(t *testing.T) {
	c := newOwnCity(t)
	_, p := c.withRepresentative(t, protocol.ScopeLook)
	c.cfg.Vital = fakeVital{reason: "he has beaten her"}
	told := openedLeaf(t)
	told.Act.Time = protocol.Time(now)
	c.own.uses[aPlate] = append(c.own.uses[aPlate], Use{Index: 9, N: 9, Leaf: told})
	if own := c.do(&ada, "GET", "/me", nil).Body.String(); !strings.Contains(own, "he has beaten her") {
		t.Error("the person is not told why")
	}
	looked := c.do(&mallory, "POST", "/me/wards/"+p.Doc.ID+"/look", url.Values{"csrf": {mallory.CSRF}}).Body.String()
	if !strings.Contains(looked, "Opened without the guardians") || strings.Contains(looked, "he has beaten her") {
		t.Error("the representative reads the reason, or not that it was done")
	}
}
