package watch

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"tribune/policy"
	"tribune/protocol"
)

func signedByAll(g protocol.Group, signatures map[string][]byte) bool {
	if g.Validate() != nil {
		return false
	}
	digest, err := protocol.GroupDigest(g)
	if err != nil {
		return false
	}
	for _, m := range g.Guardians {
		if _, key, err := protocol.PublicOf(m.Key); err != nil || !ed25519.Verify(key, digest[:], signatures[m.Name]) {
			return false
		}
	}
	return true
}

// count adds a use of power to its office's hour.
func (r *reading) count(index uint64, l protocol.Leaf, at time.Time) {
	if !l.Decision.Permit || !handled[l.Act.Kind].power {
		return
	}
	k, hour := useKey{l.Act.Office, l.Act.Purpose}, hourOf(at)
	old := r.volumes.by[k]
	if old == nil || hour > old.last {
		r.hourFrom[k] = index
	}
	h, ok := r.volumes.add(k, hour, l.Act.Count)
	if !ok {
		return
	}
	if why := r.w.cfg.Thresholds.unusual(h, hour); why != "" {
		when := hourTime(hour).Format("2006-01-02T15:04Z")
		r.w.report(Volume, fmt.Sprintf("%s %s %s", l.Act.Office, l.Act.Purpose, when),
			fmt.Sprintf("Office %s, purpose %s, in the hour from %s: %s (leaves %d to %d).", l.Act.Office, l.Act.Purpose, when, why, r.hourFrom[k], index),
			func() *Evidence { return &Evidence{Version: 1, Leaves: []uint64{r.hourFrom[k], index}} })
	}
}

// caps holds the office's hour, as counted so far and with this leaf, against its register's limits.
func (r *reading) caps(index uint64, l protocol.Leaf, set *policy.Set) {
	at, err := l.Act.When()
	o, ok := set.Office(l.Act.Office)
	if err != nil || !ok {
		return
	}
	k, hour := useKey{l.Act.Office, l.Act.Purpose}, hourOf(at)
	acts, subjects := int64(1), int64(max(l.Act.Count, 0))
	if h := r.volumes.by[k]; h != nil && hour > h.last-keptHours && hour <= h.last && hour >= h.first {
		acts, subjects = int64(h.acts[slot(hour)]), int64(h.subjects[slot(hour)])
		if index >= r.next { // not counted yet
			acts, subjects = acts+1, subjects+int64(max(l.Act.Count, 0))
		}
	}
	if acts <= o.Limits.Acts && subjects <= o.Limits.Subjects {
		return
	}
	when := hourTime(hour).Format("2006-01-02T15:04Z")
	r.w.report(OverCap, fmt.Sprintf("%s %s %s", l.Act.Office, l.Act.Purpose, when),
		fmt.Sprintf("Office %s, purpose %s, in the hour from %s: %d acts and %d people up to leaf %d; the register of offices allows %d and %d.", l.Act.Office, l.Act.Purpose, when, acts, subjects, index, o.Limits.Acts, o.Limits.Subjects),
		func() *Evidence { return &Evidence{Version: 1, Leaves: []uint64{index}} })
}

// delivery: there is a standing act, of the same office, purpose and mandate, on record before.
func (r *reading) delivery(index uint64, l protocol.Leaf) {
	var public struct {
		Standing string `json:"standing"`
	}
	if !l.Decision.Permit {
		return
	}
	id, ok := actID(public.Standing)
	if json.Unmarshal(l.Public, &public) == nil {
		id, ok = actID(public.Standing)
	}
	at, known := r.standing[id]
	switch {
	case !ok:
		r.say(index, BadDelivery, fmt.Sprintf("Leaf %d is a delivery that names no standing act.", index), nil)
		return
	case !known:
		if len(r.standing) < maxStanding {
			r.say(index, BadDelivery, fmt.Sprintf("Leaf %d is a delivery under the standing act %s, which is not on record before it.", index, public.Standing), nil)
		}
		return
	}
	s, err := r.w.Copy.leaf(at)
	if err == nil && (s.Act.Office != l.Act.Office || s.Act.Purpose != l.Act.Purpose || s.Act.Mandate != l.Act.Mandate) {
		r.say(index, BadDelivery, fmt.Sprintf("Leaf %d is a delivery to office %s for %s, and the standing act of leaf %d is of office %s for %s.", index, l.Act.Office, l.Act.Purpose, at, s.Act.Office, s.Act.Purpose), nil)
	}
}
