package portal

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	xnumber "golang.org/x/text/number"

	"tribune/internal/twin/model"
)

// thing says what an entity type is, in words where we have them; else its name is taken apart.
func (w *words) thing(local string) string {
	switch local {
	case parkType:
		return w.T("Car park")
	case airType:
		return w.T("Air station")
	case "ParkingSession":
		return w.T("Parking session")
	}
	return apart(local)
}

// attribute says what an attribute is.
func (w *words) attribute(local string) string {
	switch local {
	case "name":
		return w.T("Name")
	case "location":
		return w.T("Place")
	case "address":
		return w.T("Address")
	case "status":
		return w.T("State")
	case "source":
		return w.T("Source of the data")
	case "dataProvider":
		return w.T("Provider of the data")
	case "availableSpotNumber":
		return w.T("Free places")
	case "occupiedSpotNumber":
		return w.T("Taken places")
	case "totalSpotNumber":
		return w.T("Places in all")
	case "occupancy":
		return w.T("Share of places taken")
	case "PM2.5", "PM25", "pm25":
		return w.T("Fine dust, PM2.5")
	case "PM10", "pm10":
		return w.T("Dust, PM10")
	case "NO2", "no2":
		return w.T("Nitrogen dioxide, NO₂")
	case "SO2", "so2":
		return w.T("Sulphur dioxide, SO₂")
	case "CO", "co":
		return w.T("Carbon monoxide, CO")
	case "O3", "o3":
		return w.T("Ozone, O₃")
	case "temperature":
		return w.T("Temperature")
	case "atmosphericPressure", "pressure":
		return w.T("Air pressure")
	case "dewPoint", "dewpoint":
		return w.T("Dew point")
	case "precipitation", "rain":
		return w.T("Rain in the hour")
	case "windDirection":
		return w.T("Where the wind comes from")
	case "windSpeed":
		return w.T("Wind speed")
	case "licensePlate":
		return w.T("Number plate")
	case "driver":
		return w.T("Driver")
	case "refParking":
		return w.T("Car park")
	case "startedAt":
		return w.T("Begin")
	case "endedAt":
		return w.T("End")
	case "paidUntil":
		return w.T("Paid until")
	case "synthetic":
		return w.T("Made up for the demo")
	}
	return apart(local)
}

// apart takes a camelCase name apart: "fillingLevel" -> "Filling level".
func apart(local string) string {
	var out strings.Builder
	var last rune
	for i, r := range local {
		was := r
		switch {
		case i == 0:
			r = unicode.ToUpper(r)
		case unicode.IsUpper(r) && unicode.IsLower(last):
			out.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		out.WriteRune(r)
		last = was
	}
	return out.String()
}

// unit is the sign of a unit of measurement, for the codes of UN/CEFACT Recommendation 20 that cities use most.
func unit(code string) string {
	switch code {
	case "GQ":
		return "µg/m³"
	case "GP":
		return "mg/m³"
	case "CEL":
		return "°C"
	case "A97":
		return "hPa"
	case "MMT":
		return "mm"
	case "CMT":
		return "cm"
	case "MTR":
		return "m"
	case "KMT":
		return "km"
	case "DD":
		return "°"
	case "MTS":
		return "m/s"
	case "KMH":
		return "km/h"
	case "P1":
		return "%"
	case "59":
		return "ppm"
	case "2N":
		return "dB"
	case "WTT":
		return "W"
	case "KWH":
		return "kWh"
	case "C62":
		return ""
	}
	return code
}

// where a point is, in words; "" = nowhere.
func (w *words) where(p *position) string {
	if p == nil {
		return ""
	}
	latitude, longitude := w.T("%s° north", w.measure(math.Abs(p.Latitude))), w.T("%s° east", w.measure(math.Abs(p.Longitude)))
	if p.Latitude < 0 {
		latitude = w.T("%s° south", w.measure(-p.Latitude))
	}
	if p.Longitude < 0 {
		longitude = w.T("%s° west", w.measure(-p.Longitude))
	}
	return latitude + ", " + longitude
}

// value writes an attribute's value for people: numbers, texts, times and truth as they are said; what is built of parts as
// JSON, cut where it is long.
func (w *words) value(a *model.Attr) string {
	if n, ok := numeric(a); ok {
		return w.measure(n)
	}
	if s := text(a); s != "" {
		return s
	}
	switch string(a.Value) {
	case "true":
		return w.T("yes")
	case "false":
		return w.T("no")
	}
	var moment struct {
		Value time.Time `json:"@value"`
	}
	if json.Unmarshal(a.Value, &moment) == nil && !moment.Value.IsZero() {
		return w.Time(moment.Value)
	}
	var point struct {
		Type        string
		Coordinates []float64
	}
	if a.Kind == model.GeoProperty && json.Unmarshal(a.Value, &point) == nil && point.Type == "Point" && len(point.Coordinates) >= 2 {
		return strconv.FormatFloat(point.Coordinates[1], 'f', -1, 64) + ", " + strconv.FormatFloat(point.Coordinates[0], 'f', -1, 64)
	}
	const most = 300
	s := string(a.Value)
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// measure writes a measured number with at most four significant digits after the point.
func (w *words) measure(n float64) string {
	return w.printer.Sprint(xnumber.Decimal(n, xnumber.MaxFractionDigits(4)))
}
