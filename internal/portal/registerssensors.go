package portal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/policy"
)

// The register of devices, and the page that a person standing before one wants to read ("the pole").

func (p *Portal) sensorRoutes() {
	p.started = p.cfg.Now()
	p.page("GET /registers/sensors", p.showSensors)
	p.page("GET /registers/sensors/{id}", p.showSensor)
	p.page("GET /registers/sensors/{id}/sign", p.showSign)
	p.data("GET /registers/sensors/{id}/qr.svg", p.sensorQR)
	p.data("GET /registers/sensors/{id}/document", p.sensorDocument)
}

type sensorsData struct {
	Entries []sensorShown
	InForce int
	Find    string
	More    int // that fit and are not shown
	Total   int
}

// maxSensors of one page; the search finds the others, and the tables hold all.
const maxSensors = 300

type sensorShown struct {
	*device.Device
	Stats   device.Stats
	State   string
	Active  bool
	Last    time.Time
	KindIn  string
	Map     template.URL // geo: URI (RFC 5870), made of two numbers
	Coords  string
	Address string // /registers/sensors/ID
}

func (p *Portal) sensor(w *words, d *device.Device) sensorShown {
	s := sensorShown{Device: d, Stats: d.Stats(), State: state(w, p.cfg.Now(), d.From, d.Until), Active: d.InForce(p.cfg.Now()), Last: lastDay(d.Until), Address: "/registers/sensors/" + d.ID}
	switch d.Kind {
	case device.Sensor:
		s.KindIn = w.T("sensor")
	case device.Gateway:
		s.KindIn = w.T("gateway: passes on what others sense")
	case device.NetworkServer:
		s.KindIn = w.T("network server of a radio network")
	case device.Feed:
		s.KindIn = w.T("feed of another organisation")
	default:
		s.KindIn = string(d.Kind)
	}
	s.Coords = fmt.Sprintf("%.5f, %.5f", d.Place.Latitude, d.Place.Longitude)
	s.Map = template.URL(fmt.Sprintf("geo:%.5f,%.5f", d.Place.Latitude, d.Place.Longitude))
	return s
}

func (p *Portal) showSensors(r *http.Request) (view, error) {
	w := wordsOf(r)
	d := sensorsData{Find: clipText(strings.TrimSpace(r.URL.Query().Get("q")), maxQuery)}
	if p.cfg.Devices != nil {
		for _, one := range p.cfg.Devices.List() {
			d.Total++
			if one.InForce(p.cfg.Now()) {
				d.InForce++
			}
			if !mentions(one, d.Find) {
				continue
			}
			if len(d.Entries) == maxSensors {
				d.More++
				continue
			}
			d.Entries = append(d.Entries, p.sensor(w, one))
		}
	}
	return view{Name: "sensors", Title: w.T("What senses"), Data: d}, nil
}

// mentions reports whether all words occur in what a document says of a device. There are no patterns.
func mentions(d *device.Device, find string) bool {
	if find == "" {
		return true
	}
	var b strings.Builder
	for _, t := range []string{d.ID, d.Title, d.Owner, d.Place.Name, d.Need, string(d.Kind)} {
		b.WriteString(strings.ToLower(t) + "\n")
	}
	for _, s := range d.Senses {
		b.WriteString(strings.ToLower(s.Title) + "\n")
	}
	text := b.String()
	for _, word := range strings.Fields(strings.ToLower(find)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// sensorOf is the device of the path.
func (p *Portal) sensorOf(r *http.Request) (*device.Device, error) {
	if p.cfg.Devices != nil {
		if d, ok := p.cfg.Devices.Get(r.PathValue("id")); ok {
			return d, nil
		}
	}
	return nil, noSuch("device", r.PathValue("id"))
}

type poleData struct {
	sensorShown
	Since     time.Time // from when on messages are counted
	Flows     []flow
	Personal  bool
	OpenTo    []reader
	ContactTo template.URL // mailto:, tel: or https:, "" where the contact is none of them
	Objection string
	Leaf      uint64
	OnRecord  bool
	SHA256    string
	Steward   []policy.Signer
	URL       string
	HasLaw    bool
	Signed    bool // its messages must be signed
}

// flow is where one thing that a device reports goes.
type flow struct {
	device.Sense
	Entity  string // "" where it depends on the message
	Attr    string
	Class   classShown
	Keep    int
	Readers []reader
}

func (p *Portal) showSensor(r *http.Request) (view, error) {
	one, err := p.sensorOf(r)
	if err != nil {
		return view{}, err
	}
	w := wordsOf(r)
	sum := sha256.Sum256(one.Signed)
	d := poleData{
		sensorShown: p.sensor(w, one), Since: p.started, ContactTo: contactLink(w, one), Objection: objection(w, one, p.cfg.City), SHA256: hex.EncodeToString(sum[:]),
		URL: p.base(r) + "/registers/sensors/" + one.ID, Signed: len(one.SigningKey) > 0,
	}
	if p.cfg.DeviceLeaf != nil {
		d.Leaf, d.OnRecord = p.cfg.DeviceLeaf(one.ID)
	}
	if v, err := p.lawOf(r); err == nil {
		d.HasLaw = true
		for _, s := range v.Set.Signers() {
			for _, what := range s.Signs {
				if what == "registers" {
					d.Steward = append(d.Steward, s)
				}
			}
		}
		for _, s := range one.Senses {
			f := v.flow(s)
			if f.Class.Personal {
				d.Personal = true
				for _, reads := range f.Readers {
					d.OpenTo = appendReader(d.OpenTo, reads)
				}
			}
			d.Flows = append(d.Flows, f)
		}
	}
	return view{Name: "pole", Title: one.Title, Data: d}, nil
}

func appendReader(all []reader, r reader) []reader {
	for _, o := range all {
		if o.Office == r.Office && o.Purpose == r.Purpose {
			return all
		}
	}
	return append(all, r)
}

func (v lawView) flow(s device.Sense) flow {
	f := flow{Sense: s, Attr: shortName(s.Attribute)}
	if !strings.Contains(string(s.Entity), "{1}") {
		f.Entity = string(s.Entity)
	}
	class := v.Set.ClassOf([]tribune.Name{s.Type}, s.Attribute)
	f.Class = v.class(policy.ClassEntry{Class: class})
	f.Keep, f.Readers = f.Class.Days, f.Class.Readers
	return f
}

// shortName is the last part of an IRI.
func shortName(n tribune.Name) string {
	s := string(n)
	if i := strings.LastIndexAny(s, "/#"); i >= 0 && i+1 < len(s) {
		return s[i+1:]
	}
	return s
}

// sensorDocument is the signed document, byte for byte.
func (p *Portal) sensorDocument(w http.ResponseWriter, r *http.Request) error {
	one, err := p.sensorOf(r)
	if err != nil {
		return err
	}
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", one.ID+".toml"))
	w.Write(one.Signed)
	return nil
}
