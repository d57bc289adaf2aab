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
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/price"
)

// The files of a comparison's folder.
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
	s, o, err := defended(ctx, d, plan, log)
	if err != nil {
		return err
	}
	marked := s.Subject
	marked.References += "\n" + string(text)
	work, err := newShelf(d, marked, plan, o)
	if err != nil {
		return err
	}
	o.Shelf = work
	fmt.Fprintf(log, "rule: %s\n", d.defend.rule)
	r, err := price.Run(ctx, s, plan, schemes, price.Options{Audit: o, Records: d.defend.records, Rule: d.defend.rule})
	if errors.Is(err, context.Canceled) {
		return tribune.Hint(errors.New("the comparison was interrupted"), "The same command goes on where it was.")
	}
	if err != nil {
		return err
	}
	if err := writePrices(d.out, r, out); err != nil {
		return err
	}
	if err := work.clear(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%s (%s)\n", filepath.Join(d.out, priceFile), time.Since(began).Round(time.Second))
	for _, a := range r.Advice {
		if a.Scheme == "" {
			return fmt.Errorf("%w: no defence of %s suffices", errDoesNotHold, a.Method)
		}
	}
	return nil
}

// defended opens what is to be defended, as an audit would.
func defended(ctx context.Context, d *explainFlags, p audit.Plan, log io.Writer) (s price.Subject, o audit.Options, err error) {
	t, err := openModel(ctx, d)
	if err != nil {
		return s, o, err
	}
	how, said, err := t.references(p)
	if err != nil {
		return s, o, err
	}
	scale, err := t.scale(d, p)
	if err != nil {
		return s, o, err
	}
	a := audit.Subject{Target: t.Model, Model: t.hash, References: said, Like: func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
		return how.Train(ctx, rows, seed, nil)
	}}
	if a.Train, a.Test, err = openSides(ctx, d, scale); err != nil {
		return s, o, err
	}
	o = audit.Options{Program: "tribune " + version(), Now: time.Now, Step: progress(log)}
	if err := inspect(ctx, &a, p, &o, log); err != nil {
		return s, o, err
	}
	var seed uint64
	if t.settings != nil {
		seed = t.settings.Seed
	}
	return price.Taught(a, how, seed), o, nil
}

// writePrices writes the comparison for programs and for people, and prints the latter.
func writePrices(dir string, r *price.Result, out io.Writer) error {
	rows, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	var table bytes.Buffer
	if err := r.Print(&table); err != nil {
		return err
	}
	if err := durable.Write(filepath.Join(dir, priceFile), append(rows, '\n')); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	if err := durable.Write(filepath.Join(dir, tableFile), table.Bytes()); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	_, err = out.Write(table.Bytes())
	return err
}
