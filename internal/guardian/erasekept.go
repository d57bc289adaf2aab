package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// What a guardian has found out about erasures, on disk; and what others tell one that was not there.

// askPeersEvery is how often peers are asked about erasures that nobody has shown us.
const askPeersEvery = 30 * time.Second

// openErasures reads verdicts back, before the mirror is read. fresh: this folder has none yet.
func (g *Guardian) openErasures() (fresh bool, err error) {
	raw, err := durable.Read(filepath.Join(g.cfg.Dir, erasuresFile))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err == nil {
		g.index.erased.kept, err = readErasures(raw)
	}
	if err != nil {
		return false, fmt.Errorf("reading what is known of erasures: %w", err)
	}
	return false, nil
}

// beginErasures writes the file at the first start. A mirror that was kept before guardians were shown erasures holds some that nobody can show any
// more: they were obeyed, and are.
func (g *Guardian) beginErasures() error {
	g.index.mu.Lock()
	for _, l := range g.index.erased.leaves {
		l.Verdict, l.Reason, l.At = proven, "of before erasures were shown", g.cfg.Now().Unix()
	}
	g.index.erased.dirty = true
	g.index.mu.Unlock()
	return g.keepErasures()
}

// keepErasures writes verdicts where they have changed.
func (g *Guardian) keepErasures() error {
	g.erasing.Lock() // one writer: the newest state is written last
	defer g.erasing.Unlock()
	g.index.mu.Lock()
	dirty, kept := g.index.erased.dirty, map[uint64]keptErasure{}
	if dirty {
		maps.Copy(kept, g.index.erased.kept) // of leaves that a mirror which lost its end does not hold yet
		for i, l := range g.index.erased.leaves {
			kept[i] = l.keptErasure
		}
	}
	g.index.erased.dirty = false
	g.index.mu.Unlock()
	if !dirty {
		return nil
	}
	raw, err := json.Marshal(kept)
	if err == nil {
		err = durable.Write(filepath.Join(g.cfg.Dir, erasuresFile), raw)
	}
	if err != nil {
		g.index.mu.Lock()
		g.index.erased.dirty = true
		g.index.mu.Unlock()
		return fmt.Errorf("keeping what is known of erasures: %w", err)
	}
	return nil
}

// followErasures asks peers about what is pending, until ctx ends: the proof is shown once, and a guardian that was away, or joins later, has
// missed it. t of their statements hold one by an honest guardian that has seen it.
func (g *Guardian) followErasures(ctx context.Context) error {
	tick := time.NewTicker(askPeersEvery)
	defer tick.Stop()
	for after := uint64(0); ; {
		hung := map[string]bool{}
		for _, i := range g.unshown(after) {
			if err := g.askPeers(ctx, i, g.erasureAt(i).Hash, hung); err != nil && ctx.Err() == nil {
				return err
			}
			after = i + 1
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// unshown are erasures that are not proven, and not found to be forged: maxListed of them at most, from a leaf on, and then from the first. So nobody keeps
// one from its turn by putting others on record.
func (g *Guardian) unshown(after uint64) (all []uint64) {
	g.index.mu.RLock()
	defer g.index.mu.RUnlock()
	for i, l := range g.index.erased.leaves {
		if l.Verdict == pending {
			all = append(all, i)
		}
	}
	slices.Sort(all)
	first, _ := slices.BinarySearch(all, after)
	all = slices.Concat(all[first:], all[:first])
	return all[:min(len(all), maxListed)]
}

// askPeers asks all peers at once, until enough have stated it. One that hangs costs callTimeout, and is not asked again in this round.
func (g *Guardian) askPeers(ctx context.Context, i uint64, hash tribune.Hash, hung map[string]bool) error {
	peers := slices.DeleteFunc(g.clock.all(), func(p peer) bool { return hung[p.name] })
	urls := g.peerURLs(ctx, peers)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	type answer struct {
		peer   string
		states bool
	}
	answers := make(chan answer, len(peers))
	for _, p := range peers {
		go func() { answers <- answer{p.name, urls[p.name] != "" && g.states(ctx, p, urls[p.name], hash)} }()
	}
	waiting := map[string]bool{}
	for _, p := range peers {
		waiting[p.name] = true
	}
	for stated := 0; len(waiting) > 0; {
		select {
		case a := <-answers:
			delete(waiting, a.peer)
			if a.states {
				stated++
			}
			if stated >= g.now().roster.T {
				return g.rule(i, proven, "other guardians have stated it")
			}
		case <-ctx.Done():
			for name := range waiting {
				hung[name] = true
			}
			return nil
		}
	}
	return nil
}

// peerURLs has a time of its own: the hub, which may be asked, does not use up that of the peers.
func (g *Guardian) peerURLs(ctx context.Context, peers []peer) map[string]string {
	ctx, cancel := context.WithTimeout(ctx, pollEvery)
	defer cancel()
	return g.clock.urls(ctx, peers)
}

// states reports whether a peer states that it obeys an erasure.
func (g *Guardian) states(ctx context.Context, p peer, url string, hash tribune.Hash) bool {
	var s protocol.ErasureStatement
	return g.clock.get(ctx, strings.TrimSuffix(url, "/")+"/erasures/"+hash.String(), &s) == nil && s.Guardian == p.name && s.Leaf == hash && s.Verify(p.key) == nil
}

// unprovenErasures is what GET /erasures lists: the newest of each.
func (g *Guardian) unprovenErasures() protocol.ErasureList {
	now := g.cfg.Now()
	g.index.mu.RLock()
	defer g.index.mu.RUnlock()
	list := protocol.ErasureList{Pending: []uint64{}, Unproven: []protocol.UnprovenErasure{}}
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(g.index.erased.leaves))) {
		l := g.index.erased.leaves[i]
		switch {
		case l.Verdict == proven:
		case l.obeyed(now):
			if len(list.Pending) < maxListed {
				list.Pending = append(list.Pending, i)
			}
		case len(list.Unproven) < maxListed:
			list.Unproven = append(list.Unproven, l.unproven(i))
		}
	}
	return list
}

func (l *erasureLeaf) unproven(i uint64) protocol.UnprovenErasure {
	if l.Verdict == forged {
		return protocol.UnprovenErasure{Leaf: i, Reason: "forged: " + l.Reason, Since: l.At}
	}
	return protocol.UnprovenErasure{Leaf: i, Reason: "nobody has shown by whose mandate and signature", Since: time.Unix(l.Seen, 0).Add(protocol.ErasureGrace).Unix()}
}
