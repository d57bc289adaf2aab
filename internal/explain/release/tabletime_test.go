package release

import (
	"errors"
	"math"
	"testing"

	"tribune"
)

func TestTwoPublicationsTellWhoCameBetweenThem(t *testing.T) {
	t.Parallel()
	// One of 30 newcomers is old. Of the 50 people who were there before nobody is attacked: they stand in both tables.
	members, others := crowdOf(30, 1, 1), crowdOf(60, 1, 2)
	for i := range members.Y {
		members.X.Row(i)[1] = 30
	}
	for i := range others.Y {
		others.X.Row(i)[1] = 30
	}
	members.X.Row(4)[1] = 90
	p := known(t, members, others)
	for name, c := range map[string]struct {
		before, after string
		want          bool
	}{
		"published at both dates":             {"age,count\n*,50\n20..60,38\n60..100,12\n", "age,count\n*,80\n20..60,67\n60..100,13\n", true},
		"suppressed at one, beside its total": {"age,count\n*,50\n20..60,38\n60..100,\n", "age,count\n*,80\n20..60,67\n60..100,13\n", true},
		"no band at both":                     {"age,count\n*,50\n20..60,\n60..100,12\n", "age,count\n*,80\n20..60,67\n60..100,\n", false},
		"the same columns in another order":   {"age,sex,count\n60..100,f,12\n*,*,50\n*,f,30\n", "sex,age,count\n*,*,80\nf,*,45\nf,60..100,13\n", true},
	} {
		before, after := table(t, c.before), table(t, c.after)
		between, err := after.Since(before)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s, err := between.Differencing(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Of[4] == certain; got != c.want {
			t.Errorf("%s: certain about the one old newcomer: %t", name, got)
		}
		alone, err := after.Differencing(p)
		if err != nil {
			t.Fatal(err)
		}
		if alone.Of[5] == certain && s.Of[5] == certain {
			t.Errorf("%s: certain about somebody of whom nothing follows", name)
		}
	}
	if _, err := table(t, "age,count\n20..60,4\n").Since(table(t, "age,count\n20..70,4\n")); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("two tables of nothing in common: %v", err)
	}
}

// A count that falls is no count of people, and a mean can be that of newcomers alone.
func TestMeansOfTwoDatesAreThoseOfNewcomers(t *testing.T) {
	before, after := table(t, "sex,count,mean age\n*,10,40\nf,4,30\nm,6,\n"), table(t, "sex,count,mean age\n*,12,45\nf,3,30\nm,9,50\n")
	d, err := after.Since(before)
	if err != nil {
		t.Fatal(err)
	}
	if all := d.Cells[0]; all.Count != 2 || len(all.Means) != 1 || math.Abs(all.Means[0].Value-70) > 1e-9 {
		t.Errorf("two newcomers who raise the mean of ten from 40 to 45: %+v", all)
	}
	if f, m := d.Cells[1], d.Cells[2]; f.Count != -1 || len(f.Means) != 0 || m.Count != 3 || len(m.Means) != 0 {
		t.Errorf("one who left %+v, three without a mean before %+v", f, m)
	}
	p := known(t, crowdOf(20, 1, 1), crowdOf(40, 1, 2))
	for i := range d.Cells {
		d.Cells[i].Means = nil
	}
	likely, _, err := d.Likelihood(p)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range likely.Of {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("%v for person %d", v, i)
		}
	}
}
