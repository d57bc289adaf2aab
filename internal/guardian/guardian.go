// Package guardian is one independent institution: an ombudsman, a court, a university, a press council. It mirrors and
// co-signs the city's record, holds a share of the two threshold keys that no dealer ever saw, decides each act again by
// itself, and releases its share, refuses with a signed reason, or vetoes.
//
// cmd/guardian runs it; hubs talk to it through guardian/client. What it promises:
//
//   - It co-signs a checkpoint only after it holds every leaf below it, on disk and synced, and never two trees of which
//     one does not extend the other.
//   - It releases keys only for an act that stands in its own mirror under w co-signatures, that it has decided again
//     from signed evidence under the law in force at that place in the record, and only for exactly the identities that
//     the act names. Everything it is unsure of, it refuses.
//   - It answers a blinded point with its NAME share only, at a bounded rate.
//   - It gives its shares of a person's own trace key, and of hidden chains that are over, to that person alone: by a fresh login at an issuer
//     that is pinned here, or in person. The hub has no part in it.
//   - It signs the daily index of tags that it has built from its own mirror, and serves it.
//
// Its folder holds: guardian.key, shares.json (ceremony.seed before; of a change ceremony-EPOCH.seed and shares.next.CHANGE.json until a group is in force),
// accepted.json (changes its operator has accepted), groups.json (which of them took force), mirror/, law/ (policy sets it has seen, by hash),
// laws.json (when it first saw them), laws-passed.json (which nobody showed it in time), erasures.json (which erasures it was shown to be lawful), law-state.json (what came of them), approvals/, desk/ (requests of its own
// clerks, for a moment) and, where its operator wrote one, veto.toml. Nothing else, and no hub's secret.
//
//	POST /add-checkpoint    C2SP tlog-witness            POST /release   protocol.Request -> protocol.Answer (hub only)
//	GET  /checkpoint        the head, co-signed          POST /name      blind evaluation (hub only)
//	GET  /tile/...          the mirror, tlog-tiles       GET  /outbox    ceremony packets      GET /status
//	GET  /trace/...         the daily index, tagindex    POST /index     sign it (hub only)
//	GET  /person            whose logins count           POST /person/...  people recover their own keys
//	POST /erasure           protocol.Request -> protocol.ErasureAnswer (hub only)
//	GET  /erasures          which erasures nobody has shown it to be lawful; /erasures/HASH its statement about one
//	GET  /law, /law/HASH    which set decides for it      GET  /approvals changes of law that it approved
package guardian

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune/internal/guardian/ceremony"
	"tribune/internal/mirror"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

// Guardian is one running guardian. Its methods are safe for concurrent use.
type Guardian struct {
	cfg Config
	resolved
	lock       *folderLock
	mirror     *mirror.Mirror
	index      *index
	traceIndex *traceIndex
	hidden     protocol.HiddenEnds
	persons    *personDesk
	law        *lawBook
	ceremony   *ceremony.Ceremony
	clock      *clock
	traces     *traceCache
	membership membership
	names      *nameDesk
	releases   *releaseDesk
	vetoes     *vetoList
	erasing    sync.Mutex // one write of erasures.json at a time

	cosigning chan struct{} // seats for add-checkpoint
	work      chan struct{} // wakes Run: there are ceremony packets or laws to handle

	cosignedMu sync.RWMutex // guards cosigned
	cosigned   []byte       // the newest checkpoint we signed, with our line

	released, refused atomic.Uint64
	since             time.Time    // start of this process
	cosignedAt        atomic.Int64 // Unix seconds of the newest co-signature since then
}

// New reads the guardian's folder back. Close releases it.
func New(cfg Config) (*Guardian, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	r, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	if cfg.HTTP == nil {
		cfg.HTTP = cfg.httpClient(r)
	}
	g := &Guardian{cfg: cfg, resolved: r, since: cfg.Now(), work: make(chan struct{}, 1), cosigning: make(chan struct{}, maxCosigning), index: newIndex(cfg.Now)}
	g.traceIndex, g.persons = newTraceIndex(g.index, cfg.Now), newPersonDesk(cfg)
	if g.lock, err = lockFolder(cfg.Dir); err != nil {
		return nil, err
	}
	if err := g.open(); err != nil {
		g.lock.unlock()
		return nil, err
	}
	return g, nil
}

