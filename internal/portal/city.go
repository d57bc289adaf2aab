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
	"tribune/protocol"
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
	Published    uint64
	Facts        []Fact
	Rendered     string
}

// house counts the hub's own entries of one kind among the latest.
type house struct {
	Words string
	Count int
	Last  uint64 // index of the newest
}

type park struct {
	ID, Name            string
	Free, Places, Taken int
	At                  string
}

type station struct{ ID, Name, PM25, PM10, NO2, O3, At string }

type act struct {
	Index            uint64
	Words, When      string
	Office, Purpose  string
	Mandate, Outcome string
	Permit           bool
	Missing          []string
}

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
	p.acts(ctx, &v)
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

// acts are the latest uses of data or power. The hub's own bookkeeping is on record too: it is counted by kind, so that
// it does not bury what people did.
func (p *Portal) acts(ctx context.Context, v *view) {
	own := map[tribune.ActKind]int{} // position in v.House
	for index, leaf := range p.leaves(ctx) {
		if title, ok := housekeeping[leaf.Act.Kind]; ok {
			i, seen := own[leaf.Act.Kind]
			if !seen {
				i = len(v.House)
				own[leaf.Act.Kind] = i
				v.House = append(v.House, house{Words: title, Last: index})
			}
			v.House[i].Count++
			continue
		}
		if len(v.Acts) < latestActs {
			v.Acts = append(v.Acts, actOf(index, leaf))
		}
	}
}

var housekeeping = map[tribune.ActKind]string{
	tribune.ActEnrol:    "made trace keys, so that people can follow the use of their data",
	tribune.ActLaw:      "published the law of the platform",
	tribune.ActAppoint:  "put an appointment to an office on record",
	tribune.ActCeremony: "carried a message of the guardians’ key ceremony",
	tribune.ActRefusals: "published how many further requests a day were refused",
}

func actOf(index uint64, leaf protocol.Leaf) act {
	a := act{
		Index: index, Words: words(leaf), When: leaf.Act.Time,
		Office: string(leaf.Act.Office), Purpose: string(leaf.Act.Purpose), Mandate: string(leaf.Act.Mandate),
		Permit: leaf.Decision.Permit, Missing: leaf.Decision.Missing, Outcome: "denied",
	}
	if at, err := leaf.Act.When(); err == nil {
		a.When = at.Format("2006-01-02 15:04:05")
	}
	if a.Permit {
		a.Outcome = "permitted"
	}
	return a
}

func words(l protocol.Leaf) string {
	people := fmt.Sprintf("data of %d people", l.Act.Count)
	if l.Act.Count == 1 {
		people = "data of one person"
	}
	switch l.Act.Kind {
	case tribune.ActRead:
		if !l.Decision.Permit {
			return "asked to open personal data and was refused"
		}
		return "opened " + people
	case tribune.ActDecide:
		return "exercised a power"
	}
	return string(l.Act.Kind)
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
