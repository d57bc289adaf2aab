package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/recipe"
)

// trainModel trains a model and writes it with its settings. Of adult and hospital the training side of the split is taken, of a CSV file all of it.
func trainModel(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) != 2 || d.out == "" {
		return tribune.Hint(fmt.Errorf("%w: say what to train, on what, and where it goes", errUsage), "tribune explain train mlp adult --out adult.model")
	}
	r, err := recipeOf(d, words[0])
	if err != nil {
		return err
	}
	scale, err := r.Encoding()
	if err != nil {
		return err
	}
	if d.train = words[1]; d.test == "" {
		d.test = words[1]
	}
	train, test, err := openSides(ctx, d, scale)
	if err != nil {
		return err
	}
	m, err := r.Train(ctx, train, d.seed, tellEpochs(train.X.Rows, log))
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("training was interrupted, and nothing was written")
	}
	if err != nil {
		return err
	}
	hash, err := writeModel(d.out, m, recipe.Settings{Version: 1, Recipe: r, Seed: d.seed, Data: words[1], Source: train.Source, Rows: train.X.Rows})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", d.out, r)
	fmt.Fprintf(out, "  trained on %d records, %d inputs, %d classes\n", train.X.Rows, train.X.Cols, len(train.Classes))
	if err := tellAccuracy(ctx, "training", m, train, out); err != nil {
		return err
	}
	if known, _, _ := builtIn(words[1]); known != "" || d.test != words[1] { // one file is no test of itself
		if err := tellAccuracy(ctx, "test", m, test, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "  SHA-256 %s\n", hash)
	return nil
}

// recipeOf is what the flags say of how to train.
func recipeOf(d *explainFlags, kind string) (recipe.Recipe, error) {
	r := d.recipe
	r.Kind, r.Scale = kind, d.scale
	for _, n := range atCommas(d.hidden) {
		size, err := strconv.Atoi(n)
		if err != nil {
			return r, fmt.Errorf("%w: --hidden takes sizes, as 64,32", errUsage)
		}
		r.Hidden = append(r.Hidden, size)
	}
	return r.Fill()
}

// tellEpochs says every two seconds, and at the end, how far a training on so many rows is.
func tellEpochs(rows int, log io.Writer) func(model.Progress) error {
	last := time.Now()
	return func(p model.Progress) error {
		if time.Since(last) > 2*time.Second || p.Done {
			last = time.Now()
			fmt.Fprintf(log, "epoch %d of %d: loss %.4f, accuracy %.4f\n", p.Epoch, p.Epochs, p.Loss, p.Accuracy)
			if p.Epsilon > 0 {
				fmt.Fprintf(log, "  epsilon %.3f at delta %.2g\n", p.Epsilon, 1/float64(10*rows))
			}
		}
		return nil
	}
}

// writeModel writes a model and, beside it, its settings. A crash leaves no settings of another model.
func writeModel(path string, m model.Model, s recipe.Settings) (tribune.Hash, error) {
	var file bytes.Buffer
	if err := model.Save(&file, m); err != nil {
		return s.Model, err
	}
	s.Model = sha256.Sum256(file.Bytes())
	beside, err := s.Encode()
	if err != nil {
		return s.Model, err
	}
	if err := os.Remove(settingsOf(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s.Model, err
	}
	if err := durable.Write(path, file.Bytes()); err != nil {
		return s.Model, fmt.Errorf("writing the model: %w", err)
	}
	if err := durable.Write(settingsOf(path), beside); err != nil {
		return s.Model, fmt.Errorf("writing the model's settings: %w", err)
	}
	return s.Model, nil
}

func tellAccuracy(ctx context.Context, side string, m model.Model, s data.Set, out io.Writer) error {
	right, err := accuracy(ctx, m, s)
	if err == nil {
		fmt.Fprintf(out, "  accuracy on %s records %.4f\n", side, right)
	}
	return err
}

func accuracy(ctx context.Context, m model.Model, s data.Set) (float64, error) {
	p, err := m.Predict(ctx, s.X)
	if err != nil {
		return 0, err
	}
	right := 0
	for i, y := range s.Y {
		best := 0
		for c, v := range p.Row(i) {
			if v > p.Row(i)[best] {
				best = c
			}
		}
		if best == y {
			right++
		}
	}
	return float64(right) / float64(len(s.Y)), nil
}
