package guardian

import (
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// erase puts an erasure of subjects on record, each with its m-th erased tag, by an act of that time.
func (w *world) erase(at time.Time, spoil func(*protocol.Leaf), k []byte, m, n uint64) {
	w.t.Helper()
	c := w.newAct(tribune.ActErase, "inspector-ward", "parking-inspector", "enforce-parking", "parking-enforcement-2026")
	public, err := protocol.JCS(protocol.NewErasure(at, []tribune.Tag{protocol.ErasedTag(k, m)}))
	if err != nil {
		w.t.Fatal(err)
	}
	act := protocol.Act{Com: tribune.Hash{1}, Count: 1, ID: protocol.NewID(), Kind: tribune.ActErase, Office: c.caller.Office, Time: protocol.Time(at)}
	l := protocol.Leaf{Version: 1, Act: act, Public: public, Tags: []tribune.Tag{protocol.UseTag(k, n)}, Signature: make([]byte, 64),
		Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}, Set: w.set.Hash()}}
	if spoil != nil {
		spoil(&l)
	}
	raw, err := l.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.publishLeaf(raw)
}

// From an erasure on nothing of that subject opens up to its day: not by a day, not by a segment, not after a restart, not beside
// somebody else, and whatever a hub does with the numbers and the date of the leaf. Others open as before, and so does who comes back.
func TestErasedSubjectIsNotOpened(t *testing.T) {
	w := newWorld(t)
	w.found()
	anna, ben := tribune.Pseudonym{31}, tribune.Pseudonym{32}
	traces := w.enrol(anna, ben)
	now := time.Now()
	today := tribune.DayOf(now)
	n := map[tribune.Pseudonym]uint64{}
	subject := func(p tribune.Pseudonym, ids ...tribune.Identity) protocol.Subject {
		n[p]++
		return protocol.Subject{P: p, N: n[p], IDs: ids}
	}
	ask := func(i int, subjects ...protocol.Subject) string {
		reason, _ := w.ask(i, w.build(w.reading(subjects, traces)))
		return reason
	}
	yesterday := func(p tribune.Pseudonym) protocol.Subject { return subject(p, session(p, today-1, tribune.WholeDay)) }
	refused := func(name, reason string) {
		t.Helper()
		if !strings.Contains(reason, "was erased, on record, up to "+now.UTC().Format(time.DateOnly)) {
			t.Errorf("%s: got %q", name, reason)
		}
	}
	if reason := ask(0, yesterday(anna)); reason != "" {
		t.Fatalf("control: before the erasure: %q", reason)
	}
	k, err := protocol.TraceKey(traces[anna])
	if err != nil {
		t.Fatal(err)
	}
	n[anna]++
	// Not an erasure: denied, dated back in its public part, of nobody.
	w.erase(now, func(l *protocol.Leaf) { l.Decision.Permit = false }, k, 1, n[anna])
	if reason := ask(1, yesterday(anna)); reason != "" {
		t.Errorf("a denied erasure erases: %q", reason)
	}
	// The hub skips erased tag 1, and dates its act back by a month.
	n[anna]++
	w.erase(now.AddDate(0, -1, 0), nil, k, 2, n[anna])
	second := tribune.SecondOf(now)
	for i := range w.guards {
		refused("a whole day", ask(i, yesterday(anna)))
		refused("a segment of today", ask(i, subject(anna, session(anna, today, second-min(second, 60)))))
	}
	refused("beside somebody else", ask(0, yesterday(ben), yesterday(anna)))
	w.restart(1)
	refused("after a restart", ask(1, yesterday(anna)))
	if reason := ask(1, yesterday(ben)); reason != "" {
		t.Errorf("somebody else: %q", reason)
	}
	// Under another's pseudonym the trace key shown does not fit, and the identity does not either.
	c := w.reading([]protocol.Subject{{P: ben, N: n[ben] + 1, IDs: []tribune.Identity{session(anna, today-1, tribune.WholeDay)}}}, traces)
	if reason, _ := w.ask(0, w.build(c)); !strings.Contains(reason, "another subject") {
		t.Errorf("asked for under another's pseudonym: %q", reason)
	}
	n[ben]++
	// A delivery opens nothing, before and after.
	c = w.reading([]protocol.Subject{yesterday(anna)}, traces)
	c.kind = tribune.ActDelivery
	c.spoilLeaf = func(l *protocol.Leaf) { l.Public = []byte(`{"standing":"0123456789abcdef0123456789abcdef"}`) }
	if reason, _ := w.ask(0, w.build(c)); !strings.Contains(reason, "opens nothing") {
		t.Errorf("a delivery: %q", reason)
	}
	// Whoever comes back is traced at once, and opened from the next day on.
	if again := w.enrol(anna); string(again[anna]) != string(traces[anna]) {
		t.Error("enrolled again: another trace key")
	}
}

// The day that is erased is the latest of what the record says; one that comes back is opened for what came later.
func TestErasureReachesToItsOwnDay(t *testing.T) {
	at := func(day uint32) time.Time { return tribune.SegmentStart(day, 3600) }
	k := make([]byte, protocol.TraceKeySize)
	leaf := func(day uint32, m uint64) protocol.Leaf {
		public, _ := protocol.JCS(protocol.NewErasure(at(day), []tribune.Tag{protocol.ErasedTag(k, m)}))
		return protocol.Leaf{Act: protocol.Act{Kind: tribune.ActErase, Count: 1, Time: protocol.Time(at(day))}, Public: public,
			Decision: tribune.Decision{Permit: true}, Tags: make([]tribune.Tag, 1)}
	}
	read := func(day uint32) protocol.Leaf {
		return protocol.Leaf{Act: protocol.Act{Kind: tribune.ActRead, Time: protocol.Time(at(day))}}
	}
	const day = 20000
	for name, c := range map[string]struct {
		leaves []protocol.Leaf
		want   uint32
	}{
		"none":                       {[]protocol.Leaf{read(day)}, 0},
		"its own day":                {[]protocol.Leaf{leaf(day, 1), read(day + 5)}, day},
		"dated back":                 {[]protocol.Leaf{read(day), leaf(day-30, 1)}, day},
		"the last of two":            {[]protocol.Leaf{leaf(day-3, 1), leaf(day, 2)}, day},
		"with numbers left out":      {[]protocol.Leaf{leaf(day, 1+protocol.ErasedAhead)}, day},
		"with too many left out":     {[]protocol.Leaf{leaf(day, 2+protocol.ErasedAhead)}, 0},
		"after a leaf of the future": {[]protocol.Leaf{read(day + 4000), leaf(day, 1)}, day},
	} {
		t.Run(name, func(t *testing.T) {
			var e erasures
			for i, l := range c.leaves {
				e.add(uint64(i), l, at(day+10))
			}
			got, ok := e.until(k, at(day+10))
			if got != c.want || ok != (c.want != 0) {
				t.Errorf("got %d, %v, want %d", got, ok, c.want)
			}
			x := &index{erased: e, now: func() time.Time { return at(day + 10) }}
			later := []tribune.Identity{session(tribune.Pseudonym{1}, day+1, tribune.WholeDay)}
			if err := x.unerased(k, later); err != nil {
				t.Errorf("the day after: %v", err)
			}
			if err := x.unerased(k, append(later, session(tribune.Pseudonym{1}, day, tribune.WholeDay))); (err != nil) != ok {
				t.Errorf("the day itself: %v", err)
			}
		})
	}
}
