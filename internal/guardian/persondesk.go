package guardian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"tribune"
	"tribune/internal/durable"
	"tribune/protocol"
)

// The desk is for people who cannot log in: somebody of this institution has looked at their papers. Who may ask is who may write into the
// guardian's own folder, which is its operator; nothing of it can be reached over a network. A request is DIR/desk/ID.request, its answer
// DIR/desk/ID.answer, and both are gone when the answer has been read.

const (
	deskFolder = "desk"
	deskEvery  = 500 * time.Millisecond
	deskAnswer = 30 * time.Second // for a guardian that runs
	deskPace   = time.Minute      // people come one by one; two rounds each
	deskBurst  = 20
	deskAtOnce = 16
)

// deskRequest is what the clerk asks for.
type deskRequest struct {
	Path   string               `json:"path"`             // of the round
	Papers *protocol.PersonName `json:"papers,omitempty"` // of a representative, who asks for their ward: their own name, as their papers show it
	protocol.PersonRequest
}

// deskResult is an answer, or why there is none.
type deskResult struct {
	Answer *protocol.PersonAnswer `json:"answer,omitempty"`
	Error  string                 `json:"error,omitempty"`
}

// serveDesk answers what the clerk lays into the folder, until ctx ends.
func (g *Guardian) serveDesk(ctx context.Context) error {
	limit := rate.NewLimiter(rate.Every(deskPace), deskBurst)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(deskEvery):
		}
		waiting, err := filepath.Glob(filepath.Join(g.cfg.Dir, deskFolder, "*.request"))
		if err != nil {
			return fmt.Errorf("desk: %w", err)
		}
		for _, file := range waiting[:min(len(waiting), deskAtOnce)] {
			var result deskResult
			if a, err := g.atDesk(ctx, file, limit); err != nil {
				result.Error = err.Error()
			} else {
				result.Answer = &a
			}
			// A disk that is full ends no guardian: the clerk sees that no answer came.
			if data, err := json.Marshal(result); err == nil {
				durable.Write(strings.TrimSuffix(file, ".request")+".answer", data)
			}
			durable.Remove(file)
		}
	}
}

func (g *Guardian) atDesk(ctx context.Context, file string, limit *rate.Limiter) (protocol.PersonAnswer, error) {
	var req deskRequest
	info, err := os.Stat(file)
	if err == nil && info.Size() > protocol.MaxPersonRequest {
		err = tribune.ErrTooLarge
	}
	var raw []byte
	if err == nil {
		raw, err = durable.Read(file)
	}
	if err == nil {
		err = json.Unmarshal(raw, &req)
	}
	if err != nil {
		return protocol.PersonAnswer{}, fmt.Errorf("%w: the request cannot be read", tribune.ErrInvalid)
	}
	if err := req.Validate(); err != nil {
		return protocol.PersonAnswer{}, err
	}
	keys, ok := g.ceremony.Shares()
	switch {
	case !ok:
		return protocol.PersonAnswer{}, refuse("this guardian holds no share yet: %s", g.ceremony.State())
	case !limit.AllowN(g.cfg.Now(), 1):
		return protocol.PersonAnswer{}, fmt.Errorf("%w: the desk helps one person a minute", tribune.ErrBusy)
	}
	if req.Representation != nil {
		shown := func(p protocol.RepresentParty) bool { return req.Papers != nil && p.Is(*req.Papers) }
		if _, err := g.representing(ctx, req.PersonRequest, deskAskFor, shown); err != nil {
			return protocol.PersonAnswer{}, err
		}
	}
	switch {
	case req.Path == protocol.PersonNamePath:
		return g.nameShare(keys, req.PersonRequest)
	case req.Path == protocol.PersonKeysPath:
		return g.keyShares(keys, req.PersonRequest)
	}
	return protocol.PersonAnswer{}, fmt.Errorf("%w: there is no such round", tribune.ErrInvalid)
}

// askDesk lays a request into the folder of a guardian that runs, and waits for its answer.
func askDesk(ctx context.Context, dir string, req deskRequest) (protocol.PersonAnswer, error) {
	none := protocol.PersonAnswer{}
	folder := filepath.Join(dir, deskFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return none, fmt.Errorf("desk: %w", err)
	}
	data, err := json.Marshal(req)
	if err != nil {
		return none, err
	}
	at := filepath.Join(folder, protocol.NewID())
	if err := durable.Write(at+".request", data); err != nil {
		return none, fmt.Errorf("desk: %w", err)
	}
	defer durable.Remove(at + ".request")
	defer durable.Remove(at + ".answer")
	ctx, cancel := context.WithTimeout(ctx, deskAnswer)
	defer cancel()
	for {
		raw, err := durable.Read(at + ".answer")
		if err == nil {
			var result deskResult
			if err := json.Unmarshal(raw, &result); err != nil {
				return none, fmt.Errorf("desk: reading the answer: %w", err)
			}
			if result.Answer == nil {
				return none, fmt.Errorf("%w: %s", tribune.ErrRefused, result.Error)
			}
			return *result.Answer, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return none, fmt.Errorf("desk: %w", err)
		}
		select {
		case <-ctx.Done():
			return none, tribune.Hint(fmt.Errorf("desk: no answer within %s", deskAnswer), "Is guardian serve running, with this folder?")
		case <-time.After(deskEvery):
		}
	}
}
