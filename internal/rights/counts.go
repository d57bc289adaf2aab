package rights

import (
	"cmp"
	"slices"

	"tribune"
)

// Count is what everybody may know of the cases of one kind at one office: numbers, of the cases that are kept.
type Count struct {
	Office   tribune.OfficeID `json:"office"`
	Kind     Kind             `json:"kind"`
	Open     int              `json:"open"`     // that wait for an answer
	Soon     int              `json:"dueSoon"`  // of these, due soon
	Overdue  int              `json:"overdue"`  // of these, not answered in time
	Extended int              `json:"extended"` // for which the office took more time
	Answered int              `json:"answered"`
	Refused  int              `json:"refused"`
	Late     int              `json:"late"` // answered or refused, but too late
}

// Counts are the numbers of every office and kind of which there are cases.
func (r *Room) Counts() []Count {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, by := r.cfg.Now(), map[[2]string]*Count{}
	for id, h := range r.cases {
		key := [2]string{string(h.office), string(h.kind)}
		c := by[key]
		if c == nil {
			c = &Count{Office: h.office, Kind: h.kind}
			by[key] = c
		}
		c.add(r.line(id, h, now), h)
	}
	all := []Count{}
	for _, c := range by {
		all = append(all, *c)
	}
	order := Kinds()
	slices.SortFunc(all, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Office, b.Office), slices.Index(order, a.Kind)-slices.Index(order, b.Kind))
	})
	return all
}

func (c *Count) add(l Line, h *head) {
	if h.more {
		c.Extended++
	}
	switch {
	case l.Open && l.Late:
		c.Open++
		c.Overdue++
	case l.Open:
		c.Open++
		if l.Soon {
			c.Soon++
		}
	default:
		if h.state == Refused {
			c.Refused++
		} else {
			c.Answered++
		}
		if l.Late {
			c.Late++
		}
	}
}

// Permissions is how many consents are in force, and how many questions were answered with no: for everybody.
func (r *Room) Permissions() (inForce, refused, withdrawn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	for _, c := range r.consents {
		switch c.State(now) {
		case ConsentGiven:
			inForce++
		case ConsentRefused:
			refused++
		case ConsentWithdrawn:
			withdrawn++
		}
	}
	return inForce, refused, withdrawn
}
