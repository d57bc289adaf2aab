package sim

import (
	"cmp"
	"slices"
	"strings"

	"tribune"
)

// Sensor is one device of the demo city: what reports the measurements of one car park or air station.
type Sensor struct {
	ID, Title           string
	Place               string
	Entity              tribune.EntityID
	Type                tribune.Name
	Longitude, Latitude float64
	Air                 bool
	Measures            []Measure
}

// Measure is one quantity that a sensor reports.
type Measure struct {
	Name      string // short, as in SenML
	Title     string
	Attribute tribune.Name
	Unit      string // UN/CEFACT code, "" = none
}

// Sensors are the devices of the demo city, by id.
func (s *Sim) Sensors() []Sensor {
	var all []Sensor
	codes := map[string]bool{}
	for _, r := range s.parking.Records() {
		codes[r.Value.Park] = true
	}
	for i, code := range sorted(codes) {
		sensor := sensorOf("car-park-", code, "Counter of car park ", position(i, len(codes), parksWithin), parkMeasures())
		sensor.Entity, sensor.Type = parkID(code), typePark
		all = append(all, sensor)
	}
	clear(codes)
	for _, r := range s.air.Records() {
		codes[r.Value.Station] = true
	}
	for i, code := range sorted(codes) {
		sensor := sensorOf("air-", code, "Air station ", position(i, stations, stationsWithin), airMeasures())
		sensor.Entity, sensor.Type, sensor.Air = stationID(code), typeAir, true
		all = append(all, sensor)
	}
	slices.SortFunc(all, func(a, b Sensor) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func sorted(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for code := range set {
		list = append(list, code)
	}
	slices.SortFunc(list, cmpCode)
	return list
}

// sensorOf names a device and puts it where its entity is.
func sensorOf(prefix, code, title string, at [2]float64, measures []Measure) Sensor {
	return Sensor{
		ID: prefix + strings.ToLower(strings.Map(dashed, code)), Title: title + code, Place: code, Measures: measures,
		Longitude: at[0], Latitude: at[1],
	}
}

func dashed(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return r
	}
	return '-'
}

func parkMeasures() []Measure {
	var all []Measure
	for _, m := range [][2]string{
		{"totalSpotNumber", "Places"}, {"occupiedSpotNumber", "Taken places"}, {"availableSpotNumber", "Free places"},
		{"occupancy", "Share of places that are taken"}, {"status", "Whether it is open or full"},
	} {
		all = append(all, Measure{Name: m[0], Title: m[1], Attribute: attributeName(m[0])})
	}
	return all
}

func airMeasures() []Measure {
	titles := map[string]string{
		"pm25": "Fine dust PM2.5", "pm10": "Dust PM10", "so2": "Sulphur dioxide", "no2": "Nitrogen dioxide", "co": "Carbon monoxide", "o3": "Ozone",
		"temperature": "Temperature", "atmosphericPressure": "Air pressure", "dewPoint": "Dew point", "precipitation": "Rain",
		"windDirection": "Wind direction", "windSpeed": "Wind speed",
	}
	var all []Measure
	for _, q := range quantities {
		all = append(all, Measure{Name: q.attr, Title: titles[q.attr], Attribute: attributeName(q.attr), Unit: q.unit})
	}
	return all
}
