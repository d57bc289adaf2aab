package sim

import (
	"encoding/hex"
	"slices"
	"sort"
	"time"

	"tribune"
	"tribune/internal/intake/replay"
)

// stand is a car park in the drivers' ledger.
type stand struct {
	Places   int `json:"places"`
	Occupied int `json:"occupied"` // as last reported
}

// session is one named driver parked now; times are wall-clock seconds.
type session struct {
	Number uint64 `json:"n"` // counts sessions; its ID follows from the seed
	Person int    `json:"person"`
	Park   string `json:"park"`
	Start  int64  `json:"start"`
	Leave  int64  `json:"leave"`          // as planned
	Pay    int64  `json:"paid,omitempty"` // until; 0 = not paid
}

// driverLane keeps the ledger of named sessions and writes them. Its events are departures, reports of car parks and
// arrivals, played in this order where they fall on the same second; so the ledger follows from state and time alone,
// however the time is cut into ticks.
//
// The invariant: in every car park, named sessions <= reported occupancy. A report below it makes named drivers leave,
// first in, first out; a driver for whom the occupancy leaves no room is turned away.
type driverLane struct {
	driverState
	parking  *replay.Feed[replay.Parking]
	people   people
	zone     *time.Location
	codes    []string // of car parks, sorted
	routines []routine
	queue    []tribune.Change

	parked map[int]bool // persons in Open
	day    int64        // whose arrivals are planned
	plan   []stay
}

func newDriverLane(parking *replay.Feed[replay.Parking], p people, zone *time.Location, from driverState) *driverLane {
	l := &driverLane{driverState: from.clone(), parking: parking, people: p, zone: zone, parked: map[int]bool{}, day: -1}
	places := map[string]int{}
	for _, r := range parking.Records() {
		places[r.Value.Park] = r.Value.Places
	}
	for code := range places {
		l.codes = append(l.codes, code)
	}
	slices.Sort(l.codes)
	sizes := make([]int, len(l.codes))
	for i, code := range l.codes {
		sizes[i] = places[code]
	}
	for i := range p.count {
		l.routines = append(l.routines, p.routineOf(i, sizes))
	}
	for _, s := range l.Open {
		l.parked[s.Person] = true
	}
	return l
}

func (l *driverLane) name() string               { return "drivers" }
func (l *driverLane) pending() *[]tribune.Change { return &l.queue }
func (l *driverLane) keep(s *state)              { s.Drivers = l.driverState.clone() }

// seed parks the first drivers, as if they had come in the hours before start.
func (l *driverLane) seed(start time.Time) {
	l.driverState = driverState{Seeded: true, Until: start, Parking: l.parking.Align(start), Parks: map[string]stand{}}
	l.queue, l.parked = nil, map[int]bool{}
	for _, r := range l.parking.Past(l.Parking, start) {
		l.Parks[r.Value.Park] = stand{r.Value.Places, r.Value.Occupied}
	}
	room := make([]int, len(l.codes))
	for i, code := range l.codes {
		room[i] = l.Parks[code].Occupied
	}
	r := l.people.seed.chance("first")
	who := r.Perm(l.people.count)
	who = who[:min(firstParked, (len(who)+9)/10)]
	begun := make([]session, 0, len(who))
	for _, person := range who {
		park := weighted(r, room)
		if park < 0 {
			break
		}
		room[park]--
		s := session{Person: person, Park: l.codes[park], Start: start.Unix() - 600 - r.Int64N(5*3600), Leave: start.Unix() + 300 + r.Int64N(6*3600)}
		s.Pay = payment(r, l.routines[person].habit, s.Start, s.Leave)
		begun = append(begun, s)
	}
	slices.SortStableFunc(begun, func(a, b session) int { return int(a.Start - b.Start) })
	for _, s := range begun {
		l.begin(s)
	}
}

func (l *driverLane) step(until time.Time) bool {
	for len(l.queue) < maxBatch {
		at := l.next()
		if at > until.Unix() {
			l.Until = until
			return false
		}
		l.play(at)
		l.Until = time.Unix(at, 0).UTC()
	}
	return true
}

