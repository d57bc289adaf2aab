package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tribune/protocol"
)

const (
	// vitalCheckAfter: guardians check a disclosure within the minutes after it, or not at all.
	vitalCheckAfter  = 15 * time.Minute
	vitalChecksRound = 8 // disclosures asked about in a round
	maxVitalUnsaid   = 1 << 12
)

// vitalUnsaid is a disclosure of which it is not known yet whether guardians have found it right.
type vitalUnsaid struct {
	index  uint64
	at     time.Time
	office string
}

// vitalChecks looks what guardians say of disclosures. That the mark is the person's, and that two people signed, only they can see.
func (r *reading) vitalChecks(ctx context.Context) {
	v := &r.vitals
	for range min(vitalChecksRound, len(v.unsaid)) {
		one := v.unsaid[0]
		if r.w.cfg.Now().Sub(one.at) < vitalCheckAfter {
			return // later ones are younger
		}
		raw, err := r.w.Copy.get(ctx, fmt.Sprintf("%s/vital/checks/%d", r.w.Copy.hub.hub, one.index), maxStatements)
		if err != nil && !missing(err) {
			return // another time
		}
		v.unsaid = v.unsaid[1:]
		if said, t := r.vitalSaid(one.index, raw), max(r.laws.t, 1); said < t {
			r.w.report(BadVital, fmt.Sprintf("leaf %d, checks", one.index), fmt.Sprintf("Leaf %d tells of data that two people of office %s opened without the guardians. %d guardians say that they have found it right, and %d are needed: its mark may be nobody's, or the two may not have signed.", one.index, one.office, said, t), nil)
		}
	}
}

// vitalSaid counts the guardians whose signed word on a leaf the hub shows.
func (r *reading) vitalSaid(index uint64, raw []byte) int {
	var list []protocol.VitalChecked
	hash, err := r.w.Copy.mirror.LeafHash(index)
	if err != nil || json.Unmarshal(raw, &list) != nil || len(list) > maxStatement {
		return 0
	}
	said := map[string]bool{}
	for _, c := range list {
		if key, known := r.w.Copy.guardianKey(c.Guardian); known && c.Leaf == hash && c.Verify(key) == nil {
			said[c.Guardian] = true
		}
	}
	return len(said)
}
