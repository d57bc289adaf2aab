package city

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/web"
)

// upgrade has the twin's indexes rebuilt where an older release wrote them. While that lasts /healthz and /readyz answer, and every
// other request is told to come again.
func (h *Hub) upgrade(ctx context.Context) (err error) {
	var stop func() error
	begin := sync.OnceFunc(func() { stop = h.meanwhile() })
	err = twin.Upgrade(ctx, twin.UpgradeConfig{Store: h.store, Log: h.log, Progress: func(reason string) {
		h.wait(reason)
		begin()
	}})
	if stop != nil {
		err = errors.Join(err, stop())
		h.wait("starting")
	}
	return err
}

// meanwhile answers on the hub's listener until stop, which leaves it open for the hub.
func (h *Hub) meanwhile() (stop func() error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/", h.readyz)
	server := web.NewServer(web.Wrap(web.Config{Log: h.log, Problems: h.problems, Own: []web.Own{{Prefix: "/"}}}, mux)) // who calls does not matter
	l := &lent{Listener: h.listener}
	ended := make(chan error, 1)
	go func() {
		if h.cfg.Certificate == "" {
			ended <- server.Serve(l)
		} else {
			ended <- server.ServeTLS(l, h.cfg.Certificate, h.cfg.Key)
		}
	}()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), web.ShutdownTimeout)
		defer cancel()
		err := server.Shutdown(ctx)
		if serr := <-ended; !errors.Is(serr, http.ErrServerClosed) {
			err = errors.Join(err, serr)
		}
		return errors.Join(err, l.takeBack())
	}
}

// lent is a listener that a server may use for a while: its Close ends the server's Accept and leaves the listener open.
type lent struct{ net.Listener }

type deadliner interface{ SetDeadline(time.Time) error }

var _ deadliner = (*net.TCPListener)(nil)

func (l *lent) deadline(t time.Time) error {
	d, ok := l.Listener.(deadliner)
	if !ok {
		return fmt.Errorf("%w: a listener that cannot be interrupted", tribune.ErrUnsupported)
	}
	return d.SetDeadline(t)
}

func (l *lent) Close() error { return l.deadline(time.Unix(1, 0)) }

func (l *lent) takeBack() error { return l.deadline(time.Time{}) }
