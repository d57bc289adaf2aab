package trees

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"tribune"
)

// xgFile is what of XGBoost's JSON counts. Numbers of its parameters are texts.
type xgFile struct {
	Learner struct {
		Attributes       map[string]string `json:"attributes"`
		FeatureNames     []string          `json:"feature_names"`
		LearnerParameter struct {
			BaseScore  string `json:"base_score"`
			NumClass   string `json:"num_class"`
			NumFeature string `json:"num_feature"`
			NumTarget  string `json:"num_target"`
		} `json:"learner_model_param"`
		Objective struct {
			Name string `json:"name"`
		} `json:"objective"`
		Booster struct {
			Name  string    `json:"name"`
			Model xgModel   `json:"model"`
			Tree  xgDarted  `json:"gbtree"`
			Drop  []float64 `json:"weight_drop"`
		} `json:"gradient_booster"`
	} `json:"learner"`
}

// xgDarted is the ensemble within a dart booster.
type xgDarted struct {
	Model xgModel `json:"model"`
}

type xgModel struct {
	Parameter struct {
		Parallel string `json:"num_parallel_tree"`
	} `json:"gbtree_model_param"`
	Info  []int32  `json:"tree_info"`
	Trees []xgTree `json:"trees"`
}

type xgTree struct {
	Left        []int32   `json:"left_children"`
	Right       []int32   `json:"right_children"`
	Feature     []int32   `json:"split_indices"`
	Condition   []float64 `json:"split_conditions"`
	DefaultLeft []xgFlag  `json:"default_left"`
	SplitType   []int32   `json:"split_type"`
	Parameter   struct {
		Leaf string `json:"size_leaf_vector"`
	} `json:"tree_param"`
}

// xgFlag is 0 or 1; versions before 1.6 wrote false and true.
type xgFlag bool

// UnmarshalJSONFrom takes both spellings.
func (f *xgFlag) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	t, err := d.ReadToken()
	if err != nil {
		return err
	}
	switch t.String() {
	case "0", "false":
		*f = false
	case "1", "true":
		*f = true
	default:
		return fmt.Errorf("%w: default_left of %.20q", tribune.ErrInvalid, t.String())
	}
	return nil
}

func readXGBoost(data []byte) (*Trees, error) {
	var f xgFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: %w", tribune.ErrInvalid, err)
	}
	m, scale, err := f.ensemble()
	if err != nil {
		return nil, err
	}
	t := &Trees{steep: 1, divide: 1, strict: true, Features: f.Learner.FeatureNames}
	if err := f.frame(t); err != nil {
		return nil, err
	}
	if err := f.early(len(m.Trees), m, t.scores); err != nil {
		return nil, err
	}
	if len(m.Info) != len(m.Trees) || len(m.Trees) > maxTrees {
		return nil, fmt.Errorf("%w: %d trees, of which %d belong to a class", tribune.ErrInvalid, len(m.Trees), len(m.Info))
	}
	for i, x := range m.Trees {
		if err := t.takeXGBoost(x, m.Info[i], scale(i)); err != nil {
			return nil, fmt.Errorf("tree %d: %w", i, err)
		}
	}
	return t, t.check()
}

// ensemble is the trees, and by what dart multiplies each.
func (f *xgFile) ensemble() (xgModel, func(int) float64, error) {
	b := &f.Learner.Booster
	switch b.Name {
	case "gbtree":
		return b.Model, func(int) float64 { return 1 }, nil
	case "dart":
		if len(b.Drop) != len(b.Tree.Model.Trees) {
			return xgModel{}, nil, fmt.Errorf("%w: %d weights for %d trees", tribune.ErrInvalid, len(b.Drop), len(b.Tree.Model.Trees))
		}
		return b.Tree.Model, func(i int) float64 { return b.Drop[i] }, nil
	}
	return xgModel{}, nil, fmt.Errorf("%w: booster %.40q; gbtree and dart are read", tribune.ErrUnsupported, b.Name)
}

