package trees_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model/trees"
)

// A file may say anything: what would make Predict run for ever, read elsewhere or answer nonsense is refused when it is read.
func TestHostileTreesAreRefused(t *testing.T) {
	t.Parallel()
	xg, _ := written(t, "xgboost32_binary")
	lg, _ := written(t, "lightgbm_binary")
	for _, c := range []struct {
		name     string
		from     []byte
		old, new string
		want     string
	}{
		{"a cycle", xg, `"left_children":[1,3,5,7`, `"left_children":[1,3,1,7`, "two ways lead to node 1"},
		{"the root as its own child", xg, `"left_children":[1,`, `"left_children":[0,`, "outside of the tree"},
		{"a child that is not there", xg, `"left_children":[1,`, `"left_children":[99,`, "children 99"},
		{"a leaf on one side only", xg, `"left_children":[1,`, `"left_children":[-1,`, "children -1"},
		{"a feature that is not there", xg, `"split_indices":[1,`, `"split_indices":[5,`, "feature 5 of 5"},
		{"a negative feature", xg, `"split_indices":[1,`, `"split_indices":[-1,`, "feature -1"},
		{"lists of two lengths", xg, `"split_indices":[1,`, `"split_indices":[1,0,`, "different lengths"},
		{"a split by category", xg, `"split_type":[0,`, `"split_type":[1,`, "split by category"},
		{"no probability to begin with", xg, `"base_score":"[5E-1]"`, `"base_score":"[1E0]"`, "no probability"},
		{"two base scores", xg, `"base_score":"[5E-1]"`, `"base_score":"[5E-1,5E-1]"`, "2 base scores"},
		{"another objective", xg, `"binary:logistic"`, `"reg:squarederror"`, "reg:squarederror"},
		{"a linear booster", xg, `"name":"gbtree"`, `"name":"gblinear"`, "gblinear"},
		{"several targets", xg, `"num_target":"1"`, `"num_target":"2"`, "several targets"},
		{"several numbers in a leaf", xg, `"size_leaf_vector":"1"`, `"size_leaf_vector":"3"`, "several numbers"},
		{"a million features", xg, `"num_feature":"5","num_target"`, `"num_feature":"1000000","num_target"`, "1000000 features"},
		{"stopped early", xg, `"attributes":{}`, `"attributes":{"best_iteration":"1"}`, "stopped early"},
		{"trees without a class", xg, `"tree_info":[0,`, `"tree_info":[`, "belong to a class"},
		{"a tree of another class", xg, `"tree_info":[0,`, `"tree_info":[1,`, "score 1"},
		{"the same name twice", xg, `"tree_info":[`, `"tree_info":[],"tree_info":[`, "duplicate"},
		{"a feature past the last", lg, `"max_feature_idx": 4`, `"max_feature_idx": 0`, "feature"},
		{"a node without children", lg, `"left_child"`, `"no_child"`, "neither a split nor a leaf"},
		{"an unknown decision", lg, `"decision_type": "<="`, `"decision_type": "<"`, "decision_type"},
		{"an unknown missing", lg, `"missing_type": "None"`, `"missing_type": "One"`, "missing_type"},
		{"no sigmoid", lg, `"binary sigmoid:1"`, `"binary sigmoid:0"`, "sigmoid 0"},
		{"names for more", lg, `"Column_0",`, `"Column_0", "x",`, "6 names"},
		{"trees that make no round", lg, `"num_tree_per_iteration": 1`, `"num_tree_per_iteration": 3`, "3 a round"},
	} {
		if _, err := trees.Read(c.from); err != nil {
			t.Fatalf("as it was written: %v", err)
		}
		bad := bytes.Replace(c.from, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(bad, c.from) {
			t.Errorf("%s: %q is not in the file", c.name, c.old)
		}
		_, err := trees.Read(bad)
		if err == nil || !strings.Contains(err.Error(), c.want) || !known(err) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func known(err error) bool {
	return errors.Is(err, tribune.ErrInvalid) || errors.Is(err, tribune.ErrTooLarge) || errors.Is(err, tribune.ErrUnsupported)
}

func TestFilesOfAnotherKindSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, hint string }{
		{"tree\nversion=v4\n", "dump_model"},
		{`{"forest": []}`, "save_model"},
	} {
		_, err := trees.Read([]byte(c.in))
		if !known(err) || !strings.Contains(tribune.HintOf(err), c.hint) {
			t.Errorf("%.20q: %v, hint %q", c.in, err, tribune.HintOf(err))
		}
	}
}

func TestTruncatedTreesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"xgboost32_binary", "lightgbm_binary"} {
		data, _ := written(t, name)
		for n := 0; n < len(data)-1; n += 7 {
			if _, err := trees.Read(data[:n]); !known(err) {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
		}
		m, err := trees.Read(data)
		if err != nil {
			t.Fatal(err)
		}
		whole := m.Encode()
		for n := range whole {
			if _, err := trees.Decode(whole[:n]); !known(err) {
				t.Fatalf("%s, what a worker answers cut at %d: %v", name, n, err)
			}
		}
		if _, err := trees.Decode(append(whole, 0)); !known(err) {
			t.Errorf("%s: one byte more: %v", name, err)
		}
	}
}

func TestRecordsThatDoNotFit(t *testing.T) {
	t.Parallel()
	data, want := written(t, "xgboost32_missing")
	m, err := trees.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Predict(t.Context(), matrix.New(1, 4)); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a wrong width: %v", err)
	}
	x := want.records()
	x.Row(2)[3] = float32(math.Inf(1))
	if _, err := m.Predict(t.Context(), x); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "row 2, column 3") {
		t.Errorf("infinity: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range names(f) {
		data, _ := written(f, name)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := trees.Read(data)
		if err != nil {
			if !known(err) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		ask(t, m)
		if _, err := trees.Decode(m.Encode()); err != nil {
			t.Errorf("what was read cannot be decoded: %v", err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, name := range names(f) {
		data, _ := written(f, name)
		if m, err := trees.Read(data); err == nil {
			f.Add(m.Encode())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := trees.Decode(data)
		if err != nil {
			if !known(err) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		ask(t, m)
		if !bytes.Equal(m.Encode(), data) {
			t.Error("two encodings of one model")
		}
	})
}

// ask: whatever was accepted answers, and ends.
func ask(t *testing.T, m *trees.Trees) {
	x := matrix.New(2, m.Inputs())
	for i := range x.Row(1) {
		x.Row(1)[i] = float32(math.NaN())
	}
	if _, err := m.Predict(t.Context(), x); err != nil {
		t.Error(err)
	}
}
