package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/intake"
	"tribune/internal/intake/device"
	"tribune/internal/intake/uplink"
	"tribune/internal/intake/uplink/payload"
	"tribune/internal/web"
)

// chirpStack is POST /intake/{device}/chirpstack.
func (g *Gateway) chirpStack(ctx context.Context, w http.ResponseWriter, r *http.Request, dev *device.Device) (outcome, error) {
	switch event := r.URL.Query().Get("event"); event {
	case uplink.ChirpStackUp:
	case "":
		return outcome{}, tribune.Hint(fmt.Errorf("%w: the query has no event", tribune.ErrInvalid), "ChirpStack adds ?event=up by itself; a script must, too.")
	default:
		g.ignored.Add(1)
		return outcome{}, nil
	}
	return g.uplink(ctx, w, r, dev, uplink.ChirpStack)
}

// theThingsStack is POST /intake/{device}/ttn.
func (g *Gateway) theThingsStack(ctx context.Context, w http.ResponseWriter, r *http.Request, dev *device.Device) (outcome, error) {
	return g.uplink(ctx, w, r, dev, uplink.TheThingsStack)
}

// leftOut is what an answer says where not all of an uplink is in the device's document.
type leftOut struct {
	Readings int      `json:"readings"`
	LeftOut  []string `json:"leftOut"` // names; no document says that they are sensed
}

// uplink takes one uplink. A network server's codec names whatever its author thought of, so what no document names is left
// out, and the answer says so. An uplink of which nothing is named is bad.
func (g *Gateway) uplink(ctx context.Context, w http.ResponseWriter, r *http.Request, dev *device.Device, parse func([]byte) (*uplink.Uplink, error)) (outcome, error) {
	if dev.Kind != device.NetworkServer {
		return outcome{}, tribune.Hint(fmt.Errorf("%w: the device's document does not say that it is a network server", tribune.ErrDenied), `Its kind must be "network-server".`)
	}
	if t, err := mediaType(r); err != nil || t != intake.TypeJSON {
		return outcome{}, tribune.Hint(errMedia, "Let the network server send JSON, not Protocol Buffers.")
	}
	data, err := body(w, r)
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	m := intake.Message{Device: dev, Topic: topic, Body: data, Received: g.cfg.Now()}
	up, err := parse(data)
	if err != nil {
		return outcome{}, g.cfg.Desk.Reject(ctx, m, reason(err))
	}
	if up == nil || up.Empty() {
		g.ignored.Add(1)
		return outcome{}, nil
	}
	var f uplink.Formatter
	if up.Decoded == nil {
		if f, err = g.formatter(r, dev.ID, up); err != nil {
			return outcome{}, err
		}
	}
	list, err := up.Readings(f)
	if err != nil {
		return outcome{}, g.cfg.Desk.Reject(ctx, m, reason(err))
	}
	named, rest := split(dev, list)
	if len(named) == 0 {
		return outcome{}, g.cfg.Desk.Reject(ctx, m, "the device's document names nothing of what the end device has sent")
	}
	taken, err := g.cfg.Desk.TakeReadings(ctx, dev, named)
	if err != nil || len(rest) == 0 {
		return outcome{readings: taken.Readings}, err
	}
	g.leftOut.Add(uint64(len(rest)))
	return outcome{readings: taken.Readings, body: leftOut{taken.Readings, rest}}, nil
}

// split separates what the document names.
func split(dev *device.Device, list []intake.Reading) (named []intake.Reading, rest []string) {
	for _, one := range list {
		if _, ok := dev.Target([]byte(one.Name)); ok {
			named = append(named, one)
		} else {
			rest = append(rest, one.Name)
		}
	}
	return named, rest
}

// reason is an error of the parsers in the words of a quarantine.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), tribune.ErrInvalid.Error()+": ")
}

// cayenne is Cayenne LPP as a formatter.
type cayenne struct{}

func (cayenne) Decode(b []byte) ([]payload.Field, error) { return payload.Cayenne(b) }

// formatter is what reads a payload that the network server has not: the one that the query names, else the first of the
// device's layouts that fits; nil = none.
func (g *Gateway) formatter(r *http.Request, id string, up *uplink.Uplink) (uplink.Formatter, error) {
	name := r.URL.Query().Get("payload")
	if name == payload.CayenneName {
		return cayenne{}, nil
	}
	if g.cfg.Payloads != nil {
		if d, ok := g.cfg.Payloads.Get(id); ok {
			if l, ok := d.Find(name, up.EndDevice, up.Port); ok {
				return l, nil
			}
		}
	}
	if name != "" {
		return nil, tribune.Hint(fmt.Errorf("%w: no payload layout of this name", tribune.ErrNotFound), "GET %s%s/payload shows the layouts of this device; %s is always there.", Prefix, id, payload.CayenneName)
	}
	return nil, nil
}

// showPayload is GET /intake/{device}/payload.
func (g *Gateway) showPayload(w http.ResponseWriter, r *http.Request) {
	if g.cfg.Payloads != nil {
		if d, ok := g.cfg.Payloads.Get(r.PathValue("device")); ok {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Write(d.Signed)
			return
		}
	}
	web.Send(w, g.problems.Of(fmt.Errorf("%w: no payload layouts of this device", tribune.ErrNotFound)))
}
