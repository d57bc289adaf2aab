package temporal

import "time"

// Rest is the query for what a page has left out that holds the instances from first to last (clause 6.3.10): pages go forwards, or
// backwards where the last instances are asked for. Going forwards, what is of the time last comes again, as the page may have ended within
// it; but a page that holds nothing else holds all of it, or nobody could ever ask for more. ok is false where nothing can be left, and
// where a page is not what was asked for.
func (q Query) Rest(first, last time.Time) (rest Query, ok bool) {
	if first.IsZero() || last.IsZero() {
		return q, false
	}
	if q.LastN == 0 {
		if q.Rel == After || q.Rel == Between {
			switch {
			case last.Equal(q.At):
				last = last.Add(1)
			case last.Before(q.At):
				return q, false
			}
		}
		switch q.Rel {
		case Before:
			q.Rel, q.End = Between, q.At
		case "":
			q.Rel = After
		}
		q.At = last
		return q, q.Rel == After || last.Before(q.End)
	}
	if q.Rel == After || q.Rel == Between {
		q.Rel, q.End = Between, first
		return q, q.At.Before(q.End)
	}
	again := q.Rel == Before && !first.Before(q.At)
	q.Rel, q.At = Before, first
	return q, !again
}
