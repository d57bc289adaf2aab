package replay

import (
	"fmt"
	"io"
	"math"
)

// Quantity is one quantity an air station measures.
type Quantity int

// The quantities in the order of the source's columns, with the source's units.
const (
	PM25          Quantity = iota // ug/m3
	PM10                          // ug/m3
	SO2                           // ug/m3
	NO2                           // ug/m3
	CO                            // ug/m3
	O3                            // ug/m3
	Temperature                   // degree Celsius
	Pressure                      // hPa
	DewPoint                      // degree Celsius
	Rain                          // mm in the hour
	WindDirection                 // degrees clockwise from north that the wind comes from
	WindSpeed                     // m/s
	Quantities    int      = iota
)

// Air is one hour of one station. A value the source lacks is NaN.
type Air struct {
	Station string
	Values  [Quantities]float64
}

// Value is a quantity and whether the source has it.
func (a Air) Value(q Quantity) (float64, bool) { return a.Values[q], !math.IsNaN(a.Values[q]) }

// missing is the source's word for a value it does not have.
const missing = "NA"

var airColumns = []string{"No", "year", "month", "day", "hour", "PM2.5", "PM10", "SO2", "NO2", "CO", "O3",
	"TEMP", "PRES", "DEWP", "RAIN", "wd", "WSPM", "station"}

// compass is the source's sixteen winds, clockwise from north.
var compass = []string{"N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"}

// ReadAir reads a CSV of hourly air quality with the columns of UCI's "Beijing Multi-Site Air Quality", and applies the
// rules DuplicateRefused and MissingLeftOut.
func ReadAir(src io.Reader, name string) (*Feed[Air], Report, error) {
	const year, month, day, hourOf, first, wind, station = 1, 2, 3, 4, 5, 15, 17
	type key struct {
		station string
		at      int64
	}
	var (
		records             []Record[Air]
		seen                = map[key]int{}
		stations            = map[string]string{}
		report              = Report{Feed: name}
		twice, keys, absent int
	)
	err := readRows(src, name, airColumns, func(r *row) error {
		report.Rows++
		var part [4]int
		for i := range part {
			n, err := r.integer(year + i)
			if err != nil {
				return err
			}
			part[i] = n
		}
		at, ok := hour(part[0], part[1], part[2], part[3])
		if !ok {
			return r.fail(day, "%d-%d-%d hour %d does not exist", part[0], part[1], part[2], part[3])
		}
		code, err := r.text(station)
		if err != nil {
			return err
		}
		if known, ok := stations[code]; ok {
			code = known
		} else {
			stations[code] = code
		}
		a := Air{Station: code}
		gaps := 0
		for q := range a.Values {
			column := first + q
			if column == wind {
				a.Values[q], ok, err = r.wind(column)
			} else {
				a.Values[q], ok, err = r.decimal(column)
			}
			if err != nil {
				return err
			}
			if !ok {
				a.Values[q] = math.NaN()
				gaps++
			}
		}
		k := key{code, at.Unix()}
		seen[k]++
		if seen[k] > 1 {
			twice++
			if seen[k] == 2 {
				keys++
			}
			return nil
		}
		absent += gaps
		records = append(records, Record[Air]{at, a})
		return nil
	})
	if err != nil {
		return nil, report, fmt.Errorf("reading air quality: %w", err)
	}
	report.Kept = len(records)
	report.Counts = []Count{{DuplicateRefused, twice, keys}, {MissingLeftOut, absent, 0}}
	feed, err := NewFeed(name, records)
	return feed, report, err
}

func (r *row) wind(column int) (degrees float64, known bool, err error) {
	s := r.fields[column]
	if s == missing {
		return 0, false, nil
	}
	for i, name := range compass {
		if s == name {
			return float64(i) * 360 / float64(len(compass)), true, nil
		}
	}
	return 0, false, r.fail(column, "%.40q is not one of the sixteen winds", s)
}
