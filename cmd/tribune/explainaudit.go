package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/report"
	"tribune/protocol"
)

// The files of an audit's folder.
const (
	verdictFile = "verdict.json"        // whole: it tells about small groups
	publicFile  = "verdict-public.json" // what may leave
	signedFile  = "verdict-public.signed"
	reportFile  = "index.html"
	workFolder  = "work"
)

// softMemory is what an audit takes before garbage is collected early: explanations of a hundred thousand records come and go by the gigabyte.
const softMemory = 1600 << 20

// auditExplanations measures and judges, and writes the report.
func auditExplanations(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	if len(words) > 0 || d.out == "" {
		return tribune.Hint(fmt.Errorf("%w: say where the report goes", errUsage), "tribune explain audit --model M --train T --test U --groups sex,race,age --out report")
	}
	began := time.Now()
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // unless GOMEMLIMIT says otherwise
		debug.SetMemoryLimit(softMemory)
	}
	plan, err := openPlan(d)
	if err != nil {
		return err
	}
	t, err := openModel(ctx, d)
	if err != nil {
		return err
	}
	how, said, err := t.references(plan)
	if err != nil {
		return err
	}
	scale, err := t.scale(d, plan)
	if err != nil {
		return err
	}
	s := audit.Subject{Target: t.Model, Model: t.hash, References: said, Like: func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
		return how.Train(ctx, rows, seed, nil)
	}}
	if s.Train, s.Test, err = openSides(ctx, d, scale); err != nil {
		return err
	}
	fmt.Fprintf(log, "%d training and %d test records, %d inputs; %s\n", s.Train.X.Rows, s.Test.X.Rows, s.Train.X.Cols, said)
	o := audit.Options{Program: "tribune " + version(), Now: time.Now, Step: progress(log)}
	if err := inspect(ctx, &s, plan, &o, log); err != nil {
		return err
	}
	work, err := newShelf(d, s, plan, o)
	if err != nil {
		return err
	}
	o.Shelf = work
	r, err := audit.Run(ctx, s, plan, o)
	if errors.Is(err, context.Canceled) {
		return tribune.Hint(errors.New("the audit was interrupted"), "The same command goes on where it was.")
	}
	if err != nil {
		return err
	}
	if err := writeReport(d.out, r, t.kind, s); err != nil {
		return err
	}
	if err := work.clear(); err != nil {
		return err
	}
	return conclude(d.out, r.Verdict, time.Since(began), out)
}

// openPlan reads the plan, or takes the one that tribune explain plan prints. Groups of the command line are the plan's.
func openPlan(d *explainFlags) (audit.Plan, error) {
	text := []byte(audit.DefaultPlan)
	if d.plan != "" {
		var err error
		if text, err = readBounded(d.plan, audit.MaxPlan); err != nil {
			return audit.Plan{}, err
		}
	}
	p, err := audit.ParsePlan(text)
	if err != nil {
		return p, err
	}
	if groups := atCommas(d.groups); len(groups) > 0 {
		p.Groups = groups
	}
	if len(p.Groups) == 0 {
		return p, tribune.Hint(fmt.Errorf("%w: no groups are named, and a model may give away one group alone", errUsage), "--groups sex,race,age, as the data call them")
	}
	return p, p.Validate()
}

// inspect finds what would make the audit lie. It is fatal unless the plan says otherwise.
func inspect(ctx context.Context, s *audit.Subject, p audit.Plan, o *audit.Options, log io.Writer) error {
	h, err := data.Inspect(ctx, s.Train, s.Test, data.InspectOptions{})
	if err != nil {
		return err
	}
	for _, w := range h.Warnings() {
		fmt.Fprintln(log, "hygiene:", w)
	}
	if h.Err() == nil {
		return nil
	}
	if p.Clean {
		clean := h.Clean(s.Test)
		if o.Dropped = s.Test.X.Rows - clean.X.Rows; clean.X.Rows == 0 {
			return h.Err()
		}
		s.Test = clean
		if h, err = data.Inspect(ctx, s.Train, s.Test, data.InspectOptions{}); err != nil {
			return err
		}
		fmt.Fprintf(log, "hygiene: %d test records were left out, as the plan says\n", o.Dropped)
	}
	if h.Err() != nil && !p.Unclean {
		return tribune.Hint(h.Err(), "clean = true in the plan leaves the test records concerned out; unclean = true measures all the same, and never passes")
	}
	for _, f := range h.Findings {
		if f.Fatal {
			o.Unclean = append(o.Unclean, string(f.Flaw)+": "+f.Effect)
		}
	}
	return nil
}

