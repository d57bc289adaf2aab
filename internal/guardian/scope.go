package guardian

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/protocol"
)

// withinScope: every identity is one that the act, as committed to, may open (protocol 23).
func (g *Guardian) withinScope(_ context.Context, h *hearing) error {
	if h.v.Leaf.Act.Kind == tribune.ActPublish {
		return nil // it has no subjects (publication), and so no identities
	}
	window, err := windowOf(h.priv.Inputs)
	if err != nil {
		return refuse("the act's window of arrival times cannot be read")
	}
	seen := map[tribune.Pseudonym]bool{}
	ids := 0
	for _, s := range h.priv.Subjects {
		if seen[s.P] {
			return refuse("a subject is named twice: each use has one number")
		}
		seen[s.P] = true
		ids += len(s.IDs)
		if h.v.Leaf.Act.Kind == tribune.ActEnrol {
			if err := enrolScope(s, h.onLog); err != nil {
				return err
			}
			continue
		}
		for _, id := range s.IDs {
			if err := readScope(id, s.P, h.priv.Inputs.Class, window, h.onLog); err != nil {
				return err
			}
		}
	}
	switch represents := h.v.Leaf.Act.Kind == tribune.ActRepresent; {
	case represents && ids > 0:
		return refuse("what a representative does opens nothing")
	case represents:
		return g.representsBoth(h) // what is asked for is our word that its marks are right
	case ids == 0:
		return refuse("the act opens nothing")
	}
	if h.v.Leaf.Act.Kind == tribune.ActEnrol && h.priv.Inputs.Class != "" {
		return refuse("an enrolment concerns no class of data")
	}
	return nil
}

// enrolScope: exactly the subject's trace identity, or one hidden chain of theirs, and no use is counted.
func enrolScope(s protocol.Subject, onLog time.Time) error {
	if s.N == 0 && len(s.IDs) == 1 && (s.IDs[0] == tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: s.P} || enrolsHidden(s.IDs[0], s.P, onLog)) {
		return nil
	}
	return refuse("an enrolment opens one trace identity a subject and nothing else")
}

// readScope: a subject identity of this subject and class, of a past day or a segment that had begun, within the window.
func readScope(id tribune.Identity, p tribune.Pseudonym, class tribune.ClassID, w tribune.Window, onLog time.Time) error {
	day := tribune.SegmentStart(id.Day, 0)
	switch {
	case id != (tribune.Identity{Kind: tribune.IdentitySubject, Pseudonym: id.Pseudonym, Class: id.Class, Day: id.Day, Segment: id.Segment}):
		return refuse("a reading opens subject identities only")
	case id.Pseudonym != p:
		return refuse("an identity belongs to another subject than the one it is listed under")
	case id.Class != class || class == "":
		return refuse("an identity belongs to another class than the act's")
	case id.Segment == tribune.WholeDay:
		if id.Day >= tribune.DayOf(onLog) {
			return refuse("the identity of a whole day is released only when the day is over")
		}
		if !day.Before(w.Until) || !w.From.Before(day.AddDate(0, 0, 1)) {
			return refuse("an identity's day is outside the act's window")
		}
		return nil
	case id.Segment >= 24*60*60:
		return refuse("an identity's segment is no second of a day")
	}
	start := tribune.SegmentStart(id.Day, id.Segment)
	if start.After(onLog) {
		return refuse("an identity's segment had not begun when the act was put on record")
	}
	if start.Before(w.From) || !start.Before(w.Until) {
		return refuse("an identity's segment is outside the act's window")
	}
	return nil
}

