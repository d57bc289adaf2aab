package policy_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// lawWorld is a chain over the demo city's law, four guardians of whom two must approve, and a clock that can be set.
type lawWorld struct {
	t     *testing.T
	d     *demo
	cfg   policy.ChainConfig
	chain *policy.Chain
	keys  map[string]ed25519.PrivateKey
	sets  map[tribune.Hash]*policy.Set // nil = does not verify
	first *policy.Set
	clock time.Time
	next  uint64
}

func newLawWorld(t *testing.T) *lawWorld {
	w := &lawWorld{t: t, d: newDemo(t), keys: map[string]ed25519.PrivateKey{}, sets: map[tribune.Hash]*policy.Set{}, clock: now}
	public := map[string]ed25519.PublicKey{}
	for i := range 4 {
		name := fmt.Sprintf("guardian-%d", i)
		pub, priv, _ := ed25519.GenerateKey(nil)
		w.keys[name], public[name] = priv, pub
	}
	w.cfg = policy.ChainConfig{
		Approvers: func(uint64) (map[string]ed25519.PublicKey, int) { return public, 2 },
		Load: func(_ context.Context, h tribune.Hash) (*policy.Set, error) {
			if set, ok := w.sets[h]; ok {
				return set, nil
			}
			return nil, policy.ErrUnshown
		},
		Now: func() time.Time { return w.clock },
	}
	w.chain = policy.NewChain(w.cfg)
	w.first = w.shown(load(t, w.d.files, w.d.trust))
	w.publish(w.first)
	return w
}

func (w *lawWorld) shown(s *policy.Set) *policy.Set {
	w.sets[s.Hash()] = s
	return s
}

// loose permits more than the first law, each time in other words; tight permits less.
func (w *lawWorld) loose(days int) *policy.Set {
	return w.shown(load(w.t, w.d.amended(w.t, "policies/parking.cedar", "context.windowDays <= 31", fmt.Sprintf("context.windowDays <= %d", days)), w.d.trust))
}

func (w *lawWorld) tight(limit int) *policy.Set {
	return w.shown(load(w.t, w.d.amended(w.t, "offices.toml", "subjects_per_hour = 2000", fmt.Sprintf("subjects_per_hour = %d", limit)), w.d.trust))
}

func (w *lawWorld) publish(s *policy.Set, approvals ...protocol.Approval) {
	w.next++
	w.chain.Add(policy.Announced{Index: w.next, Set: s.Hash(), Approvals: approvals, Seen: w.clock})
}

// by is the approvals of guardians, by number, of a set in the place of another, for so long from the world's clock.
func (w *lawWorld) by(set, before *policy.Set, lasts time.Duration, guards ...int) (out []protocol.Approval) {
	for _, g := range guards {
		a := protocol.Approval{Guardian: fmt.Sprintf("guardian-%d", g), Before: before.Hash(), Until: w.clock.Add(lasts).Unix()}
		a.Sign(set.Hash(), w.keys[a.Guardian])
		out = append(out, a)
	}
	return out
}

func (w *lawWorld) expect(what string, after time.Duration, want *policy.Set) {
	w.t.Helper()
	got, err := w.chain.InForce(context.Background(), w.next+1, w.clock.Add(after))
	if err != nil || got.Hash() != want.Hash() {
		w.t.Errorf("%s: in force is another set, or %v", what, err)
	}
}

const week = 7 * 24 * time.Hour

