package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"tribune"
	"tribune/internal/watch"
	"tribune/internal/web"
)

// runMirror keeps and serves a verified copy of a city's record. It needs nothing of the city but what any visitor sees.
func runMirror(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("mirror", log)
	trustFile := f.String("trust", "", "file with the keys of the log and its guardians (required; from a source you trust)")
	record := f.String("record", "", "base URL of the city's hub, or of a mirror (required)")
	dir := f.String("dir", "tribune-mirror", "where the copy is kept; one process at a time")
	address := f.String("http", "", "HOST:PORT to serve the copy at (default: it is not served)")
	interval := f.Duration("interval", 10*time.Second, "how often the sources are asked")
	once := f.Bool("once", false, "catch up and end")
	var guardians list
	f.Var(&guardians, "guardian", "base URL of a guardian, besides those in the trust file; may be repeated")
	if err := parse(f, args); err != nil {
		return err
	}
	if *trustFile == "" || *record == "" || f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: name a trust file and a record", errUsage), "tribune mirror --trust trust.txt --record https://city.example --dir mirror --http :8090")
	}
	if *interval < time.Second {
		return fmt.Errorf("%w: --interval of %s, at least 1s", errUsage, *interval)
	}
	cfg, err := copyConfig(*trustFile, *record, *dir, guardians)
	if err != nil {
		return err
	}
	c, err := watch.OpenCopy(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	if *once {
		return mirrorOnce(ctx, c, out)
	}
	group, ctx := errgroup.WithContext(ctx)
	if *address != "" {
		mux := http.NewServeMux()
		c.Routes(mux)
		mux.HandleFunc("GET /{$}", c.ServeIndex)
		if err := serveUntil(ctx, group, *address, mux, func(at string) { fmt.Fprintf(out, "The copy is served at http://%s/\n", at) }); err != nil {
			return err
		}
	}
	group.Go(func() error { return mirrorOn(ctx, c, *interval, logger(log, false)) })
	return group.Wait()
}

func copyConfig(trustFile, record, dir string, guardians []string) (watch.CopyConfig, error) {
	text, err := os.ReadFile(trustFile)
	if err != nil {
		return watch.CopyConfig{}, fmt.Errorf("reading the trust file: %w", err)
	}
	trust, err := readTrust(trustFile)
	if err != nil {
		return watch.CopyConfig{}, err
	}
	key, urls, err := watch.ReadTrust(text)
	if err != nil {
		return watch.CopyConfig{}, fmt.Errorf("reading the trust file: %w", err)
	}
	for _, name := range trust.Guardians() {
		if url := urls[name]; url != "" && !slices.Contains(guardians, url) {
			guardians = append(guardians, url)
		}
	}
	return watch.CopyConfig{Trust: trust, LogKey: key, Dir: dir, Record: record, Guardians: guardians, Names: urls}, nil
}

func mirrorOnce(ctx context.Context, c *watch.Copy, out io.Writer) error {
	_, err := c.Follow(ctx)
	for _, text := range c.News() {
		fmt.Fprintln(out, text)
	}
	if err != nil {
		if errors.Is(err, tribune.ErrInvalid) || errors.Is(err, tribune.ErrNoQuorum) {
			return fmt.Errorf("%w: %w", errDoesNotHold, err)
		}
		return err
	}
	for _, line := range c.Status().Words() {
		fmt.Fprintln(out, line)
	}
	return nil
}

// mirrorOn follows until ctx ends. What cannot be followed is logged when it changes; only the copy's own damage ends it.
func mirrorOn(ctx context.Context, c *watch.Copy, interval time.Duration, log *slog.Logger) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last := ""
	for {
		moved, err := c.Follow(ctx)
		for _, text := range c.News() {
			log.Warn(text)
		}
		s := c.Status()
		var broken *tribune.IntegrityError
		switch {
		case errors.As(err, &broken):
			return err
		case err != nil && ctx.Err() == nil && s.Problem != last:
			log.Warn("the copy is no further", "leaves", s.Size, "behind", s.Behind, "why", s.Problem)
		case err == nil && (moved || last != ""):
			log.Info("the copy holds the record", "leaves", s.Size)
		}
		last = s.Problem
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// serveUntil serves a handler until ctx ends.
func serveUntil(ctx context.Context, group *errgroup.Group, address string, h http.Handler, ready func(at string)) error {
	l, err := web.Listen(ctx, address, 0)
	if err != nil {
		return err
	}
	server := web.NewServer(h)
	group.Go(func() error {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving %s: %w", address, err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), web.ShutdownTimeout)
		defer cancel()
		return server.Shutdown(end)
	})
	ready(l.Addr().String())
	return nil
}
