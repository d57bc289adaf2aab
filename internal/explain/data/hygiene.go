package data

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"

	"tribune"
)

// Flaw is a way in which a split makes an audit lie.
type Flaw string

// The flaws. Across the split they are fatal; Repeated rows and persons within the training rows are told, since intervals take rows for independent.
const (
	SameRow       Flaw = "same row on both sides"       // sampling with replacement before the split
	SameRecord    Flaw = "duplicate across the split"   // all features equal
	NearRecord    Flaw = "near-duplicate across it"     // features nearly equal, see Hygiene.Definition
	SamePerson    Flaw = "one person on both sides"     // several rows of one person
	RepeatedRow   Flaw = "row repeated in training"     // sampling with replacement
	RepeatedOwner Flaw = "person repeated in training"  // several rows of one person on one side
	RepeatedData  Flaw = "duplicate within training"    // a twin shares its influence and hides in it
	Unchecked     Flaw = "near-duplicates not searched" // too many rows within reach of each other
)

// fatal are the flaws by which a member and a non-member are the same: an attack that is right about one is wrong about the other by construction.
func (f Flaw) fatal() bool {
	return f == SameRow || f == SameRecord || f == NearRecord || f == SamePerson || f == Unchecked
}

// Finding is what was found of one flaw. It names rows by their number in the source and tells nothing else of them.
type Finding struct {
	Flaw     Flaw     `json:"flaw"`
	Fatal    bool     `json:"fatal"`
	Test     int      `json:"test"`     // test rows concerned
	Train    int      `json:"train"`    // training rows concerned
	Examples [][2]int `json:"examples"` // at most maxExamples: a training row and the other one, by number in the source
	Effect   string   `json:"effect"`
}

// Hygiene is what Inspect found. A report prints it whole.
type Hygiene struct {
	Definition string    `json:"definition"` // of a near-duplicate, with its radius
	Radius     float64   `json:"radius"`
	Findings   []Finding `json:"findings"`

	doubles map[int]bool // the test rows of all fatal findings, by index
}

// InspectOptions are what Inspect counts as near. The zero value is the default.
type InspectOptions struct {
	Near   float64 // share of the median distance between two training rows; 0 is DefaultNear, negative does not search
	Tests  int     // distances that may be computed before the search gives up; 0 is DefaultTests
	Median float64 // the median itself, where it is known; 0 measures it
}

// Defaults of InspectOptions.
const (
	DefaultNear  = 0.0001
	DefaultTests = 200_000_000
	maxExamples  = 10
)

// Inspect looks for flaws across a split and within its training rows, in time that grows with the rows and not with their square.
func Inspect(ctx context.Context, train, test Set, o InspectOptions) (Hygiene, error) {
	if train.X.Cols != test.X.Cols {
		return Hygiene{}, fmt.Errorf("inspecting a split: %d and %d features: %w", train.X.Cols, test.X.Cols, tribune.ErrInvalid)
	}
	h := Hygiene{doubles: make(map[int]bool)}
	same := keys(test.Row)
	if train.Source != test.Source {
		same = nil // row 7 of one file is not row 7 of another
	}
	h.byKey(SameRow, RepeatedRow, keys(train.Row), same)
	h.byKey(SamePerson, RepeatedOwner, train.Person, test.Person)
	seed := maphash.MakeSeed()
	a, b := fingerprints(seed, train.X), fingerprints(seed, test.X)
	h.byKey(SameRecord, RepeatedData, a, b)
	if err := h.near(ctx, train, test, a, b, o); err != nil {
		return Hygiene{}, fmt.Errorf("inspecting a split: %w", err)
	}
	h.name(train.Row, test.Row)
	return h, nil
}

