package client

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// indexTimeout: a guardian builds an index of some millions of tags in a second or two, and may wait 3 s for its mirror.
const indexTimeout = 30 * time.Second

// SignIndex asks every guardian for its signature of the index that the hub has built, in a log of that origin. Each builds
// its own from its own mirror; those that come to another one, or do not answer, are among the failures.
func (c *Client) SignIndex(ctx context.Context, origin string, head protocol.IndexHead) (signatures map[string][]byte, failures []error) {
	body, err := protocol.JCS(wire.IndexRequest{Size: head.Size})
	if err != nil {
		return nil, []error{err}
	}
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	signatures = map[string][]byte{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range c.now().members {
		wg.Go(func() {
			signature, err := c.signIndex(ctx, m, body, origin, head)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", m.Name, err))
				return
			}
			signatures[m.Name] = signature
		})
	}
	wg.Wait()
	return signatures, failures
}

func (c *Client) signIndex(ctx context.Context, m *member, body []byte, origin string, head protocol.IndexHead) ([]byte, error) {
	var a wire.IndexAnswer
	if err := c.call(ctx, m, http.MethodPost, "/index", body, maxSmall, &a); err != nil {
		return nil, err
	}
	if a.IndexHead != head {
		return nil, &tribune.IntegrityError{What: "the index of the record's tags", Err: fmt.Errorf("%w: this guardian computes another one from its mirror", tribune.ErrInvalid)}
	}
	return a.Signature, head.Verify(origin, m.key, a.Signature)
}
