package sim

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

// Names in the core context: what the core context defines keeps its name, everything else is in its default vocabulary.
const (
	core       = "https://uri.etsi.org/ngsi-ld/"
	vocabulary = core + "default-context/"

	typePark    tribune.Name = vocabulary + "OffStreetParking"
	typeAir     tribune.Name = vocabulary + "AirQualityObserved"
	typeSession tribune.Name = vocabulary + "ParkingSession"
)

// attributeName expands a short name as the core context does.
func attributeName(short string) tribune.Name {
	if short == "location" || short == "status" {
		return tribune.Name(core + short)
	}
	return tribune.Name(vocabulary + short)
}

// Attribution, shown with every entity whose values come from somebody's data.
const (
	parkingProvider = "Birmingham City Council"
	parkingSource   = "Parking Birmingham, 2016-10-04 to 2016-12-19, replayed. Contains public sector information licensed under the Open Government Licence v3.0; collected by D. Stolfi, E. Alba and X. Yao (UCI)"
	airProvider     = "UCI Machine Learning Repository"
	airSource       = "Beijing Multi-Site Air Quality (S. Chen), January 2017, replayed as if measured here. CC BY 4.0"
	feedParking     = "replay:birmingham-2016"
	feedAir         = "replay:beijing-2017-01"
	feedDrivers     = "sim:drivers"
	stations        = 12

	parksWithin, stationsWithin = 1500, 7000 // metres from the centre
)

// instance is one NGSI-LD attribute instance as it is written.
type instance struct {
	Type       string    `json:"type"`
	Value      any       `json:"value,omitempty"`
	Object     string    `json:"object,omitempty"`
	UnitCode   string    `json:"unitCode,omitempty"`
	ObservedAt string    `json:"observedAt,omitempty"`
	IsDrawn    *instance `json:"https://uri.etsi.org/ngsi-ld/default-context/positionIsIllustrative,omitempty"`
}

// writer collects the changes of one entity at one demo time.
type writer struct {
	entity  tribune.EntityID
	typ     tribune.Name
	source  string
	id      string    // of the occasion; with the attribute's name it is stable across redelivery
	at      time.Time // real instant on the demo clock; zero = not observed but given
	changes []tribune.Change
}

func (w *writer) add(short string, in instance) {
	if !w.at.IsZero() {
		in.ObservedAt = w.at.Format(time.RFC3339)
	}
	text, err := json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("sim: a value of its own making cannot be written: %v", err)) // strings, finite numbers and points only
	}
	w.changes = append(w.changes, tribune.Change{
		ID: w.id + ":" + short, Entity: w.entity, Types: []tribune.Name{w.typ}, Attr: attributeName(short),
		Value: text, ObservedAt: w.at, Source: w.source,
	})
}

func (w *writer) property(short string, value any) {
	w.add(short, instance{Type: "Property", Value: value})
}

func (w *writer) measure(short string, value float64, unit string) {
	w.add(short, instance{Type: "Property", Value: value, UnitCode: unit})
}

// dateTime is an NGSI-LD DateTime value (clause 4.6.3).
type dateTime struct {
	Type  string `json:"@type"`
	Value string `json:"@value"`
}

func (w *writer) moment(short string, t time.Time) {
	w.property(short, dateTime{"DateTime", t.Format(time.RFC3339)})
}

// point is a GeoJSON point.
type point struct {
	Type        string     `json:"type"`
	Coordinates [2]float64 `json:"coordinates"` // longitude, latitude
}

// place puts an entity somewhere: neither data set has coordinates, so the i-th of n places lies on a sunflower around
// the city's centre, out to a radius, and says that it is drawn.
func (w *writer) place(i, n int, radius float64) {
	w.add("location", instance{
		Type: "GeoProperty", Value: point{"Point", position(i, n, radius)}, IsDrawn: &instance{Type: "Property", Value: true},
	})
}

func position(i, n int, radius float64) [2]float64 {
	const lon, lat, metresPerDegree = -1.9027, 52.4797, 111_320
	const golden = 2.399963 // radians: neighbours never line up
	r, angle := radius*math.Sqrt((float64(i)+0.5)/float64(n)), float64(i)*golden
	round := func(x float64) float64 { return math.Round(x*1e5) / 1e5 }
	return [2]float64{
		round(lon + r*math.Cos(angle)/(metresPerDegree*math.Cos(lat*math.Pi/180))),
		round(lat + r*math.Sin(angle)/metresPerDegree),
	}
}

