package drill

import (
	"context"
	"fmt"
	"time"
)

const (
	slowFor   = 2500 * time.Millisecond
	slowDelay = 5 * time.Second
	// slowBound is far below slowDelay: had one act waited for the slow guardian, p99 would be over it.
	slowBound = 2 * time.Second
)

// playSlowGuardian makes each guardian in turn slow, in two ways, and then one whose shares do not verify, and measures acts meanwhile.
func playSlowGuardian(ctx context.Context, p *play) error {
	s, people, err := p.serveCity(ctx, "city", 4)
	if err != nil {
		return err
	}
	t, err := s.load(ctx, people)
	if err != nil {
		return err
	}
	quiet := t.during(ctx, 2*slowFor)
	p.control(quiet[kindRead].good > 0 && quiet[kindRead].bad+quiet[kindAct].bad == 0 && quiet[kindRead].quantile(0.99) < slowBound,
		"no guardian is slow: an office reads sessions and acts", fmt.Sprintf("every one is answered, p99 below %s", slowBound), "%s", quiet)
	for _, f := range []fault{{delay: slowDelay}, {trickle: 100 * time.Millisecond}, {spoil: true}} {
		if err := t.slow(ctx, f, quiet); err != nil {
			return err
		}
	}
	if err := t.allSlow(ctx); err != nil {
		return err
	}
	if err := t.verdict(ctx); err != nil {
		return err
	}
	return s.proc.stop()
}

// slow: one of four, each in its turn.
func (t *traffic) slow(ctx context.Context, f fault, quiet stretch) error {
	s := t.served
	all, late := newStretch(), newStretch()
	asked, asks := 0, 0
	keepers := s.keepers[:s.play.few(len(s.keepers))]
	for _, k := range keepers {
		k.to.set(f)
		all.add(t.during(ctx, slowFor))
		before, others := k.to.reached("/release"), s.reached("/release")
		now := t.during(ctx, slowFor) // by now the hub knows
		asked += k.to.reached("/release") - before
		asks += s.reached("/release") - others
		all.add(now)
		late.add(now)
		k.to.set(fault{})
		if _, err := t.goesOn(ctx); err != nil {
			return err
		}
		if err := s.caughtUp(ctx, k); err != nil {
			return err
		}
	}
	r, a := all[kindRead], all[kindAct]
	held := r.good > 0 && a.good > 0 && r.bad+a.bad == 0 && r.quantile(0.99) < slowBound && a.quantile(0.99) < slowBound && all.publicWent()
	s.play.times(len(keepers), held, "one guardian of four, each in its turn: "+f.String(), fmt.Sprintf("acts go on, none fails, p99 below %s", slowBound),
		"%s; slowest reading %s; with none slow: p99 %s", all, ms(r.slowest), ms(quiet[kindRead].quantile(0.99)))
	s.play.times(len(keepers), asks > 0 && asked*8 <= asks, "count the releases that this guardian is asked for, once it is known: "+f.String(), "it is asked last: for at most one in eight: now and then another is late as well", "%d of %d requests for shares", asked, asks)
	return nil
}

// reached sums over all guardians.
func (s *served) reached(path string) (n int) {
	for _, k := range s.keepers {
		n += k.to.reached(path)
	}
	return n
}

// allSlow shows that the measure sees what it should: with every guardian slow no act can be fast.
func (t *traffic) allSlow(ctx context.Context) error {
	s := t.served
	for _, k := range s.keepers {
		k.to.set(fault{delay: slowDelay})
	}
	pause(ctx, settleFor)
	now := t.during(ctx, 2*slowFor)
	for _, k := range s.keepers {
		k.to.set(fault{})
	}
	_, err := t.goesOn(ctx)
	if err != nil {
		return err
	}
	quick := now[kindRead].within(slowBound)
	s.play.control(now[kindRead].slowest > slowBound && quick == 0, "the same measure with all four slow", fmt.Sprintf("no reading is answered within %s", slowBound), "%d are; %s; slowest %s", quick, now, ms(now[kindRead].slowest))
	return s.caughtUp(ctx, s.keepers...)
}
