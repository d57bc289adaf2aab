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
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/gate"
	"tribune/internal/guardian/client"
	"tribune/internal/intake/device"
	"tribune/internal/login"
	"tribune/internal/portal"
	"tribune/internal/published"
	"tribune/internal/record"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/store/pg"
	"tribune/internal/trace"
	"tribune/internal/twin"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/snapshot"
	"tribune/internal/way"
	"tribune/internal/web"
	"tribune/protocol"
)

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
	feed      *notify.Feed // changes of the twin, for notifications
	notifier  *notify.Notifier
	sender    *notify.Sender
	reach     notify.Reach // where it, and context sources, may be
	peers     peers        // context sources
	snapshots *snapshot.Snapshots
	intake    edges
	devices   *device.Register
	leaves    deviceLeaves
	keys      *browserKeys
	citizens  *citizens // people's rights
	acting    *representatives
	told      *told // who was given people's data
	models    *published.Room
	traces    *trace.Indexer
	lawbook   *lawBook
	login     *login.Login // nil = nobody can log in
	accounts  accounts
	portal    *portal.Portal
	group     atomic.Pointer[protocol.Group]
	way       atomic.Pointer[way.Way]
	ending    ending
	changes   *changes // of guardians
	seen      guardiansSeen
	rotator   *rotator               // of epoch keys
	gauges    *gauges                // metrics
	reading   sync.Mutex             // one reading of the law's papers at a time
	waiting   atomic.Pointer[string] // what /readyz waits for; "" = ready
}

// Open starts a hub up to its public surface: store, law, listener, twin, page. Guard completes it.
func Open(ctx context.Context, cfg Config) (*Hub, error) {
	h := &Hub{cfg: cfg, log: cfg.Log, now: time.Now, vault: &sealing{opened: make(chan struct{})}, listening: make(chan struct{}), problems: web.NewProblems(cfg.Log, ""), leaves: newDeviceLeaves(), rotator: newRotator(), changes: newChanges()}
	h.keys, h.told = newBrowserKeys(h), &told{hub: h}
	h.wait("starting")
	if err := cfg.Dir.prepare(); err != nil {
		return nil, err
	}
	if err := h.readKeys(); err != nil {
		return nil, err
	}
	var err error
	if h.gate, err = gate.New(gate.Config{Dir: cfg.Dir.Law(), Trust: cfg.Trust, Now: h.now}); err != nil {
		return nil, fmt.Errorf("reading the law: %w", err)
	}
	if h.listener, err = web.Listen(ctx, cfg.Address, cfg.Next); err != nil {
		return nil, err
	}
	if err := h.openLaw(); err != nil {
		h.listener.Close()
		return nil, err
	}
	h.gauges = newGauges(h, cfg.Metrics, h.readings)
	if err := h.rooms(ctx); err != nil {
		h.listener.Close()
		h.intake.close()
		if h.store != nil {
			h.store.Close()
		}
		return nil, err
	}
	return h, nil
}

func (h *Hub) readKeys() error {
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
		if err := s.Alone(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		return s, nil
	}
	s, err := pebble.Open(pebble.Config{Dir: h.cfg.Dir.Store(), Log: h.log})
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
	if err = h.upgrade(ctx); err != nil {
		return err
	}
	if h.reach, err = notify.ParseReach(h.cfg.Notify); err != nil {
		return fmt.Errorf("reading where notifications may go: %w", err)
	}
	h.feed = notify.NewFeed()
	h.twin, err = twin.New(twin.Config{
		Store: h.store, Sealer: h.vault, Now: h.now, Observer: h.feed,
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
	if err := h.openIntake(ctx); err != nil {
		return err
	}
	if err := h.readRights(); err != nil {
		return err
	}
	if err := h.openPublished(); err != nil {
		return err
	}
	return h.openLogin()
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
		if err := h.serve(server); !errors.Is(err, http.ErrServerClosed) {
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
	group.Go(func() error { return h.portal.Follow(ctx) })
	group.Go(func() error { return h.intake.serve(ctx) })
	group.Go(func() error { return h.reloads(ctx) })
	group.Go(func() error { return h.followLaw(ctx) })
	group.Go(func() error { return h.followChanges(ctx) })
	group.Go(func() error { return h.retention(ctx) })
	group.Go(func() error { return h.rotations(ctx) })
	group.Go(func() error { return h.twin.Sweep(ctx, h.log) })
	group.Go(func() error { return h.twin.Pack(ctx, h.log) })
	group.Go(func() error { return h.notify(ctx) })
	group.Go(func() error { return h.gauges.run(ctx) })
	group.Go(func() error { return h.administer(ctx) })
	group.Go(func() error { return h.seen.follow(ctx, h) })
	group.Go(func() error { return h.keepRights(ctx) })
	group.Go(func() error { return h.tellRecipients(ctx) })
	group.Go(func() error { return h.traces.Run(ctx) })
	return group.Wait()
}

func (h *Hub) serve(server *http.Server) error {
	if h.cfg.Certificate == "" {
		return server.Serve(h.listener)
	}
	config, err := h.tls()
	if err != nil {
		return err
	}
	server.TLSConfig = config
	return server.ServeTLS(h.listener, "", "")
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
	h.intake.close()
	all = append(all, h.peers.close())
	if h.snapshots != nil {
		all = append(all, h.snapshots.Close())
	}
	return errors.Join(append(all, h.store.Close())...)
}
