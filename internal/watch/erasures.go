package watch

import (
	"context"
	"encoding/json"
	"fmt"

	"tribune/protocol"
)

const maxErasureList = 1 << 20 // at most 256 of each list, some 200 bytes each

// erasures asks a guardian which erasures on record it does not obey, since nobody has shown it that they are lawful: somebody tried to have a person
// refused for ever. A guardian of a version before says nothing of it.
func (w *Watcher) erasures(ctx context.Context, g *source, name string) {
	body, err := g.get(ctx, g.base+"erasures", maxErasureList)
	var list protocol.ErasureList
	if err != nil || json.Unmarshal(body, &list) != nil {
		return
	}
	for _, u := range list.Unproven {
		raw, err := w.Copy.mirror.Leaf(u.Leaf)
		if err != nil {
			continue // of what is not held yet
		}
		leaf, err := protocol.DecodeLeaf(raw)
		if err != nil {
			continue
		}
		if _, err := protocol.ErasureOf(leaf); err != nil {
			continue // no erasure stands there, whatever this guardian says
		}
		w.report(ForgedErasure, fmt.Sprint(u.Leaf), fmt.Sprintf("%s does not obey the erasure in entry %d: %q.", orSomebody(name), u.Leaf, u.Reason), func() *Evidence {
			return &Evidence{Version: 1, Leaves: []uint64{u.Leaf}}
		})
	}
}
