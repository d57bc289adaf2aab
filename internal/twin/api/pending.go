package api

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/web"
)

const (
	signWithin  = 60 * time.Second // as long as the way keeps a prepared act
	maxFrames   = 4096             // acts that wait for a signature
	maxAwaiting = 100_000          // entities and sealed values that all frames hold together; most are shared with the twin's cache
)

// frame is an answer that waits for its act to be signed: the second request shows what the first has found.
type frame struct {
	found   *found
	spots   []spot
	caller  tribune.Caller
	request [sha256.Size]byte // fingerprint of the request
	until   time.Time

	standing *tribune.Standing // of a subscription; nil = of a reading
}

// pending holds frames by act id, bounded in number, size and time.
type pending struct {
	now func() time.Time

	mu     sync.Mutex // guards both; held is the weight of all frames
	frames map[string]*frame
	held   int
}

// weight counts what a frame holds: one history may have thousands of values.
func (f *frame) weight() int { return len(f.found.entities) + len(f.spots) }

func newPending(now func() time.Time) *pending {
	return &pending{now: now, frames: map[string]*frame{}}
}

func (p *pending) put(id string, f *frame) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := f.weight()
	if len(p.frames) >= maxFrames || p.held+n > maxAwaiting {
		now := p.now()
		for old, g := range p.frames {
			if now.After(g.until) {
				p.drop(old)
			}
		}
	}
	if len(p.frames) >= maxFrames || p.held+n > maxAwaiting {
		return tribune.Hint(fmt.Errorf("%w: too many acts wait for a signature", tribune.ErrBusy), "Try again in a minute.")
	}
	p.frames[id] = f
	p.held += n
	return nil
}

func (p *pending) drop(id string) {
	if f := p.frames[id]; f != nil {
		p.held -= f.weight()
		delete(p.frames, id)
	}
}

// take removes and returns the frame of an act. Whoever is not its caller learns nothing and takes nothing.
func (p *pending) take(id string, caller tribune.Caller, request [sha256.Size]byte) (*frame, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.frames[id]
	if f == nil || f.caller != caller || p.now().After(f.until) {
		return nil, tribune.Hint(fmt.Errorf("%w: no act of this caller waits under this id", tribune.ErrNotFound),
			"A prepared act lives %s and is used once, with the purpose and mandate it was prepared with. Send the request again without %s.", signWithin, web.ActHeader)
	}
	if f.request != request {
		return nil, tribune.Hint(fmt.Errorf("%w: this is not the request that the act was prepared for", tribune.ErrInvalid), "Repeat method, URL, headers and body exactly, and add %s and %s.", web.ActHeader, web.SignatureHeader)
	}
	p.drop(id)
	return f, nil
}

// fingerprint is what must be equal in both requests of an act.
func fingerprint(r *http.Request, body []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, s := range []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get(tenantHeader), r.Header.Get("Accept"), r.Header.Get("Link"), r.Header.Get("Content-Type"), string(body)} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	h.Sum(sum[:0])
	return sum
}
