package watch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune/policy"
	"tribune/protocol"
)

// A watcher has the guardians' rule: what they do not take for law it does not take for law either.
func TestAWatcherJudgesTheLawAsGuardiansDo(t *testing.T) {
	by := func(s *policy.Set) func(*protocol.Leaf) {
		return func(l *protocol.Leaf) { l.Decision.Set = s.Hash() }
	}
	for name, c := range map[string]struct {
		play func(w *world, wait func(time.Duration), loose *policy.Set)
		want []Kind
	}{
		"announced, and in force after its wait": {func(w *world, wait func(time.Duration), loose *policy.Set) {
			w.add(w.publish(loose, w.approve(loose, w.set, 2)))
			wait(73 * time.Hour)
			w.add(w.leaf(by(loose)))
		}, nil},
		"ended by a law that only tightens": {func(w *world, wait func(time.Duration), loose *policy.Set) {
			w.add(w.publish(loose, w.approve(loose, w.set, 2)))
			wait(time.Hour)
			w.add(w.publish(w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000")))
			wait(73 * time.Hour)
			w.add(w.leaf(by(loose)))
		}, []Kind{LawEarly}},
		"withdrawn, and announced again with the same approvals": {func(w *world, wait func(time.Duration), loose *policy.Set) {
			approvals := w.approve(loose, w.set, 2)
			w.add(w.publish(loose, approvals))
			wait(time.Hour)
			w.add(w.publish(w.set, func(p *protocol.LawPublic) { p.Withdraws = loose.Hash() }))
			wait(time.Hour)
			w.add(w.publish(loose, approvals))
			wait(73 * time.Hour)
			w.add(w.leaf(by(loose)))
		}, []Kind{LawEarly}},
		"withdrawn, and the law before it goes on": {func(w *world, wait func(time.Duration), loose *policy.Set) {
			w.add(w.publish(loose, w.approve(loose, w.set, 2)))
			wait(time.Hour)
			w.add(w.publish(w.set, func(p *protocol.LawPublic) { p.Withdraws = loose.Hash() }))
			wait(100 * time.Hour)
			w.add(w.leaf())
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			one := w.watcher(t.TempDir())
			w.rounds(one, 1)
			loose := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 3000")
			wait := func(d time.Duration) {
				w.cosign(4)
				w.rounds(one, 1)
				w.pass(d)
				w.cosign(4)
			}
			c.play(w, wait, loose)
			w.cosign(4)
			w.rounds(one, 2)
			w.expect(one, false, c.want...)
		})
	}
}

// A law that nobody ever shows stops guardians for 72 hours and no longer: it does not make a watcher blind for ever either.
func TestALawThatNobodyShowsIsPassedOver(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	gone := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000")
	w.mu.Lock()
	delete(w.laws, gone.Hash().String())
	w.mu.Unlock()
	w.add(w.publish(gone))
	look := func() {
		w.cosign(4)
		w.rounds(one, 3)
	}
	look()
	w.expect(one, false, LawUnshown)
	w.pass(73 * time.Hour)
	loose := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 3000")
	w.add(w.publish(loose))
	w.cosign(4)
	w.rounds(one, 1)
	w.add(w.leaf(func(l *protocol.Leaf) { l.Decision.Set = loose.Hash() }))
	look()
	if got := stands(one); len(got) != 1 || got[0] != LawEarly {
		t.Errorf("incidents are %v, want %s alone:\n%s", got, LawEarly, texts(one))
	}
}

// What guardians have passed over they never take, also where it is shown later: nor does a watcher, whichever way it was started since.
func TestALawThatWasPassedOverStaysSoAfterARestart(t *testing.T) {
	w := newWorld(t)
	one := w.watcher(t.TempDir())
	w.rounds(one, 1)
	hidden := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 1000")
	w.mu.Lock()
	files := w.laws[hidden.Hash().String()]
	delete(w.laws, hidden.Hash().String())
	w.mu.Unlock()
	w.add(w.publish(hidden))
	w.cosign(4)
	w.rounds(one, 2)
	w.pass(73 * time.Hour)
	w.cosign(4)
	w.rounds(one, 2)
	one.Close()
	w.mu.Lock()
	w.laws[hidden.Hash().String()] = files
	w.mu.Unlock()
	again := w.watcher(one.cfg.Dir)
	w.add(w.leaf()) // by the law of before, as guardians demand
	w.cosign(4)
	w.rounds(again, 3)
	if got := stands(again); len(got) != 0 {
		t.Errorf("incidents are %v, want none:\n%s", got, texts(again))
	}
	w.add(w.leaf(func(l *protocol.Leaf) { l.Decision.Set = hidden.Hash() }))
	w.cosign(4)
	w.rounds(again, 2)
	if got := stands(again); len(got) != 1 || got[0] != LawEarly {
		t.Errorf("incidents are %v, want %s:\n%s", got, LawEarly, texts(again))
	}
}

// A hub that holds the chain of guardians back for a while has the watcher judge a law without those who approved it. Once the chain is shown
// every leaf is judged by it, also those that were read before.
func TestLawIsJudgedByGuardiansThatWereShownLater(t *testing.T) {
	w, one, first := founded(t)
	library, museum := w.newPeer("library.example"), w.newPeer("museum.example")
	old := w.guardians
	next := append(slices.Clone(old[:2]), library, museum)
	_, at := w.close(&first, nil, next, old)
	link := w.link(at, old...)
	loose := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 3000")
	w.guardians = []*peer{library, museum, old[0], old[1]}
	w.add(w.publish(loose, w.approve(loose, w.set, 2)))
	w.guardians = old
	w.cosign(4)
	w.rounds(one, 1)
	w.guardians = next
	w.chain = append(w.chain, link)
	w.pass(200 * time.Hour)
	stale := w.add(w.leaf()) // the hub goes on by the law of before
	w.cosign(4)
	w.rounds(one, 3)
	if got := stands(one); !slices.Contains(got, LawStale) || !strings.Contains(texts(one), fmt.Sprintf("Leaf %d was decided", stale)) {
		t.Errorf("incidents are %v, want %s:\n%s", got, LawStale, texts(one))
	}
}
