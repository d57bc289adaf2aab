package policy_test

import (
	"testing"

	"tribune"
)

// A context source calls a parking session a road: the "*" of roads must not open what the law calls personal elsewhere.
func TestStarOpensNothingPersonalUnderAnotherType(t *testing.T) {
	d := newDemo(t)
	set := load(t, d.files, d.trust)
	const session, road, carPark = tribune.Name(city + "ParkingSession"), tribune.Name("https://smartdatamodels.org/dataModel.Transportation/Road"), tribune.Name(city + "OffStreetParking")
	for _, tt := range []struct {
		types    []tribune.Name
		attr     tribune.Name
		personal bool
	}{
		{[]tribune.Name{road}, city + "licensePlate", true},
		{[]tribune.Name{road}, city + "driver", true},
		{[]tribune.Name{road}, city + "surface", false}, // public federation goes on
		{[]tribune.Name{carPark}, city + "name", false},
		{[]tribune.Name{road, carPark}, city + "name", false},
		{[]tribune.Name{session}, city + "licensePlate", true},
		{[]tribune.Name{session}, city + "synthetic", false},
		{[]tribune.Name{road, session}, city + "licensePlate", true},
		{[]tribune.Name{city + "Unheard"}, city + "surface", true},
		{nil, city + "surface", true},
	} {
		if got := set.ClassTold(tt.types, tt.attr); got.Personal != tt.personal {
			t.Errorf("%v %s: told as %s, personal %v, want %v", tt.types, tt.attr, got.ID, got.Personal, tt.personal)
		}
	}
	if set.ClassOf([]tribune.Name{road}, city+"licensePlate").Personal {
		t.Error("the law itself holds the plate of a road for personal: the cases above show nothing")
	}
}
