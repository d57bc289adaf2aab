package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"tribune"
	shipped "tribune/data/explain"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/worker"
)

// splitSeed draws the records of adult:N and hospital, always the same.
const splitSeed = 0

// adultTrain are the rows that Adult's publishers train on: adult.data.
const adultTrain = 32_561

// openSides reads and encodes training and test records. What numbers are scaled by is learnt from the training records.
func openSides(ctx context.Context, d *explainFlags, scale data.Scale) (train, test data.Set, err error) {
	train, test, _, err = openEncoded(ctx, d, scale)
	return train, test, err
}

// openEncoded also tells how they were encoded.
func openEncoded(ctx context.Context, d *explainFlags, scale data.Scale) (train, test data.Set, e *data.Encoding, err error) {
	if d.train == "" || d.test == "" {
		return train, test, e, tribune.Hint(fmt.Errorf("%w: say what the model was trained on, and what it was not", errUsage), "--train adult --test adult, or two CSV files and --schema")
	}
	known, size, err := builtIn(d.train)
	if err != nil {
		return train, test, e, err
	}
	options := data.FitOptions{Scale: scale}
	if known == "" {
		return openTables(ctx, d, options)
	}
	if other, n, err := builtIn(d.test); err != nil || other != known || n != size {
		return train, test, e, tribune.Hint(fmt.Errorf("%w: %q and %q are not the two sides of one split", errUsage, d.train, d.test), "--train %s --test %s", d.train, d.train)
	}
	t, err := openKnown(ctx, d, known)
	if err != nil {
		return train, test, e, err
	}
	split, err := canonical(t, known, size)
	if err != nil {
		return train, test, e, err
	}
	options.Constant = true // a small draw may lack a rare word; the published files are what they are
	if e, err = data.Fit(t, split.Train, options); err != nil {
		return train, test, e, err
	}
	if train, err = e.Apply(t, split.Train); err != nil {
		return train, test, e, err
	}
	test, err = e.Apply(t, split.Test)
	return train, test, e, err
}

// builtIn reads adult, hospital, adult:N and their files' names; "" is another file.
func builtIn(name string) (known string, size int, err error) {
	word, n, sized := strings.Cut(name, ":")
	base := strings.TrimSuffix(filepath.Base(word), ".gz")
	switch {
	case word == "adult", word == "hospital":
		known = word
	case base == "adult.data", base == "adult.test":
		known = "adult"
	case base == "dataset_diabetes.zip", base == "diabetic_data.csv":
		known = "hospital"
	default:
		return "", 0, nil
	}
	if sized {
		if size, err = strconv.Atoi(n); err != nil || size < 20 {
			return "", 0, fmt.Errorf("%w: %q: so few records are no training", errUsage, name)
		}
	}
	return known, size, nil
}

// openKnown reads what is shipped, or its files from outside in a worker.
func openKnown(ctx context.Context, d *explainFlags, known string) (*data.Table, error) {
	name, _, _ := strings.Cut(d.train, ":")
	if name == known {
		return openShipped(known)
	}
	a, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if known == "hospital" {
		t, err := outside.Hospital(ctx, worker.Worker{}, a, data.DefaultLimits())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return t, nil
	}
	other, _, _ := strings.Cut(d.test, ":")
	b, err := os.Open(other)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	t, err := outside.Adult(ctx, worker.Worker{}, a, b, data.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", name, other, err)
	}
	return t, nil
}

// openShipped reads what this program carries, and no more of it than is asked for.
func openShipped(known string) (*data.Table, error) {
	var files [2]fs.File
	for i, name := range map[string][]string{"adult": {"adult.data.gz", "adult.test.gz"}, "hospital": {"dataset_diabetes.zip"}}[known] {
		f, err := shipped.Files().Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading the data that are shipped: %w", err)
		}
		defer f.Close()
		files[i] = f
	}
	if known == "hospital" {
		return data.Hospital(files[0], data.DefaultLimits())
	}
	return data.Adult(files[0], files[1], data.DefaultLimits())
}

// canonical is the split that is meant by a data set's name: Adult's as published; of Diabetes-130 one encounter of each patient, in halves. With a size, so many
// different records on either side.
func canonical(t *data.Table, known string, size int) (data.Split, error) {
	if known == "hospital" {
		rows := data.OncePerPerson(t.All(), t.Persons(), splitSeed)
		if size == 0 {
			size = len(rows) / 2
		}
		return data.ByRow(rows, size, size, splitSeed)
	}
	if size > 0 {
		return data.ByRow(t.Distinct(), size, size, splitSeed)
	}
	if t.Rows <= adultTrain {
		return data.Split{}, tribune.Hint(fmt.Errorf("%w: Adult with %d rows", tribune.ErrInvalid, t.Rows), "--train adult.data --test adult.test")
	}
	rows := t.All()
	return data.Split{Name: "as published", Train: rows[:adultTrain], Test: rows[adultTrain:]}, nil
}

// openTables reads CSV files, each in a worker.
func openTables(ctx context.Context, d *explainFlags, o data.FitOptions) (train, test data.Set, e *data.Encoding, err error) {
	a, err := openCSV(ctx, d.train, d.schema)
	if err != nil {
		return train, test, e, err
	}
	b := a // training alone names one file
	if d.test != d.train {
		if b, err = openCSV(ctx, d.test, d.schema); err != nil {
			return train, test, e, err
		}
	}
	if e, err = data.Fit(a, a.All(), o); err != nil {
		return train, test, e, fmt.Errorf("%s: %w", d.train, err)
	}
	if train, err = e.Apply(a, a.All()); err != nil {
		return train, test, e, fmt.Errorf("%s: %w", d.train, err)
	}
	if test, err = e.Apply(b, b.All()); err != nil {
		return train, test, e, fmt.Errorf("%s: %w", d.test, err)
	}
	if strings.Join(train.Classes, "\n") != strings.Join(test.Classes, "\n") {
		return train, test, e, tribune.Hint(fmt.Errorf("%w: the two files do not have the same classes", tribune.ErrInvalid), `declare the label's values in the schema: "values": ["no", "yes"]`)
	}
	return train, test, e, nil
}

func openCSV(ctx context.Context, path, schema string) (*data.Table, error) {
	if schema == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: nothing says what the columns of %s are", errUsage, path), "--schema FILE; docs/explain.md shows one")
	}
	s, err := os.Open(schema)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	columns, err := data.ReadSchema(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", schema, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := outside.CSV(ctx, worker.Worker{}, f, columns, data.DefaultLimits())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
