package trees

import (
	"errors"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
)

func TestTreesThatWereTrainedOnOtherNumbersAreRefused(t *testing.T) {
	x := matrix.Matrix{Rows: 3, Cols: 2, Data: []float32{-1.5, 0, 0.2, 1, 2.5, 1}}
	columns := []string{"age", "town=New York"}
	split := func(feature int32, value float64) node { return node{feature: feature, value: value} }
	for name, c := range map[string]struct {
		features []string
		nodes    []node
		good     bool
	}{
		"as they are":            {[]string{"age", "town=New_York"}, []node{split(0, 0.1), split(1, 1e-35), split(0, 2.5)}, true},
		"names nobody gave":      {[]string{"f0", "f1"}, []node{split(0, 0.1)}, true},
		"no names":               {nil, []node{split(0, 0.1)}, true},
		"columns exchanged":      {[]string{"town=New_York", "age"}, []node{split(0, 0.1)}, false},
		"raw ages":               {nil, []node{split(0, 37.5), split(1, 0.5), split(0, 0.1)}, false},
		"columns of other order": {nil, []node{split(1, 2.2), split(0, 0.5)}, false},
	} {
		tr := &Trees{inputs: 2, scores: 1, Features: c.features, nodes: c.nodes}
		switch err := tr.Suits(columns, x); {
		case c.good && err != nil:
			t.Errorf("%s: %v", name, err)
		case !c.good && (!errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == ""):
			t.Errorf("%s: %v, want ErrInvalid and what to do", name, err)
		}
	}
	if err := (&Trees{inputs: 3, scores: 1}).Suits(columns, x); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("another width: %v", err)
	}
}
