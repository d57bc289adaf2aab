package vault

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

// nameKey is what a pseudonym is derived from, besides the city.
type nameKey struct{ idtype, name string }

// naming is one evaluation under way; p and err are set before done is closed.
type naming struct {
	key  nameKey
	done chan struct{}
	p    tribune.Pseudonym
	err  error
}

// names is the cache of pseudonyms, the least recently used dropped first, and the evaluations under way: a name is asked
// of the guardians by one caller at a time. Memory only: on disk it would be the dictionary the protocol avoids.
type names struct {
	max int

	mu       sync.Mutex // guards the rest
	cached   map[nameKey]*list.Element
	recent   *list.List // of *naming, done; the most recent first
	underWay map[nameKey]*naming
}

func newNames(max int) *names {
	return &names{max: max, cached: map[nameKey]*list.Element{}, recent: list.New(), underWay: map[nameKey]*naming{}}
}

// claim returns a naming for every name: done, under way, or, where nobody asks for it yet, the caller's to settle.
func (n *names) claim(idtype string, list []string) (all, mine []*naming) {
	n.mu.Lock()
	defer n.mu.Unlock()
	all = make([]*naming, len(list))
	for i, name := range list {
		key := nameKey{idtype, name}
		if e, ok := n.cached[key]; ok {
			n.recent.MoveToFront(e)
			all[i] = e.Value.(*naming)
			continue
		}
		w, ok := n.underWay[key]
		if !ok {
			w = &naming{key: key, done: make(chan struct{})}
			n.underWay[key] = w
			mine = append(mine, w)
		}
		all[i] = w
	}
	return all, mine
}

// settle ends an evaluation. What failed is not cached.
func (n *names) settle(w *naming, p tribune.Pseudonym, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w.p, w.err = p, err
	delete(n.underWay, w.key)
	close(w.done)
	if err != nil {
		return
	}
	for n.recent.Len() >= n.max {
		oldest := n.recent.Back()
		delete(n.cached, oldest.Value.(*naming).key)
		n.recent.Remove(oldest)
	}
	n.cached[w.key] = n.recent.PushFront(w)
}

// Pseudonyms asks the guardians for the names it does not know, blinded, all in one call as far as a request is bounded.
func (v *Vault) Pseudonyms(ctx context.Context, idtype string, list []string) ([]tribune.Pseudonym, error) {
	if idtype == "" || len(idtype) > maxNameSize {
		return nil, fmt.Errorf("%w: idtype of %d bytes, want 1 to %d", tribune.ErrInvalid, len(idtype), maxNameSize)
	}
	for i, name := range list {
		if name == "" || len(name) > maxNameSize {
			return nil, fmt.Errorf("%w: name %d has %d bytes, want 1 to %d", tribune.ErrInvalid, i, len(name), maxNameSize)
		}
	}
	out := make([]tribune.Pseudonym, len(list))
	for {
		all, mine := v.names.claim(idtype, list)
		if err := v.evaluate(ctx, mine); err != nil {
			return nil, fmt.Errorf("asking for pseudonyms: %w", err)
		}
		again := false
		for i, w := range all {
			select {
			case <-w.done:
			case <-ctx.Done():
				return nil, fmt.Errorf("waiting for pseudonyms: %w", ctx.Err())
			}
			if errors.Is(w.err, context.Canceled) || errors.Is(w.err, context.DeadlineExceeded) {
				again = true // the other caller gave up; this one has not
				break
			}
			if w.err != nil {
				return nil, fmt.Errorf("asking for pseudonyms: %w", w.err)
			}
			out[i] = w.p
		}
		if !again {
			return out, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("asking for pseudonyms: %w", err)
		}
	}
}

// evaluate settles every naming it is given, in chunks; after an error it settles the rest with it.
func (v *Vault) evaluate(ctx context.Context, todo []*naming) (err error) {
	for len(todo) > 0 {
		chunk := todo[:min(nameChunk, len(todo))]
		todo = todo[len(chunk):]
		var ys [][]byte
		if err == nil {
			ys, err = v.evaluateChunk(ctx, chunk)
		}
		for i, w := range chunk {
			if err != nil {
				v.names.settle(w, tribune.Pseudonym{}, err)
				continue
			}
			v.names.settle(w, protocol.PseudonymOf(w.key.idtype, ys[i]), nil)
		}
	}
	return err
}

func (v *Vault) evaluateChunk(ctx context.Context, chunk []*naming) ([][]byte, error) {
	points := make([][]byte, len(chunk))
	blindings := make([]*ibe.Blinding, len(chunk))
	err := spread(ctx, len(chunk), func(_ context.Context, i int) (err error) {
		points[i], blindings[i], err = ibe.Blind(protocol.NameInput(v.city, chunk[i].key.idtype, chunk[i].key.name))
		return err
	})
	if err != nil {
		return nil, err
	}
	group := v.group.Load()
	parts, err := v.eval.Evaluate(ctx, points)
	if err != nil {
		return nil, err
	}
	if v.group.Load() != group {
		return nil, fmt.Errorf("naming: %w: other guardians have come meanwhile", tribune.ErrBusy)
	}
	ys, culprits, err := v.name.Unblind(group.Name.Shares, group.T, blindings, parts)
	for _, i := range culprits {
		v.log.Error("a guardian's evaluation of names does not fit the ceremony's transcript", "guardian", group.Guardians[i-1].Name)
	}
	return ys, err
}
