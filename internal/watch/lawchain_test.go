package watch

import (
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
