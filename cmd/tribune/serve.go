package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"time"

	"tribune"
	"tribune/internal/city"
	"tribune/internal/guardian"
	"tribune/internal/lab"
	"tribune/internal/web"
)

// runDemo starts a whole city: a hub, its guardians, and the simulated outside world.
func runDemo(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("demo", log)
	cfg := city.DemoConfig{Out: out}
	dir := f.String("dir", "demo-city", "where the city lives; nothing is written outside, and the next start goes on from there")
	address := f.String("http", "", "HOST:PORT of the portal (default 127.0.0.1:8080, or the next free port)")
	mqtt := f.String("mqtt", "", "HOST:PORT for devices by MQTT (default 127.0.0.1:1883, or the next free port)")
	f.DurationVar(&cfg.Patrol, "patrol", 2*time.Minute, "how often the demo's inspector looks somebody up; 0 = never")
	f.IntVar(&cfg.People, "people", 2000, "synthetic drivers")
	f.Float64Var(&cfg.Speed, "speed", 60, "how fast the demo clock runs")
	f.StringVar(&cfg.ContextMap, "context-map", "", "JSON file {context URL: file beside it}, besides the contexts that are shipped; none is ever downloaded")
	f.StringVar(&cfg.StoreURL, "store", "", "postgres://... instead of the embedded store")
	f.IntVar(&cfg.Founders, "founders", 0, "with how many guardians a new city is founded, 3 to 9 (default 4)")
	f.IntVar(&cfg.Guardians, "guardians", -1, "how many of them to start (default all): one or two of four show a city without quorum")
	f.Int64Var(&cfg.HourlyFactor, "hourly-factor", 1, "multiplies the offices' hourly limits, at the first start: a benchmark asks for more than a city does")
	f.BoolVar(&cfg.Vital, "vital", false, "at the first start: the law lets two ambulance dispatchers open a telecare alarm's address while the guardians cannot be reached")
	inside := f.String("notify", "", "range of addresses inside to which notifications may go, such as 127.0.0.0/8; the demo reaches public ones alone without it")
	verbose := f.Bool("v", false, "log every request")
	profile := f.String("cpuprofile", "", "write the hub's CPU profile to this file, from start to stop")
	if err := parse(f, args); err != nil {
		return err
	}
	if *profile != "" {
		stop, err := profileCPU(*profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: demo takes no argument %q", errUsage, f.Arg(0))
	}
	cfg.Dir, cfg.Log = city.Dir(*dir), logger(log, *verbose)
	if *inside != "" {
		cfg.Notify = []string{*inside}
	}
	cfg.Address, cfg.Next = *address, 0
	if *address == "" {
		cfg.Address, cfg.Next = "127.0.0.1:8080", 50
	}
	cfg.MQTT, cfg.MQTTNext = *mqtt, 0
	if *mqtt == "" {
		cfg.MQTT, cfg.MQTTNext = "127.0.0.1:1883", 50
	}
	steady(ctx)
	return city.RunDemo(ctx, cfg)
}

// profileCPU writes where the processor's time goes until stop.
func profileCPU(path string) (stop func(), err error) {
	out, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return nil, errors.Join(fmt.Errorf("profiling: %w", err), out.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		out.Close()
	}, nil
}

// runServe runs a hub whose law, keys and guardians exist already; docs/operations.md says how they come about.
func runServe(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("serve", log)
	dir := f.String("dir", "", "the city's directory (required)")
	address := f.String("http", "", "HOST:PORT to listen on, instead of what the configuration says (127.0.0.1:8080 where that says nothing)")
	config := f.String("config", "", "the city's configuration (default DIR/city.toml)")
	verbose := f.Bool("v", false, "log every request")
	open := f.Bool("lab", false, "the broker alone, for conformance suites and comparisons: nobody logs in, and nothing about people belongs in it")
	mqtt := f.String("mqtt", "", "with --lab: HOST:PORT of an open MQTT broker that writes entities published to ngsi-ld/entities")
	contexts := f.String("context-map", "", "with --lab: JSON file {context URL: file beside it}")
	temporalPage := f.Int("temporal-page", 0, "with --lab: attribute instances of one answer about the past, beyond which it is 206; 0 = 10000")
	profile := f.String("cpuprofile", "", "write a CPU profile to this file, from start to stop")
	if err := parse(f, args); err != nil {
		return err
	}
	if *profile != "" {
		stop, err := profileCPU(*profile)
		if err != nil {
			return err
		}
		defer stop()
	}
	if *dir == "" || f.NArg() > 0 {
		return tribune.Hint(fmt.Errorf("%w: name the city's directory", errUsage), "tribune serve --dir /var/lib/tribune")
	}
	steady(ctx)
	if *open {
		return lab.Serve(ctx, lab.Config{Dir: *dir, HTTP: cmp.Or(*address, "127.0.0.1:8080"), MQTT: *mqtt, ContextMap: *contexts, TemporalPage: *temporalPage, Out: out, Log: logger(log, *verbose)})
	}
	return city.Serve(ctx, city.ServeConfig{Dir: city.Dir(*dir), File: *config, Address: *address, Verbose: *verbose, Out: out, Log: log})
}

// runGuardian is the command guardian; demo starts guardians by it. The standard input of one that serves is its parent's life line:
// however the parent ends, the pipe closes and the guardian ends, too.
func runGuardian(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) == 0 || args[0] != "serve" {
		return guardian.Main(ctx, args, out)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return guardian.Main(ctx, args, out)
}

// logger writes text lines; without -v only what needs attention.
func logger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return web.NewLog(w, level, false)
}
