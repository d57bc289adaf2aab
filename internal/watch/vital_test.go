package watch

import (
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// inventory is a city's ledger of single-use keys, as an honest hub would keep it.
type inventory struct {
	w      *world
	ledger protocol.VitalLedger
}

func (i *inventory) change(added []uint64, gone ...protocol.VitalGone) []byte {
	i.w.t.Helper()
	k := protocol.VitalKeys{Added: []protocol.VitalAdded{}, Gone: append([]protocol.VitalGone{}, gone...)}
	live := map[uint64]tribune.Hash{}
	for n, c := range i.ledger.Live() {
		live[n] = c
	}
	for _, g := range gone {
		delete(live, g.Number)
	}
	for _, n := range added {
		c := protocol.VitalCommitment(n, []byte("package"))
		k.Added = append(k.Added, protocol.VitalAdded{Commitment: c, Number: n})
		live[n] = c
	}
	k.Count, k.Root = len(live), protocol.VitalRoot(live)
	i.ledger.Change(k)
	return i.leaf(k)
}

func (i *inventory) leaf(k protocol.VitalKeys) []byte {
	return i.w.leaf(i.w.hubs(tribune.ActVitalKeys), func(l *protocol.Leaf) {
		l.Decision.Set, l.Decision.Policies = tribune.Hash{}, []string{}
		l.Public, _ = protocol.JCS(k)
	})
}

// use is a disclosure of an opening an hour ago; guardians have been back for a minute.
func (i *inventory) use(keys []uint64, alter ...func(*protocol.VitalUse, *protocol.Leaf)) []byte {
	i.w.t.Helper()
	u := protocol.VitalUse{
		Back: protocol.Time(i.w.now.Add(-time.Minute)), Class: "telecare-address", Keys: keys, Opened: protocol.Time(i.w.now.Add(-time.Hour)),
		Policies: []string{"two-dispatchers-without-guardians"}, Set: i.w.set.Hash(),
	}
	i.ledger.Use(keys)
	return i.w.leaf(func(l *protocol.Leaf) {
		l.Act.Kind, l.Act.Office, l.Act.Purpose, l.Act.Mandate, l.Act.Recipient = tribune.ActVital, "ambulance-dispatch", "save-a-life", "vital-2026", nil
		l.Decision.Set, l.Decision.Policies = tribune.Hash{}, []string{}
		for _, f := range alter {
			f(&u, l)
		}
		l.Public, _ = protocol.JCS(u)
	})
}

func TestVitalInterestSeenFromOutside(t *testing.T) {
	for name, c := range map[string]struct {
		play func(*world, *inventory)
		want []Kind
	}{
		"keys come, are used and told of, replaced, and end": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1, 2, 3}))
			w.add(i.use([]uint64{1}))
			w.add(i.change([]uint64{4}, protocol.VitalGone{Number: 2, Why: protocol.VitalReplaced}, protocol.VitalGone{Number: 3, Why: protocol.VitalErased}))
		}, nil},
		"a key was made and used between two inventories": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{9}))
			w.add(i.change([]uint64{10}))
		}, nil},
		"a hub says that a key is gone and not why": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1, 2}))
			w.add(i.change(nil, protocol.VitalGone{Number: 2, Why: protocol.VitalLost}))
		}, []Kind{VitalMissing}},
		"a hub deletes a key and says nothing at all": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1, 2}))
			live := map[uint64]tribune.Hash{1: i.ledger.Live()[1]}
			w.add(i.leaf(protocol.VitalKeys{Added: []protocol.VitalAdded{}, Gone: []protocol.VitalGone{}, Count: 1, Root: protocol.VitalRoot(live)}))
		}, []Kind{VitalMissing}},
		"a key is exchanged under its number": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.leaf(protocol.VitalKeys{Added: []protocol.VitalAdded{}, Gone: []protocol.VitalGone{}, Count: 1, Root: protocol.VitalRoot(map[uint64]tribune.Hash{1: {7}})}))
		}, []Kind{VitalMissing}},
		"a used key comes back": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1, 2}))
			w.add(i.use([]uint64{1}))
			w.add(i.change([]uint64{1}))
		}, []Kind{VitalMissing}},
		"one key is used twice": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1, 2}))
			w.add(i.use([]uint64{1}))
			w.add(i.use([]uint64{1}))
		}, []Kind{BadVital}},
		"a class that is not named in the law": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{1}, func(u *protocol.VitalUse, _ *protocol.Leaf) { u.Class = "parking-session" }))
		}, []Kind{BadVital}},
		"another office than the law names": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{1}, func(_ *protocol.VitalUse, l *protocol.Leaf) { l.Act.Office = "planner" }))
		}, []Kind{BadVital}},
		"a law that nobody has published": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{1}, func(u *protocol.VitalUse, _ *protocol.Leaf) { u.Set = tribune.Hash{1} }))
		}, []Kind{LawUnknown}},
		"a law that was replaced hours before": {func(w *world, i *inventory) {
			old := w.set
			w.add(i.change([]uint64{1}))
			off := w.changed("classes.toml", `vital = "ambulance-dispatch"`, "")
			w.add(w.publish(off))
			w.pass(3 * time.Hour)
			w.set = off
			w.add(w.leaf())
			w.add(i.use([]uint64{1}, func(u *protocol.VitalUse, _ *protocol.Leaf) { u.Set = old.Hash() }))
		}, []Kind{LawStale}},
		"the law names a class, and the hub stops to tell of keys when there were none": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.change(nil, protocol.VitalGone{Number: 1, Why: protocol.VitalReplaced}))
			w.pass(72 * time.Hour)
		}, []Kind{VitalSilent}},
		"switched off, and there are none": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.set = w.changed("classes.toml", `vital = "ambulance-dispatch"`, "")
			w.add(w.publish(w.set))
			w.add(i.change(nil, protocol.VitalGone{Number: 1, Why: protocol.VitalEnded}))
			w.pass(72 * time.Hour)
		}, nil},
		"told a day and an hour after reconnection": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{1}, func(u *protocol.VitalUse, _ *protocol.Leaf) {
				u.Opened, u.Back = protocol.Time(w.now.Add(-30*time.Hour)), protocol.Time(w.now.Add(-25*time.Hour))
			}))
		}, []Kind{VitalLate}},
		"without the person's mark": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.add(i.use([]uint64{1}, func(_ *protocol.VitalUse, l *protocol.Leaf) { l.Tags = []tribune.Tag{} }))
		}, []Kind{BadTags, BadVital, VitalMissing}},
		"the law names a class, and the hub never says which keys there are": {func(w *world, i *inventory) {
			w.add(w.leaf())
			w.pass(72 * time.Hour)
		}, []Kind{VitalSilent}},
		"the law names a class since an hour, and no inventory is made yet": {func(w *world, i *inventory) {
			w.pass(time.Hour)
			w.add(w.leaf())
		}, nil},
		"no inventory for three days": {func(w *world, i *inventory) {
			w.add(i.change([]uint64{1}))
			w.pass(72 * time.Hour)
		}, []Kind{VitalSilent}},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldWith(t, true)
			i := &inventory{w: w}
			c.play(w, i)
			if name == "without the person's mark" { // what cannot be read as a disclosure explains no missing key
				w.add(i.change(nil))
			}
			w.cosign(4)
			one := w.watcher(t.TempDir())
			w.rounds(one, 2)
			w.expectEach(one, func(k Kind) bool { return k == BadTags }, c.want...)
		})
	}
}

