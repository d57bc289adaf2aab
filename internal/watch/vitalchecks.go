package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"tribune/protocol"
	"tribune/verify"
)

const (
	// vitalCheckAfter: guardians check a disclosure within seconds, and a hub that was killed has them do so when it is back. As long is between asking.
	vitalCheckAfter  = 15 * time.Minute
	vitalChecksRound = 8 // disclosures asked about in a round
	maxVitalUnsaid   = 1 << 12
)

// vitalUnsaid is a disclosure that too few guardians have found right, as far as is known.
type vitalUnsaid struct {
	index  uint64
	next   time.Time // when it is asked about
	office string
}

// vitalChecks looks what guardians say of disclosures. That the mark is the person's, and that two people signed, only they can see. It goes on asking
// about one that too few have found right: a hub that was killed has it checked once it is back.
func (r *reading) vitalChecks(ctx context.Context) {
	v, now := &r.vitals, r.w.cfg.Now()
	waiting, asked := v.unsaid, 0
	v.unsaid = nil
	for i, one := range waiting {
		if asked == vitalChecksRound {
			v.unsaid = append(slices.Clone(waiting[i:]), v.unsaid...) // those that had their turn come last
			return
		}
		if now.Before(one.next) {
			v.unsaid = append(v.unsaid, one)
			continue
		}
		asked++
		raw, err := r.w.Copy.get(ctx, fmt.Sprintf("%s/vital/checks/%d", r.w.Copy.hub.hub, one.index), maxStatements)
		if err != nil && !missing(err) {
			v.unsaid = append(v.unsaid, one) // another time
			continue
		}
		about := fmt.Sprintf("leaf %d", one.index)
		said, t := r.vitalSaid(one.index, raw)
		if said >= t {
			r.w.Book.settle(VitalUnchecked, about)
			continue
		}
		r.w.report(VitalUnchecked, about, fmt.Sprintf("Leaf %d tells of data that two people of office %s opened without the guardians. %d guardians say that they have found it right, and %d are needed: its mark may be nobody's, or the two may not have signed.", one.index, one.office, said, t), nil)
		one.next = now.Add(vitalCheckAfter)
		v.unsaid = append(v.unsaid, one)
	}
}

// vitalSaid counts the guardians whose signed word on a leaf the hub shows, and how many it takes.
func (r *reading) vitalSaid(index uint64, raw []byte) (said, need int) {
	var list []protocol.VitalChecked
	hash, err := r.w.Copy.mirror.LeafHash(index)
	if err != nil || json.Unmarshal(raw, &list) != nil || len(list) > maxStatement {
		list = nil
	}
	return r.said(index, func(t *verify.Trust) []string {
		var names []string
		for _, c := range list {
			if key, known := t.GuardianKey(c.Guardian); known && c.Leaf == hash && c.Verify(key) == nil {
				names = append(names, c.Guardian)
			}
		}
		return names
	})
}

// said counts the guardians whose word on the leaf at index holds, by a group's keys, and how many it takes. It is enough where one group of then or
// later reaches its own threshold: a threshold that was raised since asks nothing more of it, and who had left before says nothing. need is 0 where
// the leaf is older than the first group that is known here.
func (r *reading) said(index uint64, holds func(*verify.Trust) []string) (said, need int) {
	eras, whole := r.w.Copy.members.from(index)
	for _, e := range eras {
		names := holds(e.trust)
		slices.Sort(names)
		said, need = len(slices.Compact(names)), max(r.laws.t, 1)
		if e.group != nil {
			need = e.group.T
		}
		if said >= need {
			return said, need
		}
	}
	if !whole {
		return 0, 0
	}
	return said, need
}
