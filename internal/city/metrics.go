package city

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune/internal/metrics"
	"tribune/internal/store/pebble"
	"tribune/internal/web"
	"tribune/protocol"
)

const (
	// pollGuardians is how often guardians are asked how they are, for metrics alone; as often as Prometheus usually scrapes.
	pollGuardians = 15 * time.Second
	// pollGuardian bounds one of these questions.
	pollGuardian = 5 * time.Second
	// followRecord is how often newly published leaves are counted.
	followRecord = 5 * time.Second
)

// gauges are a hub's metrics and what keeps them true.
type gauges struct {
	*metrics.Metrics
	hub       *Hub
	address   string // of a listener of their own; "" = the main port
	guardians atomic.Pointer[[]metrics.Guardian]
}

// newGauges makes a hub's metrics. more adds the rooms that not every hub has.
func newGauges(h *Hub, address string, more func(*metrics.Sources)) *gauges {
	version := "(unreleased)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	g := &gauges{Metrics: metrics.New(metrics.Config{Version: version, City: h.cfg.City}), hub: h, address: address}
	s := metrics.Sources{
		Ready: func() bool { reason := h.waiting.Load(); return reason != nil && *reason == "" },
		Guardians: func() []metrics.Guardian {
			if all := g.guardians.Load(); all != nil {
				return *all
			}
			return nil
		},
		Record: func() metrics.Record { // the surface is served only once the record is open
			if h.record == nil {
				return metrics.Record{}
			}
			return metrics.Record{Size: h.record.Size(), Published: h.record.Published(), Quorum: h.record.Quorum()}
		},
		Store: func() metrics.Store {
			if s, ok := h.store.(*pebble.Store); ok {
				return metrics.Store(s.Stats())
			}
			return metrics.Store{}
		},
	}
	if more != nil {
		more(&s)
	}
	g.Watch(s)
	return g
}

// mount serves /metrics on the main port, where it has no listener of its own and nothing stands in front of the hub.
func (g *gauges) mount(mux *http.ServeMux) {
	if g.address == "" && !fronted(g.hub.cfg.URL, g.hub.listener.Addr().String(), g.hub.cfg.Certificate != "") {
		mux.Handle("GET /metrics", g.Local())
	}
}

// fronted reports whether people reach a hub that listens at address through something else, as its public URL tells. A proxy need
// not say in a header that it passes a request on: to the hub the whole world would then be on this machine.
func fronted(public, address string, tls bool) bool {
	u, err := url.Parse(public)
	if public == "" || err == nil && loopbackHost(u.Hostname()) {
		return false
	}
	_, port, err2 := net.SplitHostPort(address)
	if err != nil || err2 != nil || loopbackAddress(address) {
		return true
	}
	scheme, usual := "http", "80"
	if tls {
		scheme, usual = "https", "443"
	}
	return u.Scheme != scheme || cmp.Or(u.Port(), usual) != port
}

// run follows what no scrape can ask from memory, and serves the listener, until ctx ends. The record must be open.
func (g *gauges) run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return g.follow(ctx) })
	parts.Go(func() error { return g.poll(ctx) })
	if g.address != "" {
		parts.Go(func() error { return g.listen(ctx) })
	}
	return parts.Wait()
}

func (g *gauges) listen(ctx context.Context) error {
	listener, err := web.Listen(ctx, g.address, 0)
	if err != nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", g.Handler())
	server := web.NewServer(mux)
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	return nil
}

// follow counts the leaves that are published from now on.
func (g *gauges) follow(ctx context.Context) error {
	next := g.hub.record.Published()
	tick := time.NewTicker(followRecord)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		published := g.hub.record.Published()
		for entry, err := range g.hub.record.Range(ctx, next) {
			if err != nil || entry.Index >= published {
				break // a log that cannot be read is said by the record itself
			}
			next = entry.Index + 1
			if leaf, err := protocol.DecodeLeaf(entry.Leaf); err == nil {
				g.Act(leaf.Act.Kind, leaf.Decision.Permit)
			}
		}
	}
}

// poll asks the guardians how they are.
func (g *gauges) poll(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-g.hub.vault.opened: // from then on the hub knows how to ask
	}
	tick := time.NewTicker(pollGuardians)
	defer tick.Stop()
	for {
		all := make([]metrics.Guardian, len(g.hub.cfg.Guardians))
		asked, askCtx := errgroup.WithContext(ctx)
		for i, member := range g.hub.cfg.Guardians {
			asked.Go(func() error {
				ctx, cancel := context.WithTimeout(askCtx, pollGuardian)
				defer cancel()
				status, err := g.hub.guardians.Status(ctx, member.Name)
				all[i] = metrics.Guardian{Name: member.Name, Up: err == nil, Size: status.Size}
				return nil // the others are asked all the same
			})
		}
		asked.Wait()
		g.guardians.Store(&all)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
