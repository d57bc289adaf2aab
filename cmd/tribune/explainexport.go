package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/export"
	"tribune/internal/explain/recipe"
)

// exportRecords writes what a model is to be trained on, and what each of its references is, for trainers elsewhere.
func exportRecords(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) > 0 || d.out == "" {
		return tribune.Hint(fmt.Errorf("%w: say where the records go", errUsage), "tribune explain export --train adult --test adult --plan plan.toml --out DIR")
	}
	plan, err := openPlan(d)
	if err != nil {
		return err
	}
	scale, err := (&target{}).scale(d, plan)
	if err != nil {
		return err
	}
	train, test, encoding, err := openEncoded(ctx, d, scale)
	if err != nil {
		return err
	}
	s, o := audit.Subject{Train: train, Test: test}, audit.Options{}
	if err := inspect(ctx, &s, plan, &o, log); err != nil {
		return err
	}
	c := exported(d, plan, s, encoding.Inputs())
	if err := export.Write(d.out, c); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d training and %d test records, %d inputs, classes %q\n", filepath.Join(d.out, export.RecordsFile), train.X.Rows, s.Test.X.Rows, train.X.Cols, train.Classes)
	fmt.Fprintf(out, "%s: who is in which half, for %d references\n", filepath.Join(d.out, export.HalvesFile), plan.References)
	fmt.Fprintf(out, "%s: how the inputs were made\n", filepath.Join(d.out, export.ManifestFile))
	fmt.Fprintln(out, "Train the model on the records whose side is train. Reference N goes into the same folder as reference-N.onnx, .json or .model.")
	return nil
}

// exported is what an audit of s by the plan would have references trained on.
func exported(d *explainFlags, p audit.Plan, s audit.Subject, inputs []data.Input) export.Contents {
	return export.Contents{Train: s.Train, Test: s.Test, Inputs: inputs, Scale: scaleName(d, p), Seed: p.Seed, Halves: p.Halves(len(s.Train.Y) + len(s.Test.Y))}
}

func scaleName(d *explainFlags, p audit.Plan) string {
	for _, name := range []string{d.scale, p.Reference.Scale} {
		if name != "" {
			return name
		}
	}
	return recipe.DefaultScale
}
