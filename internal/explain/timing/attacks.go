package timing

import (
	"context"
	"errors"
	"fmt"

	"tribune/internal/explain/attack"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/metric"
)

// networkRows are the answers of one reference that the attack network learns from here.
const networkRows = 5000

// attacks plays what answers alone allow: the stages before are all that explanations add to an audit.
func (b *bench) attacks(ctx context.Context) error {
	made, err := b.need(ctx)
	if err != nil {
		return err
	}
	rows, x, y := b.explained()
	count := len(made.nets)
	sheet := attack.NewSheet(count, len(rows), 1)
	whole := attack.Whole{Known: matrix.Matrix{Cols: attack.SortedWidth(2)}}
	answers := matrix.New(count, len(rows)*2)
	for m, n := range made.nets { // warms up, too
		p, err := n.Predict(ctx, x)
		if err != nil {
			return err
		}
		copy(answers.Row(m), p.Data)
	}
	err = b.row(Row{Stage: Attacks, Name: "answers", What: fmt.Sprintf("%d networks answer, numbers are made of it", count), Records: count * len(rows)}, func() error {
		numbers := make([]float64, len(rows)*attack.PredictionWidth)
		for m, n := range made.nets {
			p, err := n.Predict(ctx, x)
			if err != nil {
				return err
			}
			attack.Prediction(p, y, numbers)
			for i := range rows {
				sheet.At(m, i)[0] = numbers[i*attack.PredictionWidth]
				sheet.Member[m*len(rows)+i] = made.in[m][rows[i]]
			}
			sorted := attack.Sorted(p)
			if m == 0 {
				whole.Target = sorted
				continue
			}
			step := max(1, len(rows)/networkRows)
			for i := 0; i < len(rows); i += step {
				whole.Known.Data = append(whole.Known.Data, sorted.Row(i)...)
				whole.Member = append(whole.Member, int(bit(sheet.In(m, i))))
			}
		}
		whole.Known.Rows = len(whole.Member)
		return nil
	})
	if err != nil {
		return err
	}
	return errors.Join(b.keepSheet(sheet, rows, answers), b.attack(ctx, sheet, whole))
}

func bit(is bool) uint8 {
	if is {
		return 1
	}
	return 0
}

func (b *bench) keepSheet(sheet *attack.Sheet, rows []int, answers matrix.Matrix) error {
	return errors.Join(b.keepRows(rows), keep(b, "sheet", sheet.Values, sheet.Models, sheet.Points), keep(b, "answers", answers.Data, sheet.Models, len(rows), 2))
}

// attack times each attack and the measuring of its scores.
func (b *bench) attack(ctx context.Context, sheet *attack.Sheet, whole attack.Whole) error {
	member := sheet.Member[:sheet.Points]
	for _, a := range []struct {
		name, what string
		score      func() ([]float64, error)
	}{
		{"lira", fmt.Sprintf("one number of %d references", sheet.Models-1), func() ([]float64, error) { return attack.LiRA{}.Score(sheet) }},
		{"rmia", fmt.Sprintf("one number of %d references", sheet.Models-1), func() ([]float64, error) { return attack.RMIA{}.Score(sheet) }},
		{"network", fmt.Sprintf("an attack network (64, 32) of %d answers, 10 epochs, batches of 256", whole.Known.Rows), func() ([]float64, error) { return attack.Network{Seed: seed}.Score(ctx, whole) }},
	} {
		row := Row{Stage: Attacks, Name: a.name, What: a.what + ", and the area", Records: sheet.Points, Found: map[string]float64{}}
		var scores []float64
		err := b.row(row, func() (err error) {
			if scores, err = a.score(); err != nil {
				return err
			}
			curve, err := metric.NewCurve(metric.Sample{Score: scores, Member: member})
			row.Found["area"] = curve.AUC()
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if err := keep(b, "scores-"+a.name, scores, len(scores)); err != nil {
			return err
		}
	}
	return nil
}