func TestLooseningNeedsApprovalsOfThisChangeAndItsTime(t *testing.T) {
	for name, c := range map[string]struct {
		approve func(w *lawWorld, loose *policy.Set) []protocol.Approval
		counts  bool
	}{
		"t guardians":                          {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, week, 1, 3) }, true},
		"all guardians":                        {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, week, 0, 1, 2, 3) }, true},
		"nobody":                               {func(w *lawWorld, l *policy.Set) []protocol.Approval { return nil }, false},
		"t-1 guardians":                        {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, week, 1) }, false},
		"one guardian twice":                   {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, week, 1, 1) }, false},
		"approvals of other bytes":             {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(w.loose(32), w.first, week, 1, 3) }, false},
		"approvals in another law's place":     {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.tight(5), week, 1, 3) }, false},
		"approvals that have run out":          {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, -time.Second, 1, 3) }, false},
		"approvals for longer than any counts": {func(w *lawWorld, l *policy.Set) []protocol.Approval { return w.by(l, w.first, 31*24*time.Hour, 1, 3) }, false},
		"a stranger's key under a guardian's name": {func(w *lawWorld, l *policy.Set) []protocol.Approval {
			a := w.by(l, w.first, week, 1, 3)
			_, key, _ := ed25519.GenerateKey(nil)
			a[1].Sign(l.Hash(), key)
			return a
		}, false},
		"a stranger": {func(w *lawWorld, l *policy.Set) []protocol.Approval {
			a := w.by(l, w.first, week, 1, 3)
			a[1].Guardian = "guardian-9"
			return a
		}, false},
		"one guardian's approval under another's name": {func(w *lawWorld, l *policy.Set) []protocol.Approval {
			a := w.by(l, w.first, week, 1, 1)
			a[1].Guardian = "guardian-2"
			return a
		}, false},
		"an end put off": {func(w *lawWorld, l *policy.Set) []protocol.Approval {
			a := w.by(l, w.first, -time.Hour, 1, 3)
			a[0].Until, a[1].Until = a[0].Until+7200, a[1].Until+7200
			return a
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newLawWorld(t)
			w.clock = w.clock.Add(time.Hour)
			loose := w.loose(400)
			w.publish(loose, c.approve(w, loose)...)
			w.expect("at once", 0, w.first)
			w.expect("after 71:59:59", 72*time.Hour-time.Second, w.first)
			if c.counts {
				w.expect("after 72 hours", 72*time.Hour, loose)
			} else {
				w.expect("after a year", 365*24*time.Hour, w.first)
			}
		})
	}
}

func TestApprovalsGivenBeforeAnotherChangeDoNotCountAfterIt(t *testing.T) {
	w := newLawWorld(t)
	loose := w.loose(400)
	old := w.by(loose, w.first, week, 0, 1)
	tight := w.tight(20)
	w.publish(tight)
	w.publish(loose, old...) // from here it would permit more than what was compared
	w.expect("approvals of before", 1000*time.Hour, tight)
	w.publish(loose, w.by(loose, tight, week, 0, 1)...)
	w.expect("positive control: approvals of now", 1000*time.Hour, loose)
}

func TestWhatIsPublishedLaterEndsWhatWaits(t *testing.T) {
	for name, ends := range map[string]func(w *lawWorld) *policy.Set{
		"the law in force once more": func(w *lawWorld) *policy.Set { return w.first },
		"a tightening":               func(w *lawWorld) *policy.Set { return w.tight(20) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newLawWorld(t)
			loose := w.loose(400)
			approvals := w.by(loose, w.first, week, 0, 1)
			w.publish(loose, approvals...)
			w.clock = w.clock.Add(71 * time.Hour)
			if p, err := w.chain.Pending(context.Background(), w.clock); err != nil || len(p) != 1 || p[0].Set != loose.Hash() {
				t.Fatalf("before: pending %v, %v", p, err)
			}
			set := ends(w)
			w.publish(set)
			if p, err := w.chain.Pending(context.Background(), w.clock); err != nil || len(p) != 0 {
				t.Errorf("after: pending %v, %v", p, err)
			}
			w.expect("long after", 1000*time.Hour, set)
			w.publish(loose, approvals...)
			w.expect("published again with the approvals that it has used up", 1000*time.Hour, set)
		})
	}
}

