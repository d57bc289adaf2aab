package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/price"
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
	e, err := openSubject(ctx, d, plan, log)
	if err != nil {
		return err
	}
	s, o := e.subject, &e.options
	work, err := newShelf(d, s, plan, *o)
	if err != nil {
		return err
	}
	o.Shelf = work
	stop, err := e.reachAll(ctx, d, plan, work.dir, log)
	if err != nil {
		return err
	}
	defer stop()
	if err := e.look(ctx, plan, log); err != nil {
		return err
	}
	r, prices, err := price.Audit(ctx, e.priced(), plan, *o)
	if errors.Is(err, context.Canceled) {
		return tribune.Hint(errors.New("the audit was interrupted"), "The same command goes on where it was.")
	}
	if err != nil {
		return err
	}
	if err := writeReport(d.out, r, prices, e.target.kind, s); err != nil {
		return err
	}
	if err := work.clear(); err != nil {
		return err
	}
	return conclude(d.out, r.Verdict, prices, time.Since(began), out)
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

// writeReport writes the whole verdict, what defences would buy and the page for their owner alone, and the public verdict for all.
func writeReport(dir string, r *audit.Result, prices *price.Result, kind string, s audit.Subject) error {
	whole, err := r.Verdict.Encode()
	if err != nil {
		return err
	}
	public, err := encodePublic(r.Verdict)
	if err != nil {
		return err
	}
	page, err := report.Page(report.Content{Verdict: r.Verdict, Curves: r.Curves, Price: prices, Model: kind, Train: s.Train.Name, Trained: s.Train.X.Rows, Tested: s.Test.X.Rows})
	if err != nil {
		return err
	}
	if prices != nil {
		if err := writeRows(dir, prices); err != nil {
			return err
		}
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
func conclude(dir string, v *audit.Verdict, prices *price.Result, took time.Duration, out io.Writer) error {
	fmt.Fprintf(out, "report: %s (%s)\n", filepath.Join(dir, reportFile), took.Round(time.Second))
	if prices != nil {
		for _, a := range prices.Advice {
			fmt.Fprintf(out, "defence of %s: %s\n", a.Method, a)
		}
	}
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
