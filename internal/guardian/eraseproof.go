package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// An erasure is shown to us as an act is that opens something: receipt, private part, salt, evidence, trace keys. We check mandate, appointment,
// signature, caps and law ourselves, and that the erased tags are those of the people whom the act commits to. A leaf of which we are shown what it
// commits to, and which that does not carry, is forged: nothing else can be shown of it any more. Where something else is shown than it commits
// to, nothing is proven and nothing is lost: a hub that was taken over cannot talk us out of a real erasure by showing us rubbish.

// proveErasure answers POST /erasure.
func (g *Guardian) proveErasure(w http.ResponseWriter, r *http.Request, body []byte) {
	req, err := decodeRequest(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	statement, err := g.judgeErasure(r.Context(), req)
	var no *refusal
	switch {
	case err == nil:
		writeJSON(w, protocol.ErasureAnswer{Statement: statement})
	case errors.As(err, &no):
		g.refused.Add(1)
		writeJSON(w, protocol.ErasureAnswer{Refusal: g.signRefusal(req, no)})
	default:
		http.Error(w, "this guardian cannot decide now", http.StatusServiceUnavailable)
	}
}

// judgeErasure comes to a verdict where it can. A verdict is durable before it is told.
func (g *Guardian) judgeErasure(ctx context.Context, req protocol.Request) (*protocol.ErasureStatement, error) {
	h := &hearing{req: req, now: g.cfg.Now()}
	var ok bool
	if h.keys, ok = g.ceremony.Shares(); !ok {
		return nil, refuse("this guardian holds no share yet: %s", g.ceremony.State())
	}
	if err := g.onRecord(ctx, h); err != nil {
		return nil, err
	}
	if l := g.erasureAt(h.v.Index); l != nil && l.Verdict == proven { // also where the law of then has gone
		return g.stateKept(l)
	}
	for _, check := range []func(context.Context, *hearing) error{g.erasesAsCommitted, g.erasedThen, g.lawInForce, g.withinErasures} {
		if err := check(ctx, h); err != nil {
			return nil, err
		}
	}
	// From here on what is checked is what the leaf commits to.
	for _, check := range []func(context.Context, *hearing) error{g.appointed, g.mandated, g.decidedAlike, g.erasesWhom} {
		err := check(ctx, h)
		var no *refusal
		if errors.As(err, &no) && carriesNot(ctx, h, check) {
			if kept := g.rule(h.v.Index, forged, no.reason); kept != nil {
				return nil, kept
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if err := g.rule(h.v.Index, proven, ""); err != nil {
		return nil, err
	}
	return g.stateKept(g.erasureAt(h.v.Index))
}

// carriesNot reports whether a check fails at the act's own time, too. When the leaf was on record is our own word, or that of whichever receipt is
// shown, and nothing that the leaf commits to: another receipt may show an earlier time.
func carriesNot(ctx context.Context, h *hearing, check func(context.Context, *hearing) error) bool {
	then := *h
	then.onLog = h.at
	var no *refusal
	return errors.As(check(ctx, &then), &no)
}

// stateKept states a verdict that is on disk.
func (g *Guardian) stateKept(l *erasureLeaf) (*protocol.ErasureStatement, error) {
	if err := g.keepErasures(); err != nil { // one that another request has come to may still be on its way
		return nil, err
	}
	return g.stateErasure(l), nil
}

// erasesAsCommitted: the leaf is an erasure, and private part and evidence are what it commits to.
func (g *Guardian) erasesAsCommitted(_ context.Context, h *hearing) error {
	if _, err := protocol.ErasureOf(h.v.Leaf); err != nil || g.erasureAt(h.v.Index) == nil {
		return refuse("the leaf erases nobody")
	}
	var err error
	if h.priv, err = h.v.Opening(h.req.Private, h.req.Salt); err != nil {
		return refuse("the private part shown is not the one that the leaf commits to") // without the error: it may quote
	}
	if err := h.v.Evidence(h.req.Salt, h.req.Evidence); err != nil {
		return refuse("the evidence shown is not the one that the leaf commits to")
	}
	if len(h.priv.Subjects) != h.v.Leaf.Act.Count || len(h.req.Traces) != h.v.Leaf.Act.Count {
		return refuse("%d subjects and %d trace keys of an erasure of %d", len(h.priv.Subjects), len(h.req.Traces), h.v.Leaf.Act.Count)
	}
	if err := g.verifyTraces(h); err != nil {
		return err // another key may be the right one
	}
	return nil
}

// erasureWindow is how long after its time an erasure may come to stand on record: a hub that was killed before it was published goes on where it
// was. Whoever has kept a signed one back gains a day of what was to be erased anyway.
const erasureWindow = protocol.ErasureGrace

// erasedThen is when the act was on record: by the receipt, or by our own first sight where that is earlier.
func (g *Guardian) erasedThen(_ context.Context, h *hearing) error {
	var err error
	if h.at, err = h.v.Leaf.Act.When(); err != nil {
		return refuse("the act's time cannot be read")
	}
	h.onLog = verify.LeafTime(h.v, g.now().roster.T)
	if seen := time.Unix(g.erasureAt(h.v.Index).Seen, 0); seen.Before(h.onLog) {
		h.onLog = seen
	}
	if h.at.After(h.onLog.Add(maxSkew)) || h.onLog.Sub(h.at) > erasureWindow {
		return refuse("the act is dated %s, and was on record at %s as far as this guardian can tell", h.at.UTC().Format(time.RFC3339), h.onLog.UTC().Format(time.RFC3339))
	}
	return nil
}

// withinErasures: the office has not used up its hour.
func (g *Guardian) withinErasures(_ context.Context, h *hearing) error {
	limits := h.set.Limits(h.v.Leaf.Act.Office)
	g.index.mu.RLock()
	acts, subjects := g.index.erased.hour(h.v.Index)
	g.index.mu.RUnlock()
	if acts > limits.Acts || subjects > limits.Subjects {
		return refuse("the office %s has used up its erasures of that hour for this purpose", h.v.Leaf.Act.Office)
	}
	return nil
}

// erasesWhom: the erased tags, and the tags of the use, are those of the act's subjects.
func (g *Guardian) erasesWhom(_ context.Context, h *hearing) error {
	public, err := protocol.ErasureOf(h.v.Leaf)
	if err != nil {
		return err
	}
	seen := map[tribune.Pseudonym]bool{}
	for i, s := range h.priv.Subjects {
		if seen[s.P] || len(s.IDs) != 0 {
			return refuse("an erasure names a subject twice, or opens something")
		}
		seen[s.P] = true
		err := underKey(h.req.Traces[i], func(k []byte) error {
			if protocol.UseTag(k, s.N) != h.v.Leaf.Tags[i] {
				return refuse("subject %d of the act: the tag in the leaf is not theirs", i+1)
			}
			return g.index.erasesBy(k, public.Erased[i], i)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// erasesBy: the erased tag is one of the next numbers of whoever has trace key k.
func (x *index) erasesBy(k []byte, tag tribune.Tag, i int) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for m, absent := uint64(1), 0; absent <= protocol.ErasedAhead; m++ {
		t := protocol.ErasedTag(k, m)
		if t == tag {
			return nil
		}
		if len(x.erased.days[t]) == 0 {
			absent++
		} else {
			absent = 0
		}
	}
	return refuse("subject %d of the act: the erased tag in the leaf is not theirs", i+1)
}

// erasureAt is what we think of the erasure at a leaf; nil where none stands there.
func (g *Guardian) erasureAt(i uint64) *erasureLeaf {
	g.index.mu.RLock()
	defer g.index.mu.RUnlock()
	l := g.index.erased.leaves[i]
	if l == nil {
		return nil
	}
	one := *l
	return &one
}

// rule comes to a verdict, durably. What was proven stays so.
func (g *Guardian) rule(i uint64, v verdict, reason string) error {
	g.index.mu.Lock()
	l := g.index.erased.leaves[i]
	if l == nil || l.Verdict == proven || l.Verdict == v {
		g.index.mu.Unlock()
		return nil
	}
	l.Verdict, l.Reason, l.At = v, reason, g.cfg.Now().Unix()
	g.index.erased.dirty = true
	g.index.mu.Unlock()
	return g.keepErasures()
}

func (g *Guardian) stateErasure(l *erasureLeaf) *protocol.ErasureStatement {
	s := &protocol.ErasureStatement{Guardian: g.self.name, Leaf: l.Hash, Time: l.At}
	s.Sign(g.self.key)
	return s
}

// maxListed bounds each list of GET /erasures.
const maxListed = 256

// listErasures answers GET /erasures: what is not proven.
func (g *Guardian) listErasures(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, g.unprovenErasures())
}

// erasureStated answers GET /erasures/HASH, the hash of a leaf, with our statement that we obey it.
func (g *Guardian) erasureStated(w http.ResponseWriter, r *http.Request) {
	var hash tribune.Hash
	if err := hash.UnmarshalText([]byte(r.PathValue("hash"))); err != nil {
		http.Error(w, "not the hash of a leaf", http.StatusBadRequest)
		return
	}
	g.index.mu.RLock()
	i, known := g.index.erased.byHash[hash]
	g.index.mu.RUnlock()
	l := g.erasureAt(i)
	if !known || l.Verdict != proven {
		http.Error(w, "this guardian was not shown that such an erasure is lawful", http.StatusNotFound)
		return
	}
	s, err := g.stateKept(l)
	if err != nil {
		http.Error(w, "this guardian cannot keep what it knows at present", http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, s)
}

// erasuresFile is where verdicts are, by leaf.
const erasuresFile = "erasures.json"

func readErasures(raw []byte) (map[uint64]keptErasure, error) {
	kept := map[uint64]keptErasure{}
	if err := json.Unmarshal(raw, &kept); err != nil {
		return nil, fmt.Errorf("reading what is known of erasures: %w", err)
	}
	return kept, nil
}