// progress writes a line a second at most.
func progress(log io.Writer) func(audit.Step) {
	var last time.Time
	return func(s audit.Step) {
		if now := time.Now(); now.Sub(last) >= time.Second || s.Done == s.Of {
			last = now
			fmt.Fprintf(log, "%3d of %d  %s\n", s.Done, s.Of, s.What)
		}
	}
}

// shelf keeps an audit's work in OUT/work, under a name that model, data, references, plan and program have given it.
type shelf struct{ dir string }

func newShelf(d *explainFlags, s audit.Subject, p audit.Plan, o audit.Options) (*shelf, error) {
	plan, err := p.Hash()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%s\n%q\n%q\n%d %d\n%s\n", s.Model, s.Train.Source, s.Test.Source, plan, s.References, d.train, d.test, s.Train.X.Rows, s.Test.X.Rows, o.Program)
	dir := filepath.Join(d.out, workFolder, hex.EncodeToString(h.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the report's folder: %w", err)
	}
	return &shelf{dir}, nil
}

func (s *shelf) Get(name string) ([]byte, error) {
	b, err := durable.Read(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *shelf) Put(name string, b []byte) error { return durable.Write(filepath.Join(s.dir, name), b) }

// clear removes what is no longer needed: it says much about single records.
func (s *shelf) clear() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("removing the audit's work: %w", err)
	}
	_ = os.Remove(filepath.Dir(s.dir)) // stays where another audit's work lies in it
	return nil
}

// writeReport writes the whole verdict and the page for their owner alone, and the public verdict for all.
func writeReport(dir string, r *audit.Result, kind string, s audit.Subject) error {
	whole, err := r.Verdict.Encode()
	if err != nil {
		return err
	}
	public, err := encodePublic(r.Verdict)
	if err != nil {
		return err
	}
	page, err := report.Page(report.Content{Verdict: r.Verdict, Curves: r.Curves, Model: kind, Train: s.Train.Name, Trained: s.Train.X.Rows, Tested: s.Test.X.Rows})
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name  string
		write func(string, []byte) error
		data  []byte
	}{{verdictFile, durable.Write, whole}, {publicFile, durable.WritePublic, public}, {reportFile, durable.Write, page}} {
		if err := f.write(filepath.Join(dir, f.name), f.data); err != nil {
			return fmt.Errorf("writing the report: %w", err)
		}
	}
	return nil
}

func encodePublic(v *audit.Verdict) ([]byte, error) {
	p, err := v.Public()
	if err != nil {
		return nil, err
	}
	b, err := protocol.JCS(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the public verdict: %w", err)
	}
	return b, nil
}

// conclude says how it came out.
func conclude(dir string, v *audit.Verdict, took time.Duration, out io.Writer) error {
	fmt.Fprintf(out, "report: %s (%s)\n", filepath.Join(dir, reportFile), took.Round(time.Second))
	if v.Passed {
		fmt.Fprintf(out, "passed: %d figures within their limits, fresh until %s\n", len(v.Figures), v.Made.AddDate(0, 0, v.Plan.Days).Format(time.DateOnly))
		return nil
	}
	for i, reason := range v.Reasons {
		if i == 5 {
			fmt.Fprintf(out, "  and %d more in the report\n", len(v.Reasons)-i)
			break
		}
		fmt.Fprintln(out, " ", reason)
	}
	return fmt.Errorf("%w: the audit did not pass", errDoesNotHold)
}

// printPlan prints the plan with every setting, and the groups that were named.
func printPlan(_ context.Context, d *explainFlags, words []string, out, _ io.Writer) error {
	if len(words) > 0 {
		return fmt.Errorf("%w: plan takes no word", errUsage)
	}
	text := audit.DefaultPlan
	if groups := atCommas(d.groups); len(groups) > 0 {
		text = strings.Replace(text, "\ngroups = []  ", fmt.Sprintf("\ngroups = [%s]  ", `"`+strings.Join(groups, `", "`)+`"`), 1)
	}
	if _, err := audit.ParsePlan([]byte(text)); err != nil {
		return err
	}
	_, err := io.WriteString(out, text)
	return err
}
