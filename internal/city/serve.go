package city

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/web"
)

// ServeConfig is what `tribune serve` can be told besides the configuration file.
type ServeConfig struct {
	Dir     Dir
	File    string // "" = DIR/city.toml, or DIR/city.json where an older release has left that
	Address string // "" = what the file says
	Verbose bool   // log at least every request
	Out     io.Writer
	Log     io.Writer
}

// Serve runs a hub whose keys, law and guardians exist, until ctx ends. Once it answers it writes one line of JSON to Out,
// {"name", "address", "key"}: the city, where its hub listens, and the log's verifier key.
func Serve(ctx context.Context, sc ServeConfig) error {
	if sc.File == "" {
		sc.File = FindConfig(sc.Dir)
	}
	f, err := ReadFile(sc.File)
	if err != nil {
		return err
	}
	if sc.Address != "" {
		f.HTTP.Address = sc.Address
	}
	log, err := f.Log.logger(sc.Log, sc.Verbose)
	if err != nil {
		return err
	}
	if err := sc.Dir.keysThere(); err != nil {
		return err
	}
	hub, err := Open(ctx, f.config(sc.Dir, log))
	if err != nil {
		return err
	}
	if err := writeFile(sc.Dir.Address(), []byte(hub.URL()+"\n"), 0o600); err != nil {
		return errors.Join(err, hub.Close())
	}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return hub.Serve(ctx) })
	parts.Go(func() error {
		select {
		case <-hub.Listening():
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := json.NewEncoder(sc.Out).Encode(map[string]string{"name": f.City, "address": hub.URL(), "key": hub.logKey}); err != nil {
			return fmt.Errorf("saying where the hub is: %w", err)
		}
		if err := hub.complete(ctx); err != nil {
			return err
		}
		hub.Ready()
		return nil
	})
	err = parts.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, hub.Close())
}

// keysThere: a hub whose disk is not mounted must not make itself new keys, under which no guardian knows it, and stand in a
// restoration's way.
func (d Dir) keysThere() error {
	for _, key := range []string{d.LogKey(), d.HubKey()} {
		if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
			return tribune.Hint(fmt.Errorf("%w: the hub's key %s", tribune.ErrNotFound, key), "Is the disk mounted? A lost hub comes back by tribune restore; the keys of a new one are made by tribune key.")
		}
	}
	return nil
}

// config is the hub's configuration as the file has it.
func (f File) config(dir Dir, log *slog.Logger) Config {
	return Config{
		Dir: dir, City: f.City, Origin: f.Origin, Address: f.HTTP.Address, URL: f.URL, Certificate: f.HTTP.Certificate, Key: f.HTTP.Key,
		MQTT:      MQTT{Address: f.MQTT.Address, TLSAddress: f.MQTT.TLSAddress, Certificate: f.MQTT.Certificate, Key: f.MQTT.Key},
		Providers: f.Login.Provider, Metrics: f.Metrics.Address, Notify: f.Notify.Allow, StoreURL: f.Store.URL, ContextMap: f.Contexts, DownloadContexts: f.DownloadContexts,
		Guardians: f.Guardian, T: f.Guardians.T, W: f.Guardians.W, Trust: f.Trust, TraceMandate: f.TraceMandate, Log: log,
	}
}

// logger is the log that the file asks for; verbose lowers its level to one line a request.
func (l FileLog) logger(w io.Writer, verbose bool) (*slog.Logger, error) {
	level, err := l.level()
	if err != nil {
		return nil, err
	}
	if verbose {
		level = min(level, slog.LevelInfo)
	}
	return web.NewLog(w, level, l.Format == "json"), nil
}
