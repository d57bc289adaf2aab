package twin

import (
	"errors"
	"testing"
)

// Whoever holds the store sees which sealed values are equal and when they came, and that is all of what EachBlind shows: it must not show less, or an audit
// of it says too little.
func TestBlindIndexIsShownAsItsHolderSeesIt(t *testing.T) {
	tw, _, st, c := lookUps(t)
	must(t, tw.do(t, Create, parked("urn:s:1", "AB1", `"Ada"`)))
	noon := c.now()
	must(t, tw.do(t, Create, parked("urn:s:2", "AB1", `["Ada", "Byron"]`)))
	must(t, tw.do(t, Create, parked("urn:s:3", "AB3", `"Byron"`)))
	rows := map[string]map[[16]byte][]string{}
	err := EachBlind(t.Context(), st, func(b Blind) error {
		if rows[b.Of] == nil {
			rows[b.Of] = map[[16]byte][]string{}
		}
		rows[b.Of][b.Token] = append(rows[b.Of][b.Token], string(b.Entity))
		if early := b.Entity == "urn:s:1"; b.Seen.Before(noon) != early {
			t.Errorf("%s of %s came at %v", b.Of, b.Entity, b.Seen)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 {
		t.Errorf("indexes %v", rows)
	}
	for of, want := range map[string][2]int{"subject of session": {2, 3}, "driver of session for fines": {2, 4}, "driver of session for claims": {2, 4}} {
		n := 0
		for _, ids := range rows[of] {
			n += len(ids)
		}
		if len(rows[of]) != want[0] || n != want[1] {
			t.Errorf("%s: %d tokens, %d rows; want %v", of, len(rows[of]), n, want)
		}
	}
	stop := errors.New("enough")
	if err := EachBlind(t.Context(), st, func(Blind) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a visitor who has had enough: %v", err)
	}
	if err := EachBlind(t.Context(), memory(t), func(Blind) error { return stop }); err != nil {
		t.Errorf("an empty store: %v", err)
	}
}
