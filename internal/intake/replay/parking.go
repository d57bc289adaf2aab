package replay

import (
	"fmt"
	"io"
	"time"
)

// Parking is one report of a car park. 0 <= Occupied <= Places.
type Parking struct {
	Park     string // the source's code
	Places   int
	Occupied int
}

// MaxPlaces bounds a car park's capacity; the largest real one has 4,675.
const MaxPlaces = 100_000

const parkingLayout = "2006-01-02 15:04:05"

// ReadParking reads a CSV of car-park reports with the columns SystemCodeNumber, Capacity, Occupancy, LastUpdated, and
// applies the rules DuplicateRefused, NegativeRefused and OverCapacityClamped, in this order.
func ReadParking(src io.Reader, name string) (*Feed[Parking], Report, error) {
	type key struct {
		park string
		at   int64
	}
	const code, capacity, occupancy, updated = 0, 1, 2, 3
	var (
		records               []Record[Parking]
		seen                  = map[key]int{}
		parks                 = map[string]string{} // one copy of each code
		report                = Report{Feed: name}
		twice, negative, over int
		keys                  int
	)
	err := readRows(src, name, []string{"SystemCodeNumber", "Capacity", "Occupancy", "LastUpdated"}, func(r *row) error {
		report.Rows++
		park, err := r.text(code)
		if err != nil {
			return err
		}
		if known, ok := parks[park]; ok {
			park = known
		} else {
			parks[park] = park
		}
		p := Parking{Park: park}
		if p.Places, err = r.integer(capacity); err != nil {
			return err
		}
		if p.Places < 1 || p.Places > MaxPlaces {
			return r.fail(capacity, "%d is not between 1 and %d", p.Places, MaxPlaces)
		}
		if p.Occupied, err = r.integer(occupancy); err != nil {
			return err
		}
		at, err := r.wall(updated, parkingLayout)
		if err != nil {
			return err
		}
		k := key{park, at.Unix()}
		seen[k]++
		switch {
		case seen[k] > 1:
			twice++
			if seen[k] == 2 {
				keys++
			}
			return nil
		case p.Occupied < 0:
			negative++
			return nil
		case p.Occupied > p.Places:
			over++
			p.Occupied = p.Places
		}
		records = append(records, Record[Parking]{at, p})
		return nil
	})
	if err != nil {
		return nil, report, fmt.Errorf("reading car parks: %w", err)
	}
	report.Kept = len(records)
	report.Counts = []Count{{DuplicateRefused, twice, keys}, {NegativeRefused, negative, 0}, {OverCapacityClamped, over, 0}}
	feed, err := NewFeed(name, records)
	return feed, report, err
}

// hour is a source hour given by its parts; ok is false for a date that does not exist.
func hour(year, month, day, h int) (t time.Time, ok bool) {
	t = time.Date(year, time.Month(month), day, h, 0, 0, 0, time.UTC)
	return t, t.Year() == year && int(t.Month()) == month && t.Day() == day && t.Hour() == h
}
