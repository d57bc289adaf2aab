package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"tribune"
	"tribune/internal/drill"
)

// runDrill plays faults and attacks against real processes of this binary, in a scratch directory.
func runDrill(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("drill", log)
	var cfg drill.Config
	f.StringVar(&cfg.Dir, "dir", "", "scratch directory, kept afterwards (default: a temporary one that is removed)")
	f.IntVar(&cfg.People, "people", 200, "synthetic drivers")
	f.IntVar(&cfg.Kills, "kills", 20, "how often drill crash kills the hub")
	asJSON := f.Bool("json", false, "print one JSON report a drill")
	names, err := words(f, args)
	if err != nil {
		return err
	}
	switch {
	case len(names) == 1 && names[0] == "list":
		for _, d := range drill.All() {
			fmt.Fprintf(out, "%-17s %s\n", d.Name, d.Line)
		}
		return nil
	case len(names) == 1 && names[0] == "all":
		names = names[:0]
		for _, d := range drill.All() {
			names = append(names, d.Name)
		}
	case len(names) == 0:
		return tribune.Hint(fmt.Errorf("%w: name a drill", errUsage), "tribune drill list")
	}
	if !*asJSON {
		cfg.Log = out
	}
	var failed []string
	for _, name := range names {
		one := cfg
		if cfg.Dir != "" && len(names) > 1 {
			one.Dir += "/" + name
		}
		report, err := drill.Run(ctx, name, one)
		if *asJSON {
			if err := json.NewEncoder(out).Encode(report); err != nil {
				return err
			}
		} else if err == nil {
			fmt.Fprintf(out, "drill %s: %s, %d steps in %.1f s\n", name, verdict(report), len(report.Steps), report.Seconds)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && len(names) == 1:
			return err
		case err != nil:
			fmt.Fprintln(log, "tribune:", err) // the other drills can be played all the same
		}
		if !report.Held {
			failed = append(failed, name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w: drills %v", errDoesNotHold, failed)
	}
	return nil
}

func verdict(r drill.Report) string {
	if r.Held {
		return "held"
	}
	return "DID NOT HOLD"
}

// runAttackers attacks from a process of its own; what it may know comes by standard input, not in its arguments.
func runAttackers(ctx context.Context, _ []string, out, _ io.Writer) error {
	return drill.Attack(ctx, os.Stdin, out)
}