// byKey compares rows by a key of which 0 means unknown; examples are indices until name turns them into row numbers.
func (h *Hygiene) byKey(across, within Flaw, train, test []uint64) {
	first := make(map[uint64]int, len(train))
	inside := Finding{Flaw: within}
	for i, k := range train {
		if k == 0 {
			continue
		}
		if at, twice := first[k]; twice {
			inside.Train++
			inside.example(at, i)
			continue
		}
		first[k] = i
	}
	over := Finding{Flaw: across, Fatal: true}
	hit := make(map[uint64]bool)
	for i, k := range test {
		if at, both := first[k]; both && k != 0 {
			over.Test++
			h.doubles[i] = true
			hit[k] = true
			over.example(at, i)
		}
	}
	for _, k := range train {
		if hit[k] {
			over.Train++
		}
	}
	h.add(over, len(train), len(test))
	h.add(inside, len(train), len(test))
}

func (f *Finding) example(a, b int) {
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, [2]int{a, b})
	}
}

func (h *Hygiene) add(f Finding, train, test int) {
	if f.Test+f.Train == 0 {
		return
	}
	share := 100 * float64(f.Test) / float64(max(test, 1))
	if f.Flaw == NearRecord {
		f.Effect = fmt.Sprintf("%d of %d test rows (%.3g %%) resemble a member: recognising the member may be counted as a false alarm, and true positive rates at false positive rates below %.3g %% are not to be relied on",
			f.Test, test, share, share)
	} else if f.Fatal {
		f.Effect = fmt.Sprintf("%d of %d test rows (%.3g %%) are members' doubles: recognising the member is counted as a false alarm, so the false positive rate of a perfect attack cannot fall below %.3g %%, and true positive rates at lower ones mean nothing",
			f.Test, test, share, share)
	} else {
		f.Effect = fmt.Sprintf("%d of %d training rows (%.3g %%) have a double before them: the rows are not independent, intervals come out too narrow, and doubles share their influence on the model",
			f.Train, train, 100*float64(f.Train)/float64(max(train, 1)))
	}
	h.Findings = append(h.Findings, f)
}

// name turns indices into numbers of rows in the source.
func (h *Hygiene) name(train, test []int) {
	number := func(of []int, i int) int {
		if i < len(of) {
			return of[i]
		}
		return i + 1
	}
	for _, f := range h.Findings {
		other := train
		if f.Flaw.fatal() {
			other = test
		}
		for i, e := range f.Examples {
			f.Examples[i] = [2]int{number(train, e[0]), number(other, e[1])}
		}
	}
}

// Err is what stops an audit: tribune.ErrInvalid with all fatal findings. Who lets them pass prints Warnings in the report instead.
func (h Hygiene) Err() error {
	var found []string
	for _, f := range h.Findings {
		if f.Fatal {
			found = append(found, f.String())
		}
	}
	if len(found) == 0 {
		return nil
	}
	return tribune.Hint(fmt.Errorf("the split is not fit to be audited: %s: %w", strings.Join(found, "; "), tribune.ErrInvalid),
		"split by person and drop the doubles from the test rows; to measure all the same, turn this into a warning, which the report will carry")
}

// Clean is the test set without the rows that any fatal finding concerns: nobody in it, nor anybody like them, was trained on. It cannot help where
// near-duplicates could not be searched.
func (h Hygiene) Clean(test Set) Set {
	var keep []int
	for i := range test.X.Rows {
		if !h.doubles[i] {
			keep = append(keep, i)
		}
	}
	return test.Pick(keep)
}

// Warnings are all findings, one sentence each.
func (h Hygiene) Warnings() []string {
	var out []string
	for _, f := range h.Findings {
		out = append(out, f.String()+": "+f.Effect)
	}
	return out
}

func (f Finding) String() string {
	s := fmt.Sprintf("%s: %d test rows, %d training rows", f.Flaw, f.Test, f.Train)
	if len(f.Examples) > 0 {
		s += fmt.Sprintf(" (as rows %d and %d)", f.Examples[0][0], f.Examples[0][1])
	}
	return s
}

func keys(rows []int) []uint64 {
	out := make([]uint64, len(rows))
	for i, r := range rows {
		out[i] = uint64(r)
	}
	return out
}
