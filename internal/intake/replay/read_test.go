package replay_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/data"
	"tribune/internal/intake/replay"
)

func realParking(t testing.TB) (*replay.Feed[replay.Parking], replay.Report) {
	t.Helper()
	src, err := data.Parking()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	feed, report, err := replay.ReadParking(src, "parking")
	if err != nil {
		t.Fatal(err)
	}
	return feed, report
}

func realAir(t testing.TB) (*replay.Feed[replay.Air], replay.Report) {
	t.Helper()
	src, err := data.Air()
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	feed, report, err := replay.ReadAir(src, "air")
	if err != nil {
		t.Fatal(err)
	}
	return feed, report
}

// The portal shows these counts; they are those of the data's README.
func TestRealParkingBlemishesAreCountedExactly(t *testing.T) {
	feed, r := realParking(t)
	if r.Rows != 35_717 {
		t.Errorf("got %d rows, want 35717", r.Rows)
	}
	for _, want := range []replay.Count{{replay.DuplicateRefused, 216, 160}, {replay.NegativeRefused, 12, 0}, {replay.OverCapacityClamped, 373, 0}} {
		if got := r.Of(want.Rule); got != want {
			t.Errorf("%s: got %+v, want %+v", want.Rule, got, want)
		}
	}
	if want := 35_717 - 216 - 12; r.Kept != want || len(feed.Records()) != want {
		t.Errorf("got %d kept, %d records, want %d", r.Kept, len(feed.Records()), want)
	}
	parks := map[string]bool{}
	for _, rec := range feed.Records() {
		parks[rec.Value.Park] = true
		if rec.Value.Occupied < 0 || rec.Value.Occupied > rec.Value.Places {
			t.Fatalf("%s at %v: %d of %d places", rec.Value.Park, rec.At, rec.Value.Occupied, rec.Value.Places)
		}
	}
	if len(parks) != 30 {
		t.Errorf("got %d car parks, want 30", len(parks))
	}
}

func TestRealAirGapsAreCountedExactly(t *testing.T) {
	feed, r := realAir(t)
	if r.Rows != 8_928 || r.Kept != 8_928 {
		t.Errorf("got %d rows, %d kept, want 8928", r.Rows, r.Kept)
	}
	if got := r.Of(replay.MissingLeftOut).Rows; got != 1_339 {
		t.Errorf("got %d missing values, want 1339", got)
	}
	if got := r.Of(replay.DuplicateRefused).Rows; got != 0 {
		t.Errorf("got %d duplicates, want 0", got)
	}
	gaps := 0
	for _, rec := range feed.Records() {
		for q := range replay.Quantities {
			if v, ok := rec.Value.Value(replay.Quantity(q)); !ok {
				gaps++
			} else if math.IsInf(v, 0) {
				t.Fatalf("%v: infinite", rec)
			}
		}
	}
	if gaps != 1_339 {
		t.Errorf("records have %d gaps, want 1339", gaps)
	}
}

const parkingHeader = "SystemCodeNumber,Capacity,Occupancy,LastUpdated\n"

func TestFirstOfDuplicatesStandsEvenWhenRefused(t *testing.T) {
	feed, r, err := replay.ReadParking(strings.NewReader(parkingHeader+
		"A,10,-3,2016-10-04 08:00:00\nA,10,5,2016-10-04 08:00:00\nA,10,6,2016-10-04 08:00:00\n"+
		"A,10,12,2016-10-05 08:00:00\nA,10,7,2016-10-19 08:00:00\n"), "t")
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Of(replay.DuplicateRefused); got.Rows != 2 || got.Keys != 1 {
		t.Errorf("got %+v, want 2 rows of 1 key", got)
	}
	recs := feed.Records()
	if len(recs) != 2 || recs[0].Value.Occupied != 10 || recs[1].Value.Occupied != 7 {
		t.Errorf("got %+v, want occupancies 10 (clamped) and 7", recs)
	}
}

