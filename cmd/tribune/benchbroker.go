package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"tribune/internal/bench"
)

// brokerBench is the name under which `tribune bench` measures the broker alone, at growing sizes.
const brokerBench = "broker"

// brokerUsage is followed by the rows.
const brokerUsage = `usage: tribune bench broker [flags]

Measures an NGSI-LD broker from outside, all writes durable: a laboratory of this program, or one that runs already. How costs grow:

  tribune bench broker --sizes 1000,10000,100000,1000000 --seconds 5 --table growth.md --plot growth.svg

takes some 7 minutes on 2 cores that are otherwise idle, and 2 GB of disk and of memory. Whether memory stays flat:

  tribune bench broker --sizes 2000 --rows soak --soak 10m

Rows:

`

// runBenchBroker measures an NGSI-LD broker: this program's laboratory, or one that runs already.
func runBenchBroker(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("bench broker", log)
	var bc bench.BrokerConfig
	asJSON := f.Bool("json", false, "print one JSON object a row")
	seconds := f.Float64("seconds", 10, "of the measured part, at most 40")
	sizes := f.String("sizes", "100000", "how many entities it holds, of 1 KB each; several, growing, with commas: each size in a fresh laboratory")
	rows := f.String("rows", "", "which rows, with commas (default all; with several sizes those whose cost may grow)")
	f.IntVar(&bc.Connections, "connections", 64, "of the load")
	f.IntVar(&bc.Points, "points", 1_000_000, "values of the attribute that row aggregate is about")
	f.DurationVar(&bc.Soak, "soak", 0, "of row soak, like 10m: a mix at 70% of what the broker can; its memory must stay flat")
	plot := f.String("plot", "", "draw what was measured over the sizes into this file (SVG)")
	table := f.String("table", "", "write it into this file as a table (Markdown)")
	f.StringVar(&bc.URL, "url", "", "http://HOST:PORT of another broker, running and empty (default: a laboratory of this program)")
	f.IntVar(&bc.PID, "pid", 0, "of that broker's process, to look at its memory and processor")
	f.StringVar(&bc.Dir, "dir", "", "scratch directory, kept afterwards (default: a temporary one that is removed)")
	f.StringVar(&bc.Profile, "cpuprofile", "", "write the laboratory's CPU profile to this file")
	quiet := f.Bool("q", false, "no progress on standard error")
	f.Usage = func() {
		fmt.Fprint(log, brokerUsage)
		for _, k := range bench.BrokerRows() {
			fmt.Fprintf(log, "  %-10s %s\n", strings.TrimPrefix(k.Name, "broker-"), k.Line)
		}
		fmt.Fprintln(log)
		f.PrintDefaults()
	}
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: bench broker takes no argument %q", errUsage, f.Arg(0))
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%w: -sizes takes numbers", errUsage)
		}
		bc.Sizes = append(bc.Sizes, n)
	}
	for name := range strings.SplitSeq(*rows, ",") {
		if name != "" {
			bc.Rows = append(bc.Rows, "broker-"+name)
		}
	}
	bc.Duration = time.Duration(*seconds * float64(time.Second))
	if !*quiet {
		bc.Log = log
	}
	var growth bench.Growth
	err := bench.MeasureBroker(ctx, bc, func(r bench.Result) error {
		growth.Take(r)
		if *asJSON {
			return json.NewEncoder(out).Encode(r)
		}
		return r.Print(out)
	})
	for name, write := range map[string]func(io.Writer) error{*table: growth.Table, *plot: growth.Plot} {
		if name != "" { // what was measured before a row failed says something, too
			err = errors.Join(err, written(name, write))
		}
	}
	return err
}

// written writes a file anew.
func written(name string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
