package twin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/store"
)

// Census is what Verify counted.
type Census struct {
	Entities, Rows, Past int // entities, index rows, history rows
}

// indexes are the kinds of index rows.
var indexes = [...]string{"t", "q", "g", "a", "r", "s", "x", "z", "b", "y"}

// maxFindings bounds how many differences Verify lists.
const maxFindings = 10

// Verify rebuilds every index row from the documents of one moment and compares: none may be missing, none too many,
// and the present instance of every attribute must stand in the history. Differences are an IntegrityError. It reads
// the whole store; drills and tests call it.
func (t *Twin) Verify(ctx context.Context) (Census, error) {
	var c Census
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return c, fmt.Errorf("verifying: %w", err)
	}
	v := &verifier{r: snap, packs: t.packs, census: &c}
	err = eachPlace(ctx, snap, func(at tribune.Place) error { return v.place(ctx, at, t.cfg.Store.Partitions()) })
	if err == nil && len(v.findings) > 0 {
		err = &tribune.IntegrityError{What: "indexes do not fit the documents", Err: errors.Join(v.findings...)}
	}
	if err = errors.Join(err, snap.Close()); err != nil {
		return c, fmt.Errorf("verifying: %w", err)
	}
	return c, nil
}

type verifier struct {
	r        store.Reader
	packs    *packs
	census   *Census
	findings []error
}

func (v *verifier) find(format string, args ...any) {
	if len(v.findings) < maxFindings {
		v.findings = append(v.findings, fmt.Errorf(format, args...))
	}
}

func (v *verifier) place(ctx context.Context, at tribune.Place, partitions uint16) error {
	k := keysAt(at)
	expected := 0
	head := k.of("e")
	for p, err := range v.r.Scan(ctx, store.Prefix(head)) {
		if err != nil {
			return err
		}
		id, rest, ok := cut(p.Key[len(head):])
		if !ok || len(rest) > 0 {
			return &tribune.IntegrityError{What: "an entity key", Err: errDamaged}
		}
		e, err := decodeDocument(tribune.EntityID(id), slices.Clone(p.Value))
		if err != nil {
			return err
		}
		v.census.Entities++
		if store.PartitionOf(at.Tenant, id, partitions) != at.Partition {
			v.find("entity %s stands in partition %d", id, at.Partition)
		}
		n, err := v.entity(ctx, k, e)
		if err != nil {
			return err
		}
		expected += n
	}
	return v.rows(ctx, k, expected)
}

// entity checks that every row of an entity is there, and says how many there are.
func (v *verifier) entity(ctx context.Context, k keys, e *entry) (int, error) {
	rows := k.allRows(e.entity)
	for _, row := range rows {
		if _, err := v.r.Get(ctx, row); isAbsent(err) {
			v.find("entity %s: index row %q is missing", e.entity.ID, row[len(k.prefix):])
		} else if err != nil {
			return 0, err
		}
	}
	for name, list := range e.entity.Attrs {
		for i := range list {
			found, err := v.remembered(ctx, k, e.entity.ID, name, &list[i])
			if err != nil {
				return 0, err
			}
			if !found {
				v.find("entity %s: attribute %s has no history", e.entity.ID, name)
			}
		}
	}
	return len(rows), nil
}

// rows counts all index rows of a place; where there are more than the documents ask for it finds those that lead
// nowhere.
func (v *verifier) rows(ctx context.Context, k keys, expected int) error {
	found := 0
	for _, kind := range indexes {
		err := v.each(ctx, k.of(kind), func([]byte) error { found++; return nil })
		if err != nil {
			return err
		}
	}
	v.census.Rows += found
	if err := v.packed(ctx, k); err != nil {
		return err
	}
	if err := v.each(ctx, k.of("h"), func([]byte) error { v.census.Past++; return nil }); err != nil {
		return err
	}
	if found == expected && len(v.findings) == 0 {
		return nil
	}
	good := make(map[string]bool, expected)
	head := k.of("e")
	for p, err := range v.r.Scan(ctx, store.Prefix(head)) {
		if err != nil {
			return err
		}
		id, _, _ := cut(p.Key[len(head):])
		e, err := decodeDocument(tribune.EntityID(id), slices.Clone(p.Value))
		if err != nil {
			return err
		}
		for _, row := range k.allRows(e.entity) {
			good[string(row)] = true
		}
	}
	for _, kind := range indexes {
		err := v.each(ctx, k.of(kind), func(key []byte) error {
			if !good[string(key)] {
				v.find("index row %q leads nowhere", key[len(k.prefix):])
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) each(ctx context.Context, prefix []byte, visit func(key []byte) error) error {
	r := store.Prefix(prefix)
	r.KeysOnly = true
	for p, err := range v.r.Scan(ctx, r) {
		if err != nil {
			return err
		}
		if err := visit(p.Key); err != nil {
			return err
		}
	}
	return nil
}
