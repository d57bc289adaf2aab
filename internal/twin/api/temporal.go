package api

import (
	"fmt"
	"net/http"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/temporal"
)

func (a *api) temporalRoutes() table {
	return table{"/temporal/entities/{id}": {"GET": a.retrieveTemporal}}
}

// maxLast bounds how many instances of each attribute a history shows.
const maxLast = 10_000

var temporalParams = []string{"attrs", "options", "format", "timerel", "timeAt", "endTimeAt", "timeproperty", "lastN", "local"}

// retrieveTemporal is GET /temporal/entities/{id} (clause 6.19.3.1).
func (a *api) retrieveTemporal(w http.ResponseWriter, r *http.Request) error {
	f, id, err := a.oneEntity(w, r, temporalParams, []string{"normalized", "temporalValues", "simplified", "sysAttrs"})
	if err != nil {
		return err
	}
	if f.view.Format == jsonld.Simplified { // the simplified temporal representation is temporalValues (4.5.9)
		f.view.Format = jsonld.TemporalValues
	}
	p, err := readParams(r, temporalParams...)
	if err != nil {
		return err
	}
	q := twin.TemporalQuery{Tenant: f.tenant, ID: id, Attrs: f.view.Attrs}
	if err := p.temporal(&q); err != nil {
		return err
	}
	f.view.Time, f.temporal = q.Property, true
	f.period = temporal.Query{Property: q.Property, Rel: q.Rel, At: q.At, End: q.End, LastN: q.LastN}
	return a.answer(w, r, nil, func() (*found, error) {
		e, err := a.Twin.History(r.Context(), q)
		if err != nil {
			return nil, err
		}
		f.entities = []twin.View{{Entity: e}}
		return f, nil
	})
}

// temporal reads a temporal query (clause 4.11).
func (p params) temporal(q *twin.TemporalQuery) (err error) {
	q.Property = p["timeproperty"]
	switch q.Property {
	case "":
		q.Property = "observedAt"
	case "observedAt", "createdAt", "modifiedAt":
	default:
		return fmt.Errorf("%w: timeproperty is observedAt, createdAt or modifiedAt", tribune.ErrInvalid)
	}
	if q.LastN, err = p.number("lastN", 0, 1, maxLast); err != nil {
		return err
	}
	q.Rel = p["timerel"]
	at, hasAt, err := p.time("timeAt")
	if err != nil {
		return err
	}
	end, hasEnd, err := p.time("endTimeAt")
	if err != nil {
		return err
	}
	switch q.Rel {
	case "":
		if hasAt || hasEnd {
			return fmt.Errorf("%w: timeAt and endTimeAt go with timerel", tribune.ErrInvalid)
		}
	case "before", "after":
		if !hasAt || hasEnd {
			return fmt.Errorf("%w: timerel %s goes with timeAt alone", tribune.ErrInvalid, q.Rel)
		}
	case "between":
		if !hasAt || !hasEnd || !at.Before(end) {
			return fmt.Errorf("%w: timerel between goes with timeAt and a later endTimeAt", tribune.ErrInvalid)
		}
	default:
		return fmt.Errorf("%w: timerel is before, after or between", tribune.ErrInvalid)
	}
	q.At, q.End = at, end
	return nil
}

func (p params) time(name string) (time.Time, bool, error) {
	text, ok := p[name]
	if !ok {
		return time.Time{}, false, nil
	}
	t, valid := jsonld.Time(text)
	if !valid {
		return t, false, fmt.Errorf("%w: %s must be a date and time in UTC, like 2026-01-02T03:04:05Z", tribune.ErrInvalid, name)
	}
	return t, true, nil
}
