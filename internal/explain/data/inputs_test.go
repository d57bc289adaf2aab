package data

import (
	"math"
	"strings"
	"testing"
)

func TestInputsSayHowRecordsWereEncodedAndHowTheyWouldBeByAnotherScale(t *testing.T) {
	s := Schema{Name: "people", Columns: []Field{{Name: "age", Kind: Numeric}, {Name: "town", Kind: Category, Values: []string{"x", "y", "z"}}, {Name: "yes", Kind: Label, Values: []string{"no", "yes"}}}}
	table, err := CSV(strings.NewReader("age,town,yes\n20,x,no\n30,y,yes\n70,z,no\n40,x,yes\n"), s, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(scale Scale) (Set, []Input) {
		e, err := Fit(table, table.All(), FitOptions{Scale: scale})
		if err != nil {
			t.Fatal(err)
		}
		set, err := e.Apply(table, table.All())
		if err != nil {
			t.Fatal(err)
		}
		return set, e.Inputs()
	}
	for _, scale := range []Scale{Standard, MinMax, Raw, HalfMean} {
		set, inputs := encoded(scale)
		if len(inputs) != len(set.Features) {
			t.Fatalf("%d inputs of %d features", len(inputs), len(set.Features))
		}
		for i, age := range []float64{20, 30, 70, 40} {
			if got, want := set.X.Row(i)[0], float32((age-inputs[0].Subtract)*inputs[0].Multiply); got != want {
				t.Errorf("scale %d: age %v is %v, and %v by what is told", scale, age, got, want)
			}
		}
		if inputs[2].Name != set.Features[2] || inputs[2].Column != "town" || inputs[2].Value != "y" {
			t.Errorf("input 2 is %+v", inputs[2])
		}
		for _, to := range []Scale{Standard, MinMax, Raw, HalfMean} {
			want, _ := encoded(to)
			for i, got := range Rescaled(set.X, inputs, to).Data {
				if math.Abs(float64(got-want.X.Data[i])) > 1e-5*(1+math.Abs(float64(got))) {
					t.Fatalf("from scale %d to %d: number %d is %v, want %v", scale, to, i, got, want.X.Data[i])
				}
			}
		}
	}
}