// frame sets what is not a tree.
func (f *xgFile) frame(t *Trees) error {
	p := &f.Learner.LearnerParameter
	features, err := strconv.ParseUint(p.NumFeature, 10, 31)
	if err != nil {
		return fmt.Errorf("%w: num_feature: %w", tribune.ErrInvalid, err)
	}
	classes, err := strconv.ParseUint(p.NumClass, 10, 31)
	if err != nil {
		return fmt.Errorf("%w: num_class: %w", tribune.ErrInvalid, err)
	}
	if p.NumTarget != "" && p.NumTarget != "1" && p.NumTarget != "0" {
		return fmt.Errorf("%w: several targets", tribune.ErrUnsupported)
	}
	t.inputs = int(features)
	switch f.Learner.Objective.Name {
	case "binary:logistic":
		t.scores = 1
	case "multi:softprob", "multi:softmax":
		if t.scores = int(classes); classes < 2 || classes > maxClasses {
			return fmt.Errorf("%w: %d classes", tribune.ErrInvalid, classes)
		}
	default:
		return fmt.Errorf("%w: objective %.60q; binary:logistic, multi:softprob and multi:softmax are read", tribune.ErrUnsupported, f.Learner.Objective.Name)
	}
	t.base, err = baseScore(p.BaseScore, t.scores)
	return err
}

// baseScore is what the scores begin with: one number, or since version 3.1 a list. Of two classes it is a probability.
func baseScore(text string, scores int) ([]float64, error) {
	var list []float64
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		one, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: base_score %.60q", tribune.ErrInvalid, text)
		}
		list = []float64{one}
	}
	if len(list) == 1 {
		list = slices.Repeat(list, scores)
	}
	if len(list) != scores {
		return nil, fmt.Errorf("%w: %d base scores for %d", tribune.ErrInvalid, len(list), scores)
	}
	if scores == 1 {
		p := list[0]
		if !(p > 0 && p < 1) {
			return nil, fmt.Errorf("%w: base_score %v is no probability", tribune.ErrInvalid, p)
		}
		list[0] = math.Log(p / (1 - p))
	}
	return list, nil
}

// early refuses a model whose training went on after its best round: Booster.predict takes all trees, the scikit-learn interface those until then.
func (f *xgFile) early(trees int, m xgModel, scores int) error {
	best, given := f.Learner.Attributes["best_iteration"]
	if !given {
		return nil
	}
	round, err := strconv.ParseInt(best, 10, 31)
	parallel, perr := strconv.ParseInt(m.Parameter.Parallel, 10, 31)
	if err != nil || perr != nil || parallel < 1 || round < 0 {
		return fmt.Errorf("%w: best_iteration %.40q, num_parallel_tree %.40q", tribune.ErrInvalid, best, m.Parameter.Parallel)
	}
	if (round+1)*parallel*int64(scores) != int64(trees) {
		return tribune.Hint(fmt.Errorf("%w: it was stopped early, after round %d; XGBoost's own interfaces disagree on which trees count", tribune.ErrUnsupported, round),
			"save booster[: best_iteration + 1], or the whole without the attribute")
	}
	return nil
}

func (t *Trees) takeXGBoost(x xgTree, score int32, scale float64) error {
	n := len(x.Left)
	if n == 0 || len(x.Right) != n || len(x.Feature) != n || len(x.Condition) != n || len(x.DefaultLeft) != n || x.SplitType != nil && len(x.SplitType) != n {
		return fmt.Errorf("%w: its lists are of different lengths", tribune.ErrInvalid)
	}
	if x.Parameter.Leaf != "" && x.Parameter.Leaf != "0" && x.Parameter.Leaf != "1" {
		return fmt.Errorf("%w: several numbers in a leaf", tribune.ErrUnsupported)
	}
	if len(t.nodes)+n > maxNodes {
		return fmt.Errorf("%w: more than %d nodes", tribune.ErrTooLarge, maxNodes)
	}
	from := int32(len(t.nodes))
	for i := range n {
		if x.Left[i] == -1 && x.Right[i] == -1 {
			t.nodes = append(t.nodes, node{feature: -1, value: float64(float32(x.Condition[i])) * scale})
			continue
		}
		if x.SplitType != nil && x.SplitType[i] != 0 {
			return fmt.Errorf("node %d: %w: a split by category", i, tribune.ErrUnsupported)
		}
		if x.Feature[i] < 0 || x.Left[i] < 0 || x.Right[i] < 0 || x.Left[i] >= int32(n) || x.Right[i] >= int32(n) {
			return fmt.Errorf("node %d: %w: children %d and %d of %d, feature %d", i, tribune.ErrInvalid, x.Left[i], x.Right[i], n, x.Feature[i])
		}
		t.nodes = append(t.nodes, node{feature: x.Feature[i], left: from + x.Left[i], right: from + x.Right[i], value: float64(float32(x.Condition[i])),
			missing: missingNaN, defaultLeft: bool(x.DefaultLeft[i])})
	}
	t.trees = append(t.trees, tree{from, from + int32(n), score})
	return nil
}