// next is when the next event is due. The end of the day is one: then the next day's arrivals are planned.
func (l *driverLane) next() int64 {
	at := l.parking.Peek(l.Parking).At.Unix()
	for _, s := range l.Open {
		at = min(at, s.Leave)
	}
	// A day's events end with its last second, so that midnight belongs to the day that begins.
	day := l.Until.Unix() / daySeconds
	if l.plan == nil || l.day != day {
		l.day, l.plan = day, l.people.schedule(day, l.routines, l.codes)
	}
	if i := l.coming(); i < len(l.plan) {
		return min(at, l.plan[i].arrive)
	}
	return min(at, (day+1)*daySeconds)
}

// coming is the index of the first planned arrival after Until.
func (l *driverLane) coming() int {
	done := l.Until.Unix()
	return sort.Search(len(l.plan), func(i int) bool { return l.plan[i].arrive > done })
}

// play plays every event of one second.
func (l *driverLane) play(at int64) {
	var leaving []session
	for _, s := range l.Open {
		if s.Leave <= at {
			leaving = append(leaving, s)
		}
	}
	for _, s := range leaving {
		l.end(s, at)
	}
	for {
		r := l.parking.Peek(l.Parking)
		if r.At.Unix() > at {
			break
		}
		l.Parking = l.parking.Advance(l.Parking)
		l.Parks[r.Value.Park] = stand{r.Value.Places, r.Value.Occupied}
		for l.named(r.Value.Park) > r.Value.Occupied {
			first := slices.IndexFunc(l.Open, func(s session) bool { return s.Park == r.Value.Park })
			l.end(l.Open[first], at)
		}
	}
	for i := l.coming(); i < len(l.plan) && l.plan[i].arrive <= at; i++ {
		v := l.plan[i]
		switch {
		case l.parked[v.person]: // still here from before
		case l.named(v.park) >= l.Parks[v.park].Occupied:
			l.turnedAway++
		default:
			l.begin(session{Person: v.person, Park: v.park, Start: v.arrive, Leave: v.leave, Pay: v.pay})
		}
	}
}

func (l *driverLane) named(park string) int {
	n := 0
	for _, s := range l.Open {
		if s.Park == park {
			n++
		}
	}
	return n
}

// sessionID is urn:ngsi-ld:ParkingSession: and 16 hex digits that tell nothing about the person or the order.
func (l *driverLane) sessionID(number uint64) tribune.EntityID {
	d := l.people.seed.derive("session", int64(number))
	return tribune.EntityID("urn:ngsi-ld:ParkingSession:" + hex.EncodeToString(d[:8]))
}

func (l *driverLane) wall(seconds int64) time.Time {
	return replay.Instant(time.Unix(seconds, 0).UTC(), l.zone)
}

func (l *driverLane) writer(s session, occasion string, at int64) *writer {
	id := l.sessionID(s.Number)
	return &writer{entity: id, typ: typeSession, source: feedDrivers, at: l.wall(at), id: "sim:" + string(id) + ":" + occasion}
}

// The occasion on which a session ends, and how the ID of such a change tells.
const (
	endOccasion = "end"
	ended       = ":" + endOccasion
)

// begin opens a session; Open stays in the order of arrival.
func (l *driverLane) begin(s session) {
	l.Sessions++
	s.Number = l.Sessions
	l.Open = append(l.Open, s)
	l.parked[s.Person] = true
	w := l.writer(s, "start", s.Start)
	w.property("licensePlate", l.people.plate(s.Person))
	w.property("driver", l.people.driver(s.Person))
	w.add("refParking", instance{Type: "Relationship", Object: string(parkID(s.Park))})
	w.moment("startedAt", l.wall(s.Start))
	if s.Pay != 0 {
		w.moment("paidUntil", l.wall(s.Pay))
	}
	w.at = time.Time{}
	w.property("synthetic", true)
	l.queue = append(l.queue, w.changes...)
}

func (l *driverLane) end(s session, at int64) {
	l.Open = slices.DeleteFunc(l.Open, func(o session) bool { return o.Number == s.Number })
	delete(l.parked, s.Person)
	w := l.writer(s, endOccasion, at)
	w.moment("endedAt", l.wall(at))
	l.queue = append(l.queue, w.changes...)
}

// shown is the plate of somebody in the ledger, who has not paid if there is one; "" = nobody is there.
func (l *driverLane) shown() string {
	return (&state{Drivers: l.driverState}).example("", l.people)
}
