package release

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/worker"
)

// crowdOf are people with yes-or-no answers, an age, and a sex.
func crowdOf(n, answers int, seed uint64) data.Set {
	rng := rand.New(rand.NewPCG(seed, 3))
	s := data.Set{X: matrix.New(n, answers+1), Y: make([]int, n), Classes: []string{"no", "yes"}, Groups: []data.Grouping{{Name: "sex", Values: []string{"f", "m"}, Of: make([]int, n)}}}
	for j := range answers {
		s.Features = append(s.Features, fmt.Sprintf("q%d=yes", j))
	}
	s.Features = append(s.Features, "age")
	for i := range n {
		for j := range answers {
			if rng.Float64() < 0.1+0.8*float64(j)/float64(answers) {
				s.X.Row(i)[j] = 1
			}
		}
		s.X.Row(i)[answers] = float32(20 + rng.IntN(50))
		s.Groups[0].Of[i], s.Y[i] = i%2, rng.IntN(2)
	}
	return s
}

func known(t *testing.T, members, others data.Set) People {
	t.Helper()
	p, err := Known(members, others, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// sharesOf is a table of how many answered each question with yes.
func sharesOf(t *testing.T, s data.Set, questions int) Table {
	var b bytes.Buffer
	for j := range questions {
		fmt.Fprintf(&b, "q%d,", j)
	}
	b.WriteString("count\n")
	for j := range questions {
		n := 0
		for i := range s.Y {
			n += int(s.X.Row(i)[j])
		}
		for k := range questions {
			b.WriteString(map[bool]string{true: "yes,", false: "*,"}[k == j])
		}
		fmt.Fprintln(&b, n)
	}
	return table(t, b.String())
}

func table(t *testing.T, text string) Table {
	t.Helper()
	got, err := ReadTable(t.Context(), worker.Worker{}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func area(t *testing.T, p People, s Scores, group string) Figure {
	t.Helper()
	all, err := Measure(p, []Scores{s}, []string{"sex"}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Measure == AUC && f.Group == group {
			return f
		}
	}
	t.Fatalf("no area of %q", group)
	return Figure{}
}

func TestSharesOfManyAnswersTellWhoWasCountedAndOfFewDoNot(t *testing.T) {
	t.Parallel()
	members, others := crowdOf(100, 60, 1), crowdOf(800, 60, 2)
	p := known(t, members, others)
	for name, c := range map[string]struct {
		counted   data.Set
		questions int
		low, high float64
	}{
		"sixty answers of a hundred people":    {members, 60, 0.65, 1},
		"two answers of a hundred people":      {members, 2, 0.40, 0.60},
		"sixty answers of a hundred strangers": {crowdOf(100, 60, 9), 60, 0.40, 0.60},
	} {
		likely, homer, err := sharesOf(t, c.counted, c.questions).Likelihood(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []Scores{likely, homer} {
			if f := area(t, p, s, ""); f.Refused != "" || f.Value < c.low || f.Value > c.high {
				t.Errorf("%s, %s: %+v, want %v to %v", name, s.Attack, f, c.low, c.high)
			}
		}
		if f := area(t, p, likely, "f"); c.low > 0.6 && f.Value < 0.55 {
			t.Errorf("%s: women %+v", name, f)
		}
	}
}

func TestSuppressedCellComesBackByDifferencing(t *testing.T) {
	t.Parallel()
	// One person of 81 is counted and old; the cell of the old is suppressed, but the total and the other cell are not.
	members, others := crowdOf(30, 1, 1), crowdOf(60, 1, 2)
	for _, s := range []data.Set{members, others} {
		for i := range s.Y {
			s.X.Row(i)[1] = 30
		}
	}
	members.X.Row(4)[1] = 90
	p := known(t, members, others)
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"suppressed beside its total": {"age,count\n*,30\n20..60,29\n60..100,\n", true},
		"suppressed with its total":   {"age,count\n*,\n20..60,29\n60..100,\n", false},
	} {
		s, err := table(t, c.text).Differencing(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Of[4] == certain; got != c.want {
			t.Errorf("%s: certain about the one person of the suppressed cell: %t", name, got)
		}
		if s.Of[5] == certain || s.Of[40] == certain {
			t.Errorf("%s: certain about somebody of whom nothing follows", name)
		}
	}
}

func TestMeansOfFewTellWhoWasMeant(t *testing.T) {
	t.Parallel()
	members, others := crowdOf(4, 1, 1), crowdOf(400, 1, 2)
	for i := range 4 {
		members.X.Row(i)[1] = 69
	}
	p := known(t, members, others)
	likely, _, err := table(t, "sex,count,mean age\n*,4,69\n").Likelihood(p)
	if err != nil {
		t.Fatal(err)
	}
	mean := 0.0
	for _, v := range likely.Of[4:] {
		mean += v / float64(len(likely.Of)-4)
	}
	if likely.Of[0] < mean+0.5 {
		t.Errorf("a member of the mean age scores %.2f, others %.2f", likely.Of[0], mean)
	}
	if _, _, err := table(t, "sex,count,mean wage\n*,4,69\n").Likelihood(p); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a mean of what nobody has: %v", err)
	}
	if _, err := table(t, "town,count\nGhent,4\n").Differencing(p); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a cell of what nobody has: %v", err)
	}
}

func TestSyntheticRecordsThatAreCopiesAreCaughtAndNewOnesAreNot(t *testing.T) {
	t.Parallel()
	members, others := crowdOf(300, 20, 1), crowdOf(600, 20, 2)
	p := known(t, members, others)
	copied, fresh := crowdOf(300, 20, 1), crowdOf(300, 20, 7)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range copied.Y { // each with an answer turned round and an age a little off
		j := rng.IntN(20)
		copied.X.Row(i)[j] = 1 - copied.X.Row(i)[j]
		copied.X.Row(i)[20]++
	}
	for name, c := range map[string]struct {
		made   data.Set
		leaks  bool
		copies int
	}{"nearly copies": {copied, true, 0}, "copies": {members, true, 290}, "of its own": {fresh, false, 0}} {
		all, err := Synthetic(t.Context(), p, c.made)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if f := area(t, p, s, ""); (f.Low > 0.6) != c.leaks || !c.leaks && (f.Low > 0.5 || f.High < 0.5) {
				t.Errorf("%s, %s: %+v", name, s.Attack, f)
			}
		}
		k, err := CopiesOf(t.Context(), p, c.made, 0.95)
		if err != nil || (k.Low > 0.5) != c.leaks || k.Exact < c.copies {
			t.Errorf("%s: %+v %v", name, k, err)
		}
	}
}

func TestLimitsFailWhatIsTooHighAndWhatIsTooSmallToTell(t *testing.T) {
	l := Limits{AUC: 0.6, TPR1: 0.05}
	good := []Figure{{Measure: AUC, High: 0.59}, {Measure: TPR1, High: 0.04}, {Measure: TPR01, Refused: "not judged"}}
	if r := l.Judge(good); len(r) != 0 {
		t.Errorf("%q", r)
	}
	for name, f := range map[string]Figure{"no number": {Measure: AUC, Grouping: "sex", Group: "f", High: math.NaN()}, "too high": {Measure: AUC, Grouping: "sex", Group: "f", High: 0.61}, "too few": {Measure: TPR1, Grouping: "sex", Group: "f", Refused: "12 members"}} {
		if r := l.Judge(append(good, f)); len(r) != 1 || !strings.Contains(r[0], "sex f") {
			t.Errorf("%s: %q", name, r)
		}
	}
	empty := Result{Limits: l}
	if empty.Judge(); empty.Passed {
		t.Error("a release of which nothing was measured passes")
	}
	members := crowdOf(6, 3, 1)
	p := known(t, members, crowdOf(40, 3, 2))
	if f := area(t, p, Scores{"any", make([]float64, len(p.Member))}, "f"); f.Members != 3 {
		t.Errorf("%+v", f)
	}
	if _, err := Measure(p, []Scores{{"any", make([]float64, len(p.Member))}}, []string{"race"}, 0.95); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a grouping nobody has: %v", err)
	}
}

func TestTablesThatAreNoneAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":               "",
		"no count":            "age,number\n20..30,4\n",
		"a header alone":      "age,count\n",
		"a name twice":        "age,age,count\n",
		"no mean":             "age,count,wage\n20..30,4,5\n",
		"half a row":          "age,count\n20..30\n",
		"below nobody":        "age,count\n20..30,-1\n",
		"a band upside down":  "age,count\n30..20,1\n",
		"a count that is NaN": "age,count\n20..30,NaN\n",
		"an endless mean":     "age,count,mean age\n20..30,1,Inf\n",
	} {
		if _, err := ReadTable(t.Context(), worker.Worker{}, strings.NewReader(text)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add("age,count,mean age\n*,4,33.5\n20..30,,\n")
	f.Add("a,b,count\n\"x\"\"\",*,1e3\n")
	f.Fuzz(func(t *testing.T, text string) {
		header, rows, ok := sheet(text)
		if !ok {
			return
		}
		got, err := tableOf(header, rows)
		if err == nil && len(got.Cells) == 0 {
			t.Errorf("%q gave no cells", text)
		}
	})
}
