package portal

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/recipients"
	"tribune/internal/web"
	"tribune/protocol"
)

// fakeRecipients is what a room of recipients says: of one plate, and at one office's desk. internal/recipients has the room itself.
type fakeRecipients struct{ citizens *fakeCitizens }

func (fakeRecipients) lines() []recipients.Line {
	l := recipients.Line{
		ID: strings.Repeat("0a", 16), Kind: protocol.NoticeErased, Office: "parking-inspector", Purpose: "enforce-parking", Class: "parking-session", State: recipients.AtDesk, Named: 1,
		Event: now, Since: now, From: "2026-11-01", Until: "2026-11-20", About: []protocol.NoticeEntity{{From: "2026-11-01", ID: "urn:ngsi-ld:ParkingSession:<1>", Until: "2026-11-20"}},
	}
	told := l
	told.ID, told.State, told.Standing, told.About, told.Kind = strings.Repeat("0b", 16), recipients.Told, true, nil, protocol.NoticeRestricted
	trying := l
	trying.ID, trying.State, trying.Standing, trying.Tries, trying.Since = strings.Repeat("0c", 16), recipients.Sending, true, 3, now.Add(-time.Hour)
	return []recipients.Line{l, told, trying}
}

func (f fakeRecipients) Of(_ context.Context, name web.PersonName) ([]recipients.Line, error) {
	if name.Name != aPlate {
		return nil, nil
	}
	return f.lines(), nil
}

func (f fakeRecipients) Desk(_ context.Context, office tribune.OfficeID) ([]recipients.Line, error) {
	if office != "parking-inspector" {
		return nil, nil
	}
	return []recipients.Line{f.lines()[0].Outside()}, nil
}

func (f fakeRecipients) AtDesk(ctx context.Context, office tribune.OfficeID, id string) (recipients.Line, error) {
	_, err := f.Document(ctx, office, id)
	return f.lines()[0], err
}

func (f fakeRecipients) PrepareRead(ctx context.Context, c tribune.Caller, id string) (*Answer, error) {
	return f.citizens.PrepareDecision(ctx, c, tribune.Pseudonym{}, id)
}

func (f fakeRecipients) Read(ctx context.Context, c tribune.Caller, id, actID string, signature []byte) error {
	_, err := f.citizens.Decide(ctx, c, id, actID, signature)
	return err
}

func (f fakeRecipients) Document(_ context.Context, office tribune.OfficeID, id string) ([]byte, error) {
	if office != "parking-inspector" || id != f.lines()[0].ID {
		return nil, tribune.ErrNotFound
	}
	return []byte(`{"notice":{}}`), nil
}

func (f fakeRecipients) Take(ctx context.Context, office tribune.OfficeID, id string) error {
	_, err := f.Document(ctx, office, id)
	return err
}

// A person sees who was told of their own data and nobody else's.
func TestWhoWasToldIsShownToWhomItConcerns(t *testing.T) {
	c := newOwnCity(t)
	c.cfg.Recipients = fakeRecipients{c.withRights(t)}
	mine := c.do(&ada, "GET", "/me/recipients", nil).Body.String()
	has(t, mine, "Parking inspector", "waits at the office’s desk", "its endpoint took it", "3 tries so far")
	lacks(t, mine, "urn:ngsi-ld:ParkingSession")
	lacks(t, c.do(&mallory, "GET", "/me/recipients", nil).Body.String(), "waits at the office")
	if w := c.do(nil, "GET", "/me/recipients", nil); w.Code != http.StatusSeeOther {
		t.Errorf("nobody: %d", w.Code)
	}
}

// An office sees how many notices wait, of what kind. What one names is shown by an act on record, to that officer and for an hour, and nobody takes note
// of what they have not read.
func TestANoticeNamesNothingWithoutAnAct(t *testing.T) {
	c := newOwnCity(t)
	f := c.withRights(t)
	c.cfg.Recipients = fakeRecipients{f}
	id := fakeRecipients{}.lines()[0].ID
	at := "/desk/notices/" + id
	private, pub := c.key(t, &ward, 7)
	personal := []string{"urn:ngsi-ld:ParkingSession", "2026-11-01", "2026-11-20", "notice.json", "We have taken note"}
	list := c.do(&ward, "GET", "/desk/notices", nil).Body.String()
	has(t, list, id[:8], "Erased", at)
	lacks(t, list, personal...)
	lacks(t, c.do(&lind, "GET", "/desk/notices", nil).Body.String(), id[:8])
	unread := c.do(&ward, "GET", at, nil).Body.String()
	has(t, unread, "Read it", id)
	lacks(t, unread, personal...)
	w := c.do(&ward, "POST", at+"/read", url.Values{"csrf": {ward.CSRF}, "key": {pub}})
	lacks(t, w.Body.String(), personal...)
	for what, w := range map[string]*httptest.ResponseRecorder{
		"the document, unread":      c.do(&ward, "GET", at+"/notice.json", nil),
		"taken note of, unread":     c.do(&ward, "POST", at, url.Values{"csrf": {ward.CSRF}}),
		"a forged form":             c.do(&ward, "POST", at+"/read", url.Values{"csrf": {"wrong"}, "key": {pub}}),
		"another office reads it":   c.do(&lind, "POST", at+"/read", url.Values{"csrf": {lind.CSRF}, "key": {pub}}),
		"a person reads it":         c.do(&ada, "POST", at+"/read", url.Values{"csrf": {ada.CSRF}, "key": {pub}}),
		"a signature that fits not": c.do(&ward, "POST", at+"/read", url.Values{"csrf": {ward.CSRF}, "key": {pub}, "act": {actIn(w.Body.String())}, "signature": {base64.StdEncoding.EncodeToString(make([]byte, 64))}}),
	} {
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
	if f.decided != 0 {
		t.Fatalf("%d acts before anybody has read", f.decided)
	}
	w = c.do(&ward, "POST", at+"/read", url.Values{"csrf": {ward.CSRF}, "key": {pub}})
	act := actIn(w.Body.String())
	sig, err := f.acts[act].Sign(private)
	if err != nil {
		t.Fatal(err)
	}
	if to := c.sent(t, &ward, at+"/read", url.Values{"key": {pub}, "act": {act}, "signature": {base64.StdEncoding.EncodeToString(sig)}}); to != at {
		t.Errorf("leads to %s", to)
	}
	has(t, c.do(&ward, "GET", at, nil).Body.String(), "urn:ngsi-ld:ParkingSession:&lt;1&gt;", "2026-11-20", "We have taken note")
	if w := c.do(&ward, "GET", at+"/notice.json", nil); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the document: %d", w.Code)
	}
	colleague := ward
	colleague.Subject = "colleague"
	lacks(t, c.do(&colleague, "GET", at, nil).Body.String(), personal...)
	if to := c.sent(t, &ward, at, url.Values{}); to != "/desk/notices" || f.decided != 1 {
		t.Errorf("taken note: leads to %s after %d acts", to, f.decided)
	}
	tomorrow := c.cfg.Now().Add(readFor)
	c.cfg.Now = func() time.Time { return tomorrow }
	if w := c.do(&ward, "GET", at+"/notice.json", nil); w.Code != http.StatusForbidden {
		t.Errorf("an hour later: %d", w.Code)
	}
}

// actIn is the act that a page asks to be signed.
func actIn(body string) string {
	if m := regexp.MustCompile(`name="act" value="([0-9a-f]{32})"`).FindStringSubmatch(body); m != nil {
		return m[1]
	}
	return ""
}
