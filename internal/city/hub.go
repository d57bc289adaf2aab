// Package city wires the rooms together; it is the only room that knows them all. A Hub is one running hub; a Demo is a
// hub, its guardians and a simulated outside world on one machine.
//
// The order of a start follows what needs what: keys and law, then the listener (guardians fetch the log from it), then
// the record, then the guardians' roster, then the vault and the way, then the twin. A hub that finds too few guardians
// serves public data all the same and tries again in the background: fail closed for the personal, never for the public.
package city

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/data"
	"tribune/internal/gate"
	"tribune/internal/guardian/client"
	"tribune/internal/portal"
	"tribune/internal/record"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/store/pg"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/policy"
	"tribune/protocol"
)

// Config is a hub's configuration; its comments are the manual.
type Config struct {
	Dir     Dir    // the city's directory; the hub's part is DIR/hub
	City    string // its name in identities; for ever
	Origin  string // of the log: its key's name
	Address string // HOST:PORT to listen on
	Next    int    // how many ports above to try where it is taken: 0 for an address the user chose

	StoreURL string // postgres://... ; "" = embedded Pebble in DIR/hub/store

	Guardians []Guardian // how they are reached
	T, W      int        // shares that open; co-signatures that publish

	Trust        policy.Trust      // whose signatures make law
	TraceMandate tribune.MandateID // under which the hub enrols people in the trace

	ContextMap string // JSON file {context URL: file beside it}, besides the shipped ones: contexts are never downloaded; "" = none

	Demo  string // "" = not a demo; else the sentence every page carries
	Facts func() []portal.Fact
	Log   *slog.Logger
}

// Guardian is how one guardian is reached.
type Guardian struct {
	Name string
	Key  string // note verifier key
	URL  string // http://host:port
}

// The hub is an office holder too: it enrols subjects, publishes law and appointments.
const (
	hubActor  tribune.ActorID  = "hub"
	hubOffice tribune.OfficeID = "data-hub"
)

// Hub is one running hub.
type Hub struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	problems *web.Problems
	logKey   string // note verifier key
	logSeed  ed25519.PrivateKey
	hubKey   ed25519.PrivateKey

	listener  net.Listener
	listening chan struct{} // closed once requests are answered

	store     store.Store
	gate      *gate.Gate
	record    *record.Record
	guardians *client.Client
	vault     *sealing
	twin      *twin.Twin
	group     atomic.Pointer[protocol.Group]
	way       atomic.Pointer[way.Way]
	ending    ending
	waiting   atomic.Pointer[string] // what /readyz waits for; "" = ready
}

// Open starts a hub up to its public surface: store, law, listener, twin, page. Guard completes it.
func Open(ctx context.Context, cfg Config) (*Hub, error) {
	h := &Hub{cfg: cfg, log: cfg.Log, now: time.Now, vault: &sealing{opened: make(chan struct{})}, listening: make(chan struct{}), problems: web.NewProblems(cfg.Log, "")}
	h.wait("starting")
	if err := cfg.Dir.prepare(); err != nil {
		return nil, err
	}
	if err := h.keys(); err != nil {
		return nil, err
	}
	var err error
	if h.gate, err = gate.New(gate.Config{Dir: cfg.Dir.Law(), Trust: cfg.Trust, Now: h.now}); err != nil {
		return nil, fmt.Errorf("reading the law: %w", err)
	}
	if h.listener, err = web.Listen(ctx, cfg.Address, cfg.Next); err != nil {
		return nil, err
	}
	if err := h.rooms(ctx); err != nil {
		h.listener.Close()
		if h.store != nil {
			h.store.Close()
		}
		return nil, err
	}
	return h, nil
}

func (h *Hub) keys() error {
	skey, vkey, err := noteKey(h.cfg.Dir.LogKey(), h.cfg.Origin)
	if err != nil {
		return err
	}
	h.logKey = vkey
	if h.logSeed, err = protocol.SeedOf(skey); err != nil {
		return err
	}
	h.hubKey, err = actorKey(h.cfg.Dir.HubKey())
	return err
}

