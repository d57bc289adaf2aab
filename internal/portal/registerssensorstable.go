package portal

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

func (p *Portal) sensorTable(r *http.Request) (any, [][]string, error) {
	type sense struct {
		Title     string   `json:"title"`
		Name      string   `json:"name"`
		Entity    string   `json:"entity"`
		Type      string   `json:"type"`
		Attribute string   `json:"attribute"`
		Unit      string   `json:"unit,omitempty"`
		Minimum   *float64 `json:"minimum,omitempty"`
		Maximum   *float64 `json:"maximum,omitempty"`
	}
	type row struct {
		ID          string    `json:"id"`
		Title       string    `json:"title"`
		Kind        string    `json:"kind"`
		Owner       string    `json:"owner"`
		Contact     string    `json:"contact"`
		Place       string    `json:"place"`
		Longitude   float64   `json:"longitude"`
		Latitude    float64   `json:"latitude"`
		Need        string    `json:"need"`
		Alternative string    `json:"alternative"`
		Cost        string    `json:"cost"`
		Fallback    string    `json:"fallback"`
		Senses      []sense   `json:"senses"`
		CannotSense []string  `json:"cannotSense"`
		From        time.Time `json:"from"`
		Until       time.Time `json:"until"` // exclusive
		InForce     bool      `json:"inForce"`
		Entry       *uint64   `json:"entry,omitempty"` // on record
		Document    string    `json:"document"`
	}
	all, table := []row{}, [][]string{{"id", "title", "kind", "owner", "contact", "place", "longitude", "latitude", "need", "alternative", "cost", "fallback", "senses", "cannot sense", "from", "until (exclusive)", "in force"}}
	if p.cfg.Devices == nil {
		return map[string]any{"entries": all}, table, nil
	}
	for _, d := range p.cfg.Devices.List() {
		x := row{
			ID: d.ID, Title: d.Title, Kind: string(d.Kind), Owner: d.Owner, Contact: d.Contact, Place: d.Place.Name, Longitude: d.Place.Longitude, Latitude: d.Place.Latitude,
			Need: d.Need, Alternative: d.Alternative, Cost: d.Cost, Fallback: d.Fallback, Senses: []sense{}, CannotSense: d.CannotSense, From: d.From, Until: d.Until,
			InForce: d.InForce(p.cfg.Now()), Document: "/registers/sensors/" + d.ID + "/document",
		}
		var titles []string
		for _, s := range d.Senses {
			x.Senses = append(x.Senses, sense{s.Title, s.Name, string(s.Entity), string(s.Type), string(s.Attribute), s.Unit, s.Minimum, s.Maximum})
			titles = append(titles, s.Title)
		}
		if p.cfg.DeviceLeaf != nil {
			if i, ok := p.cfg.DeviceLeaf(d.ID); ok {
				x.Entry = &i
			}
		}
		all = append(all, x)
		table = append(table, []string{
			x.ID, x.Title, x.Kind, x.Owner, x.Contact, x.Place, strconv.FormatFloat(x.Longitude, 'f', -1, 64), strconv.FormatFloat(x.Latitude, 'f', -1, 64), x.Need, x.Alternative, x.Cost, x.Fallback,
			strings.Join(titles, "; "), strings.Join(x.CannotSense, "; "), x.From.UTC().Format(time.RFC3339), x.Until.UTC().Format(time.RFC3339), strconv.FormatBool(x.InForce),
		})
	}
	return map[string]any{"entries": all}, table, nil
}