// Guardians that have signed an index could be reached: a hub that says they came back later is held to that.
func TestAHubThatSaysGuardiansCameBackLaterThanTheyDid(t *testing.T) {
	w := worldWith(t, true)
	i := &inventory{w: w}
	w.add(i.change([]uint64{1}))
	opened := w.now
	w.pass(2 * time.Hour)
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	one.read.vitals.reached = append(one.read.vitals.reached, w.now) // as an index that enough guardians have signed notes it
	w.pass(26 * time.Hour)
	w.add(i.use([]uint64{1}, func(u *protocol.VitalUse, _ *protocol.Leaf) {
		u.Opened, u.Back = protocol.Time(opened), protocol.Time(w.now.Add(-time.Hour))
	}))
	w.cosign(4)
	w.rounds(one, 2)
	w.expect(one, false, VitalLate)
}

// A disclosure whose mark is nobody's, or that one person signed twice, only guardians can see: where too few of them say that it is right, somebody must hear of it.
func TestADisclosureThatGuardiansHaveNotFoundRight(t *testing.T) {
	for name, c := range map[string]struct {
		checked []int // by which guardians
		alter   func(*protocol.VitalChecked)
		forged  byte
		want    []Kind
	}{
		"by two":                         {[]int{0, 2}, func(*protocol.VitalChecked) {}, 0, nil},
		"by one":                         {[]int{1}, func(*protocol.VitalChecked) {}, 0, []Kind{VitalUnchecked}},
		"by one, twice":                  {[]int{1, 1}, func(*protocol.VitalChecked) {}, 0, []Kind{VitalUnchecked}},
		"by nobody":                      {nil, nil, 0, []Kind{VitalUnchecked}},
		"of another leaf":                {[]int{0, 2}, func(v *protocol.VitalChecked) { v.Leaf[0] ^= 1 }, 0, []Kind{VitalUnchecked}},
		"by the hub, in guardians' name": {[]int{0, 2}, func(*protocol.VitalChecked) {}, 1, []Kind{VitalUnchecked}},
	} {
		t.Run(name, func(t *testing.T) {
			w := worldWith(t, true)
			i := &inventory{w: w}
			w.add(i.change([]uint64{1}))
			raw := i.use([]uint64{1})
			w.add(raw)
			w.cosign(4)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			var checks []protocol.VitalChecked
			for _, g := range c.checked {
				v := protocol.VitalChecked{Guardian: w.guardians[g].name, Leaf: protocol.LeafHash(raw), Time: w.now.Unix()}
				c.alter(&v)
				key, err := protocol.SeedOf(w.guardians[g].skey)
				if err != nil {
					t.Fatal(err)
				}
				v.Sign(key)
				v.Signature[0] ^= c.forged
				checks = append(checks, v)
			}
			w.mu.Lock()
			w.checks = map[string][]protocol.VitalChecked{"/vital/checks/3": checks}
			w.mu.Unlock()
			w.rounds(one, 1)
			w.expect(one, false)
			w.pass(vitalCheckAfter)
			w.cosign(4)
			w.rounds(one, 1)
			w.expect(one, false, c.want...)
		})
	}
}

