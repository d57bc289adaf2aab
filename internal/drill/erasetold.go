package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"tribune/protocol"
)

// recipient is an endpoint outside of the city that is told of parking sessions as they arrive. Down, it answers 503.
type recipient struct {
	mu      sync.Mutex // guards what follows
	told    [][]byte   // notifications
	notices [][]byte
	down    atomic.Bool
	refused atomic.Int64 // while it was down
}

func (r *recipient) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, protocol.MaxNotice))
	if err != nil || r.down.Load() {
		r.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.HasPrefix(body, []byte(`{"notice":`)) {
		r.notices = append(r.notices, body)
	} else {
		r.told = append(r.told, body)
	}
}

func (r *recipient) wasTold(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.told {
		if bytes.Contains(body, []byte(id)) {
			return true
		}
	}
	return false
}

const toldSession = 900_000_005

// subscribe: an office is told of sessions as they arrive, at an endpoint of its own, and of the victim's among them. Then the endpoint goes down.
func (e *erasureDrill) subscribe(ctx context.Context) error {
	p, c := e.play, e.city
	e.recipient = &recipient{}
	url, end, err := p.listen(ctx, e.recipient)
	if err != nil {
		return err
	}
	p.onEnd(end)
	output, code, err := p.command(ctx, "subscribe", "new", "--dir", c.dir, "--as", "inspector-ward", "--attrs", "startedAt", "--to", url)
	if err != nil || code != 0 {
		return fmt.Errorf("%w: subscribing: exit %d: %s: %w", errDrill, code, firstLine(output), err)
	}
	for id, who := range map[int]person{toldSession: e.victim, toldSession + 1: e.living} {
		if err := c.park(ctx, sessionID(id), who); err != nil {
			return err
		}
	}
	err = c.proc.until(ctx, startFor, "an endpoint to be told", func() (bool, error) {
		return e.recipient.wasTold(sessionID(toldSession)) && e.recipient.wasTold(sessionID(toldSession+1)), nil
	})
	p.control(err == nil, "an office subscribes, and sessions of two people arrive", "its endpoint is told of both", "%v", err)
	e.recipient.down.Store(true)
	return err
}

// told: the endpoint was down when the person was erased and the epoch key replaced, and the hub is killed meanwhile; it is told all the same.
func (e *erasureDrill) told(ctx context.Context) error {
	p, c := e.play, e.city
	err := c.proc.until(ctx, startFor, "a try", func() (bool, error) { return e.recipient.refused.Load() > 0, nil })
	if err != nil {
		return err
	}
	c.proc.kill()
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("starting after a kill: %w", err)
	}
	e.recipient.down.Store(false)
	got := func() [][]byte {
		e.recipient.mu.Lock()
		defer e.recipient.mu.Unlock()
		return e.recipient.notices
	}
	late := c.proc.until(ctx, 3*startFor, "a notice", func() (bool, error) { return len(got()) > 0, nil })
	if late != nil {
		p.check(false, "the endpoint was down when the person was erased and the epoch key replaced, and the hub is killed before it comes back", "it is told all the same", "%v", late)
		return nil
	}
	trust, err := c.trust()
	if err != nil {
		return err
	}
	body := got()[0]
	n, err := protocol.DecodeNotice(body, trust.LogKey())
	own := err == nil && n.Kind == protocol.NoticeErased && len(n.About) == 1 && string(n.About[0].ID) == sessionID(toldSession)
	p.check(own, "the endpoint was down when the person was erased and the epoch key replaced, and the hub is killed before it comes back", "it is told all the same, by a document that the trust file verifies, which names the session it was sent",
		"%s of %v until %s, %v", n.Kind, n.About, n.Until, err)
	_, other, _ := ed25519.GenerateKey(nil)
	_, forged := protocol.DecodeNotice(body, other.Public().(ed25519.PublicKey))
	p.check(forged != nil && !bytes.Contains(body, []byte(e.subject.String())) && !bytes.Contains(body, []byte(e.victim.plate)) && !bytes.Contains(body, []byte(sessionID(toldSession+1))),
		"search the notice for pseudonym, plate and what the endpoint was told of others", "none of it", "%d bytes", len(body))
	return nil
}
