package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tribune"
	"tribune/verify"
)

const maxGossip = 256 // checkpoints from others that one round looks at

// looked is what one round was shown.
type looked struct {
	all       []sighting
	hub       *sighting // nil where it shows none that verifies
	hubUp     bool
	guardians map[*source]*sighting // nil where it shows none that verifies
	away      map[*source]error     // those that do not answer, and why
	split     map[*source]bool      // those that show another history
}

// look asks hub, guardians and gossip for their checkpoints.
func (w *Watcher) look(ctx context.Context) *looked {
	l := &looked{guardians: map[*source]*sighting{}, away: map[*source]error{}, split: map[*source]bool{}}
	hub, err := w.ask(ctx, w.Copy.hub)
	l.hub, l.hubUp = hub, answers(err)
	if err != nil {
		w.cfg.Log.Debug("the hub shows no checkpoint", "err", errors.Unwrap(err))
	}
	if hub != nil {
		l.all = append(l.all, *hub)
		if err := w.Copy.quorum(ctx, hub.cp); err != nil {
			w.report(NoQuorum, "hub", "The hub shows a checkpoint without the quorum: "+err.Error()+".", w.shown(*hub))
		} else {
			w.Book.settle(NoQuorum, "hub")
		}
	}
	for _, g := range w.Copy.peers() {
		s, err := w.ask(ctx, g)
		if err != nil {
			l.away[g] = err
			w.cfg.Log.Debug("a guardian shows no checkpoint", "at", g.base, "err", errors.Unwrap(err))
		}
		if l.guardians[g] = s; s != nil {
			l.all = append(l.all, *s)
		}
	}
	l.all = append(l.all, w.gossip(ctx)...)
	return l
}

// ask gets one checkpoint and verifies its signatures, however few guardians have signed.
func (w *Watcher) ask(ctx context.Context, src *source) (*sighting, error) {
	raw, err := src.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	cp, err := w.Copy.open(ctx, raw)
	if err != nil {
		w.report(Unverifiable, src.base, fmt.Sprintf("What %s shows as its checkpoint does not verify: %v.", src.name, err), func() *Evidence {
			return &Evidence{Version: 1, Checkpoints: []Seen{{From: src.name, At: w.cfg.Now(), Note: string(raw)}}}
		})
		return nil, nil
	}
	w.Book.settle(Unverifiable, src.base)
	return &sighting{from: src.name, src: src, at: w.cfg.Now(), cp: cp}, nil
}

// gossip reads checkpoints that others were shown. What does not verify was not signed by the log, and says nothing.
func (w *Watcher) gossip(ctx context.Context) (all []sighting) {
	take := func(from string, raw []byte, src *source) {
		if p, err := verify.ParseProof(raw); err == nil {
			raw = p.Checkpoint // a receipt holds the checkpoint that its owner was shown
		}
		if cp, err := w.Copy.open(ctx, raw); err == nil && len(all) < maxGossip {
			all = append(all, sighting{from: from, src: src, at: w.cfg.Now(), cp: cp})
		}
	}
	for _, g := range w.cfg.Gossip {
		if strings.HasPrefix(g, "http://") || strings.HasPrefix(g, "https://") {
			src := newGuardian(strings.TrimSuffix(strings.TrimSuffix(g, "/"), "/checkpoint"), w.Copy.get)
			if raw, err := src.checkpoint(ctx); err == nil {
				take(g, raw, src)
			}
			if raw, err := w.Copy.get(ctx, src.base+"group/chain", maxChainBody); err == nil {
				if links, err := parseChain(raw); err == nil {
					w.Copy.adopt(links, g, false, w.cfg.Now())
				}
			}
			continue
		}
		for _, path := range filesOf(g) {
			if raw, err := readBounded(path, verify.MaxReceipt); err == nil {
				take(path, raw, nil)
			}
		}
	}
	return all
}

func filesOf(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}
	}
	entries, _ := os.ReadDir(path)
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() && len(out) < maxGossip {
			out = append(out, filepath.Join(path, e.Name()))
		}
	}
	return out
}

func readBounded(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(raw) > limit {
		err = fmt.Errorf("%s: %w", path, tribune.ErrTooLarge)
	}
	return raw, err
}

