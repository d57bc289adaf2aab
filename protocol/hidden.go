package protocol

import (
	"sync"
	"time"

	"tribune"
)

const (
	// maxExtensions bounds what extensions can make anybody remember; beyond it further ones do not count, and chains open earlier.
	maxExtensions = 1 << 16
	// extensionLate is how long after the end of its quarter an extension may still be on its way to the record.
	extensionLate = 10 * time.Minute
	// leafAhead is how far ahead of our clock a leaf's own time may be.
	leafAhead = time.Minute
)

// HiddenEnds knows until when hidden chains stay hidden (28): until their quarter is over, or until the later day that an extension put
// on record before that. Whoever extends learns nothing here, and cannot hide a chain for ever (MaxExtension). Its zero value knows of no
// extension; it is safe for concurrent use.
type HiddenEnds struct {
	// Valid reports whether an extension's warrant allows it, as the law sees it that was in force at that leaf. nil = every warrant.
	Valid func(leaf uint64, at time.Time, e Extension) bool
	// Now bounds what a leaf that is dated ahead does to extensions after it, which would all come too late. nil = nothing bounds it.
	Now func() time.Time

	mu     sync.Mutex                 // guards all
	newest time.Time                  // of the acts on record so far
	until  map[tribune.Hash][]claimed // by HiddenChain
	all    int                        // of them
}

// claimed is an extension as it stands on record. Which quarter its chain is of is not known before somebody asks for the chain.
type claimed struct {
	Extension
	until, at time.Time // the later end; when it was put on record, at the latest
	leaf      uint64
}

// Leaf takes each leaf in order. That its time is not earlier than that of leaves before it keeps extensions from being dated back.
func (h *HiddenEnds) Leaf(index uint64, l Leaf) {
	at, err := l.Act.When()
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if at.After(h.newest) && (h.Now == nil || !at.After(h.Now().Add(leafAhead))) {
		h.newest = at
	}
	if l.Act.Kind != tribune.ActExtension || !l.Decision.Permit {
		return
	}
	e, until, err := DecodeExtension(l.Public)
	if err != nil {
		return
	}
	if h.all >= maxExtensions {
		return
	}
	if h.until == nil {
		h.until = map[tribune.Hash][]claimed{}
	}
	h.all++ // each is kept: which of them a court allows is not known here, and one that it does not must not take the place of one that it does
	h.until[e.Chain] = append(h.until[e.Chain], claimed{e, until, h.newest, index})
}

// Until is when a hidden chain opens to its subject: when its quarter is over, or at the latest end that an extension gives it which counts.
func (h *HiddenEnds) Until(city string, id tribune.Identity) time.Time {
	end := QuarterEnd(id.Quarter)
	h.mu.Lock()
	all := h.until[HiddenChain(city, id)]
	h.mu.Unlock()
	opens, bound := end, end.Add(MaxExtension)
	for _, e := range all {
		if e.at.After(end.Add(extensionLate)) || !e.until.After(opens) || h.Valid != nil && !h.Valid(e.leaf, e.at, e.Extension) {
			continue
		}
		opens = e.until
	}
	if opens.After(bound) {
		return bound
	}
	return opens
}
