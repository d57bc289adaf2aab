package federation

import (
	"fmt"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// ParsePast reads a temporal query as it concerns registrations (clauses 4.11 and 5.10.2.4); nil where none is asked.
func ParsePast(timerel, timeAt, endTimeAt, timeproperty string) (*Past, error) {
	if timerel == "" && timeAt == "" && endTimeAt == "" {
		return nil, nil
	}
	at, ok := jsonld.Time(timeAt)
	if !ok {
		return nil, badPast("timeAt must be a date and time in UTC")
	}
	var p Past
	switch timerel {
	case "before":
		p.To = at
	case "after":
		p.From = at
	case "between":
		end, ok := jsonld.Time(endTimeAt)
		if !ok || end.Before(at) {
			return nil, badPast("between needs endTimeAt, a date and time in UTC that is not before timeAt")
		}
		p.From, p.To = at, end
	default:
		return nil, badPast("timerel is before, after or between")
	}
	switch timeproperty {
	case "", "observedAt":
	case "createdAt", "modifiedAt", "deletedAt":
		p.Managed = true
	default:
		return nil, badPast("timeproperty is observedAt, createdAt, modifiedAt or deletedAt")
	}
	return &p, nil
}

func badPast(rule string) error {
	return tribune.Hint(fmt.Errorf("%w: temporal query: %s (clause 4.11)", tribune.ErrInvalid, rule), "Like timerel=after&timeAt=%s.", time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC).Format(time.RFC3339))
}
