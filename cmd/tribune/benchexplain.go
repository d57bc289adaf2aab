package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/explain/timing"
	"tribune/internal/worker"
)

// explainBench is the name under which `tribune bench` measures the parts of an audit of explanations.
const explainBench = "explain"

// explainBenchUsage is followed by the stages' names.
const explainBenchUsage = `usage: tribune bench explain [flags]

Measures what an audit of explanations is made of, on Adult with the default plan's settings: training reference models, each explanation,
each attack; with --location also training the network of 446-1024-512-256-30. All cores work; GOMAXPROCS says otherwise.

stages: `

// runBenchExplain measures the parts of an audit of explanations.
func runBenchExplain(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("bench explain", log)
	var c timing.Config
	asJSON := f.Bool("json", false, "print one JSON object a row")
	stages := f.String("stages", "", "which stages, with commas (default all)")
	f.StringVar(&c.Dir, "out", "", "leave records, models, attributions and scores in this folder, as NumPy arrays; stages of another run in the same folder take its models")
	f.IntVar(&c.References, "references", 16, "reference models that are trained")
	f.IntVar(&c.Epochs, "epochs", 20, "of each")
	f.IntVar(&c.Records, "records", 0, "of Adult that are explained and attacked (default all)")
	location := f.String("location", "", "Location-30 as its authors publish it, dataset_location.tgz: it is not shipped")
	f.Usage = func() {
		fmt.Fprintf(log, "%s%s\n\n", explainBenchUsage, strings.Join(timing.Stages(), ", "))
		f.PrintDefaults()
	}
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: bench explain takes no argument %q", errUsage, f.Arg(0))
	}
	c.Stages = atCommas(*stages)
	var err error
	if c.Train, c.Test, err = openSides(ctx, &explainFlags{train: "adult", test: "adult"}, data.Standard); err != nil {
		return err
	}
	if *location != "" {
		if c.Location, err = openLocation(ctx, *location); err != nil {
			return err
		}
	}
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o700); err != nil {
			return fmt.Errorf("making the folder: %w", err)
		}
	}
	c.Report = func(r timing.Row) error {
		if *asJSON {
			return json.NewEncoder(out).Encode(r)
		}
		return r.Print(out)
	}
	return timing.Run(ctx, c)
}

func openLocation(ctx context.Context, path string) (data.Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return data.Set{}, err
	}
	defer f.Close()
	return outside.Location(ctx, worker.Worker{}, f, data.DefaultLimits())
}
