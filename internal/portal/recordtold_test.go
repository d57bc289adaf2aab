package portal

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tribune"
	"tribune/protocol"
)

// subscribed is a record with a standing act at entry 0, another at 1, a refusal, seven deliveries under the first, one under an act
// that is not there, and a reading.
func subscribed(t *testing.T) (p *Portal, act string) {
	t.Helper()
	cfg, rec := testConfig(t), &fakeRecord{}
	cfg.Record = rec
	add := func(kind tribune.ActKind, standing string, permit bool) string {
		l := leaf(kind, permit)
		if standing != "" {
			l.Public = json.RawMessage(`{"standing":"` + standing + `"}`)
		}
		rec.add(t, l)
		written, err := protocol.DecodeLeaf(rec.leaves[len(rec.leaves)-1])
		check(t, err)
		return written.Act.ID
	}
	act = add(tribune.ActStanding, "", true)
	add(tribune.ActStanding, "", true)
	add(tribune.ActStanding, "", false)
	for range 7 {
		add(tribune.ActDelivery, act, true)
	}
	add(tribune.ActDelivery, strings.Repeat("f", 32), true)
	add(tribune.ActRead, "", true)
	return newPortal(t, cfg), act
}

func TestAStandingActAndItsDeliveriesNameEachOther(t *testing.T) {
	p, act := subscribed(t)
	page := func(language string, entry int) string {
		return get(p, fmt.Sprintf("/%s/record/entries/%d", language, entry)).Body.String()
	}
	body := page("en", 0)
	has(t, body, "What was told under this subscription", `href="/en/record?kind=delivery&amp;standing=`+act+`"`, "All 7 entries of what was told", "by itself it tells of nobody")
	if n := strings.Count(body, "under a subscription"); n != 5 {
		t.Errorf("it shows %d deliveries, want the newest 5", n)
	}
	if body := page("en", 1); strings.Contains(body, "entries of what was told</a>") || !strings.Contains(body, "So far nobody’s data were told under it.") {
		t.Error("one that told nothing shows what another told")
	}
	if body := page("en", 2); strings.Contains(body, "What was told") {
		t.Error("a refusal is shown as a subscription")
	}
	has(t, page("en", 9), "The subscription behind it", `href="/en/record/entries/0"`, "The subscription: entry 0", "made with the hub’s key")
	has(t, page("de", 9), "Das Abonnement dahinter", "Das Abonnement: Eintrag 0")
	if body := page("en", 10); !strings.Contains(body, "older than the search reaches") || strings.Contains(body, "The subscription: entry") {
		t.Error("a subscription that nobody knows is linked to")
	}
}

func TestARecordIsSearchedByStandingAct(t *testing.T) {
	p, act := subscribed(t)
	page := readPage(t, p, "/record.json?standing="+act)
	if page.Count != 8 || page.Entries[0].Index != 9 || page.Entries[7].Index != 0 || page.Entries[0].Standing != act || len(page.Entries[0].Missing) != 0 {
		t.Errorf("got %+v", page)
	}
	has(t, get(p, "/en/record?standing="+act).Body.String(), "8 entries fit", `name="standing" value="`+act+`"`, "The subscription: entry 0")
	// An act's id is no reason of a refusal: nobody finds it as one.
	for _, query := range []string{"q=" + act, "standing=nobody"} {
		if page := readPage(t, p, "/record.json?"+query); page.Count != 0 {
			t.Errorf("%s finds %d entries", query, page.Count)
		}
	}
}

// Whoever was told of finds the act by which that came, from the list of their uses.
func TestAUseByASubscriptionLeadsToIt(t *testing.T) {
	c := newOwnCity(t)
	rec := c.Portal.cfg.Record.(*fakeRecord)
	standing, told := leaf(tribune.ActStanding, true), leaf(tribune.ActDelivery, true)
	rec.add(t, standing)
	entry := rec.Published() - 1
	written, err := protocol.DecodeLeaf(rec.leaves[entry])
	check(t, err)
	told.Public = json.RawMessage(`{"standing":"` + written.Act.ID + `"}`)
	told.Act.Time = protocol.Time(now)
	c.own.uses[aPlate] = append(c.own.uses[aPlate], Use{Index: entry + 1, N: 9, Leaf: told})
	has(t, c.do(&ada, "GET", "/en/me", nil).Body.String(), "was told of new data about you", fmt.Sprintf(`href="/en/record/entries/%d"`, entry), fmt.Sprintf("The subscription: entry %d", entry))
}
