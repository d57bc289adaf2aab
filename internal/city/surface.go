package city

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"tribune"
	"tribune/internal/intake/gateway"
	"tribune/internal/login"
	"tribune/internal/metrics"
	"tribune/internal/portal"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
	"tribune/protocol"
)

// The hub's whole HTTP surface: pages for people, NGSI-LD for programs, intake for devices, and the record, law and keys for
// whoever checks.

func (h *Hub) handler() (http.Handler, error) {
	ngsi, err := h.api()
	if err != nil {
		return nil, err
	}
	if h.portal, err = h.pages(ngsi); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	h.routes(mux)
	h.gauges.mount(mux)
	mux.Handle("/", h.portal.Handler())
	mux.Handle(api.Prefix+"/", ngsi)
	mux.Handle(api.OpenAPIPath, ngsi)
	mux.Handle(federation.NotifyPath, ngsi)
	h.intake.gateway.Routes(mux)
	var inside http.Handler = h.guarded(metrics.Route(mux))
	if h.login != nil {
		h.login.Routes(mux)
		inside = h.login.Wrap(inside)
	}
	inside = api.Present(api.Problems(h.log), inside)
	return h.gauges.Middleware(web.Wrap(web.Config{
		Log: h.log, Callers: h.callers(), Demo: h.cfg.Demo != "", Vital: []string{"/log/", "/trace/", "/law/", "/group", "/healthz", "/readyz"},
		Own:      []web.Own{{Prefix: gateway.Prefix, MaxBody: gateway.MaxBody}},
		Surfaces: []web.Surface{{Prefix: api.Prefix + "/", Problems: api.Problems(h.log)}, {Prefix: federation.NotifyPath, Problems: api.Problems(h.log)}},
	}, inside)), nil
}

func (h *Hub) api() (http.Handler, error) {
	contexts, err := h.openContexts()
	if err != nil {
		return nil, err
	}
	if err := h.openNotifier(context.Background(), contexts); err != nil {
		return nil, err
	}
	if err := h.openPeers(context.Background(), contexts); err != nil {
		return nil, err
	}
	if h.snapshots, err = snapshot.Open(context.Background(), snapshot.Config{Store: h.store, Twin: h.twin, Sender: h.sender, Log: h.log, Now: h.now}); err != nil {
		return nil, fmt.Errorf("opening the snapshots: %w", err)
	}
	return api.New(api.Config{
		Twin: h.twin, Snapshots: h.snapshots, Notify: h.notifier, Registry: h.peers.registry, Sources: h.peers.sources, RegistrySubscriptions: h.peers.subscriptions, Legs: h.peers.legs, Reaches: h.reaches, Contexts: contexts, Way: gated{h}, Names: h.vault, URL: h.Public(), Log: h.log, Now: h.now,
		ClassOf: func(types []tribune.Name, attr tribune.Name) tribune.Class { return h.gate.Set().ClassOf(types, attr) },
		ClassTold: func(types []tribune.Name, attr tribune.Name) tribune.Class {
			return h.gate.Set().ClassTold(types, attr)
		},
		Class: func(id tribune.ClassID) (tribune.Class, bool) { return h.gate.Set().Class(id) },
		Own:   h.readsOwn,
	}), nil
}

func (h *Hub) pages(ngsi http.Handler) (*portal.Portal, error) {
	cfg := portal.Config{
		City: h.cfg.City, URL: h.Public(), Demo: h.cfg.Demo, Twin: h.twin, Record: h.record, Law: h.gate, LawState: h.lawNow, Group: h.group.Load, Guardians: h.seen.list,
		Devices: h.devices, DeviceLeaf: h.deviceOnRecord, Trust: h.trustFile, Releases: h.statements, Erasure: h.erasureShown, Vital: vitalPages{h}, Models: h.models, Facts: h.cfg.Facts, Outside: h.outside, Now: h.now, Log: h.log,
	}
	if h.login != nil {
		cfg.Login, cfg.Passkeys = signs{h.login}, signs{h.login}.passkeys
		cfg.Own, cfg.Ask, cfg.Keys = own{h}, asker{api: ngsi, hub: h, people: &askers{}}.ask, h.keys
		cfg.Citizens, cfg.Recipients, cfg.Representatives = h.citizens, h.told, h.acting
	}
	return portal.New(cfg)
}

// outside is what the city does beside the platform, as it declares it itself in hub/law/outside.toml; nil = it declares
// nothing.
func (h *Hub) outside() []portal.Outside {
	text, err := os.ReadFile(h.cfg.Dir.Outside())
	if err != nil {
		return nil
	}
	list, err := portal.ReadOutside(string(text))
	if err != nil {
		h.log.Warn("the list of what the city does outside the platform cannot be read", "err", err)
	}
	return list
}

// statements are what guardians stated when they released the keys of an act.
func (h *Hub) statements(ctx context.Context, index uint64) ([]protocol.Statement, error) {
	one := h.way.Load()
	if one == nil { // an empty list would say that nothing was released
		return nil, tribune.Hint(fmt.Errorf("%w: the one way is not open yet", tribune.ErrBusy), "Ask again in a minute.")
	}
	return one.Statements(ctx, index)
}

// signs is the login room as pages show it.
type signs struct{ login *login.Login }

func (s signs) Providers() (all []portal.Sign) {
	for _, p := range s.login.Providers() {
		all = append(all, portal.Sign{ID: p.ID, Title: p.Title})
	}
	return all
}

func (s signs) PasskeysOff() string { return s.login.PasskeysOff() }

func (s signs) passkeys(ctx context.Context, session *web.Session) (all []portal.Passkey, err error) {
	list, err := s.login.Passkeys(ctx, session.Subject)
	for _, p := range list {
		all = append(all, portal.Passkey{ID: p.ID, Label: p.Label, Created: p.Created, Used: p.Used})
	}
	return all, err
}
