package portal

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/recipients"
	"tribune/internal/web"
	"tribune/protocol"
)

// fakeRecipients is what a room of recipients says: of one plate, and at one office's desk. internal/recipients has the room itself.
type fakeRecipients struct{}

func (fakeRecipients) lines() []recipients.Line {
	l := recipients.Line{
		ID: strings.Repeat("0a", 16), Kind: protocol.NoticeErased, Office: "parking-inspector", Purpose: "enforce-parking", Class: "parking-session", State: recipients.AtDesk,
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
	return f.lines()[:1], nil
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

// A person sees who was told of their own data and nobody else's; an office its own notices, which it alone takes note of.
func TestWhoWasToldIsShownToWhomItConcerns(t *testing.T) {
	c := newOwnCity(t)
	c.withRights(t)
	c.cfg.Recipients = fakeRecipients{}
	mine := c.do(&ada, "GET", "/me/recipients", nil).Body.String()
	has(t, mine, "Parking inspector", "waits at the office’s desk", "its endpoint took it", "3 tries so far")
	lacks(t, mine, "urn:ngsi-ld:ParkingSession")
	lacks(t, c.do(&mallory, "GET", "/me/recipients", nil).Body.String(), "waits at the office")
	if w := c.do(nil, "GET", "/me/recipients", nil); w.Code != http.StatusSeeOther {
		t.Errorf("nobody: %d", w.Code)
	}
	id := fakeRecipients{}.lines()[0].ID
	has(t, c.do(&ward, "GET", "/desk/notices", nil).Body.String(), "urn:ngsi-ld:ParkingSession:&lt;1&gt;", "We have taken note")
	lacks(t, c.do(&lind, "GET", "/desk/notices", nil).Body.String(), "urn:ngsi-ld:ParkingSession")
	for who, s := range map[string]*web.Session{"a person": &ada, "another office": &lind} {
		if w := c.do(s, "POST", "/desk/notices/"+id, url.Values{"csrf": {s.CSRF}}); w.Code != http.StatusForbidden && w.Code != http.StatusNotFound {
			t.Errorf("%s takes note of it: %d", who, w.Code)
		}
		if w := c.do(s, "GET", "/desk/notices/"+id+"/notice.json", nil); w.Code == http.StatusOK {
			t.Errorf("%s has the document", who)
		}
	}
	if w := c.do(&ward, "POST", "/desk/notices/"+id, url.Values{"csrf": {"wrong"}}); w.Code != http.StatusForbidden {
		t.Errorf("a forged form: %d", w.Code)
	}
	if at := c.sent(t, &ward, "/desk/notices/"+id, url.Values{}); at != "/desk/notices" {
		t.Errorf("leads to %s", at)
	}
	if w := c.do(&ward, "GET", "/desk/notices/"+id+"/notice.json", nil); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("the document: %d", w.Code)
	}
}
