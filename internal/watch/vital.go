package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tribune"
	"tribune/protocol"
)

// Vital interest, as it can be seen from outside: the inventory of single-use keys is followed along the record, and each time that data were
// opened without guardians is held against it, against the law of then, and against the clock. What cannot be seen: copies of keys, and
// whether guardians really were out of reach.

const (
	// vitalSilence is how long the inventory may go without an entry while there are keys: the hub makes one a day.
	vitalSilence = 50 * time.Hour
	maxReached   = 1 << 12 // entries kept that show when guardians answered; a day has one, a demo's some hundred
)

// vitals is what was read so far.
type vitals struct {
	ledger  protocol.VitalLedger
	last    time.Time   // of the newest inventory
	reached []time.Time // of entries that guardians have signed: they could be reached then
	unread  []vitalLeaf // whose law is not to be had yet
	unsaid  []vitalUnsaid
}

type vitalLeaf struct {
	index uint64
	leaf  protocol.Leaf
}

// vital reads one leaf for it.
func (r *reading) vital(ctx context.Context, index uint64, l protocol.Leaf) {
	at, err := l.Act.When()
	if err != nil || !l.Decision.Permit {
		return
	}
	v := &r.vitals
	switch l.Act.Kind {
	case tribune.ActIndex:
		if r.vitalSigned(l) {
			v.reached = append(v.reached, at)
			if len(v.reached) > maxReached {
				v.reached = v.reached[1:]
			}
		}
	case tribune.ActVitalKeys:
		k, err := protocol.DecodeVitalKeys(l.Public)
		if err != nil {
			r.say(index, VitalMissing, fmt.Sprintf("Leaf %d is an inventory of single-use keys that cannot be read: %v.", index, err), nil)
			return
		}
		for i, wrong := range v.ledger.Change(k) {
			r.sayEach(index, i, VitalMissing, fmt.Sprintf("Leaf %d: %s", index, wrong))
		}
		v.last = at
	case tribune.ActVital:
		r.vitalUse(index, l, at)
		r.vitalLaw(ctx, vitalLeaf{index, l})
	}
}

// sayEach reports several things about one leaf, each as an incident of its own.
func (r *reading) sayEach(index uint64, i int, k Kind, text string) {
	if i == 0 {
		r.say(index, k, text, nil)
		return
	}
	r.w.report(k, fmt.Sprintf("leaf %d, %d", index, i+1), text, nil)
}

// vitalSigned reports whether a leaf of kind index carries enough guardians' signatures: they answered when it was made.
func (r *reading) vitalSigned(l protocol.Leaf) bool {
	public, err := protocol.DecodeIndexLeaf(l.Public)
	if err != nil {
		return false
	}
	signed := 0
	for name, sig := range public.Signatures {
		if key, ok := r.w.Copy.guardianKey(name); ok && public.Verify(r.w.trust.Origin(), key, sig) == nil {
			signed++
		}
	}
	return signed >= max(r.laws.t, 1)
}

// vitalUse holds a disclosure against the inventory and the clock.
func (r *reading) vitalUse(index uint64, l protocol.Leaf, at time.Time) {
	use, opened, back, err := protocol.VitalUseOf(l)
	if err != nil {
		r.say(index, BadVital, fmt.Sprintf("Leaf %d says that data were opened without the guardians, and not what or how: %v.", index, err), nil)
		return
	}
	r.w.report(VitalUsed, fmt.Sprintf("leaf %d", index), fmt.Sprintf("Leaf %d: two people of office %s opened data of class %s about one person without the guardians, on %s; it went on record on %s.", index, l.Act.Office, use.Class, use.Opened, l.Act.Time), nil)
	if len(r.vitals.unsaid) < maxVitalUnsaid {
		r.vitals.unsaid = append(r.vitals.unsaid, vitalUnsaid{index, at.Add(vitalCheckAfter), string(l.Act.Office)})
	}
	for i, wrong := range r.vitals.ledger.Use(use.Keys) {
		r.sayEach(index, i, BadVital, fmt.Sprintf("Leaf %d: %s", index, wrong))
	}
	since, by := back, "as the hub itself says"
	for _, reached := range r.vitals.reached {
		if reached.After(opened) && reached.Before(since) {
			since, by = reached, "as the guardians' signatures under an index of that time show"
		}
	}
	if late := at.Sub(since); late > protocol.VitalWithin {
		r.say(index, VitalLate, fmt.Sprintf("Leaf %d tells of data that were opened without the guardians on %s. Guardians could be reached on %s, %s; it went on record %s later.", index, use.Opened, protocol.Time(since), by, late.Round(time.Minute)), nil)
	}
}