// follow makes the copy hold the furthest tree that carries the quorum.
func (w *Watcher) follow(ctx context.Context, l *looked) error {
	w.Copy.note(l.all, w.cfg.Now())
	best, ok := w.Copy.best(l.all)
	if !ok {
		return nil
	}
	err := w.Copy.follow(ctx, best, w.Copy.sources())
	w.Copy.settled(best, err)
	var r *rewritten
	switch {
	case err == nil:
		w.over("withheld")
		w.Book.settle(Withheld, "record")
	case errors.As(err, &r):
		w.split("the checkpoint with the guardians' co-signatures", time.Time{}, r)
	case integrity(err):
		return err
	case ctx.Err() != nil:
		return nil
	case answers(err) || errors.Is(err, tribune.ErrInvalid):
		if w.lasting("withheld", w.patience) {
			w.report(Withheld, "record", fmt.Sprintf("A checkpoint of %d leaves carries the quorum, and nobody serves what it covers: %v.", best.Size, err), w.shown(sighting{from: "hub and guardians", at: w.cfg.Now(), cp: best}))
		}
	default:
		w.cfg.Log.Warn("the record cannot be fetched", "err", err)
	}
	return nil
}

// compare holds everything that was shown against the copy.
func (w *Watcher) compare(ctx context.Context, l *looked) {
	for _, s := range l.all {
		var fetch verify.Fetch
		if s.src != nil {
			fetch = s.src.fetch(ctx)
		}
		var r *rewritten
		if err := w.Copy.compare(s.cp, fetch); errors.As(err, &r) {
			l.split[s.src] = true
			w.split(s.from, s.at, r)
		}
	}
	w.rolledBack(l)
}

func (w *Watcher) split(from string, at time.Time, r *rewritten) {
	if at.IsZero() {
		at = w.cfg.Now()
	}
	small, large := r.held, r.shown
	subject := fmt.Sprintf("%d %s", small.Size, small.Root)
	text := fmt.Sprintf("The log has signed two histories: the tree of %d leaves with root %s, and a tree of %d leaves that does not begin with it. One was shown by %s, the other is the record held here.", small.Size, small.Root, large.Size, from)
	w.report(SplitView, subject, text, func() *Evidence {
		e := &Evidence{Version: 1, Checkpoints: []Seen{{From: from, At: at, Note: string(small.Note)}, {From: "the copy of this watcher", At: at, Note: string(large.Note)}}}
		if small.Size != large.Size {
			e.Consistency = &r.proof
		}
		return e
	})
}

// rolledBack: the hub shows less than it has shown before, or for longer than a moment less than the guardians have co-signed.
func (w *Watcher) rolledBack(l *looked) {
	head := w.Copy.head()
	if l.hub == nil || head == nil {
		return
	}
	size := l.hub.cp.Size
	if size >= head.Size {
		w.state.HubBest = max(w.state.HubBest, size)
		w.over("rolled-back")
		w.Book.settle(RolledBack, "hub")
		return
	}
	lasts := w.lasting("rolled-back", w.patience)
	if size < w.state.HubBest || lasts {
		w.report(RolledBack, "hub", fmt.Sprintf("The hub shows a record of %d leaves; %d are on record under the guardians' co-signatures. At least %d are gone from what it shows.", size, head.Size, head.Size-size), func() *Evidence {
			return &Evidence{Version: 1, Checkpoints: []Seen{{From: "the copy of this watcher", At: w.cfg.Now(), Note: string(head.Note)}, {From: "the hub", At: l.hub.at, Note: string(l.hub.cp.Note)}}}
		})
	}
}

// fresh: the guardians' co-signatures are renewed all the time.
func (w *Watcher) fresh(l *looked) {
	now, head := w.cfg.Now(), w.Copy.head()
	hub := "The hub answers."
	if !l.hubUp {
		hub = "The hub does not answer."
	}
	if head == nil {
		if w.lasting("stalled", w.cfg.StallAfter) {
			w.report(Stalled, "record", "No checkpoint with the quorum has been seen yet. "+hub, nil)
		}
		return
	}
	last := cosigned(head)
	if now.Sub(last) > w.cfg.StallAfter {
		w.report(Stalled, "record", fmt.Sprintf("The newest co-signatures are of %s, on %d leaves. %s", last.Format(time.RFC3339), head.Size, hub), w.shown(sighting{from: "hub and guardians", at: now, cp: head}))
	} else {
		w.over("stalled")
		w.Book.settle(Stalled, "record")
	}
	for _, c := range head.Cosignatures {
		if ahead := c.Time.Sub(now); ahead > maxAhead {
			w.report(Clock, c.Name, fmt.Sprintf("The co-signature of %s is of %s, %s from now by this watcher's clock.", c.Name, c.Time.Format(time.RFC3339), ahead.Round(time.Second)), w.shown(sighting{from: "hub and guardians", at: now, cp: head}))
		} else {
			w.Book.settle(Clock, c.Name)
		}
	}
}

// shown is the evidence of a checkpoint.
func (w *Watcher) shown(s sighting) func() *Evidence {
	return func() *Evidence {
		return &Evidence{Version: 1, Checkpoints: []Seen{{From: s.from, At: s.at, Note: string(s.cp.Note)}}}
	}
}

func (w *Watcher) report(k Kind, subject, text string, evidence func() *Evidence) {
	w.Book.report(k, subject, text, evidence)
}
