package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// maxLawAnswer bounds what a guardian says about the law.
const maxLawAnswer = 256 << 10

// Approvals asks all guardians at once what they approve. An answer is taken for what its guardian says, as long as it speaks for
// itself; whether a signature counts is for the law's own rule to say. Those who cannot be asked are left out.
func (c *Client) Approvals(ctx context.Context) map[string][]protocol.ApprovedSet {
	out := map[string][]protocol.ApprovedSet{}
	var mu sync.Mutex // guards out
	c.all(func(m *member) {
		var list protocol.ApprovalList
		if c.getFrom(ctx, m, "/approvals", &list) != nil || list.Guardian != m.Name || len(list.Approvals) > protocol.MaxApprovals {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range list.Approvals {
			if a.Guardian == m.Name {
				out[m.Name] = append(out[m.Name], a)
			}
		}
	})
	return out
}

// Laws asks all guardians at once which law decides for them. Those who cannot be asked are left out.
func (c *Client) Laws(ctx context.Context) (out []protocol.LawState) {
	var mu sync.Mutex // guards out
	c.all(func(m *member) {
		var state protocol.LawState
		if c.getFrom(ctx, m, "/law", &state) != nil || state.Guardian != m.Name {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		out = append(out, state)
	})
	return out
}

// maxLawSet bounds a policy set as a guardian keeps it.
const maxLawSet = 2*policy.MaxBytes + 1<<20

// LawSet asks one guardian after the other for the files of a policy set that they were shown; whoever asks checks their hash and
// signatures.
func (c *Client) LawSet(ctx context.Context, hash tribune.Hash) (map[string][]byte, error) {
	for _, m := range c.now().members {
		var set struct {
			Files map[string][]byte `json:"files"`
		}
		one, cancel := context.WithTimeout(ctx, nameTimeout)
		err := c.call(one, m, http.MethodGet, "/law/"+hash.String(), nil, maxLawSet, &set)
		cancel()
		if err == nil && policy.HashFiles(set.Files) == hash {
			return set.Files, nil
		}
	}
	return nil, fmt.Errorf("%w: no guardian shows policy set %s", tribune.ErrNotFound, hash)
}

func (c *Client) all(each func(*member)) {
	var done sync.WaitGroup
	for _, m := range c.now().members {
		done.Go(func() { each(m) })
	}
	done.Wait()
}

func (c *Client) getFrom(ctx context.Context, m *member, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	err := c.call(ctx, m, http.MethodGet, path, nil, maxLawAnswer, into)
	if err != nil && ctx.Err() != nil {
		return errors.Join(tribune.ErrBusy, err)
	}
	return err
}
