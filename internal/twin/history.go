package twin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// MaxHistory bounds the attribute instances of one answer, and ten times as many rows are looked at.
const MaxHistory = 10000

// History answers a temporal query: the entity with the instances each attribute had, oldest first, or with LastN the
// latest, latest first. LastN counts for each attribute and datasetId.
//
// The observedAt of sealed instances is not known here: a query about observedAt gives all of them, by modifiedAt, and
// whoever opens them applies temporal.Query.Keep.
func (t *Twin) History(ctx context.Context, q TemporalQuery) (model.Entity, error) {
	tq := temporal.Query{Property: q.Property, Rel: q.Rel, At: q.At, End: q.End, LastN: q.LastN}
	if err := tq.Check(); err != nil {
		return model.Entity{}, err
	}
	snap, err := t.cfg.Store.Snapshot(ctx)
	if err != nil {
		return model.Entity{}, fmt.Errorf("reading history: %w", err)
	}
	k := entityKey{q.Tenant, q.ID}
	h := &historian{r: snap, keys: keysAt(t.place(k)), id: q.ID, q: tq}
	e, err := h.entity(ctx, t.key(k), q.Attrs)
	if err = errors.Join(err, snap.Close()); err != nil {
		return model.Entity{}, fmt.Errorf("reading history: %w", err)
	}
	return e, nil
}

// historian reads one entity's history.
type historian struct {
	r     store.Reader
	keys  keys
	id    tribune.EntityID
	q     temporal.Query
	rows  int // looked at
	found int
}

func (h *historian) entity(ctx context.Context, key []byte, attrs []tribune.Name) (model.Entity, error) {
	e := model.Entity{ID: h.id, Attrs: make(map[tribune.Name][]model.Attr)}
	cur, err := read(ctx, h.r, key, h.id)
	switch {
	case err == nil:
		e.Types, e.Scope, e.CreatedAt, e.ModifiedAt = cur.entity.Types, cur.entity.Scope, cur.entity.CreatedAt, cur.entity.ModifiedAt
	case isAbsent(err):
		b, herr := h.r.Get(ctx, h.keys.of("h", string(h.id), ""))
		if isAbsent(herr) {
			return e, err
		}
		if herr != nil {
			return e, herr
		}
		d := &decoder{b: b}
		format := d.byte()
		e.Types, e.CreatedAt, e.ModifiedAt = d.names(), d.time(), d.time()
		if format != docFormat || d.bad {
			return e, &tribune.IntegrityError{What: "history of " + string(h.id), Err: errDamaged}
		}
	default:
		return e, err
	}
	return e, h.series(ctx, attrs, func(name tribune.Name, list []model.Attr) {
		e.Attrs[name] = append(e.Attrs[name], list...)
	})
}

// series visits every attribute and datasetId, by seeking from one to the next.
func (h *historian) series(ctx context.Context, attrs []tribune.Name, take func(tribune.Name, []model.Attr)) error {
	head := h.keys.of("h", string(h.id))
	r := store.Prefix(head)
	r.From = store.After(h.keys.of("h", string(h.id), "")) // past the row of a deletion
	r.Limit, r.KeysOnly = 1, true
	for {
		var name, dataset string
		found := false
		for p, err := range h.r.Scan(ctx, r) {
			if err != nil {
				return err
			}
			var rest []byte
			var ok1, ok2 bool
			name, rest, ok1 = cut(p.Key[len(head):])
			dataset, _, ok2 = cut(rest)
			if !ok1 || !ok2 {
				return &tribune.IntegrityError{What: "a history key", Err: errDamaged}
			}
			found = true
		}
		if !found {
			return nil
		}
		prefix := h.keys.of("h", string(h.id), name, dataset)
		r.From = store.After(prefix)
		if len(attrs) > 0 && !slices.Contains(attrs, tribune.Name(name)) {
			continue
		}
		list, err := h.one(ctx, prefix, tribune.Name(name))
		if err != nil {
			return err
		}
		if len(list) > 0 {
			take(tribune.Name(name), list)
		}
	}
}

// one reads the instances of one attribute and datasetId. Rows under observedAt and rows under modifiedAt are each in
// order of their time; where the query is about that time only its range is read, from the end where lastN is asked.
func (h *historian) one(ctx context.Context, prefix []byte, name tribune.Name) ([]model.Attr, error) {
	var public, sealed []model.Attr
	for _, order := range []byte{byObserved, byModified} {
		own := order == byObserved && h.q.Property == temporal.ObservedAt || order == byModified && h.q.Property == temporal.ModifiedAt
		r := store.Prefix(append(slices.Clone(prefix), order))
		if own {
			r = h.bounds(r, prefix, order)
		}
		r.Reverse = h.q.LastN > 0
		enough := h.q.LastN > 0 && (own || h.q.Property == temporal.ObservedAt && h.q.Rel == "")
		taken := 0
		for p, err := range h.r.Scan(ctx, r) {
			if err != nil {
				return nil, err
			}
			if h.rows++; h.rows > 10*MaxHistory {
				return nil, h.tooMuch()
			}
			a, err := decodeRow(h.id, name, slices.Clone(p.Value))
			if err != nil {
				return nil, err
			}
			switch hidden := a.Sealed != nil && h.q.Property == temporal.ObservedAt; {
			case hidden:
				sealed = append(sealed, a)
			case h.q.Holds(h.q.Time(&a)):
				public = append(public, a)
			default:
				continue
			}
			if h.found++; h.found > MaxHistory {
				return nil, h.tooMuch()
			}
			if taken++; enough && taken >= h.q.LastN {
				break
			}
		}
	}
	public = h.q.Keep(public)
	bySaved := temporal.Query{Property: temporal.ModifiedAt}
	if h.q.Rel == "" {
		bySaved.LastN = h.q.LastN
	}
	return append(public, bySaved.Keep(sealed)...), nil
}

// bounds narrows a range of rows to the times that the query asks. It may be one instant too wide: Holds decides.
func (h *historian) bounds(r store.Range, prefix []byte, order byte) store.Range {
	at := func(t time.Time) []byte { return store.Uint(append(slices.Clone(prefix), order), ordinal(t)) }
	switch h.q.Rel {
	case temporal.Before:
		r.To = at(h.q.At)
	case temporal.After:
		r.From = at(h.q.At)
	case temporal.Between:
		r.From, r.To = at(h.q.At), at(h.q.End)
	}
	return r
}

func (h *historian) tooMuch() error {
	return tribune.Hint(fmt.Errorf("more than %d values of entity %s: %w", MaxHistory, h.id, tribune.ErrTooLarge),
		"ask for a shorter time, fewer attributes, or the last values with lastN")
}
