package portal

import (
	"net/http"
	"strings"
	"testing"

	"tribune"
)

// TestBreachDeskCountsByTheRecord: the page's numbers are those of the record's entries; a window that cannot be answered gives none.
func TestBreachDeskCountsByTheRecord(t *testing.T) {
	c := newOwnCity(t)
	c.withRights(t)
	rec := c.cfg.Record.(*fakeRecord)
	wide := leaf(tribune.ActRead, true)
	wide.Act.Count, wide.Act.Office = 40, "data-protection" // whose acts are these alone
	rec.add(t, wide)
	denied := leaf(tribune.ActRead, false, "no")
	denied.Act.Office = wide.Act.Office
	rec.add(t, denied)
	ask := func(query string) (int, string) {
		w := c.do(&ward, "GET", "/desk/breach?"+query, nil)
		return w.Code, w.Body.String()
	}
	const window = "&from=2026-11-22T09:50&until=2026-11-22T10:10&aware=2026-11-22T09:00"
	code, body := ask("kind=office&office=" + string(wide.Act.Office) + window)
	for _, want := range []string{"at least 40, at most 40", "1 denied", "25 November 2026, 09:00:00 UTC", "GDPR, article 33(1)", "[what it means for these people]"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d, lacks %q", code, want)
		}
	}
	if _, body := ask("kind=disk" + window); !strings.Contains(body, "at least 0, at most 0") {
		t.Error("a lost disk counts openings")
	}
	for _, query := range []string{"kind=office" + window, "kind=everything" + window, "kind=hub&from=x&until=y&aware=z", "kind=hub&from=2026-11-22T07:10&until=2026-11-22T06:50&aware=2026-11-22T09:00"} {
		if code, body := ask(query); code != http.StatusBadRequest || strings.Contains(body, "at least") {
			t.Errorf("%s: %d", query, code)
		}
	}
	if w := c.do(&ada, "GET", "/desk/breach", nil); w.Code != http.StatusForbidden {
		t.Errorf("somebody without an office: %d", w.Code)
	}
}