// vitalLaw holds a disclosure against the law that it says it was decided by.
func (r *reading) vitalLaw(ctx context.Context, v vitalLeaf) {
	use, opened, _, err := protocol.VitalUseOf(v.leaf)
	if err != nil {
		return // has been said
	}
	var named []*lawLeaf
	for _, n := range r.laws.leaves {
		if n.public.Set == use.Set && n.index < v.index {
			named = append(named, n)
		}
	}
	if len(named) == 0 {
		r.say(v.index, LawUnknown, fmt.Sprintf("Leaf %d tells of data that were opened without the guardians under the policy set %s, which is not on record before it.", v.index, use.Set), nil)
		return
	}
	set, err := r.laws.set(ctx, use.Set)
	if errors.Is(err, errVoid) {
		return // its own leaf says so
	}
	if err != nil || r.laws.unjudged(v.index) {
		if len(r.vitals.unread) < maxUnchecked {
			r.vitals.unread = append(r.vitals.unread, v)
		}
		return
	}
	if then, err := r.laws.chain.At(ctx, v.index, opened); err == nil && then != nil && then.Set != use.Set { // the law of then, and not one of those before
		if f := r.laws.outOfTime(ctx, v.index, use.Set, opened, named); f != nil {
			r.say(v.index, f.kind, f.text, nil)
			return
		}
	}
	class, known := set.Class(use.Class)
	switch {
	case !known || class.Vital == "":
		r.say(v.index, BadVital, fmt.Sprintf("Leaf %d: class %q was opened without the guardians, and the law named in the entry does not let it.", v.index, string(use.Class)), nil)
	case class.Vital != v.leaf.Act.Office:
		r.say(v.index, BadVital, fmt.Sprintf("Leaf %d: class %s was opened without the guardians by the office %q; the law lets %s alone.", v.index, class.ID, string(v.leaf.Act.Office), class.Vital), nil)
	}
	for _, id := range use.Policies {
		if rule := ruleOf(set, id); rule == nil || !rule.Permit {
			r.say(v.index, BadVital, fmt.Sprintf("Leaf %d: the policy %q, by which data were opened without the guardians, is none that permits.", v.index, id), nil)
		}
	}
}

// vitalSettle looks again at what could not be told before, and whether the inventory goes on.
func (r *reading) vitalSettle(ctx context.Context) {
	again := r.vitals.unread
	r.vitals.unread = nil
	for _, v := range again {
		r.vitalLaw(ctx, v)
	}
	head := r.w.Copy.head()
	if head == nil {
		return
	}
	now, newest := cosigned(head), r.vitals.last
	named := r.vitalNamed(ctx, head.Size, now)
	switch silent := now.Sub(newest); {
	case named.IsZero() && (newest.IsZero() || len(r.vitals.ledger.Live()) == 0):
		r.w.Book.settle(VitalSilent, "record")
	case newest.IsZero() && now.Sub(named) > vitalSilence:
		r.w.report(VitalSilent, "record", fmt.Sprintf("The law has let data be opened without the guardians since %s, and the hub has never said which single-use keys there are. It should make an inventory each day.", protocol.Time(named)), nil)
	case !newest.IsZero() && silent > vitalSilence:
		r.w.report(VitalSilent, "record", fmt.Sprintf("The newest inventory of single-use keys is of %s, %s before the newest co-signatures. The hub should make one each day.", protocol.Time(newest), silent.Round(time.Hour)), nil)
	default:
		r.w.Book.settle(VitalSilent, "record")
	}
}

// vitalNamed is since when each law in force has named a class, up to now: then keys can be made at any time, and the hub says each day how many
// there are. Zero where the one in force names none, or cannot be read.
func (r *reading) vitalNamed(ctx context.Context, size uint64, now time.Time) (since time.Time) {
	all, err := r.laws.chain.Until(ctx, size)
	if err != nil {
		return time.Time{}
	}
	for _, one := range all {
		if one.Never || one.From.After(now) {
			continue
		}
		set, err := r.laws.set(ctx, one.Set)
		switch {
		case err != nil || len(set.VitalClasses()) == 0:
			since = time.Time{}
		case since.IsZero():
			since = one.From
		}
	}
	return since
}
