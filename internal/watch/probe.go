package watch

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune/verify"
)

// probe looks whether each guardian serves what it signs: one bundle a round, anywhere in what it has signed.
func (w *Watcher) probe(ctx context.Context, l *looked) {
	for _, g := range w.Copy.peers() {
		if l.split[g] {
			continue // it is said already what it shows
		}
		name := w.nameOf(g, l.guardians[g])
		err := l.away[g]
		served := err == nil && l.guardians[g] != nil
		if served {
			served, err = w.serves(ctx, g, l.guardians[g])
		}
		if ctx.Err() != nil {
			return
		}
		if served {
			w.erasures(ctx, g, name)
			w.over("away " + g.base)
			w.Book.settle(NotServing, g.base)
			w.Book.settle(Away, g.base)
			continue
		}
		if err == nil { // another tree, or a checkpoint that does not verify: said already
			continue
		}
		if !w.lasting("away "+g.base, w.cfg.StallAfter) {
			continue
		}
		if w.signs(name, l) {
			w.Book.settle(Away, g.base)
			w.report(NotServing, g.base, fmt.Sprintf("%s co-signs the newest checkpoint and does not serve what it signs at %s: %v.", name, g.base, err), nil)
		} else {
			w.Book.settle(NotServing, g.base)
			w.report(Away, g.base, fmt.Sprintf("%s does not answer at %s and has not co-signed the newest checkpoint: %v.", orSomebody(name), g.base, err), nil)
		}
	}
}

func orSomebody(name string) string {
	if name == "" {
		return "A guardian"
	}
	return name
}

// nameOf is a guardian's name: as the trust file has it for the address, or as it signs.
func (w *Watcher) nameOf(g *source, s *sighting) string {
	url := g.base[:len(g.base)-1]
	if s != nil && len(s.cp.Cosignatures) == 1 {
		if _, known := w.names[url]; !known {
			w.names[url] = s.cp.Cosignatures[0].Name
		}
	}
	return w.names[url]
}

// signs reports whether the guardian's co-signature is on what is published now, and fresh.
func (w *Watcher) signs(name string, l *looked) bool {
	head := w.Copy.head()
	if l.hub != nil {
		head = l.hub.cp
	}
	if head == nil || name == "" {
		return false
	}
	for _, c := range head.Cosignatures {
		if c.Name == name && w.cfg.Now().Sub(c.Time) <= w.cfg.StallAfter {
			return true
		}
	}
	return false
}

// serves fetches one bundle from a guardian and holds it against the copy. The error says why it serves nothing; false without one
// is a guardian that serves something else.
func (w *Watcher) serves(ctx context.Context, g *source, s *sighting) (bool, error) {
	head := w.Copy.mirror.Head()
	size := min(s.cp.Size, head.Size)
	if size == 0 {
		return true, nil
	}
	n := rand.Uint64N((size-1)/layout.EntryBundleWidth + 1)
	width := min(size-n*layout.EntryBundleWidth, layout.EntryBundleWidth)
	path := layout.EntriesPath(n, uint8(width%layout.EntryBundleWidth))
	raw, err := g.fetch(ctx)(path)
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	ours, err := w.Copy.mirror.Entries(n)
	if err != nil {
		return false, nil
	}
	if bytes.Equal(raw, bundle(ours[:width])) {
		w.Book.settle(OtherTiles, g.base)
		return true, nil
	}
	first := n * layout.EntryBundleWidth
	w.report(OtherTiles, g.base, fmt.Sprintf("The guardian at %s has signed the record that is held here, and serves other entries from %d on.", g.base, first), func() *Evidence {
		e := &Evidence{Version: 1, Checkpoints: []Seen{{From: s.from, At: s.at, Note: string(s.cp.Note)}}, Leaves: []uint64{first}}
		if served, err := verify.ParseBundle(raw); err == nil {
			for i, entry := range served { // the first that differs says enough
				if i >= len(ours) || !bytes.Equal(entry, ours[i]) {
					e.Entries, e.Leaves = [][]byte{entry}, []uint64{first + uint64(i)}
					break
				}
			}
		}
		return e
	})
	return false, nil
}
