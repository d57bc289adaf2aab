package reproduce

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"tribune"
	"tribune/internal/explain/model"
)

// The paper's finding in small: few features hide who was trained on, many give it away.
func TestTheGradientsNormTellsMembersWhereFeaturesAreMany(t *testing.T) {
	rows, err := Synthetic(context.Background(), Request{Quick: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"1x5", "2x50"} {
		group := network + " network, 2 classes"
		few := pick(t, rows, "synthetic", group, "correlation of the gradient's 1-norm with membership, 10 features", Published)
		many := pick(t, rows, "synthetic", group, "correlation of the gradient's 1-norm with membership, 200 features", Published)
		if math.Abs(*few.Ours) > 0.15 || *many.Ours > -0.2 {
			t.Errorf("%s: correlation %.2f at 10 features, %.2f at 200", network, *few.Ours, *many.Ours)
		}
		if few.Paper != nil {
			t.Error("a quick run stands beside the paper's figures")
		}
	}
}

func TestOneClassIsOneClusterOnItsOwnCorner(t *testing.T) {
	set, err := clusters(context.Background(), 4_000, 3, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	var sum [4][3]float64
	var n [4]float64
	for i, y := range set.Y {
		n[y]++
		for j, v := range set.X.Row(i) {
			sum[y][j] += float64(v)
		}
	}
	corners := make(map[[3]bool]bool)
	for c := range sum {
		var corner [3]bool
		for j := range corner {
			m := sum[c][j] / n[c]
			if math.Abs(math.Abs(m)-1) > 0.15 {
				t.Errorf("class %d, feature %d: mean %.2f, want ±1", c, j, m)
			}
			corner[j] = m > 0
		}
		corners[corner] = true
	}
	if len(corners) != 4 {
		t.Errorf("%d corners for four classes", len(corners))
	}
}

func TestThresholdsOnTheTargetItselfFlatterTheAttack(t *testing.T) {
	// Numbers that say nothing: the best threshold on the target is above one half all the same, one from other models is not.
	runs := [][]signal{}
	for m := range 4 {
		s := signal{name: lossOf}
		for i := range 40 {
			s.members = append(s.members, float64((i*7+m*13)%41))
			s.others = append(s.others, float64((i*11+m*5+3)%41))
		}
		runs = append(runs, []signal{s})
	}
	o := opened{source: source{name: "made-up", models: 4}}
	rows := o.thresholdRows(Published, runs)
	optimal, self, honest := pick(t, rows, "made-up", "all", "loss, optimal threshold", Published), pick(t, rows, "made-up", "all", "loss, threshold of three shadows", Published),
		pick(t, rows, "made-up", "all", "loss, threshold of other models", Published)
	if *optimal.Ours != *self.Ours {
		t.Errorf("the authors' shadows are the target: %v, %v", *optimal.Ours, *self.Ours)
	}
	if !(*honest.Ours < *optimal.Ours) {
		t.Errorf("honest %v, optimal %v", *honest.Ours, *optimal.Ours)
	}
}

func TestCutsFindTheSideAndTheThreshold(t *testing.T) {
	low := signal{name: lossOf, members: []float64{1, 2, 3}, others: []float64{4, 5, 6}}
	high := signal{name: lossOf, members: []float64{4, 5, 6}, others: []float64{1, 2, 3}}
	for name, c := range map[string]struct {
		s    signal
		want cut
	}{"members below": {low, cut{3, true}}, "members above": {high, cut{3, false}}} {
		got := learned([]signal{c.s})
		if got != c.want || got.accuracy(c.s) != 1 {
			t.Errorf("%s: %+v, accuracy %v", name, got, got.accuracy(c.s))
		}
	}
	if a := learned([]signal{low}).accuracy(high); a != 0 {
		t.Errorf("a threshold of models that are the other way round: %v", a)
	}
}

func TestDrawsHaveTheirDefectsAndNoOthers(t *testing.T) {
	there, _, err := Request{Datasets: []string{"adult"}}.opened(t.Context(), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	for d, again := range map[Draw]bool{Published: false, Corrected: false, Replacement: true} {
		train, test, err := there[0].draw(d, 1_000, 4, 1)
		if err != nil {
			t.Fatal(err)
		}
		all := slices.Concat(slices.Concat(train...), slices.Concat(test...))
		slices.Sort(all)
		if got := len(slices.Compact(slices.Clone(all))) < len(all); got != again || len(all) != 8_000 {
			t.Errorf("%s: a row drawn again: %v, want %v (%d rows)", d, got, again, len(all))
		}
	}
}

func TestCoresChangeNoFigureOfModels(t *testing.T) {
	run := func(cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		var out []Row
		for _, f := range []func(context.Context, Request) ([]Row, error){Threshold, Beyond} {
			rows, err := f(context.Background(), Request{Quick: true, Datasets: []string{"adult"}})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, rows...)
		}
		raw, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	one := run(1)
	if two := run(2); one != two {
		t.Error("two cores give other figures than one")
	}
	// Of two classes the explanation of one is that of the other with its signs turned: the defect has no effect on a variance, but for rounding.
	var rows []Row
	if err := json.Unmarshal([]byte(one), &rows); err != nil {
		t.Fatal(err)
	}
	always, predicted := pick(t, rows, "adult", "all", "LIME variance, always class 1, area", Corrected), pick(t, rows, "adult", "all", "LIME variance, area", Corrected)
	if math.Abs(*always.Ours-*predicted.Ours) > 0.05 {
		t.Errorf("LIME of class 1 %v, of the predicted class %v", *always.Ours, *predicted.Ours)
	}
}

func TestWhatIsLearntByHeartIsFoundAndWhatIsTooLittleIsRefused(t *testing.T) {
	r := Request{Datasets: []string{"adult"}}
	there, _, err := r.opened(t.Context(), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	heart := trial{"adult", "by heart", []int{32}, training{60, 16, model.Adam, .01}, 400, 8}
	rows, err := heart.run(context.Background(), there[0], r)
	if err != nil {
		t.Fatal(err)
	}
	for _, measure := range []string{"by heart: lira on answer, area", "by heart: rmia on answer, area", "by heart: lira on answer and gradient, area"} {
		if row := pick(t, rows, "adult", "all", measure, Corrected); row.Ours == nil || row.Interval[0] < 0.52 {
			t.Errorf("%s: %+v", measure, row)
		}
	}
	if row := pick(t, rows, "adult", "all", "by heart: the better with answer and gradient less the better with answer, area", Corrected); row.Ours == nil || !strings.Contains(row.Note, "chosen on references") {
		t.Errorf("what the explanation adds: %+v", row)
	}
	for _, refused := range []Row{
		pick(t, rows, "adult", "all", "by heart: lira on answer, members found at 0.1 % false alarms", Corrected),
		pick(t, rows, "adult", "race=Other", "by heart: rmia on answer and gradient, area", Corrected),
	} {
		if refused.Ours != nil || !strings.Contains(refused.Note, "refused") {
			t.Errorf("too few records have a figure: %+v", refused)
		}
	}
}

func TestWhatIsNotThereIsNamedAndNotMadeUp(t *testing.T) {
	empty := fstest.MapFS{}
	for _, name := range []string{"location", "mnist", "purchase", "texas", "cifar-10"} {
		_, err := Threshold(context.Background(), Request{Data: empty, Datasets: []string{name}})
		if !errors.Is(err, tribune.ErrNotFound) || !strings.Contains(tribune.HintOf(err), "--data") {
			t.Errorf("%s: %v (hint %q)", name, err, tribune.HintOf(err))
		}
	}
	if _, err := Beyond(context.Background(), Request{Datasets: []string{"purchase"}}); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("a data set that the experiment has not: %v", err)
	}
	if _, err := Find("magic"); !errors.Is(err, tribune.ErrNotFound) || tribune.HintOf(err) == "" {
		t.Errorf("an experiment that is none: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, e := range Experiments() {
		if _, err := e.Run(ctx, Request{Quick: true}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, cancelled: %v", e.Name, err)
		}
	}
}
