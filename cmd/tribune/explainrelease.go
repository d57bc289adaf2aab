package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/data"
	"tribune/internal/explain/data/outside"
	"tribune/internal/explain/release"
	"tribune/internal/worker"
)

// releaseFile is what an audited release comes to, whole; it tells about small groups.
const releaseFile = "release.json"

// releaseFlags are those of explain release alone.
type releaseFlags struct {
	kind, released string
	limits         release.Limits
}

func (d *releaseFlags) define(f *flag.FlagSet) {
	f.StringVar(&d.kind, "kind", "", "release: table, synthetic or index")
	f.StringVar(&d.released, "released", "", "release: what leaves; a table is CSV: attributes, count, then \"mean NAME\" (* is anybody, 20..30 a band); synthetic records are CSV as the data; an index is CSV: token, value (its secret, known to the auditor), then groupings")
	f.Float64Var(&d.limits.AUC, "limit-auc", 0.6, "release: the largest area that may be, by the upper end of its interval")
	f.Float64Var(&d.limits.TPR1, "limit-found", 0.05, "release: the largest share of members that may be found at 1 % false alarms")
	f.Float64Var(&d.limits.Beyond, "limit-named", 0.05, "release: the largest share of an index's rows that may be named beyond what guessing the commonest value gets")
}

// releaseConfidence is that of all intervals of a measure at once.
const releaseConfidence = 0.95

// auditRelease attacks what leaves beside explanations: of a table and of synthetic records --train are those whose records went into them, --test others like
// them.
func auditRelease(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) > 0 || d.out == "" || d.release.released == "" || !slices.Contains([]string{"table", "synthetic", "index"}, d.release.kind) {
		return tribune.Hint(fmt.Errorf("%w: say what kind of release it is, its file, and where the result goes", errUsage),
			"tribune explain release --kind table --released FILE --train T --test U --groups sex --out DIR")
	}
	groups := atCommas(d.groups)
	if len(groups) == 0 {
		return tribune.Hint(fmt.Errorf("%w: no groups are named, and a release may give away one group alone", errUsage), "--groups sex,race,age, as the data call them")
	}
	r := release.Result{Kind: d.release.kind, Confidence: releaseConfidence, Limits: d.release.limits}
	var err error
	if r.Kind == "index" {
		r.Figures, err = attackIndex(d, groups)
	} else {
		err = attackPeople(ctx, d, groups, &r, log)
	}
	if err != nil {
		return err
	}
	r.Judge()
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := os.MkdirAll(d.out, 0o700); err != nil {
		return fmt.Errorf("making the result's folder: %w", err)
	}
	if err := durable.Write(filepath.Join(d.out, releaseFile), append(text, '\n')); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := r.Print(out); err != nil {
		return err
	}
	if !r.Passed {
		return fmt.Errorf("%w: the release did not pass", errDoesNotHold)
	}
	fmt.Fprintln(out, "passed")
	return nil
}

// attackIndex attacks a blind index whose values the auditor knows.
func attackIndex(d *explainFlags, groups []string) ([]release.Figure, error) {
	f, err := os.Open(d.release.released)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := release.ReadIndex(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.release.released, err)
	}
	return x.Attack(groups, releaseConfidence, d.seed)
}

// attackPeople asks of a table or of synthetic records who went into them.
func attackPeople(ctx context.Context, d *explainFlags, groups []string, r *release.Result, log io.Writer) error {
	sides, err := openRelease(ctx, d)
	if err != nil {
		return err
	}
	people, err := release.Known(sides.members, sides.others, d.seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "%d members, %d others to tell them from, %d more as the attacker's reference\n", len(sides.members.Y), len(people.Member)-len(sides.members.Y), len(people.Reference.Y))
	scores, err := attackRelease(ctx, sides, people, r)
	if err != nil {
		return err
	}
	r.Figures, err = release.Measure(people, scores, groups, releaseConfidence)
	return err
}

// released is a release and the people it is held against.
type released struct {
	members, others data.Set
	table           release.Table
	synthetic       data.Set
}

func attackRelease(ctx context.Context, sides *released, people release.People, r *release.Result) ([]release.Scores, error) {
	if r.Kind == "synthetic" {
		copies, err := release.CopiesOf(ctx, people, sides.synthetic, releaseConfidence)
		if err != nil {
			return nil, err
		}
		r.Copies = &copies
		return release.Synthetic(ctx, people, sides.synthetic)
	}
	difference, err := sides.table.Differencing(people)
	if err != nil {
		return nil, err
	}
	likelihood, homer, err := sides.table.Likelihood(people)
	return []release.Scores{difference, likelihood, homer}, err
}

// openRelease reads members, others and what was released. Numbers stay as they are: tables name them.
func openRelease(ctx context.Context, d *explainFlags) (*released, error) {
	if d.train == "" || d.test == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: say whose records went into the release, and whose did not", errUsage), "--train adult --test adult, or two CSV files and --schema")
	}
	options := data.FitOptions{Scale: data.Raw, Constant: true, Rare: true, Unknown: true}
	known, size, err := builtIn(d.train)
	if err != nil {
		return nil, err
	}
	var a, b *data.Table
	var from, to []int
	schema := data.AdultSchema()
	switch known {
	case "":
		if a, err = openCSV(ctx, d.train, d.schema); err != nil {
			return nil, err
		}
		if b, err = openCSV(ctx, d.test, d.schema); err != nil {
			return nil, err
		}
		from, to = a.All(), b.All()
	default:
		if other, n, err := builtIn(d.test); err != nil || other != known || n != size {
			return nil, tribune.Hint(fmt.Errorf("%w: %q and %q are not the two sides of one split", errUsage, d.train, d.test), "--train %s --test %s", d.train, d.train)
		}
		if a, err = openKnown(ctx, d, known); err != nil {
			return nil, err
		}
		split, err := canonical(a, known, size)
		if err != nil {
			return nil, err
		}
		b, from, to = a, split.Train, split.Test
		if known == "hospital" {
			schema = data.HospitalSchema()
		}
	}
	encoding, err := data.Fit(a, from, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.train, err)
	}
	var r released
	if r.members, err = encoding.Apply(a, from); err != nil {
		return nil, fmt.Errorf("%s: %w", d.train, err)
	}
	if r.others, err = encoding.Apply(b, to); err != nil {
		return nil, fmt.Errorf("%s: %w", d.test, err)
	}
	return &r, r.open(ctx, d, known, schema, encoding)
}

// open reads the release itself.
func (r *released) open(ctx context.Context, d *explainFlags, known string, schema data.Schema, encoding *data.Encoding) error {
	f, err := os.Open(d.release.released)
	if err != nil {
		return err
	}
	defer f.Close()
	if d.release.kind == "table" {
		if r.table, err = release.ReadTable(f); err != nil {
			return fmt.Errorf("%s: %w", d.release.released, err)
		}
		return nil
	}
	var t *data.Table
	if known == "" {
		t, err = openCSV(ctx, d.release.released, d.schema)
	} else {
		t, err = outside.CSV(ctx, worker.Worker{}, f, schema, data.DefaultLimits())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.release.released, err)
	}
	if r.synthetic, err = encoding.Apply(t, t.All()); err != nil {
		return fmt.Errorf("%s: %w", d.release.released, err)
	}
	return nil
}
