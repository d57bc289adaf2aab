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
	r := d.recipe
	r.Kind, r.Scale = words[0], d.scale
	for _, n := range atCommas(d.hidden) {
		size, err := strconv.Atoi(n)
		if err != nil {
			return fmt.Errorf("%w: --hidden takes sizes, as 64,32", errUsage)
		}
		r.Hidden = append(r.Hidden, size)
	}
	r, err := r.Fill()
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
	last := time.Now()
	m, err := r.Train(ctx, train, d.seed, func(p model.Progress) error {
		if time.Since(last) > 2*time.Second || p.Done {
			last = time.Now()
			fmt.Fprintf(log, "epoch %d of %d: loss %.4f, accuracy %.4f\n", p.Epoch, p.Epochs, p.Loss, p.Accuracy)
			if p.Epsilon > 0 {
				fmt.Fprintf(log, "  epsilon %.3f at delta %.2g\n", p.Epsilon, 1/float64(10*train.X.Rows))
			}
		}
		return nil
	})
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("training was interrupted, and nothing was written")
	}
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := model.Save(&file, m); err != nil {
		return err
	}
	s := recipe.Settings{Version: 1, Model: sha256.Sum256(file.Bytes()), Recipe: r, Seed: d.seed, Data: words[1], Source: train.Source, Rows: train.X.Rows}
	beside, err := s.Encode()
	if err != nil {
		return err
	}
	if err := os.Remove(settingsOf(d.out)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := durable.Write(d.out, file.Bytes()); err != nil {
		return fmt.Errorf("writing the model: %w", err)
	}
	if err := durable.Write(settingsOf(d.out), beside); err != nil {
		return fmt.Errorf("writing the model's settings: %w", err)
	}
	fmt.Fprintf(out, "%s: %s\n", d.out, r)
	fmt.Fprintf(out, "  trained on %d records, %d inputs, %d classes\n", train.X.Rows, train.X.Cols, len(train.Classes))
	for _, side := range []struct {
		name string
		set  data.Set
	}{{"training", train}, {"test", test}} {
		if known, _, _ := builtIn(words[1]); side.name == "test" && known == "" && d.test == words[1] {
			continue // one file is no test of itself
		}
		right, err := accuracy(ctx, m, side.set)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  accuracy on %s records %.4f\n", side.name, right)
	}
	fmt.Fprintf(out, "  SHA-256 %s\n", s.Model)
	return nil
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
