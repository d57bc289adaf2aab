package guardian

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// releaseDesk bounds how many requests are worked on and how many wait.
type releaseDesk struct {
	seats chan struct{} // being worked on
	queue chan struct{} // and waiting
}

const (
	// seatsPerCPU: some who sit do not compute, but wait for the mirror.
	seatsPerCPU = 8
	// maxWaiting is some seconds of work; beyond it the hub does better to ask another guardian.
	maxWaiting = 256
	// deskPatience is how long a request waits for a seat: the hub hedges long before.
	deskPatience = 5 * time.Second
)

func newReleaseDesk() *releaseDesk {
	seats := seatsPerCPU * runtime.GOMAXPROCS(0)
	return &releaseDesk{seats: make(chan struct{}, seats), queue: make(chan struct{}, seats+maxWaiting)}
}

// sit waits for a seat; leave gives it back.
func (d *releaseDesk) sit(ctx context.Context) (leave func(), err error) {
	select {
	case d.queue <- struct{}{}:
	default:
		return nil, tribune.ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, deskPatience)
	defer cancel()
	select {
	case d.seats <- struct{}{}:
		return func() { <-d.seats; <-d.queue }, nil
	case <-ctx.Done():
		<-d.queue
		return nil, tribune.ErrBusy
	}
}

// hubOnly lets a request pass only where it comes over the hub's own TLS connection and the holder of the log's key has
// signed method, path, time and body, and hands the body on. The signature is checked against the digest that the header names, and a seat is taken, before any of the
// body is read: strangers cannot fill our memory, and a hub cannot with bodies that wait. A repeated request does no
// harm: what it gets is the same, sealed to the same recipient.
func (g *Guardian) hubOnly(maxBody int64, next func(w http.ResponseWriter, r *http.Request, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := g.fromHub(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		digest, err := protocol.ParseContentDigest(r.Header.Get(protocol.DigestHeader))
		if err == nil {
			err = checkHub(r.Header.Get(protocol.HubHeader), r.Method, r.URL.Path, digest, g.logKey, g.cfg.Now())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		if r.ContentLength > maxBody {
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
			return
		}
		leave, err := g.releases.sit(r.Context())
		if err != nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "this guardian is busy", http.StatusServiceUnavailable)
			return
		}
		defer leave()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			http.Error(w, "the request is too large", http.StatusRequestEntityTooLarge)
		case err != nil:
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
		case sha256.Sum256(body) != digest:
			http.Error(w, "the body is not the one that the hub signed", http.StatusUnauthorized)
		default:
			next(w, r, body)
		}
	}
}

func checkHub(header, method, path string, body tribune.Hash, key ed25519.PublicKey, now time.Time) error {
	at, sig64, ok := strings.Cut(header, " ")
	unix, err := strconv.ParseInt(at, 10, 63)
	sig, err2 := base64.StdEncoding.DecodeString(sig64)
	if !ok || err != nil || err2 != nil {
		return fmt.Errorf("%w: the %s header is not a time and a signature", tribune.ErrInvalid, protocol.HubHeader)
	}
	if !ed25519.Verify(key, protocol.HubMessageOf(method, path, unix, body), sig) {
		return fmt.Errorf("%w: the log's key has not signed this request", tribune.ErrInvalid)
	}
	if skew := now.Sub(time.Unix(unix, 0)); skew.Abs() > protocol.HubSkew {
		return fmt.Errorf("%w: the request's time is %s off this guardian's", tribune.ErrExpired, skew.Round(time.Second))
	}
	return nil
}