// A hub that was killed just after a disclosure has it checked when it is back: the alarm was true, and is over then.
func TestADisclosureThatIsCheckedLate(t *testing.T) {
	w := worldWith(t, true)
	i := &inventory{w: w}
	w.add(i.change([]uint64{1}))
	raw := i.use([]uint64{1})
	w.add(raw)
	w.pass(vitalCheckAfter)
	w.cosign(4)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	w.expect(one, false, VitalUnchecked)
	var checks []protocol.VitalChecked
	for _, g := range []int{1, 3} {
		v := protocol.VitalChecked{Guardian: w.guardians[g].name, Leaf: protocol.LeafHash(raw), Time: w.now.Unix()}
		key, err := protocol.SeedOf(w.guardians[g].skey)
		if err != nil {
			t.Fatal(err)
		}
		v.Sign(key)
		checks = append(checks, v)
	}
	w.mu.Lock()
	w.checks = map[string][]protocol.VitalChecked{"/vital/checks/3": checks}
	w.mu.Unlock()
	w.pass(vitalCheckAfter)
	w.cosign(4)
	w.rounds(one, 1)
	for _, in := range one.Book.All() {
		if in.Kind == VitalUnchecked && in.Open() {
			t.Errorf("once two guardians have found it right the incident still stands: %s", in.Text)
		}
	}
}
