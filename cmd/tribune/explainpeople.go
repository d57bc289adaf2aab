package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/release"
	"tribune/internal/worker"
)

// released is a release and the people it is held against.
type released struct {
	members, others data.Set
	a, b            *data.Table // that members and others were read from
	from, to        []int       // their rows there
	schema          data.Schema
	encoding        *data.Encoding
	table           release.Table
	synthetic       data.Set
}

// attackPeople asks of a table or of synthetic records who went into them.
func attackPeople(ctx context.Context, d *explainFlags, groups []string, r *release.Result, log io.Writer) error {
	sides, err := openPeople(ctx, d)
	if err != nil {
		return err
	}
	if err := sides.open(ctx, d, r); err != nil {
		return err
	}
	people, err := release.Known(sides.members, sides.others, d.seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "%d members, %d others to tell them from, %d more as the attacker's reference\n", len(sides.members.Y), len(people.Member)-len(sides.members.Y), len(people.Reference.Y))
	scores, err := attackRelease(ctx, d, sides, people, r)
	if err != nil {
		return err
	}
	r.Figures, err = release.Measure(people, scores, groups, releaseConfidence)
	return err
}

func attackRelease(ctx context.Context, d *explainFlags, sides *released, people release.People, r *release.Result) ([]release.Scores, error) {
	if r.Kind == kindSynthetic {
		return attackSynthetic(ctx, d, sides, people, r)
	}
	difference, err := sides.table.Differencing(people)
	if err != nil {
		return nil, err
	}
	likelihood, homer, err := sides.table.Likelihood(people)
	return []release.Scores{difference, likelihood, homer}, err
}

func attackSynthetic(ctx context.Context, d *explainFlags, sides *released, people release.People, r *release.Result) ([]release.Scores, error) {
	copies, err := release.CopiesOf(ctx, people, sides.synthetic, releaseConfidence)
	if err != nil {
		return nil, err
	}
	r.Copies = &copies
	scores, err := release.Synthetic(ctx, people, sides.synthetic)
	if err != nil || d.release.shadow == "" {
		r.Notes = append(r.Notes, "No shadow generators were trained (--halves, --shadow): whoever has the generator may find more.")
		return scores, err
	}
	shadows, n, err := attackByShadows(ctx, d, sides, people)
	r.Notes = append(r.Notes, fmt.Sprintf("%d shadow generators were run on halves of the same people.", n))
	return append(scores, shadows...), err
}

// openPeople reads members and others. Numbers stay as they are: tables name them.
func openPeople(ctx context.Context, d *explainFlags) (*released, error) {
	if d.train == "" || d.test == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: say whose records went into the release, and whose did not", errUsage), "--train adult --test adult, or two CSV files and --schema")
	}
	known, size, err := builtIn(d.train)
	if err != nil {
		return nil, err
	}
	r := &released{schema: data.AdultSchema()}
	if known == "" {
		err = r.tables(ctx, d)
	} else {
		err = r.split(ctx, d, known, size)
	}
	if err != nil {
		return nil, err
	}
	if r.encoding, err = data.Fit(r.a, r.from, data.FitOptions{Scale: data.Raw, Constant: true, Rare: true, Unknown: true}); err != nil {
		return nil, fmt.Errorf("%s: %w", d.train, err)
	}
	if r.members, err = r.encoding.Apply(r.a, r.from); err != nil {
		return nil, fmt.Errorf("%s: %w", d.train, err)
	}
	if r.others, err = r.encoding.Apply(r.b, r.to); err != nil {
		return nil, fmt.Errorf("%s: %w", d.test, err)
	}
	return r, nil
}

// tables reads members and others from two CSV files.
func (r *released) tables(ctx context.Context, d *explainFlags) (err error) {
	if r.a, err = openCSV(ctx, d.train, d.schema); err != nil {
		return err
	}
	if r.b, err = openCSV(ctx, d.test, d.schema); err != nil {
		return err
	}
	r.from, r.to = r.a.All(), r.b.All()
	f, err := os.Open(d.schema)
	if err != nil {
		return err
	}
	defer f.Close()
	r.schema, err = data.ReadSchema(f)
	return err
}

// split takes members and others from the two sides of a known data set's split.
func (r *released) split(ctx context.Context, d *explainFlags, known string, size int) (err error) {
	if other, n, err := builtIn(d.test); err != nil || other != known || n != size {
		return tribune.Hint(fmt.Errorf("%w: %q and %q are not the two sides of one split", errUsage, d.train, d.test), "--train %s --test %s", d.train, d.train)
	}
	if r.a, err = openKnown(ctx, d, known); err != nil {
		return err
	}
	split, err := canonical(r.a, known, size)
	if err != nil {
		return err
	}
	if known == "hospital" {
		r.schema = data.HospitalSchema()
	}
	r.b, r.from, r.to = r.a, split.Train, split.Test
	return nil
}

// open reads the release itself: of a table given twice what the later publication says beside the earlier.
func (r *released) open(ctx context.Context, d *explainFlags, result *release.Result) (err error) {
	if d.release.kind == kindSynthetic {
		r.synthetic, err = r.openMade(ctx, d.release.released[0])
		return err
	}
	var earlier release.Table
	for i, path := range d.release.released {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		r.table, err = release.ReadTable(ctx, worker.Worker{}, f)
		f.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if i == 0 {
			earlier = r.table
			continue
		}
		if r.table, err = r.table.Since(earlier); err != nil {
			return err
		}
		result.Notes = append(result.Notes, "The earlier publication was taken from the later: members are those who came between. Each by itself is audited by itself.")
	}
	return nil
}
