package timing

import (
	"context"
	"errors"
	"fmt"

	"tribune/internal/explain/attribution"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
)

// The records that the methods which only ask a model explain here: enough to time, few enough for libraries that explain one record at a time.
const (
	askedRecords = 256
	exactRecords = 16
	keptRecords  = 2048 // whose attributions are left in the folder
)

// explaining is one method as the default plan has it.
type explaining struct {
	name, what string
	method     attribution.Method
	records    int
}

func (b *bench) methods() []explaining {
	background := b.all.X.Slice(0, min(200, b.all.X.Rows))
	few, players := background.Slice(0, min(4, background.Rows)), data.Inputwise(b.all.Features)
	n := b.Records
	return []explaining{
		{"gradient", "the gradient of the logit", attribution.Gradient{}, n},
		{"gradient-input", "gradient times input", attribution.GradientInput{}, n},
		{"integrated-gradients", "20 points of Gauss-Legendre quadrature", attribution.IntegratedGradients{Steps: 20}, n},
		{"guided-backprop", "guided backpropagation", attribution.Guided{}, n},
		{"lrp-epsilon", "epsilon 0.0001", attribution.LRP{Epsilon: 1e-4}, n},
		{"smoothgrad", "32 noisy copies", attribution.SmoothGrad{Samples: 32, Seed: seed}, n},
		{"lime", "1,000 samples, all columns", attribution.LIME{Background: background, Samples: 1000, Seed: seed}, min(n, askedRecords)},
		{"kernel-shap", fmt.Sprintf("%d features, 128 coalitions, background of 4", len(players)), attribution.KernelSHAP{Background: few, Groups: players, Coalitions: 128, Seed: seed}, min(n, askedRecords)},
		{"kernel-shap-exact", fmt.Sprintf("%d features, every coalition, background of 4", len(players)), attribution.KernelSHAP{Background: few, Groups: players, Exact: 14}, min(n, exactRecords)},
	}
}

// explanations explains the target's answers to the records, by each method of the default plan.
func (b *bench) explanations(ctx context.Context) error {
	made, err := b.need(ctx)
	if err != nil {
		return err
	}
	rows, x, _ := b.explained()
	if err := errors.Join(b.keepPlayers(), b.keepRows(rows)); err != nil {
		return err
	}
	target := made.nets[0]
	for _, e := range b.methods() {
		some := x.Slice(0, min(e.records, x.Rows))
		if _, err := e.method.Explain(ctx, target, some.Slice(0, min(64, some.Rows)), nil); err != nil { // warms up
			return err
		}
		var out matrix.Matrix
		err := b.row(Row{Stage: Explanations, Name: e.name, What: e.what, Records: some.Rows}, func() (err error) {
			out, err = e.method.Explain(ctx, target, some, nil)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		out = out.Slice(0, min(out.Rows, keptRecords))
		if err := keep(b, "explained-"+e.name, out.Data, out.Rows, out.Cols); err != nil {
			return err
		}
	}
	return nil
}

// keepPlayers leaves which feature each column belongs to.
func (b *bench) keepPlayers() error {
	of := make([]int32, b.all.X.Cols)
	for p, columns := range data.Inputwise(b.all.Features) {
		for _, j := range columns {
			of[j] = int32(p)
		}
	}
	return keep(b, "players", of, len(of))
}
