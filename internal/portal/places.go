package portal

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/query"
)

// maxPlaces bounds the car parks and stations of the page; a city with more finds them by their type.
const maxPlaces = 500

// The types that have a view of their own on the first page, by the last part of their names.
const (
	parkType = "OffStreetParking"
	airType  = "AirQualityObserved"
)

// park is a car park. Its JSON is part of /city.json.
type park struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Free   int       `json:"free"`
	Places int       `json:"places"`
	Taken  int       `json:"taken"`
	Full   int       `json:"percent"` // taken of places
	Band   string    `json:"band"`    // low, mid, high: how full; none = nothing is known
	At     time.Time `json:"observedAt"`
	Place  *position `json:"place,omitempty"`
}

// station is a place where air is measured. A quantity that it does not report is nil.
type station struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	PM25  *float64  `json:"pm25"`
	PM10  *float64  `json:"pm10"`
	NO2   *float64  `json:"no2"`
	O3    *float64  `json:"o3"`
	Band  string    `json:"band"` // of PM2.5
	At    time.Time `json:"observedAt"`
	Place *position `json:"place,omitempty"`
}

// position is a point in WGS 84.
type position struct {
	Longitude float64 `json:"longitude"`
	Latitude  float64 `json:"latitude"`
}

// How full is nearly full, and the limits of fine dust in micrograms per cubic metre: the guideline of the World Health
// Organization for a day's mean is 15 (2021); 50 is the upper bound of "fair" of many indices.
const (
	nearlyFull = 85
	dustMid    = 15
	dustHigh   = 50
)

func fullness(free, places, full int) string {
	switch {
	case places <= 0:
		return "none"
	case free <= 0:
		return "high"
	case full >= nearlyFull:
		return "mid"
	}
	return "low"
}

func dust(pm25 *float64) string {
	switch {
	case pm25 == nil:
		return "none"
	case *pm25 > dustHigh:
		return "high"
	case *pm25 > dustMid:
		return "mid"
	}
	return "low"
}

// entities finds the entities of every type whose name ends in local.
func (p *Portal) entities(ctx context.Context, local string) ([]twin.View, error) {
	types := p.typesNamed(local)
	if len(types) == 0 {
		return nil, nil
	}
	page, err := p.cfg.Twin.Find(ctx, twin.Query{Types: query.Type(types...), Limit: maxPlaces})
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", local, err)
	}
	return page.Views, nil
}

func (p *Portal) parks(ctx context.Context, v *cityNow) error {
	found, err := p.entities(ctx, parkType)
	if err != nil {
		return err
	}
	for i := range found {
		e := &found[i].Entity
		k := park{ID: string(e.ID), Name: titleOf(e), Free: whole(e, "availableSpotNumber"), Places: whole(e, "totalSpotNumber"), Taken: whole(e, "occupiedSpotNumber"),
			At: observed(e, "availableSpotNumber", "occupiedSpotNumber")}
		if attr(e, "occupiedSpotNumber") == nil {
			k.Taken = max(0, k.Places-k.Free)
		}
		k.Full = percent(k.Taken, k.Places)
		k.Band = fullness(k.Free, k.Places, k.Full)
		if attr(e, "availableSpotNumber") == nil && attr(e, "occupiedSpotNumber") == nil {
			k.Band = "none"
		}
		var drawn bool
		k.Place, drawn = placeOf(e)
		v.Drawn = v.Drawn || drawn
		v.Free += k.Free
		v.Places += k.Places
		v.Parks = append(v.Parks, k)
	}
	v.ParkCount = len(v.Parks)
	byName(v.Parks, func(k park) string { return k.Name }, func(k park) string { return k.ID })
	return nil
}

func (p *Portal) stations(ctx context.Context, v *cityNow) error {
	found, err := p.entities(ctx, airType)
	if err != nil {
		return err
	}
	var sum float64
	for i := range found {
		e := &found[i].Entity
		s := station{ID: string(e.ID), Name: titleOf(e), PM25: number(e, "PM2.5", "PM25", "pm25"), PM10: number(e, "PM10", "pm10"), NO2: number(e, "NO2", "no2"), O3: number(e, "O3", "o3"),
			At: observed(e, "PM2.5", "PM25", "pm25", "PM10", "pm10", "NO2", "no2", "O3", "o3")}
		s.Band = dust(s.PM25)
		if s.PM25 != nil {
			sum += *s.PM25
			v.PM25Of++
		}
		var drawn bool
		s.Place, drawn = placeOf(e)
		v.Drawn = v.Drawn || drawn
		v.Stations = append(v.Stations, s)
	}
	if v.PM25Of > 0 {
		v.PM25 = sum / float64(v.PM25Of)
	}
	byName(v.Stations, func(s station) string { return s.Name }, func(s station) string { return s.ID })
	return nil
}

// kindOfThing is a type of entity that the city has.
type kindOfThing struct {
	Local string // the last part of its name, as addresses have it
	Count int
	Own   bool // has a section of its own on the first page
}

// publicTypes are the types that the law describes as public and those that devices report, each once. A type with
// personal attributes is left out: a list of such entities tells nobody anything.
func (p *Portal) publicTypes() []tribune.Name {
	types := []tribune.Name{vocabulary + parkType, vocabulary + airType}
	personal := map[tribune.Name]bool{}
	if p.cfg.Law != nil {
		for _, class := range p.cfg.Law.Set().Classes() {
			for _, name := range class.Types {
				personal[name] = personal[name] || class.Personal
			}
			types = append(types, class.Types...)
		}
	}
	if p.cfg.Devices != nil {
		for _, d := range p.cfg.Devices.List() {
			for _, s := range d.Senses {
				types = append(types, s.Type)
			}
		}
	}
	slices.Sort(types)
	return slices.DeleteFunc(slices.Compact(types), func(name tribune.Name) bool { return personal[name] })
}

func (p *Portal) typesNamed(local string) []tribune.Name {
	return slices.DeleteFunc(p.publicTypes(), func(name tribune.Name) bool { return localName(name) != local })
}

// countTypes counts the entities of every public type that has any.
func (p *Portal) countTypes(ctx context.Context) ([]kindOfThing, error) {
	kinds := []kindOfThing{}
	for _, name := range p.publicTypes() {
		local := localName(name)
		if slices.ContainsFunc(kinds, func(k kindOfThing) bool { return k.Local == local }) {
			continue
		}
		page, err := p.cfg.Twin.Find(ctx, twin.Query{Types: query.Type(p.typesNamed(local)...), Count: true})
		if err != nil {
			return nil, fmt.Errorf("counting %s: %w", local, err)
		}
		if page.Count > 0 {
			kinds = append(kinds, kindOfThing{Local: local, Count: page.Count, Own: local == parkType || local == airType})
		}
	}
	return kinds, nil
}