func (h *Hub) openStore(ctx context.Context) (store.Store, error) {
	if h.cfg.StoreURL != "" {
		s, err := pg.Open(ctx, pg.Config{URL: h.cfg.StoreURL})
		if err != nil {
			return nil, err // and not a nil *pg.Store, which would pass for a store
		}
		return s, nil
	}
	s, err := pebble.Open(pebble.Config{Dir: h.cfg.Dir.Store()})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// rooms opens what a hub needs to serve the public.
func (h *Hub) rooms(ctx context.Context) error {
	var err error
	if h.store, err = h.openStore(ctx); err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	h.twin, err = twin.New(twin.Config{
		Store: h.store, Sealer: h.vault, Now: h.now,
		ClassOf: func(types []tribune.Name, attr tribune.Name) tribune.Class { return h.gate.Set().ClassOf(types, attr) },
	})
	if err != nil {
		return fmt.Errorf("opening the twin: %w", err)
	}
	group, err := loadGroup(h.cfg.Dir)
	if err != nil {
		return err
	}
	h.group.Store(group)
	return nil
}

// Serve serves the hub's whole surface until ctx ends, then lets what is under way end.
func (h *Hub) Serve(ctx context.Context) error {
	if group := h.group.Load(); group != nil {
		h.group.Store(h.reached(*group))
	}
	if err := h.openRecord(ctx); err != nil {
		return err
	}
	handler, err := h.handler()
	if err != nil {
		return err
	}
	server := web.NewServer(handler)
	close(h.listening)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := server.Serve(h.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		err := h.retire(context.WithoutCancel(ctx))
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.ShutdownTimeout)
		defer cancel()
		return errors.Join(err, server.Shutdown(end))
	})
	group.Go(func() error { return h.reloads(ctx) })
	group.Go(func() error { return h.retention(ctx) })
	return group.Wait()
}

func (h *Hub) handler() (http.Handler, error) {
	page, err := portal.New(portal.Config{City: h.cfg.City, Demo: h.cfg.Demo, Twin: h.twin, Record: h.record, Facts: h.cfg.Facts, Now: h.now, Log: h.log})
	if err != nil {
		return nil, err
	}
	shipped, err := data.Contexts()
	if err != nil {
		return nil, fmt.Errorf("reading the shipped contexts: %w", err)
	}
	contexts, err := jsonld.New(jsonld.Config{Map: h.cfg.ContextMap, Files: shipped})
	if err != nil {
		return nil, fmt.Errorf("reading the contexts: %w", err)
	}
	mux := http.NewServeMux()
	h.routes(mux)
	mux.Handle("/", page.Handler())
	mux.Handle(api.Prefix+"/", api.New(api.Config{
		Twin: h.twin, Contexts: contexts, Way: gated{h}, Names: h.vault, Log: h.log, Now: h.now,
		ClassOf: func(types []tribune.Name, attr tribune.Name) tribune.Class { return h.gate.Set().ClassOf(types, attr) },
		Class:   func(id tribune.ClassID) (tribune.Class, bool) { return h.gate.Set().Class(id) },
	}))
	return web.Wrap(web.Config{
		Log: h.log, Callers: h.gate, Demo: h.cfg.Demo != "", Vital: []string{"/log/", "/law/", "/group", "/healthz", "/readyz"},
	}, h.guarded(mux)), nil
}

// Close ends the rooms, the last opened first.
func (h *Hub) Close() error {
	var all []error
	if w := h.way.Load(); w != nil {
		all = append(all, w.Close())
	}
	if h.record != nil {
		all = append(all, h.record.Close())
	}
	if v := h.vault.vault.Load(); v != nil {
		all = append(all, v.Close())
	}
	return errors.Join(append(all, h.store.Close())...)
}

// Listening is closed once requests are answered; it stays open where Serve fails before that.
func (h *Hub) Listening() <-chan struct{} { return h.listening }

// Keyed reports whether the guardians' keys exist.
func (h *Hub) Keyed() bool { return h.group.Load() != nil }

// URL is where the hub is reached.
func (h *Hub) URL() string { return "http://" + h.listener.Addr().String() }

// Twin is the hub's twin: what feeds its intake.
func (h *Hub) Twin() *twin.Twin { return h.twin }

// Ready ends what /readyz waits for, for good: a hub that has lost its guardians since still serves the public.
func (h *Hub) Ready() {
	done := ""
	h.waiting.Store(&done)
}

// wait says what /readyz waits for; nothing where the hub has been ready before.
func (h *Hub) wait(reason string) {
	if before := h.waiting.Load(); before == nil || *before != "" {
		h.waiting.CompareAndSwap(before, &reason)
	}
}
