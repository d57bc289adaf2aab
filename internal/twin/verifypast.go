package twin

import (
	"context"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
)

// remembered reports whether an instance of the present stands in the history, packed or not, or was taken out of it.
func (v *verifier) remembered(ctx context.Context, k keys, id tribune.EntityID, name tribune.Name, a *model.Attr) (bool, error) {
	key := k.history(id, name, a, nil)
	past := &pastReader{r: v.r, k: k, packs: v.packs, id: id, s: seriesKey{name, a.Dataset}}
	place, ok := cutPlace(append(key[len(past.head("h")):], make([]byte, shortest)...))
	if !ok {
		return false, nil
	}
	for row, err := range past.rows(ctx, timeSpan{order: place.order, from: place.at, to: place.at + 1}, false) {
		if err != nil || row.at == place.at {
			return err == nil, err
		}
	}
	b, err := v.r.Get(ctx, k.of("w", string(id)))
	if isAbsent(err) {
		return false, nil
	}
	return err == nil && !stampOf(b).Before(a.ModifiedAt), err
}

// packed counts packed rows, and unpacks every block.
func (v *verifier) packed(ctx context.Context, k keys) error {
	head := k.of("H")
	for p, err := range v.r.Scan(ctx, store.Prefix(head)) {
		if err != nil {
			return err
		}
		parts, rest := [3]string{}, p.Key[len(head):]
		ok := true
		for i := range parts {
			var good bool
			parts[i], rest, good = cut(rest)
			ok = ok && good
		}
		if !ok {
			return &tribune.IntegrityError{What: "a key of packed history", Err: errDamaged}
		}
		b, err := decodeBlock(rest, p.Value)
		if err != nil {
			return err
		}
		past := &pastReader{r: v.r, k: k, packs: v.packs, id: tribune.EntityID(parts[0]), s: seriesKey{tribune.Name(parts[1]), parts[2]}}
		rows, err := past.body(ctx, b)
		if err != nil {
			return err
		}
		v.census.Past += len(rows)
		for i, r := range rows {
			if i > 0 && rows[i-1].compare(r.rowPlace) >= 0 || r.compare(b.first) < 0 || r.compare(b.last) > 0 {
				v.find("entity %s: packed history of %s is out of order", parts[0], parts[1])
			}
		}
	}
	return nil
}