// A broken file must be refused whole, and say where it breaks.
func TestBrokenFeedNamesRowAndColumn(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "row 1: no header"},
		{"header", "SystemCodeNumber,Places,Occupancy,LastUpdated\n", "row 1, column Capacity: invalid: the header says \"Places\""},
		{"fields", parkingHeader + "A,1,2\n", "row 2: 3 fields, want 4"},
		{"number", parkingHeader + "A,1,1,2016-10-04 08:00:00\nA,1,x,2016-10-04 08:00:00\n", `row 3, column Occupancy: invalid: "x" is not a whole number`},
		{"capacity", parkingHeader + "A,0,1,2016-10-04 08:00:00\n", "row 2, column Capacity"},
		{"huge", parkingHeader + "A,99999999999,1,2016-10-04 08:00:00\n", "row 2, column Capacity"},
		{"time", parkingHeader + "A,1,1,2016-13-04 08:00:00\n", "row 2, column LastUpdated"},
		{"zone", parkingHeader + "A,1,1,2016-10-04T08:00:00Z\n", "row 2, column LastUpdated"},
		{"code", parkingHeader + ",1,1,2016-10-04 08:00:00\n", "row 2, column SystemCodeNumber: invalid: empty"},
		{"quote", parkingHeader + "\"A,1,1,2016-10-04 08:00:00\n", "row 2: quote without end"},
		{"inner quote", parkingHeader + "A\"B,1,1,2016-10-04 08:00:00\n", "row 2: quote inside"},
		{"long line", parkingHeader + strings.Repeat("A", replay.MaxLine+1) + ",1,1,2016-10-04 08:00:00\n", "row 2: line longer than"},
	} {
		_, _, err := replay.ReadParking(strings.NewReader(c.text), "t")
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want it to say %s", c.name, err, c.says)
		}
		var at *replay.RowError
		if !errors.As(err, &at) {
			t.Errorf("%s: %v is no RowError", c.name, err)
		}
		if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) {
			t.Errorf("%s: %v is neither ErrInvalid nor ErrTooLarge", c.name, err)
		}
	}
}

func TestAirRefusesWhatIsNoMeasurement(t *testing.T) {
	const header = `"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN","wd","WSPM","station"` + "\n"
	for _, c := range []struct{ row, says string }{
		{`1,2017,1,1,0,NaN,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,"X"`, "column PM2.5"},
		{`1,2017,1,1,0,0x1p4,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,"X"`, "column PM2.5"},
		{`1,2017,1,1,0,1e999,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,"X"`, "column PM2.5"},
		{`1,2017,1,1,0,1,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"UP",0.8,"X"`, "column wd"},
		{`1,2017,2,30,0,1,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,"X"`, "column day"},
		{`1,2017,1,1,0,1,580,8,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,""`, "column station"},
	} {
		if _, _, err := replay.ReadAir(strings.NewReader(header+c.row+"\n"), "t"); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want it to say %s", c.row, err, c.says)
		}
	}
}

func FuzzReadParking(f *testing.F) {
	f.Add(parkingHeader + "A,10,5,2016-10-04 08:00:00\nA,10,7,2016-10-19 08:00:00\n")
	f.Add(parkingHeader + "\"Bull Ring\",10,-5,2016-10-04 08:00:00\r\n")
	f.Add("\"\n,,,\"")
	f.Fuzz(func(t *testing.T, text string) {
		feed, r, err := replay.ReadParking(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		if got := r.Kept + r.Of(replay.DuplicateRefused).Rows + r.Of(replay.NegativeRefused).Rows; got != r.Rows {
			t.Fatalf("%d rows accounted for, %d read", got, r.Rows)
		}
		last := time.Time{}
		for i, rec := range feed.Records() {
			if i > 0 && rec.At.Before(last) {
				t.Fatalf("record %d goes back in time", i)
			}
			last = rec.At
			if rec.Value.Occupied < 0 || rec.Value.Occupied > rec.Value.Places {
				t.Fatalf("record %d: %+v", i, rec.Value)
			}
		}
	})
}

func FuzzReadAir(f *testing.F) {
	f.Add(`"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES","DEWP","RAIN","wd","WSPM","station"` + "\n" +
		`1,2017,1,1,0,497,580,NA,112,6800,4,-5.3,1018.3,-7.1,0,"S",0.8,"X"` + "\n" + `1,2017,1,31,0,497,580,NA,112,6800,4,-5.3,1018.3,-7.1,0,NA,0.8,"X"` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		feed, r, err := replay.ReadAir(strings.NewReader(text), "f")
		if err != nil {
			return
		}
		if len(feed.Records()) != r.Kept {
			t.Fatalf("%d records, %d kept", len(feed.Records()), r.Kept)
		}
		for _, rec := range feed.Records() {
			for q := range replay.Quantities {
				if v, ok := rec.Value.Value(replay.Quantity(q)); ok && math.IsInf(v, 0) {
					t.Fatalf("infinite value in %+v", rec)
				}
			}
		}
	})
}
