package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tribune"
	"tribune/internal/explain/metric"
)

// A verdict that is read was written by somebody else. What no audit of its plan could have written is refused before it is judged: a figure of a group
// that is judged by nobody, of an attack that the plan does not name, or that the data are too few for, would otherwise pass unseen.

// Bounds of what a verdict says in words and lists.
const (
	maxWords  = 2048
	maxGroups = 4096
)

// sound reports the first thing that no audit of the verdict's plan could have written, as ErrInvalid.
func (v *Verdict) sound() error {
	_, zone := v.Made.Zone()
	switch {
	case v.Version != 1 || v.Made.Unix() <= 0 || zone != 0 || !v.Made.Equal(v.Made.Truncate(time.Second)):
		return unsound("version %d, made at %s; give 1 and whole seconds of UTC", v.Version, v.Made)
	case v.Dropped < 0:
		return unsound("%d records left out", v.Dropped)
	case len(v.Groups) > maxGroups:
		return unsound("%d groups, at most %d", len(v.Groups), maxGroups)
	}
	if err := v.Plan.Validate(); err != nil {
		return err
	}
	if _, err := byName(v.Plan.Attacks); err != nil {
		return err
	}
	for _, words := range slices.Concat([]string{v.Program, v.References}, v.Unclean) {
		if err := plain(words); err != nil {
			return err
		}
	}
	known := map[Group]bool{{Grouping: Everybody}: true}
	for _, g := range v.Groups {
		if known[g] || g.Grouping != Outliers && !slices.Contains(v.Plan.Groups, g.Grouping) || plain(g.Group) != nil {
			return unsound("the group %q of %q twice, or of a grouping that the plan does not name", g.Group, g.Grouping)
		}
		known[g] = true
	}
	return v.soundFigures(known)
}

func (v *Verdict) soundFigures(known map[Group]bool) error {
	names := []string{}
	for _, e := range v.Plan.Explanations {
		names = append(names, e.Name())
	}
	for i, f := range v.Figures {
		if i > 0 && v.Figures[i-1].compare(f) >= 0 {
			return unsound("its figures are not in order, or one stands there twice")
		}
		attacks, err := byName([]string{f.Attack})
		switch {
		case err != nil || !slices.Contains(v.Plan.Attacks, f.Attack) || !attacks[0].sees(f.Sight):
			return unsound("a figure by %q on %q, which the plan does not have measured", f.Attack, f.Sight)
		case (f.Sight == OnPrediction) != (f.Explanation == "") || f.Explanation != "" && !slices.Contains(names, f.Explanation):
			return unsound("a figure of the explanation %q on %q, which the plan does not have measured", f.Explanation, f.Sight)
		case !known[Group{f.Grouping, f.Group}]:
			return unsound("a figure of the group %q of %q, which is judged by nobody", f.Group, f.Grouping)
		}
		if err := f.sound(); err != nil {
			return fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
		}
	}
	for _, g := range v.Gaps {
		if !slices.Contains(names, g.Explanation) || !slices.Contains(v.Plan.Attacks, g.Attack) || !slices.Contains(v.Plan.Groups, g.Grouping) || g.Groups < 2 {
			return unsound("a gap that the plan does not have measured")
		}
		if err := g.sound(); err != nil {
			return fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
		}
	}
	return nil
}

func unsound(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{tribune.ErrInvalid}, args...)...)
}

// plain wants words that a terminal and a page can show as they are.
func plain(words string) error {
	if len(words) > maxWords || strings.ContainsFunc(words, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
		return unsound("words that are longer than %d bytes, or hold what cannot be shown", maxWords)
	}
	return nil
}

// range of a measure's figures; false: no audit has this measure.
func (m Measure) bounds() (least, most float64, ok bool) {
	switch m {
	case MeasureBeyond:
		return -1, 1, true
	case MeasureTPR01, MeasureTPR1, MeasureAUC, MeasureShadow, MeasureOptimal:
		return 0, 1, true
	}
	return 0, 0, false
}

// falseAlarms is the rate at which a measure counts who is found; 0 = it is another kind of measure.
func (m Measure) falseAlarms() float64 {
	switch m {
	case MeasureTPR01:
		return 0.001
	case MeasureTPR1:
		return 0.01
	}
	return 0
}

// sound says whether a figure can be what it says it is, and whether the records that it counts could carry it.
func (f Figure) sound() error {
	least, most, known := f.Measure.bounds()
	switch {
	case !known:
		return fmt.Errorf("a figure of %q, which nothing measures", f.Measure)
	case f.Members < 0 || f.Others < 0:
		return fmt.Errorf("a figure counts below nothing")
	case f.Refused != "":
		if f.Value != 0 || f.Low != 0 || f.High != 0 || f.Common {
			return fmt.Errorf("a figure of %s is refused and there all the same", f.Measure)
		}
		return plain(f.Refused)
	case !(least <= f.Low && f.Low <= f.Value && f.Value <= f.High && f.High <= most):
		return fmt.Errorf("a figure of %s is no share, or lies outside of its interval", f.Measure)
	case f.Members == 0 || f.Others == 0:
		return fmt.Errorf("a figure of %s is of %d members and %d others", f.Measure, f.Members, f.Others)
	}
	rate := f.Measure.falseAlarms()
	switch {
	case f.Common && (rate == 0 || f.Grouping == Everybody):
		return fmt.Errorf("a figure of %s has the threshold of everybody", f.Measure)
	case rate > 0 && !f.Common && f.Others < othersFor(rate):
		return fmt.Errorf("a figure of %s is of %d others, which cannot carry it", f.Measure, f.Others)
	}
	return nil
}

// othersFor is metric's rule.
func othersFor(rate float64) int { return metric.Support{}.OthersFor(rate) }

func (f Figure) compare(o Figure) int {
	return cmp.Or(
		cmp.Compare(f.Explanation, o.Explanation), cmp.Compare(f.Attack, o.Attack), cmp.Compare(f.Sight, o.Sight),
		cmp.Compare(f.Grouping, o.Grouping), cmp.Compare(f.Group, o.Group), cmp.Compare(f.Measure, o.Measure),
	)
}
