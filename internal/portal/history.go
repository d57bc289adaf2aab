package portal

import (
	"encoding/csv"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
)

// Bounds of histories.
const (
	shownPoints = 1000            // of a page: its table, and the curve drawn from it
	maxPoints   = twin.MaxHistory // of a download
)

// history is what one attribute was, over a span of time.
type history struct {
	Attr    named
	Unit    string
	Code    string // of the unit, as reported
	Range   string // "24h", "7d" or "all"
	Points  []point
	More    bool    // there are older values than these
	Choices []named // the attributes that have a history
	Lowest  point
	Highest point
	Curve   string // points of an SVG polyline in a box of 1000 by 200
}

type point struct {
	At    time.Time `json:"observedAt"`
	Value float64   `json:"value"`
}

// spans are the choices of time; they end with the newest value, so that a demo's clock and a silent sensor have their own.
func spanOf(name string) (time.Duration, bool) {
	switch name {
	case "24h":
		return 24 * time.Hour, true
	case "7d":
		return 7 * 24 * time.Hour, true
	case "all":
		return 0, true
	}
	return 0, false
}

// preferred attributes open first: what people come for.
var preferred = []string{"availableSpotNumber", "pm25", "PM25", "PM2.5", "temperature"}

// historyOf is the history that a page's query asks for, nil where the entity has no public number.
func (p *Portal) historyOf(r *http.Request, e *model.Entity) (*history, error) {
	q := r.URL.Query()
	choices := numericAttrs(e)
	if len(choices) == 0 {
		return nil, nil
	}
	attr := q.Get("attr")
	if attr == "" {
		attr = choices[0].Local
		for _, name := range slices.Backward(preferred) {
			if slices.ContainsFunc(choices, func(n named) bool { return n.Local == name }) {
				attr = name
			}
		}
	}
	span := q.Get("range")
	if span == "" {
		span = "24h"
	}
	h, err := p.readHistory(r, e, attr, span, shownPoints)
	if err != nil {
		return nil, err
	}
	h.Choices = choices
	h.draw()
	return h, nil
}

func numericAttrs(e *model.Entity) (all []named) {
	for name := range e.Attrs {
		if _, ok := numeric(e.Instance(name, "")); ok {
			all = append(all, named{localName(name), string(name)})
		}
	}
	slices.SortFunc(all, func(a, b named) int { return strings.Compare(a.Local, b.Local) })
	return all
}

// readHistory reads the newest values of one attribute, oldest first.
func (p *Portal) readHistory(r *http.Request, e *model.Entity, name, span string, most int) (*history, error) {
	length, ok := spanOf(span)
	if !ok {
		return nil, tribune.Hint(fmt.Errorf("%w: range %q", tribune.ErrInvalid, clipText(span, 40)), "A range is 24h, 7d or all.")
	}
	full := tribune.Name("")
	for n := range e.Attrs {
		if _, ok := numeric(e.Instance(n, "")); ok && (localName(n) == name || string(n) == name) && (full == "" || n < full) {
			full = n
		}
	}
	if full == "" {
		return nil, fmt.Errorf("attribute %q with a number: %w", clipText(name, 80), tribune.ErrNotFound)
	}
	now := e.Instance(full, "")
	tq := twin.TemporalQuery{ID: e.ID, Attrs: []tribune.Name{full}, Property: temporal.ObservedAt, LastN: most}
	last := now.ObservedAt
	if last.IsZero() { // values that were given, not observed, have the time at which they were written
		tq.Property, last = temporal.ModifiedAt, now.ModifiedAt
	}
	if length > 0 && !last.IsZero() {
		tq.Rel, tq.At, tq.End = temporal.Between, last.Add(-length), last.Add(time.Second)
	}
	past, err := p.cfg.Twin.History(r.Context(), tq)
	if err != nil {
		return nil, fmt.Errorf("reading a history: %w", err)
	}
	h := &history{Attr: named{localName(full), string(full)}, Code: now.UnitCode, Unit: unit(now.UnitCode), Range: span}
	at := temporal.Query{Property: tq.Property}
	for i := range past.Attrs[full] {
		a := &past.Attrs[full][i]
		if v, ok := numeric(a); ok && a.Dataset == "" {
			h.Points = append(h.Points, point{at.Time(a).UTC(), v})
		}
	}
	h.More = len(past.Attrs[full]) >= most
	slices.SortStableFunc(h.Points, func(a, b point) int { return a.At.Compare(b.At) })
	return h, nil
}

// Newest is the points, newest first.
func (h *history) Newest() []point {
	out := slices.Clone(h.Points)
	slices.Reverse(out)
	return out
}

// draw finds the extremes and the curve that stands for the chart where no script runs.
func (h *history) draw() {
	if len(h.Points) == 0 {
		return
	}
	h.Lowest, h.Highest = h.Points[0], h.Points[0]
	for _, pt := range h.Points {
		if pt.Value < h.Lowest.Value {
			h.Lowest = pt
		}
		if pt.Value > h.Highest.Value {
			h.Highest = pt
		}
	}
	first, last := h.Points[0].At, h.Points[len(h.Points)-1].At
	wide, high := last.Sub(first).Seconds(), h.Highest.Value-h.Lowest.Value
	if wide <= 0 || math.IsInf(high, 0) {
		return
	}
	if high == 0 {
		high = 1
	}
	var curve strings.Builder
	for _, pt := range h.Points {
		fmt.Fprintf(&curve, "%.1f,%.1f ", 1000*pt.At.Sub(first).Seconds()/wide, 195-190*(pt.Value-h.Lowest.Value)/high)
	}
	h.Curve = strings.TrimSpace(curve.String())
}

// download reads what a download's query asks for; without a range it is all.
func (p *Portal) download(r *http.Request) (*model.Entity, *history, error) {
	v, err := p.entityOf(r)
	if err != nil {
		return nil, nil, err
	}
	q := r.URL.Query()
	span := q.Get("range")
	if span == "" {
		span = "all"
	}
	h, err := p.readHistory(r, &v.Entity, q.Get("attr"), span, maxPoints)
	return &v.Entity, h, err
}

// historyCSV answers RFC 4180 with a header line. Numbers stand as they are: a minus is no formula.
func (p *Portal) historyCSV(w http.ResponseWriter, r *http.Request) error {
	_, h, err := p.download(r)
	if err != nil {
		return err
	}
	headers(w.Header(), false)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", `attachment; filename="history.csv"`)
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write([]string{"observedAt", "value", "unitCode"})
	for _, pt := range h.Points {
		out.Write([]string{pt.At.Format(time.RFC3339Nano), strconv.FormatFloat(pt.Value, 'g', -1, 64), cellText(h.Code)})
	}
	out.Flush()
	return out.Error()
}

func (p *Portal) historyJSON(w http.ResponseWriter, r *http.Request) error {
	e, h, err := p.download(r)
	if err != nil {
		return err
	}
	writeJSON(w, struct {
		Entity    tribune.EntityID `json:"entity"`
		Attribute string           `json:"attribute"`
		UnitCode  string           `json:"unitCode,omitempty"`
		Older     bool             `json:"older"` // there are values before the first
		Values    []point          `json:"values"`
	}{e.ID, h.Attr.Full, h.Code, h.More, slices.Concat([]point{}, h.Points)}, false)
	return nil
}

// Query is the query string of this history with another range or attribute.
func (h *history) Query(attr, span string) string {
	return url.Values{"attr": {attr}, "range": {span}}.Encode()
}
