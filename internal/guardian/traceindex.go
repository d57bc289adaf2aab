package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

const (
	maxIndexBody = 256
	// indexesKept: who walks along one index while the next appears finishes with the one they began with.
	indexesKept = 2
	// An index is built from all tags on record: a second for some millions. Once a day is usual, a hub's word for it is not enough.
	indexEvery = 10 * time.Second
	indexBurst = 4
)

// traceIndex builds the daily index from our own mirror, signs it for the hub and serves it to citizens (protocol 29).
type traceIndex struct {
	tags  *index
	now   func() time.Time
	limit *rate.Limiter

	building sync.Mutex        // guards built, and lets one index be built at a time
	built    []*protocol.Index // newest last

	mu     sync.Mutex      // guards what follows; never held for long: the mirror waits for it
	latest tagindex.Latest // as the newest leaf of kind index says
	known  bool            // there is such a leaf
}

var _ tagindex.Source = (*traceIndex)(nil)

func newTraceIndex(tags *index, now func() time.Time) *traceIndex {
	return &traceIndex{tags: tags, now: now, limit: rate.NewLimiter(rate.Every(indexEvery), indexBurst)}
}

// leaf notes which index is the newest on record. Who it is signed by is for its reader to check; that it is true, we know
// once we have built it ourselves.
func (x *traceIndex) leaf(i uint64, l protocol.Leaf) {
	public, err := protocol.DecodeIndexLeaf(l.Public)
	if err != nil || public.Size > i {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.latest, x.known = tagindex.Latest{IndexHead: public.IndexHead, Leaf: i}, true
}

// Latest implements tagindex.Source.
func (x *traceIndex) Latest() (tagindex.Latest, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.latest, x.known
}

// Index implements tagindex.Source: of the newest index on record, and of those built lately. A stranger can have no other built.
func (x *traceIndex) Index(size uint64) (*protocol.Index, error) {
	latest, known := x.Latest()
	return x.of(size, known && size == latest.Size)
}

// of is the index of a size, built where may says so and it was not built lately.
func (x *traceIndex) of(size uint64, may bool) (*protocol.Index, error) {
	x.building.Lock()
	defer x.building.Unlock()
	for _, b := range x.built {
		if b.Size == size {
			return b, nil
		}
	}
	if !may {
		return nil, fmt.Errorf("%w: no index of size %d", tribune.ErrNotFound, size)
	}
	if !x.limit.AllowN(x.now(), 1) {
		return nil, fmt.Errorf("%w: this guardian builds an index every %s", tribune.ErrBusy, indexEvery)
	}
	b, err := protocol.NewIndex(size, x.tags.entries())
	if err != nil {
		return nil, fmt.Errorf("building the index of size %d: %w", size, err)
	}
	x.built = append(x.built, b)
	if len(x.built) > indexesKept {
		x.built = append([]*protocol.Index(nil), x.built[1:]...)
	}
	return b, nil
}

// entries are all pairs of a tag and a leaf that carries it.
func (x *index) entries() []protocol.IndexEntry {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make([]protocol.IndexEntry, 0, len(x.tags)+len(x.again))
	for t, i := range x.tags {
		all = append(all, protocol.IndexEntry{Tag: t, Leaf: i})
	}
	return append(all, x.again...)
}

// signIndex answers POST /index: our own index of that size, signed. Only the hub may ask, for it costs; what it says is public.
func (g *Guardian) signIndex(w http.ResponseWriter, r *http.Request, body []byte) {
	var req wire.IndexRequest
	if err := protocol.DecodeJCS(body, &req); err != nil {
		http.Error(w, "want {\"size\": N}", http.StatusBadRequest)
		return
	}
	wait, cancel := context.WithTimeout(r.Context(), mirrorWait)
	defer cancel()
	if err := g.mirror.Await(wait, req.Size); err != nil {
		http.Error(w, fmt.Sprintf("this guardian holds %d leaves of the record", g.mirror.Head().Size), http.StatusConflict)
		return
	}
	x, err := g.traceIndex.of(req.Size, true)
	switch {
	case errors.Is(err, tribune.ErrBusy):
		w.Header().Set("Retry-After", "10")
		http.Error(w, err.Error(), http.StatusTooManyRequests)
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(wire.IndexAnswer{IndexHead: x.IndexHead, Signature: x.Sign(g.log.Name(), g.self.key)})
	}
}
