package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

// view is what the template shows.
type view struct {
	City, Demo   string
	Quorum       bool
	Parks        []park
	Free, Places int
	Stations     []station
	Acts         []act
	House        []house
	Since        uint64
	Published    uint64
	Facts        []Fact
	Rendered     string
}

type park struct {
	ID, Name            string
	Free, Places, Taken int
	At                  string
}

type station struct{ ID, Name, PM25, PM10, NO2, O3, At string }

func (p *Portal) render(ctx context.Context) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.cfg.Now(); p.cached != nil && now.Sub(p.at) < pageFor {
		return p.cached, nil
	}
	v := view{City: p.cfg.City, Demo: p.cfg.Demo, Quorum: p.cfg.Record.Quorum(), Published: p.cfg.Record.Published(), Rendered: p.cfg.Now().UTC().Format("2006-01-02 15:04:05 UTC")}
	if p.cfg.Facts != nil {
		v.Facts = p.cfg.Facts()
	}
	if err := p.parks(ctx, &v); err != nil {
		return nil, err
	}
	if err := p.stations(ctx, &v); err != nil {
		return nil, err
	}
	p.seen.read(ctx, p.cfg.Record)
	v.Acts, v.House, v.Since = p.seen.acts, p.seen.house, p.seen.from
	var out bytes.Buffer
	if err := p.page.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("filling in the page: %w", err)
	}
	p.cached, p.at = out.Bytes(), p.cfg.Now()
	return p.cached, nil
}

func (p *Portal) find(ctx context.Context, entityType string) ([]twin.View, error) {
	page, err := p.cfg.Twin.Find(ctx, twin.Query{Types: query.Type(tribune.Name(vocabulary + entityType)), Limit: 200})
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", entityType, err)
	}
	return page.Views, nil
}

func (p *Portal) parks(ctx context.Context, v *view) error {
	found, err := p.find(ctx, "OffStreetParking")
	if err != nil {
		return err
	}
	for _, e := range found {
		k := park{ID: string(e.ID), Name: text(e, "name"), Free: whole(e, "availableSpotNumber"), Places: whole(e, "totalSpotNumber"), Taken: whole(e, "occupiedSpotNumber"), At: observed(e, "occupiedSpotNumber")}
		v.Free += k.Free
		v.Places += k.Places
		v.Parks = append(v.Parks, k)
	}
	slices.SortFunc(v.Parks, func(a, b park) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (p *Portal) stations(ctx context.Context, v *view) error {
	found, err := p.find(ctx, "AirQualityObserved")
	if err != nil {
		return err
	}
	for _, e := range found {
		v.Stations = append(v.Stations, station{
			ID: string(e.ID), Name: text(e, "name"), PM25: number(e, "PM2.5", "pm25"), PM10: number(e, "PM10", "pm10"),
			NO2: number(e, "NO2", "no2"), O3: number(e, "O3", "o3"), At: observed(e, "PM2.5", "pm25", "PM10", "pm10"),
		})
	}
	slices.SortFunc(v.Stations, func(a, b station) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func attr(e twin.View, names ...string) *model.Attr {
	for _, n := range names {
		if a := e.Instance(tribune.Name(vocabulary+n), ""); a != nil && a.Sealed == nil {
			return a
		}
	}
	return nil
}

func text(e twin.View, names ...string) string {
	var s string
	if a := attr(e, names...); a != nil && json.Unmarshal(a.Value, &s) == nil && s != "" {
		return s
	}
	return string(e.ID)
}

func whole(e twin.View, names ...string) int {
	var n float64
	if a := attr(e, names...); a != nil && json.Unmarshal(a.Value, &n) == nil {
		return int(n)
	}
	return 0
}

func number(e twin.View, names ...string) string {
	var n float64
	if a := attr(e, names...); a != nil && json.Unmarshal(a.Value, &n) == nil {
		return fmt.Sprintf("%.0f", n)
	}
	return "–"
}

func observed(e twin.View, names ...string) string {
	if a := attr(e, names...); a != nil && !a.ObservedAt.IsZero() {
		return a.ObservedAt.UTC().Format(time.DateTime)
	}
	return "–"
}

// thousands writes a whole number with separators.
func thousands(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func percent(part, whole int) int {
	if whole <= 0 {
		return 0
	}
	return min(100, part*100/whole)
}
