package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/explain/reproduce"
)

// reproducePaper prints the paper's figures beside ours, each as soon as it is known.
func reproducePaper(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	experiments := reproduce.Experiments()
	if len(words) > 0 {
		experiments = nil
		for _, name := range words {
			e, err := reproduce.Find(name)
			if err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			experiments = append(experiments, e)
		}
	}
	r, err := reproduceRequest(d, log)
	if err != nil {
		return err
	}
	for _, e := range experiments {
		p := rowPrinter{out: out, json: d.json}
		p.begin(e)
		r.Row = p.print
		rows, err := e.Run(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		for _, row := range rows[p.printed:] {
			p.print(row)
		}
		if p.end(); p.err != nil {
			return fmt.Errorf("printing: %w", p.err)
		}
	}
	return nil
}

func reproduceRequest(d *explainFlags, log io.Writer) (reproduce.Request, error) {
	var last time.Time
	r := reproduce.Request{Datasets: atCommas(d.datasets), Quick: d.quick, Seeds: d.seeds, Progress: func(what string, done, total int) {
		if now := time.Now(); now.Sub(last) > time.Second {
			last = now
			fmt.Fprintf(log, "%s: %d of %d\n", what, done, total)
		}
	}}
	if len(r.Datasets) == 0 {
		r.Datasets = nil
	}
	for _, word := range atCommas(d.features) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return r, tribune.Hint(fmt.Errorf("%w: %q is no number of features", errUsage, word), "--features 5000,10000")
		}
		r.Features = append(r.Features, n)
	}
	if d.data != "" {
		r.Data = os.DirFS(d.data)
	}
	if d.keep != "" {
		kept, err := openShelf(d.keep, d.keep)
		if err != nil {
			return r, fmt.Errorf("opening the folder of what is kept: %w", err)
		}
		r.Keep = kept
	}
	return r, nil
}

// rowPrinter prints one experiment's rows. Its first error ends what it prints.
type rowPrinter struct {
	out     io.Writer
	json    bool
	printed int
	err     error
}

const rowFormat = "  %-10s %-28s %-34s %-12s %12s %10s  %s\n"

func (p *rowPrinter) begin(e reproduce.Experiment) {
	if !p.json {
		p.write("%s: %s\n", e.Name, e.About)
		p.write(rowFormat, "data", "group", "measure", "draw", "paper", "ours", "interval")
	}
}

func (p *rowPrinter) end() {
	if !p.json {
		p.write("\n")
	}
}

func (p *rowPrinter) write(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *rowPrinter) print(row reproduce.Row) {
	p.printed++
	if p.json {
		line, err := json.Marshal(row)
		if err != nil && p.err == nil {
			p.err = err
		}
		p.write("%s\n", line)
		return
	}
	paper, ours, interval := "", "", row.Note
	if row.Paper != nil {
		if paper = fmt.Sprintf("%.4g", row.Paper.Low); row.Paper.High != row.Paper.Low {
			paper += fmt.Sprintf("-%.4g", row.Paper.High)
		}
	}
	if row.Ours != nil {
		ours = fmt.Sprintf("%.4g", *row.Ours)
	}
	if row.Interval != nil {
		interval = strings.TrimSpace(fmt.Sprintf("%.4g to %.4g  %s", row.Interval[0], row.Interval[1], row.Note))
	}
	p.write(rowFormat, row.Dataset, row.Group, row.Measure, row.Draw, paper, ours, interval)
}