func TestLawThatNobodyShowsStopsTheCityForItsWaitOnly(t *testing.T) {
	w := newLawWorld(t)
	hidden := w.tight(20)
	delete(w.sets, hidden.Hash())
	w.publish(hidden)
	w.clock = w.clock.Add(72*time.Hour - time.Second)
	if _, err := w.chain.InForce(context.Background(), w.next+1, w.clock); !errors.Is(err, policy.ErrUnshown) {
		t.Errorf("within 72 hours: %v, want that it is not shown", err)
	}
	w.clock = w.clock.Add(time.Second)
	w.expect("after 72 hours", 0, w.first)
	w.shown(hidden)
	w.expect("shown too late", 0, w.first)
}

func TestLawThatDoesNotVerifyNeverCounts(t *testing.T) {
	w := newLawWorld(t)
	forged := w.loose(400)
	w.sets[forged.Hash()] = nil
	w.publish(forged, w.by(forged, w.first, week, 0, 1, 2, 3)...)
	w.expect("approved by all", 1000*time.Hour, w.first)
}

// No set loads whose floor is another than the one that was pinned, whoever has signed and approved it: what does not load never counts.
func TestFloorsThatWerePinnedCannotBeChangedByASet(t *testing.T) {
	d := newDemo(t)
	for name, files := range map[string]map[string][]byte{
		"a floor less": d.amended(t, "floors.cedar", "context.count > context.mandate.maxSubjects", "context.count > 1000000"),
		"a comment":    d.amended(t, "floors.cedar", "", "// \n"),
		"none": func() map[string][]byte {
			f := d.amended(t, "floors.cedar", "", "")
			f["floors.cedar"] = sign(t, "\n", d.steward)
			return f
		}(),
	} {
		if set, err := policy.Load(files, d.trust); err == nil {
			t.Errorf("%s: set %s loads", name, set.Hash())
		}
		if _, err := policy.Load(files, d.unpinned()); err != nil {
			t.Errorf("%s: positive control, unpinned: %v", name, err)
		}
	}
	jws := d.amended(t, "floors.cedar", "", "")
	text, _ := protocol.SplitDocument(jws["floors.cedar"])
	signer, err := protocol.NewJWSSigner("", d.steward, "")
	if err != nil {
		t.Fatal(err)
	}
	if jws["floors.cedar"], err = signer.Sign(text, now); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Load(jws, d.trust); err != nil {
		t.Errorf("the same floor, signed as JWS: %v", err)
	}
	if jws["floors.cedar"], err = signer.Sign(text+"// \n", now); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Load(jws, d.trust); err == nil {
		t.Error("another floor, signed as JWS, loads")
	}
}

