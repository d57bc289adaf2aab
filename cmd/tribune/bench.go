package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tribune"
	"tribune/internal/bench"
)

// runBench measures one bench, or all, each on a fresh hub.
func runBench(ctx context.Context, args []string, out, log io.Writer) error {
	if len(args) > 0 && args[0] == brokerBench {
		return runBenchBroker(ctx, args[1:], out, log)
	}
	if len(args) > 0 && args[0] == explainBench {
		return runBenchExplain(ctx, args[1:], out, log)
	}
	f := flags("bench", log)
	var cfg bench.Config
	asJSON := f.Bool("json", false, "print one JSON object a bench, one a line")
	seconds := f.Float64("seconds", 10, "of the measured part, at most 40")
	f.IntVar(&cfg.Connections, "connections", 64, "of the public benches")
	f.IntVar(&cfg.Rate, "rate", 800, "acts offered a second (act)")
	f.IntVar(&cfg.Readers, "readers", 1, "acts under way at once (sealed-read, release)")
	f.IntVar(&cfg.Subjects, "subjects", 500, "people in one act, at most 1000 (release)")
	f.IntVar(&cfg.Guardians, "guardians", 4, "of the city, 3 to 9")
	f.IntVar(&cfg.Entities, "entities", 1000, "car parks that are updated, read and queried")
	f.IntVar(&cfg.People, "people", 200, "synthetic drivers of the city")
	f.StringVar(&cfg.Dir, "dir", "", "scratch directory, kept afterwards (default: a temporary one that is removed)")
	f.StringVar(&cfg.Profile, "cpuprofile", "", "write the hub's CPU profile to this file")
	quiet := f.Bool("q", false, "no progress on standard error")
	f.Usage = func() {
		fmt.Fprint(log, "usage: tribune bench NAME [flags]   (flags may stand on either side of NAME)\n\n")
		for _, k := range bench.All() {
			fmt.Fprintf(log, "  %-12s %s\n", k.Name, k.Line)
		}
		fmt.Fprintf(log, "  %-12s each of them, on a fresh hub of its own\n", "all")
		fmt.Fprintf(log, "  %-12s an NGSI-LD broker alone, at growing sizes: tribune bench broker -h\n", brokerBench)
		fmt.Fprintf(log, "  %-12s the parts of an audit of explanations: tribune bench explain -h\n\n", explainBench)
		f.PrintDefaults()
	}
	names, err := words(f, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return tribune.Hint(fmt.Errorf("%w: name one bench, or all", errUsage), "tribune bench -h lists them.")
	}
	if names[0] == "all" {
		if cfg.Profile != "" {
			return fmt.Errorf("%w: a profile is of one bench", errUsage)
		}
		names = names[:0]
		for _, k := range bench.All() {
			names = append(names, k.Name)
		}
	}
	cfg.Duration = time.Duration(*seconds * float64(time.Second))
	if !*quiet {
		cfg.Log = log
	}
	scratch := cfg.Dir
	var failed []error
	for _, name := range names {
		if scratch != "" {
			cfg.Dir = scratch + string(os.PathSeparator) + name
		}
		result, err := benchOne(ctx, name, cfg)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if *asJSON {
			err = json.NewEncoder(out).Encode(result)
		} else {
			err = result.Print(out)
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(failed...)
}

func benchOne(ctx context.Context, name string, cfg bench.Config) (result bench.Result, err error) {
	b, err := bench.Open(ctx, cfg)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return b.Run(ctx, name)
}

// runCeiling is the server of ready bytes that a bench starts beside the hub.
func runCeiling(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("bench-ceiling", log)
	size := f.Int("bytes", 0, "of every answer's body")
	if err := parse(f, args); err != nil {
		return err
	}
	return bench.ServeCeiling(ctx, *size, os.Stdin, out)
}