// urnPart makes a source code fit into a URN.
func urnPart(code string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, code)
}

func parkID(code string) tribune.EntityID {
	return tribune.EntityID("urn:ngsi-ld:OffStreetParking:birmingham:" + urnPart(code))
}

func stationID(code string) tribune.EntityID {
	return tribune.EntityID("urn:ngsi-ld:AirQualityObserved:beijing:" + urnPart(code))
}

func cmpCode(a, b string) int { return strings.Compare(a, b) }

// parkBasics is what does not change about a car park. The source has codes only; some are words and serve as names.
func parkBasics(code string, i, n int) []tribune.Change {
	w := writer{entity: parkID(code), typ: typePark, source: feedParking, id: "sim:park:" + urnPart(code) + ":basics"}
	name := code
	if !strings.Contains(code, " ") && strings.ToUpper(code) == code {
		name = "Car park " + code
	}
	w.property("name", name)
	w.place(i, n, parksWithin)
	w.property("dataProvider", parkingProvider)
	w.property("source", parkingSource)
	return w.changes
}

func parkWriter(r replay.Record[replay.Parking], zone *time.Location) *writer {
	return &writer{
		entity: parkID(r.Value.Park), typ: typePark, source: feedParking, at: replay.Instant(r.At, zone),
		id: fmt.Sprintf("sim:park:%s:%d", urnPart(r.Value.Park), r.At.Unix()),
	}
}

func parkPlaces(r replay.Record[replay.Parking], zone *time.Location) []tribune.Change {
	w := parkWriter(r, zone)
	w.property("totalSpotNumber", r.Value.Places)
	return w.changes
}

func parkReport(r replay.Record[replay.Parking], zone *time.Location) []tribune.Change {
	w := parkWriter(r, zone)
	free, status := r.Value.Places-r.Value.Occupied, "open"
	if free == 0 {
		status = "full"
	}
	w.property("occupiedSpotNumber", r.Value.Occupied)
	w.property("availableSpotNumber", free)
	w.property("occupancy", math.Round(1e4*float64(r.Value.Occupied)/float64(r.Value.Places))/1e4)
	w.property("status", status)
	return w.changes
}

func stationBasics(code string, i int) []tribune.Change {
	w := writer{entity: stationID(code), typ: typeAir, source: feedAir, id: "sim:air:" + urnPart(code) + ":basics"}
	w.property("name", code+" (values of Beijing)")
	w.place(i, stations, stationsWithin)
	w.property("dataProvider", airProvider)
	w.property("source", airSource)
	return w.changes
}

// quantities are the attribute of each quantity and its UN/CEFACT unit code.
var quantities = [replay.Quantities]struct{ attr, unit string }{
	replay.PM25: {"pm25", "GQ"}, replay.PM10: {"pm10", "GQ"}, replay.SO2: {"so2", "GQ"}, replay.NO2: {"no2", "GQ"},
	replay.CO: {"co", "GQ"}, replay.O3: {"o3", "GQ"}, replay.Temperature: {"temperature", "CEL"},
	replay.Pressure: {"atmosphericPressure", "A97"}, replay.DewPoint: {"dewPoint", "CEL"}, replay.Rain: {"precipitation", "MMT"},
	replay.WindDirection: {"windDirection", "DD"}, replay.WindSpeed: {"windSpeed", "MTS"},
}

// airReport leaves out what the source lacks: the value before stands, with its own time.
func airReport(r replay.Record[replay.Air], zone *time.Location) []tribune.Change {
	w := writer{
		entity: stationID(r.Value.Station), typ: typeAir, source: feedAir, at: replay.Instant(r.At, zone),
		id: fmt.Sprintf("sim:air:%s:%d", urnPart(r.Value.Station), r.At.Unix()),
	}
	for q, as := range quantities {
		if v, ok := r.Value.Value(replay.Quantity(q)); ok {
			w.measure(as.attr, v, as.unit)
		}
	}
	return w.changes
}
