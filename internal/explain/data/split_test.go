package data

import (
	"slices"
	"testing"
)

// NumPy 2.4.6 and scikit-learn 1.9.1 gave these, by the calls of the authors' datasets.py: np.random.seed(s), choice without replacement or shuffle,
// train_test_split(random_state=42).
func TestThePapersDrawsAreNumPys(t *testing.T) {
	sum := func(of []int) (s int) {
		for _, v := range of {
			s += v
		}
		return s
	}
	for seed, want := range map[uint32]struct {
		train, test []int
		sum         int
	}{
		0: {[]int{46643, 19500, 18841, 21378, 366}, []int{22765, 33613, 7211, 17755, 829}, 49466647},
		1: {[]int{37748, 12850, 25476, 27789, 11750}, []int{2566, 15395, 35219, 22073, 22631}, 49136110},
	} {
		s, err := PaperAdult(48_842, 2_000, seed)
		if err != nil || !slices.Equal(s.Train[:5], want.train) || !slices.Equal(s.Test[:5], want.test) || sum(s.Train) != want.sum || len(s.Test) != 2_000 {
			t.Errorf("Adult, seed %d: train %v, test %v, sum %d, %v", seed, s.Train[:5], s.Test[:5], sum(s.Train), err)
		}
	}
	labels := make([]int32, 100_000)
	for i := 0; i < len(labels); i += 9 {
		labels[i] = 1
	}
	s, err := PaperHospital(labels, 2_000, 0)
	if err != nil || !slices.Equal(s.Train[:5], []int{90774, 58069, 22554, 59685, 36792}) || !slices.Equal(s.Test[:5], []int{95395, 5895, 67338, 36007, 49710}) || sum(s.Train) != 99640054 {
		t.Errorf("Hospital: train %v, test %v, sum %d, %v", s.Train[:5], s.Test[:5], sum(s.Train), err)
	}
}

func TestSplitsKeepTheirPromises(t *testing.T) {
	rows, persons, labels := make([]int, 300), make([]uint64, 300), make([]int32, 300)
	for i := range rows {
		rows[i], persons[i], labels[i] = i, uint64(i/4), int32(i%3/2)
	}
	both := func(s Split, key func(int) uint64) int {
		in := make(map[uint64]bool)
		for _, r := range s.Train {
			in[key(r)] = true
		}
		n := 0
		for _, r := range s.Test {
			if k := key(r); k != 0 && in[k] {
				n++
			}
		}
		return n
	}
	row, err := ByRow(rows, 150, 150, 1)
	if err != nil || both(row, func(r int) uint64 { return uint64(r + 1) }) != 0 || len(row.Train) != 150 || len(row.Test) != 150 {
		t.Errorf("by row: %d and %d, %v", len(row.Train), len(row.Test), err)
	}
	if both(row, func(r int) uint64 { return persons[r] }) == 0 {
		t.Error("by row: nobody stands on both sides; the check below could not fail")
	}
	person, err := ByPerson(rows, persons, 150, 150, 1)
	if err != nil || both(person, func(r int) uint64 { return persons[r] }) != 0 || len(person.Train) < 140 || len(person.Train) > 150 {
		t.Errorf("by person: %d on both sides, %d train, %v", both(person, func(r int) uint64 { return persons[r] }), len(person.Train), err)
	}
	again, _ := ByPerson(rows, persons, 150, 150, 1)
	if !slices.Equal(person.Train, again.Train) {
		t.Error("by person: one seed, two splits")
	}
	balanced, err := Balanced(rows, labels, 2, 100, 50, 1)
	ones := 0
	for _, r := range balanced.Train {
		ones += int(labels[r])
	}
	if err != nil || ones != 50 || len(balanced.Train) != 100 || len(balanced.Test) != 50 {
		t.Errorf("balanced: %d of %d, %v", ones, len(balanced.Train), err)
	}
	if once := OncePerPerson(rows, persons, 1); len(once) != 78 { // persons 1..74, and four rows of nobody known
		t.Errorf("once per person: %d rows", len(once))
	}
	defect, err := WithReplacement(rows, 150, 150, 1)
	if err != nil || both(defect, func(r int) uint64 { return uint64(r + 1) }) < 30 || len(defect.Defects) == 0 {
		t.Errorf("with replacement: %d on both sides, %v", both(defect, func(r int) uint64 { return uint64(r + 1) }), err)
	}
	for name, err := range map[string]error{
		"rows":    func() error { _, err := ByRow(rows, 200, 101, 1); return err }(),
		"classes": func() error { _, err := Balanced(rows, labels, 2, 400, 2, 1); return err }(),
		"persons": func() error { _, err := ByPerson(rows, nil, 1, 1, 1); return err }(),
		"paper":   func() error { _, err := PaperAdult(100, 51, 0); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: a split larger than the data", name)
		}
	}
}
