package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/price"
	"tribune/internal/explain/report"
)

// The files of a comparison's folder, beside its page.
const (
	priceFile = "price.json" // every row with its intervals; it tells about small groups, so it stays with the auditor
	tableFile = "price.txt"
)

// defendFlags are those of explain defend alone.
type defendFlags struct {
	defences string
	rule     price.Rule
	records  int
}

func (d *defendFlags) define(f *flag.FlagSet) {
	f.StringVar(&d.defences, "defences", "", "defend: a file with one defence a line, as noise:0.2, top:10+unit, private-linear:1,1e-06 (epsilon, delta) or dp-sgd:1,1.1 (clip, noise)")
	f.Float64Var(&d.rule.MostLoss, "most-loss", 0.02, "defend: how much of its accuracy a recommended defence may cost the model")
	f.Float64Var(&d.rule.LeastFidelity, "least-fidelity", 0.5, "defend: how much of the explanation it must leave, as a mean cosine")
	f.IntVar(&d.records, "looked-at", 600, "defend: test records on which fidelity and steadiness are measured")
}

// defendExplanations says what each defence buys at what loss, and which is recommended by a rule that is printed before.
func defendExplanations(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) > 0 || d.out == "" || d.defend.defences == "" {
		return tribune.Hint(fmt.Errorf("%w: say which defences, and where the comparison goes", errUsage), "tribune explain defend --model M --train T --test U --groups sex --defences FILE --out DIR")
	}
	began := time.Now()
	text, err := readBounded(d.defend.defences, price.MaxSchemes)
	if err != nil {
		return err
	}
	schemes, err := price.ParseSchemes(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", d.defend.defences, err)
	}
	plan, err := openPlan(d)
	if err != nil {
		return err
	}
	e, err := openSubject(ctx, d, plan, log)
	if err != nil {
		return err
	}
	s, o := e.priced(), e.options
	marked := s.Subject
	marked.References += "\n" + string(text)
	work, err := newShelf(d, marked, plan, o)
	if err != nil {
		return err
	}
	stop, err := e.reach(ctx, d, 0, work.dir, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := e.look(ctx, plan, log); err != nil {
		return err
	}
	o = e.options
	o.Shelf = work
	fmt.Fprintf(log, "rule: %s\n", d.defend.rule)
	r, err := price.Run(ctx, s, plan, schemes, price.Options{Audit: o, Records: d.defend.records, Rule: d.defend.rule})
	if errors.Is(err, context.Canceled) {
		return tribune.Hint(errors.New("the comparison was interrupted"), "The same command goes on where it was.")
	}
	if err != nil {
		return err
	}
	if err := writePrices(d.out, r, e.target.kind, s.Train.Name, out); err != nil {
		return err
	}
	if err := work.clear(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s (%s)\n", filepath.Join(d.out, reportFile), time.Since(began).Round(time.Second))
	for _, a := range r.Advice {
		if a.Scheme == "" {
			return fmt.Errorf("%w: no defence of %s suffices", errDoesNotHold, a.Method)
		}
	}
	return nil
}

// priced is what a comparison takes. What was trained elsewhere cannot be trained again by DP-SGD.
func (e *examined) priced() price.Subject {
	if e.how.Kind == "" {
		return price.Subject{Subject: e.subject}
	}
	var seed uint64
	if e.target.settings != nil {
		seed = e.target.settings.Seed
	}
	return price.Taught(e.subject, e.how, seed)
}

// writePrices writes the comparison for programs, as a page and as a table, and prints the latter.
func writePrices(dir string, r *price.Result, kind, train string, out io.Writer) error {
	var table bytes.Buffer
	if err := r.Print(&table); err != nil {
		return err
	}
	page, err := report.Prices(r, kind, train)
	if err != nil {
		return err
	}
	if err := writeRows(dir, r); err != nil {
		return err
	}
	for name, b := range map[string][]byte{tableFile: table.Bytes(), reportFile: page} {
		if err := durable.Write(filepath.Join(dir, name), b); err != nil {
			return fmt.Errorf("writing the comparison: %w", err)
		}
	}
	_, err = out.Write(table.Bytes())
	return err
}

// writeRows writes every row of a comparison for programs.
func writeRows(dir string, r *price.Result) error {
	rows, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	if err := durable.Write(filepath.Join(dir, priceFile), append(rows, '\n')); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}
