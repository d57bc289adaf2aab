// Package attack plays whoever is given a model's answers, explanations or both, and wants to know whose records the model was trained on.
//
// Whoever attacks has trained reference models of the same kind on records of the same kind, and knows of each which records it was trained on: the
// strongest attacker that is commonly assumed, so that what is measured bounds what others could do. What they saw stands in a Sheet; an Attack turns
// it into a score for every record, higher for a likelier member of the target's training set. The target's own membership is never looked at: it is
// what package metric holds the scores against. An attacker who knows the defence is one whose reference models were given it, too.
package attack

import (
	"fmt"
	"math"

	"tribune"
)

// Sheet is what was seen of every record under every model. Model 0 is the target, whose Member row is not known to attacks.
type Sheet struct {
	Models, Points, Width int       // Width: numbers that were made of what was seen of one record
	Values                []float64 // Models x Points x Width
	Member                []bool    // Models x Points: was the record in the model's training set; row 0 is ignored
}

// NewSheet is an empty one.
func NewSheet(models, points, width int) *Sheet {
	return &Sheet{Models: models, Points: points, Width: width, Values: make([]float64, models*points*width), Member: make([]bool, models*points)}
}

// At is what was seen of a record under a model; a view.
func (s *Sheet) At(m, point int) []float64 {
	at := (m*s.Points + point) * s.Width
	return s.Values[at : at+s.Width : at+s.Width]
}

// In reports whether a record was in a model's training set.
func (s *Sheet) In(m, point int) bool { return s.Member[m*s.Points+point] }

// side is 1 where a record was in a model's training set, else 0.
func (s *Sheet) side(m, point int) int {
	if s.Member[m*s.Points+point] {
		return 1
	}
	return 0
}

// Pick is the sheet of some records, in that order.
func (s *Sheet) Pick(points []int) *Sheet {
	out := NewSheet(s.Models, len(points), s.Width)
	for m := range s.Models {
		for i, p := range points {
			copy(out.At(m, i), s.At(m, p))
			out.Member[m*len(points)+i] = s.In(m, p)
		}
	}
	return out
}

// Beside puts two sheets about the same models and records side by side: an attacker who sees both.
func (s *Sheet) Beside(o *Sheet) (*Sheet, error) {
	if s.Models != o.Models || s.Points != o.Points {
		return nil, fmt.Errorf("%w: a sheet of %d models and %d records beside one of %d and %d", tribune.ErrInvalid, s.Models, s.Points, o.Models, o.Points)
	}
	both := NewSheet(s.Models, s.Points, s.Width+o.Width)
	copy(both.Member, s.Member)
	for m := range s.Models {
		for i := range s.Points {
			to := both.At(m, i)
			copy(to[copy(to, s.At(m, i)):], o.At(m, i))
		}
	}
	return both, nil
}

// check refuses what no attack can use: every record needs reference models that were trained on it, and such that were not.
func (s *Sheet) check() error {
	if s.Models < 3 || s.Points < 1 || s.Width < 1 || len(s.Values) != s.Models*s.Points*s.Width || len(s.Member) != s.Models*s.Points {
		return fmt.Errorf("%w: a sheet of %d models, %d records and %d numbers each; an attack needs a target and two references", tribune.ErrInvalid, s.Models, s.Points, s.Width)
	}
	for i, v := range s.Values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%w: what was seen of record %d is not a number", tribune.ErrInvalid, i/s.Width%s.Points)
		}
	}
	return nil
}

// Attack scores the records of a sheet.
type Attack interface {
	// Name is how plans and verdicts call it.
	Name() string
	// Score gives a number for each record, higher for a likelier member of the target's training set. It never reads the target's membership.
	Score(s *Sheet) ([]float64, error)
}
