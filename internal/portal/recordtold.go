package portal

import (
	"context"
	"encoding/json"
	"net/http"

	"tribune"
	"tribune/protocol"
)

// Standing acts, and what was told under them: each names the other.

// toldShown is the other side of an entry that is a standing act, or a delivery under one.
type toldShown struct {
	Standing  bool   // the entry is the standing act itself
	Act       string // its id
	Entry     uint64 // of a delivery: the standing act's entry
	Found     bool   // and whether it is within reach
	Count     uint64 // of a standing act: deliveries under it
	Newest    []line
	AllOfThem search
}

// told fills in, for a standing act, its deliveries, and for a delivery the act it rests on.
func (p *Portal) told(r *http.Request, d *entryData, leaf protocol.Leaf) {
	act := standingOf(leaf)
	if act == "" {
		return
	}
	t := &toldShown{Standing: leaf.Act.Kind == tribune.ActStanding, Act: act, AllOfThem: search{Kind: string(tribune.ActDelivery), Standing: act}}
	if d.Told = t; !t.Standing {
		t.Entry, t.Found = p.standingEntry(r.Context(), act)
		return
	}
	const few = 5
	n := p.naming(wordsOf(r))
	if f, _, err := p.searchRecord(r.Context(), t.AllOfThem, few, n); err == nil {
		t.Count, t.Newest = f.Count, n.lines(f.Entries)
	}
}

// standingEntry is the entry of a standing act, as far as the index reaches.
func (p *Portal) standingEntry(ctx context.Context, act string) (uint64, bool) {
	if act == "" {
		return 0, false
	}
	f, _, err := p.searchRecord(ctx, search{Kind: string(tribune.ActStanding), Standing: act}, 1, naming{w: languages()[0]})
	if err != nil || len(f.Entries) == 0 {
		return 0, false
	}
	return f.Entries[0].Index, true
}

// standingOf is the id of the standing act that a leaf is, or delivers under; "" = neither.
func standingOf(leaf protocol.Leaf) string {
	switch {
	case !leaf.Decision.Permit:
		return ""
	case leaf.Act.Kind == tribune.ActStanding:
		return leaf.Act.ID
	case leaf.Act.Kind == tribune.ActDelivery:
		var public struct {
			Standing string `json:"standing"`
		}
		if json.Unmarshal(leaf.Public, &public) == nil && len(public.Standing) <= maxReason {
			return public.Standing
		}
	}
	return ""
}
