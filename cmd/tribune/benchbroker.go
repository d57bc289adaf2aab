package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tribune/internal/bench"
)

// brokerBench is the name under which `tribune bench` measures the broker alone, at growing sizes.
const brokerBench = "broker"

// runBenchBroker measures an NGSI-LD broker: this program's laboratory, or one that runs already.
func runBenchBroker(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("bench broker", log)
	var bc bench.BrokerConfig
	asJSON := f.Bool("json", false, "print one JSON object a row")
	seconds := f.Float64("seconds", 10, "of the measured part, at most 40")
	sizes := f.String("entities", "100000", "how many it holds, of 1 KB each; several, growing, with commas")
	rows := f.String("rows", "", "which rows, with commas (default all): update, create, get, query, equal, near, aggregate, notify, start")
	f.IntVar(&bc.Connections, "connections", 64, "of the load")
	f.IntVar(&bc.Points, "points", 1_000_000, "values of the attribute that row aggregate is about")
	f.DurationVar(&bc.Soak, "soak", 0, "of row soak, like 10m: a mix at 70% of what the broker can; its memory must stay flat")
	f.StringVar(&bc.URL, "url", "", "http://HOST:PORT of another broker, running and empty (default: a laboratory of this program)")
	f.IntVar(&bc.PID, "pid", 0, "of that broker's process, to look at its memory and processor")
	f.StringVar(&bc.Dir, "dir", "", "scratch directory, kept afterwards (default: a temporary one that is removed)")
	f.StringVar(&bc.Profile, "cpuprofile", "", "write the laboratory's CPU profile to this file")
	quiet := f.Bool("q", false, "no progress on standard error")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%w: bench broker takes no argument %q", errUsage, f.Arg(0))
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%w: -entities takes numbers", errUsage)
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
	return bench.MeasureBroker(ctx, bc, func(r bench.Result) error {
		if *asJSON {
			return json.NewEncoder(out).Encode(r)
		}
		return r.Print(out)
	})
}
