package portal

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// A page must not say that data are gone for good before they are.
func TestErasureIsToldAsFarAsItIs(t *testing.T) {
	h := newChronicled(t)
	l := leaf(tribune.ActErase, true)
	var err error
	l.Public, err = protocol.JCS(protocol.NewErasure(now, []tribune.Tag{{1}}))
	check(t, err)
	l.Tags = []tribune.Tag{{2}}
	honest := h.put(t, now, h.second, l)
	l.Public, err = protocol.JCS(protocol.NewErasure(now.AddDate(0, 0, -1), []tribune.Tag{{1}}))
	check(t, err)
	datedBack := h.put(t, now, h.second, l)
	var state Erasure
	known := true
	h.Erasure = func(context.Context, uint64) (Erasure, error) {
		if !known {
			return Erasure{}, tribune.ErrNotFound
		}
		return state, nil
	}
	p := newPortal(t, h.Config)
	page := func(i uint64) string { return get(p, fmt.Sprintf("/record/entries/%d", i)).Body.String() }
	const deleting, deleted, final = "The hub is deleting it now", "It is final when the key of that time is destroyed", "the key of that time was destroyed: backups"
	for _, c := range []struct {
		state Erasure
		known bool
		says  string
	}{
		{Erasure{}, true, deleting},
		{Erasure{Deleted: now, Due: now.Add(30 * 24 * time.Hour)}, true, deleted},
		{Erasure{Deleted: now, Final: now.Add(time.Hour)}, true, final},
		{Erasure{}, false, "whatever the hub has kept"},
	} {
		state, known = c.state, c.known
		body := page(honest)
		if !strings.Contains(body, c.says) || !strings.Contains(body, "had the data of 1 person erased") {
			t.Errorf("%+v: the page lacks %q", c.state, c.says)
		}
		for _, other := range []string{deleting, deleted, final} {
			if other != c.says && strings.Contains(body, other) {
				t.Errorf("%+v: the page says %q", c.state, other)
			}
		}
	}
	if body := page(datedBack); strings.Contains(body, "How far the erasure is") {
		t.Error("an entry that erases nothing is told as an erasure")
	}
}