// everyUseMarked: each subject's tag stands in this leaf and first in this leaf, and all its predecessors stand before.
func (g *Guardian) everyUseMarked(_ context.Context, h *hearing) error {
	tags := h.v.Leaf.Tags
	if h.v.Leaf.Act.Kind == tribune.ActEnrol {
		if len(tags) != 0 || len(h.req.Traces) != 0 || len(h.req.Hidden) != 0 {
			return refuse("an enrolment is no use and carries no tags")
		}
		return nil
	}
	if len(tags) != len(h.priv.Subjects) || len(h.req.Traces) != len(h.priv.Subjects) {
		return refuse("%d tags and %d trace keys for %d subjects", len(tags), len(h.req.Traces), len(h.priv.Subjects))
	}
	if err := g.verifyTraces(h); err != nil {
		return err
	}
	marks, err := g.marks(h)
	if err != nil {
		return err
	}
	for i, s := range h.priv.Subjects {
		err := underKey(marks[i], func(k []byte) error { return g.index.prefix(k, s.N, tags[i], h.v.Index) })
		if err == nil {
			err = underKey(h.req.Traces[i], func(k []byte) error { return g.index.unerased(k, s.IDs) })
		}
		if err != nil {
			return refuse("subject %d of the act: %v", i+1, err)
		}
	}
	return nil
}

// underKey asks something that takes the key k of a trace or hidden chain D, and forgets it.
func underKey(d []byte, ask func(k []byte) error) error {
	k, err := protocol.TraceKey(d)
	if err != nil {
		return err
	}
	defer clear(k)
	return ask(k)
}

// prefix holds the n-th tag under k against the record.
func (x *index) prefix(k []byte, n uint64, tag tribune.Tag, leaf uint64) error {
	if n == 0 {
		return fmt.Errorf("use numbers begin with 1")
	}
	if protocol.UseTag(k, n) != tag {
		return fmt.Errorf("the tag in the leaf is not that of use %d", n)
	}
	if at, ok := x.first(tag); !ok || at != leaf {
		return fmt.Errorf("use %d was marked before", n)
	}
	for m := uint64(1); m < n; m++ { // ends at the first gap, so never longer than the record
		if at, ok := x.first(protocol.UseTag(k, m)); !ok || at >= leaf {
			return fmt.Errorf("use %d is not on record before use %d", m, n)
		}
	}
	return nil
}

// verifyTraces checks that each trace key shown is its subject's. That costs pairings, so it is done for all at once,
// and what was checked is remembered.
func (g *Guardian) verifyTraces(h *hearing) error {
	var fresh []tribune.Pseudonym
	var ids, keys [][]byte
	for i, s := range h.priv.Subjects {
		if d := h.req.Traces[i]; !g.traces.known(s.P, d) {
			id := tribune.Identity{Kind: tribune.IdentityTrace, Pseudonym: s.P}
			fresh, ids, keys = append(fresh, s.P), append(ids, id.Bytes(g.cfg.City)), append(keys, d)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := g.verifyKeys(h, ids, keys); err != nil {
		return err
	}
	for i, p := range fresh {
		g.traces.add(p, keys[i])
	}
	return nil
}

// verifyKeys holds keys against the city's own, all at once.
func (g *Guardian) verifyKeys(h *hearing, ids, keys [][]byte) error {
	master, err := g.traces.key(h.keys.Group.Seal.Key)
	if err != nil {
		return fmt.Errorf("reading the city's key: %w", err)
	}
	if err := master.VerifyKeys(ids, keys); err != nil {
		return refuse("a trace key shown does not belong to its subject")
	}
	return nil
}

// maxTraces bounds each of the cache's two generations: 48 bytes each and the map's overhead.
const maxTraces = 1 << 16

// traceCache remembers which trace keys have been verified, as hashes: the keys themselves would link a person's uses.
type traceCache struct {
	mu         sync.Mutex // guards all
	master     *ibe.Master
	young, old map[tribune.Pseudonym]tribune.Hash
}

func newTraceCache() *traceCache { return &traceCache{young: map[tribune.Pseudonym]tribune.Hash{}} }

func (c *traceCache) key(pk []byte) (*ibe.Master, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.master == nil {
		var err error
		if c.master, err = ibe.NewMaster(pk); err != nil {
			return nil, err
		}
	}
	return c.master, nil
}

func (c *traceCache) known(p tribune.Pseudonym, d []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.young[p]
	if !ok {
		h, ok = c.old[p]
	}
	return ok && h == sha256.Sum256(d)
}

func (c *traceCache) add(p tribune.Pseudonym, d []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= maxTraces {
		c.old, c.young = c.young, map[tribune.Pseudonym]tribune.Hash{}
	}
	c.young[p] = sha256.Sum256(d)
}
