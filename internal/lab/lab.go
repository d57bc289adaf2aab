// Package lab is the broker alone: NGSI-LD over HTTP without law, login, vault or record, for conformance suites, comparisons
// and development. `tribune serve --lab` runs it. Nobody is asked who they are, and no class is personal, so every answer says
// Tribune-Mode: lab; nothing about people belongs in it.
package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"tribune"
	"tribune/data"
	"tribune/internal/store/pebble"
	"tribune/internal/twin"
	"tribune/internal/twin/api"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

// Config of a laboratory.
type Config struct {
	Dir        string // everything it keeps
	HTTP       string // HOST:PORT
	ContextMap string // JSON file {context URL: file beside it}; "" = only what is built in
	Out        io.Writer
	Log        *slog.Logger
}

const stopFor = 5 * time.Second // for requests under way

// Serve runs a laboratory until ctx ends. Once it answers it writes one line of JSON to Out: {"address": ...}.
func Serve(ctx context.Context, cfg Config) (err error) {
	s, err := pebble.Open(pebble.Config{Dir: filepath.Join(cfg.Dir, "store"), Log: cfg.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t, err := twin.New(twin.Config{Store: s})
	if err != nil {
		return err
	}
	shipped, err := data.Contexts()
	if err != nil {
		return fmt.Errorf("reading the shipped contexts: %w", err)
	}
	contexts, err := jsonld.New(jsonld.Config{Map: cfg.ContextMap, Files: shipped})
	if err != nil {
		return fmt.Errorf("reading the contexts: %w", err)
	}
	ngsi := api.New(api.Config{Twin: t, Contexts: contexts, Log: cfg.Log, MayWrite: func(tribune.Caller) error { return nil }})
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", ngsi)
	server := web.NewServer(web.Wrap(web.Config{Log: cfg.Log, Quiet: true}, everyone(mux)))
	l, err := web.Listen(ctx, cfg.HTTP, 0)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(cfg.Out).Encode(map[string]string{"address": "http://" + l.Addr().String()}); err != nil {
		return err
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

// everyone is known in a laboratory, as the same caller, and told where they are.
func everyone(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(web.ModeHeader, "lab")
		next.ServeHTTP(w, r.WithContext(web.WithCaller(r.Context(), tribune.Caller{Actor: "lab", Office: "integrator"})))
	})
}
