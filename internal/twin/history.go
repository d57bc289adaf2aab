package twin

import (
	"context"
	"errors"
	"fmt"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// Bounds of an answer about the past.
const (
	MaxHistory = 10_000  // attribute instances
	maxLooked  = 2 << 20 // rows looked at
)

// History answers a temporal query: the entity with the instances each attribute had, oldest first, or with LastN the
// latest, latest first. LastN counts for each attribute and datasetId. It fails where there are more than MaxHistory.
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
	h := &historian{r: snap, keys: keysAt(t.place(k)), id: q.ID, q: tq, sealed: true, looked: new(int), packs: t.packs}
	e, err := h.entity(ctx, t.key(k))
	if err == nil {
		err = h.all(ctx, &e, q.Attrs)
	}
	if err = errors.Join(err, snap.Close()); err != nil {
		return model.Entity{}, fmt.Errorf("reading history: %w", err)
	}
	return e, nil
}

// historian reads one entity's history.
type historian struct {
	r      store.Reader
	keys   keys
	id     tribune.EntityID
	q      temporal.Query
	sealed bool // sealed instances are wanted too
	looked *int // rows looked at by the whole request
	packs  *packs
}

// entity is what the evolution says of itself, without instances; ErrNotFound where there is neither a current state nor
// an evolution.
func (h *historian) entity(ctx context.Context, key []byte) (model.Entity, error) {
	e := model.Entity{ID: h.id, Attrs: make(map[tribune.Name][]model.Attr)}
	var cur *model.Entity
	c, err := read(ctx, h.r, key, h.id)
	if err == nil {
		cur = c.entity
	} else if !isAbsent(err) {
		return e, err
	}
	head, herr := readHead(ctx, h.r, h.keys, h.id)
	if herr != nil {
		return e, herr
	}
	if cur == nil && head == nil {
		return e, err
	}
	describeEvolution(&e, cur, head)
	return e, nil
}

// all adds every instance that the query asks for.
func (h *historian) all(ctx context.Context, e *model.Entity, attrs []tribune.Name) error {
	series, err := seriesOf(ctx, h.r, h.keys, h.id, attrs)
	if err != nil {
		return err
	}
	found := 0
	for _, s := range series {
		if s.name == model.ScopeName {
			continue // it is no attribute of those who ask here
		}
		max := MaxHistory + 1
		if h.q.LastN > 0 {
			max = min(max, h.q.LastN)
		}
		list, err := h.read(ctx, s, max)
		if err != nil {
			return err
		}
		if found += len(list); found > MaxHistory {
			return h.tooMuch()
		}
		if len(list) > 0 {
			e.Attrs[s.name] = append(e.Attrs[s.name], list...)
		}
	}
	return nil
}

func (h *historian) tooMuch() error {
	return tribune.Hint(fmt.Errorf("more than %d values of entity %s: %w", MaxHistory, h.id, tribune.ErrTooLarge),
		"ask for a shorter time, fewer attributes, or the last values with lastN")
}

// look counts a row.
func (h *historian) look() error {
	if *h.looked++; *h.looked > maxLooked {
		return tribune.Hint(fmt.Errorf("more than %d values to look at: %w", maxLooked, tribune.ErrTooLarge), "ask for a shorter time or fewer attributes")
	}
	return nil
}

// rows reads a series.
func (h *historian) rows(s seriesKey) *pastReader {
	return &pastReader{r: h.r, k: h.keys, packs: h.packs, id: h.id, s: s}
}
