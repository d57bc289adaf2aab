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
	"time"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/release"
)

// releaseFile is what an audited release comes to, whole; it tells about small groups.
const releaseFile = "release.json"

// The kinds of releases.
const (
	kindTable     = "table"
	kindSynthetic = "synthetic"
	kindIndex     = "index"
	kindEndpoint  = "endpoint"
)

// releaseFlags are those of explain release alone.
type releaseFlags struct {
	kind     string
	released several
	limits   release.Limits
	// of an endpoint
	answers, input, output   string
	logits                   bool
	standIn                  string
	standIns, copies, points int
	// of synthetic records
	shadow string
	halves int
	// of an index
	values    string
	sightings int
	within    time.Duration
}

func (d *releaseFlags) define(f *flag.FlagSet) {
	f.StringVar(&d.kind, "kind", "", "release: table, synthetic, index or endpoint")
	f.Var(&d.released, "released", "release: what leaves. A table is CSV: attributes, count, then \"mean NAME\" (* is anybody, 20..30 a band); given twice, the later publication is taken from the earlier. Synthetic records are CSV as the data. An index is CSV: token, value (its secret, known to the auditor), perhaps seen, then groupings; or a city's directory whose hub does not run; or the address of a public record. An endpoint is https://HOST/v2/models/NAME")
	f.Float64Var(&d.limits.AUC, "limit-auc", 0.6, "release: the largest area that may be, by the upper end of its interval")
	f.Float64Var(&d.limits.TPR1, "limit-found", 0.05, "release: the largest share of members that may be found at 1 % false alarms")
	f.Float64Var(&d.limits.Beyond, "limit-named", 0.05, "release: the largest share of an index's rows that may be named beyond what guessing the commonest value gets")
	f.StringVar(&d.answers, "answers", "", "release endpoint: attack what it tells as confidences or as labels alone; left out, both, as far as it tells them")
	f.StringVar(&d.input, "input-tensor", "", "audit and release, of an endpoint: the input, where the metadata do not name one alone")
	f.StringVar(&d.output, "output-tensor", "", "audit and release, of an endpoint: the output that is read, where the metadata do not name one alone")
	f.BoolVar(&d.logits, "logits", false, "audit and release, of an endpoint: the output is logits, not probabilities")
	f.StringVar(&d.standIn, "stand-in", "mlp", "release endpoint: what references are: mlp or logistic, with the flags of train")
	f.IntVar(&d.standIns, "stand-ins", 16, "release endpoint: references, trained beside the vendor's, on other halves of the records")
	f.IntVar(&d.copies, "copies", 40, "release endpoint: disturbed copies of each record that are asked about at most, as the budget allows")
	f.IntVar(&d.points, "points", 0, "release endpoint: records attacked, half of them members; 0 = all")
	f.StringVar(&d.shadow, "shadow", "", "release synthetic: a folder of --halves in which each has been run through the generator")
	f.IntVar(&d.halves, "halves", 0, "release synthetic: write so many halves of the records into --out, for shadow generators, and end")
	f.StringVar(&d.values, "values", "", "release index, of a city's directory or record: what the auditor knows, as CSV: index,entry,value, then groupings")
	f.IntVar(&d.sightings, "sightings", 4, "release index: moments of one value that an attacker has seen with his own eyes, where the index says when rows came")
	f.DurationVar(&d.within, "within", 5*time.Minute, "release index: how far such a moment may lie from the one in the index")
}

// releaseConfidence is that of all intervals of a measure at once.
const releaseConfidence = 0.95

// auditRelease attacks what leaves beside explanations: of a table, of synthetic records and of an endpoint --train are those whose records went into them, --test
// others like them.
func auditRelease(ctx context.Context, d *explainFlags, words []string, out, log io.Writer) error {
	f := &d.release
	if f.halves > 0 && f.kind == kindSynthetic && d.out != "" && len(words) == 0 {
		return writeHalves(ctx, d, out)
	}
	two := len(f.released) == 2 && f.kind == kindTable
	if len(words) > 0 || d.out == "" || len(f.released) != 1 && !two || !slices.Contains([]string{kindTable, kindSynthetic, kindIndex, kindEndpoint}, f.kind) {
		return tribune.Hint(fmt.Errorf("%w: say what kind of release it is, its file, and where the result goes", errUsage),
			"tribune explain release --kind table --released FILE --train T --test U --groups sex --out DIR; a table may be given twice, the earlier publication first")
	}
	groups := atCommas(d.groups)
	if len(groups) == 0 {
		return tribune.Hint(fmt.Errorf("%w: no groups are named, and a release may give away one group alone", errUsage), "--groups sex,race,age, as the data call them")
	}
	r := release.Result{Kind: f.kind, Confidence: releaseConfidence, Limits: f.limits}
	var work *shelf
	var err error
	switch r.Kind {
	case kindIndex:
		r.Figures, err = attackIndex(ctx, d, groups, log)
	case kindEndpoint:
		work, err = attackEndpoint(ctx, d, groups, &r, log)
	default:
		err = attackPeople(ctx, d, groups, &r, log)
	}
	if err != nil {
		return err
	}
	return concludeRelease(d.out, &r, work, out)
}

// concludeRelease judges, writes the result and removes what was kept on the way.
func concludeRelease(dir string, r *release.Result, work *shelf, out io.Writer) error {
	r.Judge()
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the result's folder: %w", err)
	}
	if err := durable.Write(filepath.Join(dir, releaseFile), append(text, '\n')); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if work != nil {
		if err := work.clear(); err != nil {
			return err
		}
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
