// Package recipe says how a model is trained, in so few words that another one can be trained alike: on other records, for an audit's references.
//
// tribune explain train writes a Recipe beside the model it makes (Settings); tribune explain audit reads it, so that references are trained as the
// target was. For a model from elsewhere the plan names a recipe: a stand-in, and the report says that it is one. What is promised: the same recipe,
// records and seed give the same bytes of a model, on one core and on many.
package recipe

import (
	"context"
	"fmt"
	"math"
	"strings"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
)

// The kinds of models that are trained here.
const (
	Logistic = "logistic"
	MLP      = "mlp"
)

// Recipe is how a model is trained. What is 0 is set by Fill.
type Recipe struct {
	Kind       string  `toml:"kind" json:"kind"`
	C          float64 `toml:"c" json:"c,omitempty"`                   // logistic: the smaller, the stronger the penalty; 0 = 1
	Hidden     []int   `toml:"hidden" json:"hidden,omitempty"`         // mlp: sizes of the hidden layers; none = 64, 32
	Activation string  `toml:"activation" json:"activation,omitempty"` // mlp: relu or tanh; "" = relu
	Epochs     int     `toml:"epochs" json:"epochs,omitempty"`         // mlp; 0 = 20
	Batch      int     `toml:"batch" json:"batch,omitempty"`           // mlp; 0 = 256
	Rate       float64 `toml:"rate" json:"rate,omitempty"`             // mlp: Adam's; 0 = 0.001
	Decay      float64 `toml:"decay" json:"decay,omitempty"`           // mlp: L2
	Clip       float64 `toml:"dp_clip" json:"dp_clip,omitempty"`       // mlp, with dp_noise: DP-SGD
	Noise      float64 `toml:"dp_noise" json:"dp_noise,omitempty"`     // times dp_clip
	Scale      string  `toml:"scale" json:"scale,omitempty"`           // of numbers: standard, minmax, raw, half-mean; "" = standard
}

// DefaultScale is that of recipes which name none.
const DefaultScale = "standard"

const (
	mostLayers = 16
	mostWidth  = 1 << 14
	mostEpochs = 100_000
)

// Fill sets what was left out, and refuses what no training could use.
func (r Recipe) Fill() (Recipe, error) {
	invalid := func(format string, args ...any) (Recipe, error) {
		return r, fmt.Errorf("%w: how to train: "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	if _, err := r.Encoding(); err != nil {
		return r, err
	}
	for _, v := range []float64{r.C, r.Rate, r.Decay, r.Clip, r.Noise} {
		if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return invalid("%v is no setting", v)
		}
	}
	switch r.Kind {
	case Logistic:
		if len(r.Hidden) > 0 || r.Activation != "" || r.Epochs != 0 || r.Batch != 0 || r.Rate != 0 || r.Decay != 0 || r.Clip != 0 || r.Noise != 0 {
			return invalid("a logistic regression has c and scale, and no other setting")
		}
		if r.C == 0 {
			r.C = 1
		}
		return r, nil
	case MLP:
	default:
		_, err := invalid("the kind %q", r.Kind)
		return r, tribune.Hint(err, "logistic or mlp")
	}
	if r.C != 0 {
		return invalid("c is a logistic regression's")
	}
	if len(r.Hidden) == 0 {
		r.Hidden = []int{64, 32}
	}
	for _, n := range r.Hidden {
		if n < 1 || n > mostWidth || len(r.Hidden) > mostLayers {
			return invalid("hidden layers %v; give at most %d of 1 to %d", r.Hidden, mostLayers, mostWidth)
		}
	}
	r.Activation = or(r.Activation, "relu")
	r.Epochs, r.Batch, r.Rate = or(r.Epochs, 20), or(r.Batch, 256), or(r.Rate, 0.001)
	switch {
	case r.Activation != "relu" && r.Activation != "tanh":
		return invalid("the activation %q; relu or tanh", r.Activation)
	case r.Epochs < 1 || r.Epochs > mostEpochs || r.Batch < 1 || r.Rate <= 0:
		return invalid("%d epochs, batches of %d, rate %v", r.Epochs, r.Batch, r.Rate)
	case (r.Clip > 0) != (r.Noise > 0):
		return invalid("dp_clip and dp_noise go together")
	}
	return r, nil
}

func or[T comparable](v, d T) T {
	var none T
	if v == none {
		return d
	}
	return v
}

// Scales are the names that Encoding knows.
func Scales() []string { return []string{DefaultScale, "minmax", "raw", "half-mean"} }

// Encoding is how numbers are brought to one size.
func (r Recipe) Encoding() (data.Scale, error) {
	switch r.Scale {
	case "", DefaultScale:
		return data.Standard, nil
	case "minmax":
		return data.MinMax, nil
	case "raw":
		return data.Raw, nil
	case "half-mean":
		return data.HalfMean, nil
	}
	return 0, tribune.Hint(fmt.Errorf("%w: how to train: the scale %q", tribune.ErrInvalid, r.Scale), "standard, minmax, raw or half-mean")
}

// Train makes a model of records. r must have been filled.
func (r Recipe) Train(ctx context.Context, rows data.Set, seed uint64, report func(model.Progress) error) (model.Model, error) {
	if r.Kind == Logistic {
		g, err := model.NewRegression(rows.X, rows.Y, len(rows.Classes), model.RegressionConfig{C: r.C})
		if err != nil {
			return nil, err
		}
		f, err := g.Fit(ctx, nil, nil)
		if err != nil {
			return nil, err
		}
		return f.Model(), nil
	}
	n, err := r.network(rows.X.Cols, len(rows.Classes))
	if err != nil {
		return nil, err
	}
	n.Init(seed)
	cfg := model.TrainConfig{Epochs: r.Epochs, Batch: min(r.Batch, rows.X.Rows), Optimizer: model.Adam, Rate: r.Rate, Decay: r.Decay, Seed: seed}
	if r.Noise > 0 {
		cfg.Private = &model.Privacy{Clip: r.Clip, Noise: r.Noise, Delta: 1 / float64(10*rows.X.Rows)}
	}
	t, err := model.NewTrainer(n, rows.X, rows.Y, cfg)
	if err != nil {
		return nil, err
	}
	return n, t.Run(ctx, report)
}

func (r Recipe) network(inputs, classes int) (*model.Network, error) {
	function := model.Relu
	if r.Activation == "tanh" {
		function = model.Tanh
	}
	var layers []model.Layer
	for _, size := range r.Hidden {
		layers = append(layers, &model.Dense{Out: size}, &model.Activation{Function: function})
	}
	return model.NewNetwork(model.Shape{inputs}, append(layers, &model.Dense{Out: classes})...)
}

// String is for people.
func (r Recipe) String() string {
	if r.Kind == Logistic {
		return fmt.Sprintf("logistic regression, C %v", r.C)
	}
	s := fmt.Sprintf("%s network, hidden layers %s, %d epochs, batches of %d, rate %v", r.Activation, strings.Trim(fmt.Sprint(r.Hidden), "[]"), r.Epochs, r.Batch, r.Rate)
	if r.Decay > 0 {
		s += fmt.Sprintf(", decay %v", r.Decay)
	}
	if r.Noise > 0 {
		s += fmt.Sprintf(", DP-SGD with clip %v and noise %v", r.Clip, r.Noise)
	}
	return s
}
