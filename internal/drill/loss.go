package drill

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	lossQuiet = 4 * time.Second
	// lossFor is how long the load runs without the guardians: longer than an act waits for publication.
	lossFor = 5 * time.Second
	// settleFor lets what was published before a kill reach its callers.
	settleFor = 700 * time.Millisecond
)

// playGuardianLoss takes guardians away by kill -9, one after the other, while an office works: so many that acts go on, one more so
// that nothing is published, and one more still so that nothing can be opened. Two cities: 4 guardians (t=2, w=3) and 5 (t=3, w=4).
func playGuardianLoss(ctx context.Context, p *play) error {
	for _, n := range []int{4, 5}[:p.few(2)] {
		if err := p.guardianLoss(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) guardianLoss(ctx context.Context, n int) error {
	s, people, err := p.serveCity(ctx, fmt.Sprintf("city-%d", n), n)
	if err != nil {
		return err
	}
	t, err := s.load(ctx, people)
	if err != nil {
		return err
	}
	of := fmt.Sprintf("of %d guardians (t=%d, w=%d)", n, s.t, s.w)
	quiet := t.during(ctx, lossQuiet)
	p.control(quiet[kindRead].good > 0 && quiet[kindAct].good > 0 && quiet[kindRead].bad+quiet[kindAct].bad == 0, "all "+of+": an office reads sessions and acts", "every one is answered", "%s", quiet)

	l := &loss{traffic: t, of: of, quiet: quiet}
	if err := l.some(ctx, n-s.w); err != nil {
		return err
	}
	if err := l.tooMany(ctx, n-s.w+1); err != nil {
		return err
	}
	if err := l.almostAll(ctx, n-s.t+1); err != nil {
		return err
	}
	if err := t.verdict(ctx); err != nil {
		return err
	}
	return s.proc.stop()
}

type loss struct {
	*traffic
	of    string
	quiet stretch
}

// each kills so many guardians at a time, in turn, has the load run without them, and starts them again.
func (l *loss) each(ctx context.Context, lost, rounds int, without func(gone []*keeper) error) (slowest time.Duration, err error) {
	s := l.served
	for round := range rounds {
		var gone []*keeper
		for i := range lost {
			gone = append(gone, s.keepers[(round*lost+i)%len(s.keepers)])
		}
		for _, k := range gone {
			k.kill()
		}
		if err := without(gone); err != nil {
			return 0, err
		}
		for _, k := range gone {
			if err := k.start(ctx); err != nil {
				return 0, err
			}
		}
		took, err := l.goesOn(ctx)
		if err != nil {
			return 0, err
		}
		slowest = max(slowest, took)
		if err := s.caughtUp(ctx, gone...); err != nil {
			return 0, err
		}
	}
	return slowest, nil
}

// some: as many as publishing can do without.
func (l *loss) some(ctx context.Context, lost int) error {
	all, rounds := newStretch(), l.served.play.few(len(l.served.keepers))
	back, err := l.each(ctx, lost, rounds, func([]*keeper) error {
		all.add(l.during(ctx, lossFor/2))
		return nil
	})
	if err != nil {
		return err
	}
	r, a := all[kindRead], all[kindAct]
	l.served.play.times(rounds, r.good > 0 && a.good > 0 && r.bad+a.bad == 0 && all.publicWent(), fmt.Sprintf("kill -9 of %d %s, each in its turn", lost, l.of),
		"acts go on, none fails", "%s; with all: reading p99 %s, act p99 %s; caught up in at most %.1f s after its start", all, ms(l.quiet[kindRead].quantile(0.99)), ms(l.quiet[kindAct].quantile(0.99)), back.Seconds())
	return nil
}

// tooMany: one more. Shares to open with would still be there.
func (l *loss) tooMany(ctx context.Context, lost int) error {
	s, rounds := l.served, l.served.play.few(2)
	all, moved, held := newStretch(), uint64(0), true
	back, err := l.each(ctx, lost, rounds, func([]*keeper) error {
		pause(ctx, settleFor)
		before, err := s.published(ctx)
		if err != nil {
			return err
		}
		during := l.during(ctx, lossFor)
		after, err := s.published(ctx)
		if err != nil {
			return err
		}
		all.add(during)
		moved += after - before
		held = held && during.closed()
		return nil
	})
	if err != nil {
		return err
	}
	s.play.times(rounds, held && moved == 0, fmt.Sprintf("kill -9 of %d %s", lost, l.of), "nothing is published and nothing opened, 503 with title, detail and hint; what is public goes on",
		"%d leaves published; %s", moved, all)
	s.play.times(rounds, back < startFor, fmt.Sprintf("start these %d again", lost), "acts go on by themselves", "at most %.1f s later", back.Seconds())
	return nil
}

// almostAll: fewer are left than open. What arrives about somebody new cannot be named either.
func (l *loss) almostAll(ctx context.Context, lost int) error {
	s, held := l.served, true
	all, said := newStretch(), ""
	back, err := l.each(ctx, lost, 1, func([]*keeper) error {
		pause(ctx, settleFor)
		during := l.during(ctx, lossFor)
		all.add(during)
		a, err := s.newcomer(ctx, "urn:ngsi-ld:ParkingSession:drill:newcomer")
		if err != nil {
			return err
		}
		said = shown(a)
		held = during.closed() && a.Status == http.StatusServiceUnavailable && a.Problem.Hint != "" && !strings.Contains(said, "QX")
		return nil
	})
	if err != nil {
		return err
	}
	s.play.check(held, fmt.Sprintf("kill -9 of %d %s: fewer are left than open", lost, l.of), "503 with title, detail and hint, for readings and for what arrives about somebody new; what is public goes on",
		"%s; a newcomer's session: %s", all, said)
	a, err := s.newcomer(ctx, "urn:ngsi-ld:ParkingSession:drill:newcomer")
	if err != nil {
		return err
	}
	s.play.control(a.Status == http.StatusCreated, fmt.Sprintf("start these %d again", lost), "acts go on, and the newcomer's session is stored", "%.1f s later; %s", back.Seconds(), shown(a))
	return nil
}
