package trees

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tribune"
)

// lgFile is what of LightGBM's dump_model counts.
type lgFile struct {
	NumClass    int      `json:"num_class"`
	PerRound    int      `json:"num_tree_per_iteration"`
	LastFeature int      `json:"max_feature_idx"`
	Objective   string   `json:"objective"`
	Average     bool     `json:"average_output"`
	Names       []string `json:"feature_names"`
	Trees       []struct {
		Root *lgNode `json:"tree_structure"`
	} `json:"tree_info"`
}

// lgNode is a split (Feature set) or a leaf (Leaf set).
type lgNode struct {
	Feature     *int32         `json:"split_feature"`
	Threshold   jsontext.Value `json:"threshold"`
	Decision    string         `json:"decision_type"`
	DefaultLeft bool           `json:"default_left"`
	Missing     string         `json:"missing_type"`
	Left        *lgNode        `json:"left_child"`
	Right       *lgNode        `json:"right_child"`
	Leaf        *float64       `json:"leaf_value"`
	Linear      *float64       `json:"leaf_const"`
}

func readLightGBM(data []byte) (*Trees, error) {
	var f lgFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	t := &Trees{steep: 1, divide: 1, inputs: f.LastFeature + 1, Features: f.Names}
	if err := f.objective(t); err != nil {
		return nil, err
	}
	if f.PerRound != t.scores || len(f.Trees)%t.scores != 0 || len(f.Trees) > maxTrees {
		return nil, fmt.Errorf("%w: %d trees, %d a round, for %d scores", tribune.ErrInvalid, len(f.Trees), f.PerRound, t.scores)
	}
	if f.Average {
		t.divide = max(float64(len(f.Trees)/t.scores), 1)
	}
	t.base = make([]float64, t.scores)
	for i, x := range f.Trees {
		from := int32(len(t.nodes))
		if err := t.takeLightGBM(x.Root); err != nil {
			return nil, fmt.Errorf("tree %d: %w", i, err)
		}
		t.trees = append(t.trees, tree{from, int32(len(t.nodes)), int32(i % t.scores)})
	}
	return t, t.check()
}

// objective reads "binary sigmoid:1" and "multiclass num_class:3".
func (f *lgFile) objective(t *Trees) error {
	name, rest, _ := strings.Cut(f.Objective, " ")
	switch name {
	case "binary":
		t.scores = 1
		steep, given := strings.CutPrefix(rest, "sigmoid:")
		v, err := strconv.ParseFloat(steep, 64)
		if !given || err != nil {
			return fmt.Errorf("%w: objective %.60q", tribune.ErrInvalid, f.Objective)
		}
		t.steep = v
	case "multiclass":
		if t.scores = f.NumClass; t.scores < 2 || t.scores > maxClasses || rest != "num_class:"+strconv.Itoa(f.NumClass) {
			return fmt.Errorf("%w: objective %.60q of %d classes", tribune.ErrInvalid, f.Objective, f.NumClass)
		}
	default:
		return fmt.Errorf("%w: objective %.60q; binary and multiclass are read", tribune.ErrUnsupported, f.Objective)
	}
	return nil
}

// takeLightGBM adds a tree's nodes, parents first. The file nests them, so that cycles cannot be written.
func (t *Trees) takeLightGBM(root *lgNode) error {
	if root == nil {
		return fmt.Errorf("%w: no tree", tribune.ErrInvalid)
	}
	type step struct {
		n  *lgNode
		at int
	}
	t.nodes = append(t.nodes, node{})
	for todo := []step{{root, len(t.nodes) - 1}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n, err := t.convert(s.n)
		if err != nil {
			return err
		}
		if n.feature >= 0 {
			n.left, n.right = int32(len(t.nodes)), int32(len(t.nodes)+1)
			t.nodes = append(t.nodes, node{}, node{})
			todo = append(todo, step{s.n.Right, int(n.right)}, step{s.n.Left, int(n.left)})
		}
		if t.nodes[s.at] = n; len(t.nodes) > maxNodes {
			return fmt.Errorf("%w: more than %d nodes", tribune.ErrTooLarge, maxNodes)
		}
	}
	return nil
}

func (t *Trees) convert(x *lgNode) (node, error) {
	switch {
	case x.Linear != nil:
		return node{}, fmt.Errorf("%w: a linear function in a leaf", tribune.ErrUnsupported)
	case x.Leaf != nil && x.Feature == nil:
		return node{feature: -1, value: *x.Leaf}, nil
	case x.Feature == nil || x.Leaf != nil || x.Left == nil || x.Right == nil || *x.Feature < 0:
		return node{}, fmt.Errorf("%w: a node that is neither a split nor a leaf", tribune.ErrInvalid)
	}
	n := node{feature: *x.Feature, defaultLeft: x.DefaultLeft}
	switch x.Missing {
	case "None":
		n.missing = missingNone
	case "Zero":
		n.missing = missingZero
	case "NaN":
		n.missing = missingNaN
	default:
		return n, fmt.Errorf("%w: missing_type %.40q", tribune.ErrUnsupported, x.Missing)
	}
	switch x.Decision {
	case "<=":
		if err := json.Unmarshal(x.Threshold, &n.value); err != nil {
			return n, fmt.Errorf("%w: a threshold: %w", tribune.ErrInvalid, err)
		}
	case "==":
		n.missing, n.defaultLeft = byCategory, false
		return n, t.categories(&n, x.Threshold)
	default:
		return n, fmt.Errorf("%w: decision_type %.40q", tribune.ErrUnsupported, x.Decision)
	}
	return n, nil
}

// categories reads "3||17||40": what goes left.
func (t *Trees) categories(n *node, threshold jsontext.Value) error {
	var text string
	if err := json.Unmarshal(threshold, &text); err != nil {
		return fmt.Errorf("%w: categories: %w", tribune.ErrInvalid, err)
	}
	n.set = int32(len(t.sets))
	for part := range strings.SplitSeq(text, "||") {
		c, err := strconv.ParseUint(part, 10, 31)
		if err != nil || c >= maxCategory {
			return fmt.Errorf("%w: category %.40q", tribune.ErrInvalid, part)
		}
		for int(n.set)+int(c)/32 >= len(t.sets) {
			if len(t.sets) >= maxSets {
				return fmt.Errorf("%w: more than %d words of categories", tribune.ErrTooLarge, maxSets)
			}
			t.sets = append(t.sets, 0)
		}
		t.sets[int(n.set)+int(c)/32] |= 1 << (c % 32)
	}
	n.words = int32(len(t.sets)) - n.set
	return nil
}
