package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"tribune/internal/explain/audit"
)

// measureAgain is what a court does: with the model, the data and the verdict's own plan it measures again, and compares every figure. With --out an interrupted
// one goes on; without, its work is kept in a folder that goes with it.
func measureAgain(ctx context.Context, d *explainFlags, v *audit.Verdict, out, log io.Writer) error {
	again := *d
	if again.out == "" {
		dir, err := os.MkdirTemp("", "tribune-verify-")
		if err != nil {
			return fmt.Errorf("measuring again: %w", err)
		}
		defer os.RemoveAll(dir)
		again.out = dir
	}
	e, err := openSubject(ctx, &again, v.Plan, log)
	if err != nil {
		return err
	}
	if err := sameSubject(e.subject, v); err != nil {
		return err
	}
	work, err := newShelf(&again, e.subject, v.Plan, e.options)
	if err != nil {
		return err
	}
	e.options.Shelf = work
	stop, err := e.reachAll(ctx, &again, v.Plan, work.dir, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := e.look(ctx, v.Plan, log); err != nil {
		return err
	}
	r, err := audit.Run(ctx, e.subject, v.Plan, e.options)
	if err == nil {
		err = work.clear()
	}
	if err != nil {
		return fmt.Errorf("measuring again: %w", err)
	}
	return compareVerdicts(v, r.Verdict, out)
}

// maxDifferences are printed.
const maxDifferences = 10

func compareVerdicts(v, now *audit.Verdict, out io.Writer) error {
	differences := v.Differs(now)
	for i, what := range differences {
		if i == maxDifferences {
			fmt.Fprintf(out, "  and %d differences more\n", len(differences)-i)
			break
		}
		fmt.Fprintln(out, "  not the same:", what)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%w: measured again by %s, and it is not the same", errDoesNotHold, now.Program)
	}
	fmt.Fprintf(out, "measured again by %s: %d figures, the same to the last bit\n", now.Program, len(v.Figures))
	return nil
}

// sameSubject says before hours of measuring what cannot come to the same.
func sameSubject(s audit.Subject, v *audit.Verdict) error {
	for _, c := range []struct {
		what string
		same bool
	}{
		{"the model is another", s.Model == v.Model},
		{"the training records are of another file", s.Train.Source == v.Train},
		{"the test records are of another file", s.Test.Source == v.Test},
		{"the records are others: drawn, scaled or grouped another way (--train adult:2000, --scale)", s.Records() == v.Records},
	} {
		if !c.same {
			return fmt.Errorf("%w: %s", errDoesNotHold, c.what)
		}
	}
	return nil
}
