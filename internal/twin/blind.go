package twin

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Blind is a token that stands for a value nobody may read, as whoever holds the store, a copy or a backup of it sees it: which values are equal, beside
// which entity they stand and when they arrived. An audit asks what that gives away (tribune explain release --kind index).
type Blind struct {
	Of     string // what is named: "subject of CLASS", "ATTRIBUTE of CLASS for PURPOSE"
	Token  [16]byte
	Entity tribune.EntityID
	Seen   time.Time // when the first value under it arrived there
}

// EachBlind shows all tokens of the present, entity by entity. It takes no key and no law: that is the point.
func EachBlind(ctx context.Context, r store.Reader, visit func(Blind) error) error {
	err := eachPlace(ctx, r, func(at tribune.Place) error {
		head := keysAt(at).of("e")
		for p, err := range r.Scan(ctx, store.Prefix(head)) {
			if err != nil {
				return err
			}
			id, rest, ok := cut(p.Key[len(head):])
			if !ok || len(rest) > 0 {
				return &tribune.IntegrityError{What: "an entity key", Err: errDamaged}
			}
			e, err := decodeDocument(tribune.EntityID(id), bytes.Clone(p.Value))
			if err != nil {
				return err
			}
			for _, b := range e.blind() {
				if err := visit(b); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading the blind index: %w", err)
	}
	return nil
}

// blind are the tokens of one entity, each once, with the earliest arrival.
func (e *entry) blind() (out []Blind) {
	type key struct {
		of    string
		token [16]byte
	}
	at := map[key]int{}
	add := func(of string, token [16]byte, seen time.Time) {
		k := key{of, token}
		if i, known := at[k]; !known {
			at[k] = len(out)
			out = append(out, Blind{of, token, e.entity.ID, seen})
		} else if seen.Before(out[i].Seen) {
			out[i].Seen = seen
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.entity.Attrs)) {
		for i := range e.entity.Attrs[name] {
			a := &e.entity.Attrs[name][i]
			if a.Sealed == nil {
				continue
			}
			add("subject of "+string(a.Sealed.Class), a.Sealed.Pseudonym, a.ModifiedAt)
			for _, t := range a.Sealed.Tokens {
				add(fmt.Sprintf("%s of %s for %s", name, a.Sealed.Class, t.Purpose), t.Token, a.ModifiedAt)
			}
		}
	}
	return out
}
