// Package lab is the broker alone: NGSI-LD over HTTP without law, login, vault or record, for conformance suites, comparisons
// and development. `tribune serve --lab` runs it. Nobody is asked who they are, and no class is personal, so every answer says
// Tribune-Mode: lab; nothing about people belongs in it. It may download contexts, and call any address.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/data"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/snapshot"
	"tribune/internal/web"
)

// Config of a laboratory.
type Config struct {
	Dir        string // everything it keeps
	HTTP       string // HOST:PORT
	MQTT       string // HOST:PORT of the open MQTT broker; "" = none
	ContextMap string // JSON file {context URL: file beside it}; "" = only what is built in

	TemporalPage int // attribute instances of one answer about the past; 0 = as many as the twin reads

	Out io.Writer
	Log *slog.Logger
}

const (
	stopFor     = 5 * time.Second  // for requests under way
	connectTime = 5 * time.Second  // of a call to another server
	keepAlive   = 30 * time.Second // of its connection
)

// Serve runs a laboratory until ctx ends. Once it answers it writes one line of JSON to Out: {"address": ..., "mqtt": ...}.
func Serve(ctx context.Context, cfg Config) (err error) {
	s, err := pebble.Open(pebble.Config{Dir: filepath.Join(cfg.Dir, "store"), Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := twin.Upgrade(ctx, twin.UpgradeConfig{Store: s, Log: cfg.Log}); err != nil {
		return err
	}
	feed := notify.NewFeed()
	t, err := twin.New(twin.Config{Store: s, Observer: feed})
	if err != nil {
		return err
	}
	sweeping, swept := context.WithCancel(ctx)
	var busy sync.WaitGroup
	busy.Go(func() { t.Sweep(sweeping, cfg.Log) })
	busy.Go(func() { t.Pack(sweeping, cfg.Log) })
	defer func() { swept(); busy.Wait() }() // before the store is closed
	registry, err := federation.Open(ctx, federation.Config{Store: s})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	contexts, err := openContexts(cfg, s)
	if err != nil {
		return err
	}
	sources, err := openSources(ctx, s, contexts)
	if err != nil {
		return err
	}
	defer sources.Close()
	sender := notify.NewSender(notify.SenderConfig{Reach: notify.Reach{Anywhere: true}})
	watching, err := federation.NewSubscriptions(ctx, federation.SubscriptionsConfig{Registry: registry, Sender: sender, Contexts: contexts, Log: cfg.Log})
	if err != nil {
		return errors.Join(err, sender.Close())
	}
	defer func() { err = errors.Join(err, sender.Close(), watching.Close()) }()
	notifier, end, err := openNotifier(ctx, notify.Config{Store: s, Twin: t, Feed: feed, Sender: sender, Contexts: contexts, Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }() // what it still sends is sent before the sender ends
	var at atomic.Value                              // the address, once there is one
	legs, err := federation.OpenLegs(ctx, federation.LegsConfig{
		Registry: registry, Sources: sources, Notifier: notifier, Contexts: contexts, Store: s, Twin: t, Log: cfg.Log,
		URL: func() string { url, _ := at.Load().(string); return url },
	})
	if err != nil {
		return err
	}
	defer legs.Close()
	snapshots, err := snapshot.Open(ctx, snapshot.Config{Store: s, Twin: t, Sender: sender, Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshots.Close()) }()
	ngsi := api.New(api.Config{Twin: t, Snapshots: snapshots, Notify: notifier, Registry: registry, RegistrySubscriptions: watching, Legs: legs, Sources: sources, Contexts: contexts, Log: cfg.Log, TemporalPage: cfg.TemporalPage, MayWrite: func(tribune.Caller) error { return nil }})
	return serve(ctx, cfg, handler(cfg, ngsi), func(url string) { at.Store(url) })
}

// openContexts may download, from anywhere: what it is asked for is its users' own.
func openContexts(cfg Config, s store.Store) (*jsonld.Contexts, error) {
	shipped, err := data.Contexts()
	if err != nil {
		return nil, fmt.Errorf("reading the shipped contexts: %w", err)
	}
	d := jsonld.NewDownloader(jsonld.DownloadConfig{Dialer: &net.Dialer{Timeout: connectTime, KeepAlive: keepAlive}, Proxy: http.ProxyFromEnvironment})
	contexts, err := jsonld.New(jsonld.Config{Map: cfg.ContextMap, Files: shipped, Store: s, Download: d.Download})
	if err != nil {
		return nil, fmt.Errorf("reading the contexts: %w", err)
	}
	return contexts, nil
}

// openSources may ask whoever is registered, wherever it is: its users registered it.
func openSources(ctx context.Context, s store.Store, contexts *jsonld.Contexts) (*federation.Sources, error) {
	self, err := federation.Identity(ctx, s)
	if err != nil {
		return nil, err
	}
	return federation.NewSources(federation.SourcesConfig{Contexts: contexts, Self: self, PassCredentials: true, Dialer: &net.Dialer{Timeout: connectTime, KeepAlive: keepAlive}}), nil
}

// openNotifier notifies until it is ended.
func openNotifier(ctx context.Context, cfg notify.Config) (n *notify.Notifier, end func() error, err error) {
	if n, err = notify.Open(ctx, cfg); err != nil {
		return nil, nil, err
	}
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- n.Run(running) }()
	return n, func() error {
		stop()
		return <-done
	}, nil
}

// handler is all that a laboratory serves over HTTP.
func handler(cfg Config, ngsi http.Handler) http.Handler {
	log := cfg.Log
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", ngsi)
	mux.Handle(api.OpenAPIPath, ngsi)
	mux.Handle(federation.NotifyPath, ngsi)
	mux.Handle("GET /{$}", newFront(cfg.MQTT))
	return told(web.Wrap(web.Config{Log: log, Quiet: true, Problems: api.Problems(log)}, everyone(api.Present(api.Problems(log), mux))))
}

// serve answers until ctx ends, then lets what is under way end.
func serve(ctx context.Context, cfg Config, h http.Handler, listens func(url string)) (err error) {
	server := web.NewServer(h)
	l, err := web.Listen(ctx, cfg.HTTP, 0)
	if err != nil {
		return err
	}
	said := map[string]string{"address": "http://" + l.Addr().String()}
	listens(said["address"])
	if cfg.MQTT != "" {
		b, err := openBroker(ctx, cfg.MQTT, h, cfg.Log)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		defer func() { err = errors.Join(err, b.close()) }()
		said["mqtt"] = "mqtt://" + b.at.Addr().String()
	}
	if err := json.NewEncoder(cfg.Out).Encode(said); err != nil {
		return errors.Join(err, l.Close())
	}
	defer context.AfterFunc(ctx, func() {
		stop, cancel := context.WithTimeout(context.Background(), stopFor)
		defer cancel()
		server.Shutdown(stop)
	})()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// told: every answer says where it comes from, one that was refused at the door as well.
func told(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(web.ModeHeader, "lab")
		next.ServeHTTP(w, r)
	})
}

// everyone is known in a laboratory, as the same caller.
func everyone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "lab", Office: "integrator"})))
	})
}