func TestReignsAreWhatWasInForceWhen(t *testing.T) {
	w := newLawWorld(t)
	loose, other := w.loose(400), w.loose(401)
	w.d.files = loose.Files()
	tight := w.tight(20)
	start := w.clock
	w.publish(loose, w.by(loose, w.first, week, 0, 1)...)
	w.clock = start.Add(100 * time.Hour)
	w.publish(tight)
	w.publish(other, w.by(other, tight, week, 0, 1)...) // withdrawn below
	w.clock = start.Add(110 * time.Hour)
	w.publish(tight)
	got, _, err := w.chain.Reigns(context.Background(), w.next+1, start.Add(1000*time.Hour))
	want := []policy.Reign{{Set: w.first.Hash()}, {Set: loose.Hash(), From: start.Add(72 * time.Hour)}, {Set: tight.Hash(), From: start.Add(100 * time.Hour)}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
	for i := range want {
		if got[i].Set != want[i].Set || !got[i].From.Equal(want[i].From) {
			t.Errorf("reign %d: got %v, want %v", i, got[i], want[i])
		}
	}
	if got, _, _ := w.chain.Reigns(context.Background(), 2, start.Add(1000*time.Hour)); len(got) != 1 {
		t.Errorf("up to the second leaf there were %d reigns, want 1", len(got))
	}
}

// entry is one leaf of a history of changes, as one sees it who comes long after: each leaf says when it was written, and of some it is proven when
// they were public at the latest.
type entry struct {
	set       *policy.Set
	written   time.Duration // before now
	approvals []protocol.Approval
	proven    bool
}

func (w *lawWorld) late(history ...entry) {
	w.chain, w.next, w.clock = policy.NewChain(w.cfg), 0, now
	for _, p := range history {
		w.next++
		w.chain.Add(policy.Announced{Index: w.next, Set: p.set.Hash(), Told: now.Add(-p.written), Seen: now, Approvals: p.approvals})
	}
	for i, p := range history {
		if p.proven {
			w.chain.SeenBy(uint64(i+1), now.Add(-p.written))
		}
	}
}

const year = 365 * 24 * time.Hour

// By whatever proofs of laws' age a hub shows or withholds from one who comes late, it makes no other law of now or then.
func TestLateWitnessComesToTheLawOfThoseWhoWereThere(t *testing.T) {
	w := newLawWorld(t)
	loose, other := w.loose(400), w.loose(500)
	looseTight := func() *policy.Set { // tightens loose, and not the first
		d := *w.d
		d.files = d.amended(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
		return w.shown(load(t, d.amended(t, "offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20"), d.trust))
	}()
	w.clock = now.Add(-2 * year)
	byTwo := w.by(loose, w.first, week, 0, 1)
	w.clock = now.Add(-year)
	again := w.by(other, looseTight, week, 0, 1)
	for mask := range 16 {
		proven := func(i int) bool { return mask&(1<<i) != 0 }
		for name, c := range map[string]struct {
			history []entry
			want    *policy.Set
			between *policy.Set // a reign of which late witnesses have to know
		}{
			"withdrawn": {[]entry{{w.first, 3 * year, nil, proven(0)}, {loose, 2 * year, byTwo, proven(1)}, {w.first, 2*year - 10*time.Hour, nil, proven(2)}}, w.first, nil},
			"tightened": {[]entry{{w.first, 3 * year, nil, proven(0)}, {loose, 2 * year, byTwo, proven(1)}, {looseTight, year + week, nil, proven(2)}}, looseTight, nil},
			"loosened again": {[]entry{{w.first, 3 * year, nil, proven(0)}, {loose, 2 * year, byTwo, proven(1)}, {looseTight, year + week, nil, proven(2)}, {other, year, again, proven(3)}},
				other, looseTight},
		} {
			w.late(c.history...)
			w.expect(fmt.Sprintf("%s, proofs %04b, when all waits are over", name, mask), 73*time.Hour, c.want)
			if at, err := w.chain.InForce(context.Background(), w.next+1, now); err != nil || at.Hash() != c.want.Hash() && at.Hash() != w.first.Hash() && at.Hash() != looseTight.Hash() {
				t.Errorf("%s, proofs %04b: now another law is in force, or %v", name, mask, err)
			}
			_, told, err := w.chain.Reigns(context.Background(), w.next+1, now.Add(73*time.Hour))
			if err != nil || c.between != nil && !slices.ContainsFunc(told, func(r policy.Reign) bool { return r.Set == c.between.Hash() && !r.From.After(now.Add(-year)) }) {
				t.Errorf("%s, proofs %04b: the reigns are %v, %v", name, mask, told, err)
			}
		}
	}
}

// A leaf that says it was written long ago begins no wait in the past, nor does what comes after it.
func TestLawThatIsDatedBackWaitsLikeAnyOther(t *testing.T) {
	w := newLawWorld(t)
	loose := w.loose(400)
	w.next++
	w.chain.Add(policy.Announced{Index: w.next, Set: loose.Hash(), Approvals: w.by(loose, w.first, -100*time.Hour+week, 0, 1), Told: now.Add(-100 * time.Hour), Seen: now})
	w.d.files = w.d.amended(t, "policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	less := w.tight(20)
	w.publish(less)
	w.expect("at once", 0, w.first)
	w.expect("after 71 hours", 71*time.Hour, w.first)
	w.expect("after 72 hours", 72*time.Hour, less)
}

func TestLawThatWasPassedOverStaysSoAfterARestart(t *testing.T) {
	w := newLawWorld(t)
	noted := map[uint64]bool{}
	w.cfg.PassOver = func(i uint64) error { noted[i] = true; return nil }
	hidden := w.loose(400)
	approvals := w.by(hidden, w.first, week, 0, 1)
	delete(w.sets, hidden.Hash())
	start := func() {
		w.chain = policy.NewChain(w.cfg)
		w.chain.Add(policy.Announced{Index: 1, Set: w.first.Hash(), Seen: now})
		w.chain.Add(policy.Announced{Index: 2, Set: hidden.Hash(), Seen: now, Approvals: approvals, Passed: noted[2]})
	}
	w.next = 2
	start()
	w.clock = now.Add(73 * time.Hour)
	w.expect("passed over", 0, w.first)
	w.shown(hidden)
	start()
	w.expect("shown after a restart", 0, w.first)
	w.cfg.PassOver = func(uint64) error { return errors.New("the disk is full") }
	delete(w.sets, hidden.Hash())
	clear(noted)
	start()
	if _, err := w.chain.InForce(context.Background(), 3, w.clock); err == nil {
		t.Error("passed over, and nobody has noted it")
	}
}

func TestActsBeforeALawThatIsNotShownAreJudgedWithoutIt(t *testing.T) {
	w := newLawWorld(t)
	hidden := w.tight(20)
	delete(w.sets, hidden.Hash())
	w.publish(hidden)
	if reigns, _, err := w.chain.Reigns(context.Background(), w.next, w.clock); err != nil || len(reigns) != 1 {
		t.Errorf("before it: %v, %v", reigns, err)
	}
	if _, _, err := w.chain.Reigns(context.Background(), w.next+1, w.clock); !errors.Is(err, policy.ErrUnshown) {
		t.Errorf("after it: %v", err)
	}
}

func TestApprovalsAreCountedAnewOnceTheGroupHasChanged(t *testing.T) {
	w := newLawWorld(t)
	loose := w.loose(400)
	approvers := w.cfg.Approvers
	retired := false
	w.cfg.Approvers = func(i uint64) (map[string]ed25519.PublicKey, int) {
		keys, t := approvers(i)
		if retired {
			keys = maps.Clone(keys)
			delete(keys, "guardian-1")
		}
		return keys, t
	}
	w.chain = policy.NewChain(w.cfg)
	w.next = 0
	w.publish(w.first)
	w.publish(loose, w.by(loose, w.first, week, 0, 1)...)
	w.expect("guardian 1 is one", 100*time.Hour, loose)
	retired = true
	w.chain.Anew()
	w.expect("guardian 1 had left before", 100*time.Hour, w.first)
}

func TestSpentApprovalsAreKnownBeforeTheyAreAnnouncedAgain(t *testing.T) {
	w := newLawWorld(t)
	loose := w.loose(400)
	spent := func() bool {
		yes, err := w.chain.Spent(context.Background(), loose.Hash())
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	w.publish(loose)
	if spent() {
		t.Error("spent by a leaf with too few approvals")
	}
	w.publish(loose, w.by(loose, w.first, week, 0, 1)...)
	if !spent() {
		t.Error("not spent by the leaf that used them")
	}
}

// What was passed over for good stays so in the running process, too: when guardians change, or a law is proven older, everything is
// judged anew, and a hub that hid a law until its wait was over would show it then.
func TestLawThatWasPassedOverStaysSoWhenAllIsJudgedAnew(t *testing.T) {
	for name, anew := range map[string]func(*lawWorld){
		"the guardians have changed": func(w *lawWorld) { w.chain.Anew() },
		"a law is proven older":      func(w *lawWorld) { w.chain.SeenBy(1, w.clock.Add(-1000*time.Hour)) },
	} {
		w := newLawWorld(t)
		hidden := w.loose(60)
		delete(w.sets, hidden.Hash())
		w.publish(hidden, w.by(hidden, w.first, time.Hour, 0, 1)...)
		w.clock = w.clock.Add(protocol.LooseningWait + time.Minute)
		w.expect("once nobody has shown it in time", 0, w.first)
		w.shown(hidden)
		anew(w)
		w.expect(name, 0, w.first)
	}
}
