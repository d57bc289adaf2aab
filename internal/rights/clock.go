package rights

import "time"

// Regulation (EEC, Euratom) No 1182/71, article 3, for periods in months: the day of the event does not count; the period ends with the
// last hour of the day that has the same date, or of the month's last day where that month has no such date; where that is a public
// holiday, a Sunday or a Saturday, with the last hour of the next working day. Days are those of the city's own time zone. Periods in
// hours (article 3(2)(a), (4)) run through weekends and holidays.

// Due is the first instant after a period of months that began with an event: who answers before it is in time.
func (r *Rules) Due(event time.Time, months int) time.Time {
	y, m, d := event.In(r.zone).Date()
	last := sameDate(y, m, d, months, r.zone)
	for !r.working(last) {
		last = last.AddDate(0, 0, 1)
	}
	y, m, d = last.Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, r.zone)
}

// sameDate is noon of the same date some months later, or of that month's last day. Noon is on that date whatever a clock change does.
func sameDate(y int, m time.Month, d, months int, zone *time.Location) time.Time {
	first := time.Date(y, m+time.Month(months), 1, 12, 0, 0, 0, zone)
	end := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(d, end)-1)
}

func (r *Rules) working(day time.Time) bool {
	if w := day.Weekday(); w == time.Saturday || w == time.Sunday {
		return false
	}
	return !r.holidays[day.Format(time.DateOnly)]
}

// LastDay is the last day on which an answer is in time, as people say it.
func (r *Rules) LastDay(due time.Time) time.Time {
	y, m, d := due.In(r.zone).AddDate(0, 0, -1).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// DaysLeft counts the days until the last day, today not counted; below zero it is overdue since so many days.
func (r *Rules) DaysLeft(due, now time.Time) int {
	y, m, d := now.In(r.zone).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return int(r.LastDay(due).Sub(today) / (24 * time.Hour))
}
