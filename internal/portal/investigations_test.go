package portal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

func TestWhatAWarrantHidIsShownToItsPersonAndNobodyElse(t *testing.T) {
	c := newOwnCity(t)
	hidden := c.own.uses[aPlate][0]
	hidden.Index, hidden.N, hidden.Quarter = 2, 1, protocol.QuarterOf(now)-1
	hidden.Tag[0] ^= 1
	hidden.Leaf.Act.Mandate = "warrant-2026-16"
	before := c.do(&ada, "GET", "/me", nil).Body.String()
	lacks(t, before, "kept this from you")
	c.own.told = map[string][]Use{aPlate: {hidden}}
	body := c.do(&ada, "GET", "/me", nil).Body.String()
	has(t, body, "A court’s warrant kept this from you until 1 October 2026.", "/registers/mandates/warrant-2026-16", "Your data were used 3 times.")
	lacks(t, body, `data-check data-index="2"`) // its mark is of another key than the page's script has
	if w := c.do(&ada, "GET", "/me/uses/"+hidden.Tag.String(), nil); w.Code != http.StatusOK {
		t.Errorf("its own page: %d", w.Code)
	}
	if w := c.do(&mallory, "GET", "/me/uses/"+hidden.Tag.String(), nil); w.Code != http.StatusNotFound {
		t.Errorf("its page, for somebody else: %d", w.Code)
	}
}

func TestHowOftenAWarrantIsUsedIsPublicAtOnce(t *testing.T) {
	cfg := testConfig(t)
	law := cfg.Law.(*fakeLaw)
	quarter := protocol.QuarterOf(now)
	for _, m := range []tribune.Mandate{
		{ID: "warrant-1", Basis: "A court's warrant", Issuer: "court.example", Disclose: quarter},
		{ID: "warrant-0", Basis: "An old warrant", Issuer: "court.example", Disclose: quarter - 1},
		{ID: "warrant-2", Basis: "A warrant that only extends", Disclose: quarter + 1, Extends: "warrant-1"},
	} {
		m.Purpose, m.From, m.Until = "investigate-crime", now.Add(-time.Hour), now.Add(time.Hour)
		law.mandates = append(law.mandates, m)
	}
	rec := cfg.Record.(*fakeRecord)
	for range 3 {
		l := leaf(tribune.ActRead, true)
		l.Act.Mandate = "warrant-1"
		rec.add(t, l)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	body := get(p, "/investigations").Body.String()
	has(t, body, "A court&#39;s warrant", `mandate=warrant-1">3</a>`, "on 1 January 2027", "An old warrant", "since 1 October 2026")
	lacks(t, body, "only extends")
	has(t, get(p, "/registers/mandates/warrant-1").Body.String(), "The people concerned learn of it", "on 1 January 2027")
	if de := get(p, "/de/investigations").Body.String(); !strings.Contains(de, "Verdeckte Ermittlungen") {
		t.Error("no German")
	}
}
