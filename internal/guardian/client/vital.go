package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"tribune"
	"tribune/protocol"
)

// CheckVital has every guardian check a disclosure of what was opened without them, and returns the word of those that found it as it should
// be, and why others did not. Each word is its guardian's own, of this leaf.
func (c *Client) CheckVital(ctx context.Context, leaf tribune.Hash, req protocol.Request) (checks []protocol.VitalChecked, failures []error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, []error{err}
	}
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, m := range c.now().members {
		wg.Go(func() {
			var a protocol.VitalAnswer
			err := c.call(ctx, m, http.MethodPost, "/vital", body, maxSmall, &a)
			switch {
			case err != nil:
			case a.Refusal != nil && a.Checked == nil:
				if err = a.Refusal.Verify(m.key); err == nil {
					err = fmt.Errorf("%w: %s", tribune.ErrRefused, words([]byte(a.Refusal.Reason)))
				}
			case a.Checked == nil || a.Checked.Guardian != m.Name || a.Checked.Leaf != leaf:
				err = fmt.Errorf("%w: the answer is of another leaf", tribune.ErrInvalid)
			default:
				err = a.Checked.Verify(m.key)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", m.Name, err))
				return
			}
			checks = append(checks, *a.Checked)
		})
	}
	wg.Wait()
	return checks, failures
}
