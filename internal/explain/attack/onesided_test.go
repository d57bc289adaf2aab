package attack

import (
	"errors"
	"testing"

	"tribune"
)

func TestOfflineAttackStandsWhereStandInsRememberLess(t *testing.T) {
	t.Parallel()
	// Members of the target lie 3 above, those of the references a tenth of that: LiRA holds the target's members for what it has never seen.
	s, member := play(1500, 9, []float64{0.3}, 1)
	for i, is := range member {
		if is {
			s.At(0, i)[0] += 2.7
		}
	}
	scores, err := OneSided{}.Score(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := area(scores, member); got < 0.95 {
		t.Errorf("area %.3f, want more than 0.95", got)
	}
	none, member := play(1500, 9, []float64{0}, 2)
	if scores, err = (OneSided{}).Score(none); err != nil {
		t.Fatal(err)
	}
	if got := area(scores, member); got < 0.46 || got > 0.54 {
		t.Errorf("where nothing leaks: area %.3f", got)
	}
	for i := range s.Points { // a record that every reference saw
		if i == 3 {
			for m := 1; m < s.Models; m++ {
				s.Member[m*s.Points+i] = true
			}
		}
	}
	if _, err := (OneSided{}).Score(s); err != nil {
		t.Errorf("one record that all have seen: %v", err)
	}
	fill(s.Member, true)
	if _, err := (OneSided{}).Score(s); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("records that all have seen: %v", err)
	}
	if _, err := (OneSided{Number: 1}).Score(none); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("a number that is not there: %v", err)
	}
}
