package guardian

import (
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// A delivery spends a use and opens nothing, whatever it lists; the next reading has to come after it.
func TestDeliveryReleasesNothingAndCounts(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{1}
	traces := w.enrol(anna)
	yesterday := session(anna, tribune.DayOf(time.Now())-1, tribune.WholeDay)
	of := func(n uint64) *act {
		return w.reading([]protocol.Subject{{P: anna, N: n, IDs: []tribune.Identity{yesterday}}}, traces)
	}
	for _, kind := range []tribune.ActKind{tribune.ActStanding, tribune.ActDelivery} {
		c := of(1)
		c.kind = kind
		c.priv.Inputs.Attrs = []tribune.Name{"https://uri.etsi.org/ngsi-ld/default-context/startedAt"}
		c.spoilLeaf = func(l *protocol.Leaf) { l.Public = []byte(`{"standing":"0123456789abcdef0123456789abcdef"}`) }
		if kind == tribune.ActStanding {
			c.tags = []tribune.Tag{}
		}
		if reason, answer := w.ask(0, w.build(c)); !strings.Contains(reason, "opens nothing") || answer != nil && answer.Box != nil {
			t.Errorf("kind %s: %q, %+v", kind, reason, answer)
		}
	}
	if reason, _ := w.ask(0, w.build(of(1))); !strings.Contains(reason, "was marked before") {
		t.Errorf("a reading that takes the delivery's number: %q", reason)
	}
	c := of(2)
	if got := w.open(c, w.build(c)); len(got) != 1 {
		t.Errorf("a reading with the next number: %d keys", len(got))
	}
}

// Guardians hold a look-up against the law, as they hold all else.
func TestLookUpThatTheLawDoesNotPermitIsRefused(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna := tribune.Pseudonym{1}
	traces := w.enrol(anna)
	yesterday := session(anna, tribune.DayOf(time.Now())-1, tribune.WholeDay)
	for i, x := range []struct {
		by   tribune.Name
		want string
	}{
		{"https://uri.etsi.org/ngsi-ld/default-context/refParking", "lets nobody be looked up in this way"},
		{"https://uri.etsi.org/ngsi-ld/default-context/driver", ""},
	} {
		c := w.reading([]protocol.Subject{{P: anna, N: uint64(i + 1), IDs: []tribune.Identity{yesterday}}}, traces)
		c.priv.Inputs.LookUp = x.by
		c.priv.Inputs.Attrs = append([]tribune.Name{x.by}, sessionAttrs...)
		if x.want != "" {
			c.spoilLeaf = func(l *protocol.Leaf) { l.Decision.Permit, l.Decision.Missing = true, []string{} }
		}
		if reason, _ := w.ask(0, w.build(c)); !strings.Contains(reason, x.want) || x.want == "" && reason != "" {
			t.Errorf("by %s: %q, want %q", x.by, reason, x.want)
		}
	}
}
