package reproduce

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/explain/data"
)

// tables are read once: they are the same for every test and nobody writes to them.
var tables = sync.OnceValues(Tables)

func both(t *testing.T) []*data.Table {
	t.Helper()
	all, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func pick(t *testing.T, rows []Row, dataset, group, measure string, draw Draw) Row {
	t.Helper()
	for _, r := range rows {
		if r.Dataset == dataset && r.Group == group && r.Measure == measure && r.Draw == draw {
			return r
		}
	}
	t.Fatalf("no row %s, %s, %s, %s", dataset, group, measure, draw)
	return Row{}
}

// On the authors' own draws nothing is left to chance: their smallest runs must come out to the record.
func TestThePapersSmallRunsComeOutToTheRecord(t *testing.T) {
	rows, err := Record(context.Background(), Options{Tables: both(t), Draws: []Draw{Published}, Size: 100, Seeds: 1})
	if err != nil {
		t.Fatal(err)
	}
	for measure, want := range map[string][2]float64{bySize(50): {48, 82}, "own top 1": {30, 69}} {
		for i, name := range []string{"adult", "hospital"} {
			if r := pick(t, rows, name, "all", measure, Published); *r.Ours != want[i] {
				t.Errorf("%s, %s: %v %% reveal themselves, the paper has %v", name, measure, *r.Ours, want[i])
			}
		}
	}
}

func TestDefectsOfADrawAreMeasuredAndCorrected(t *testing.T) {
	rows, err := Record(context.Background(), Options{Tables: both(t), Size: 100, Seeds: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"adult", "hospital"} {
		for _, f := range flaws {
			if v := *pick(t, rows, name, "all", "test rows: "+string(f), Corrected).Ours; v != 0 {
				t.Errorf("%s, corrected: %v %% %s", name, v, f)
			}
		}
		if v := *pick(t, rows, name, "all", "test rows: "+string(data.SameRow), Replacement).Ours; v < 15 {
			t.Errorf("%s, with replacement: %v %% %s", name, v, data.SameRow)
		}
		few := pick(t, rows, name, map[string]string{"adult": "race=Other", "hospital": "age=[0-10)"}[name], "own top 1", Published)
		if few.Ours != nil || !strings.Contains(few.Note, "refused") {
			t.Errorf("%s: a group of few records has a figure: %+v", name, few)
		}
	}
}

// Who replays a report on another machine must get its figures.
func TestCoresChangeNoFigure(t *testing.T) {
	run := func(cores int) string {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
		var out []Row
		o := Options{Tables: both(t), Draws: []Draw{Corrected}, Size: 60, Seeds: 2}
		for _, f := range []func(context.Context, Options) ([]Row, error){Graph, Hyperplane} {
			rows, err := f(context.Background(), o)
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
		t.Errorf("one core:\n%s\ntwo:\n%s", one, two)
	}
	if !strings.Contains(one, `"paper":[7,11]`) || !strings.Contains(one, `"paper":391`) || !strings.Contains(one, `"paper":null`) {
		t.Error("the paper's figures are not beside ours")
	}
}

func TestIntervalsAreStudentsAndWilsons(t *testing.T) {
	if got := interval([]float64{1, 2, 3}); math.Abs(got[0]+0.4843) > 1e-3 || math.Abs(got[1]-4.4843) > 1e-3 {
		t.Errorf("Student: %v, want 2 ± 2.4843", *got)
	}
	if interval([]float64{1}) != nil {
		t.Error("one run has an interval")
	}
	if got := wilson(0, 20); math.Abs(got[0]) > 1e-9 || math.Abs(got[1]-16.113) > 1e-2 {
		t.Errorf("Wilson: %v, want 0 to 16.11", *got)
	}
}

func TestWhatCannotBeReproducedIsRefused(t *testing.T) {
	if _, err := Record(context.Background(), Options{Tables: []*data.Table{{Name: "mnist"}}}); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("another data set: %v", err)
	}
	if _, err := Graph(context.Background(), Options{Tables: both(t), Size: 3}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("three records: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Graph(ctx, Options{Tables: both(t), Size: 50, Seeds: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "adult.data"), []byte("39, ?\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Request{Data: os.DirFS(dir)}).tables(context.Background()); !errors.Is(err, tribune.ErrNotFound) || tribune.HintOf(err) == "" {
		t.Errorf("a folder without adult.test: %v", err)
	}
}