// noRedirect: a hub names paths of its own only; a redirect would send us about the institution's inner network.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (g *Guardian) open() (err error) {
	cfg := g.cfg
	if g.ceremony, err = ceremony.Open(ceremony.Config{Dir: cfg.Dir, Self: g.self.name, Key: g.self.key, Group: g.roster, Council: cfg.Law.Council}); err != nil {
		return err
	}
	if g.law, err = openLaw(cfg, g.roster); err != nil {
		return err
	}
	g.law.groupAt = g.ceremony.GroupAt
	g.hidden.Valid, g.hidden.Now = g.extends, cfg.Now
	g.openMembership()
	g.clock = newClock(cfg, g.roster, g.self.name)
	g.traces, g.names, g.releases = newTraceCache(), newNameDesk(cfg), newReleaseDesk()
	g.vetoes = &vetoList{path: filepath.Join(cfg.Dir, vetoFile)}
	fresh, err := g.openErasures()
	if err != nil {
		return err
	}
	g.mirror, err = mirror.Open(mirror.Config{
		Dir: filepath.Join(cfg.Dir, "mirror"), Log: g.resolved.log, Fetch: mirror.HTTP(cfg.Hub+"/log", cfg.HTTP), Leaf: g.leaf,
	})
	if err != nil {
		return err
	}
	if fresh {
		if err := g.beginErasures(); err != nil {
			return err
		}
	}
	if err := g.signHeld(); err != nil {
		return err
	}
	// What was seen before this start has no known age; the act's own time still bounds it.
	g.index.advance(g.mirror.Head().Size, time.Time{})
	if err := g.step(); err != nil {
		return err
	}
	g.wake()
	return nil
}

// Close lets another process have the folder. Call it after Run and the server have ended.
func (g *Guardian) Close() error { return g.lock.unlock() }

// Name is the guardian's name, as its key carries it.
func (g *Guardian) Name() string { return g.self.name }

// Run does what no request waits for: ceremony, new laws, the peers' clocks. It ends with ctx.
func (g *Guardian) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.clock.run(ctx) })
	group.Go(func() error { return g.follow(ctx) })
	group.Go(func() error { return g.serveDesk(ctx) })
	group.Go(func() error { return g.followErasures(ctx) })
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-g.work:
			}
			if err := g.step(); err != nil {
				return err
			}
			if err := g.law.settle(ctx); err != nil {
				return fmt.Errorf("law: %w", err)
			}
			if err := g.keepErasures(); err != nil {
				return err
			}
		}
	})
	return group.Wait()
}

func (g *Guardian) wake() {
	select {
	case g.work <- struct{}{}:
	default:
	}
}

// Handler is the guardian's HTTP surface.
func (g *Guardian) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", g.addCheckpoint)
	g.mirrorRoutes(mux)
	mux.HandleFunc("POST /release", g.hubOnly(maxReleaseBody, g.release))
	mux.HandleFunc("POST /erasure", g.hubOnly(maxReleaseBody, g.proveErasure))
	mux.HandleFunc("GET /erasures", g.listErasures)
	mux.HandleFunc("GET /erasures/{hash}", g.erasureStated)
	mux.HandleFunc("POST /vital", g.hubOnly(maxReleaseBody, g.checkVital))
	mux.HandleFunc("POST /name", g.hubOnly(maxNameBody, g.name))
	mux.HandleFunc("POST /index", g.hubOnly(maxIndexBody, g.signIndex))
	tagindex.Routes(mux, g.traceIndex)
	g.personRoutes(mux)
	mux.HandleFunc("GET /approvals", g.approvals)
	mux.HandleFunc("GET /law", g.lawNow)
	mux.HandleFunc("GET /law/{hash}", g.lawSet)
	mux.HandleFunc("GET /outbox", g.outbox)
	mux.HandleFunc("GET /status", g.status)
	mux.HandleFunc("GET /metrics", g.metrics)
	return mux
}
