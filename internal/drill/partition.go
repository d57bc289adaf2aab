package drill

import (
	"context"
	"fmt"
	"math/bits"
	"os"
	"sync"
	"time"

	"tribune"
	"tribune/verify"
)

const (
	partitionFor = 3 * time.Second
	// healFor is how long a guardian may take to hold everything after a partition has healed.
	healFor = 30 * time.Second
)

// playPartition disturbs the wires between the hub and its guardians under load: cut, late, lossy, doubled; one direction or both.
func playPartition(ctx context.Context, p *play) error {
	s, people, err := p.serveCity(ctx, "city", 4)
	if err != nil {
		return err
	}
	t, err := s.load(ctx, people)
	if err != nil {
		return err
	}
	watch := s.watchHeads(ctx)
	d := &partition{traffic: t}
	quiet := t.during(ctx, partitionFor)
	p.control(quiet[kindRead].good > 0 && quiet[kindAct].good > 0 && quiet[kindRead].bad+quiet[kindAct].bad == 0, "sound wires: an office reads sessions and acts", "every one is answered", "%s", quiet)
	for _, step := range []func(context.Context) error{d.cuts, d.deaf, d.bad} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := t.verdict(ctx); err != nil {
		return err
	}
	if err := watch.oneHistory(); err != nil {
		return err
	}
	return s.proc.stop()
}

type partition struct{ *traffic }

// heal makes all wires sound again and waits until acts go on and every guardian holds everything.
func (d *partition) heal(ctx context.Context) (time.Duration, error) {
	for _, k := range d.served.keepers {
		k.to.set(fault{})
		k.from.set(fault{})
	}
	if _, err := d.goesOn(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	err := d.served.caughtUp(ctx, d.served.keepers...)
	return time.Since(began), err
}

// cuts separates every set of guardians from the hub, in turn: all sides of a network that falls apart.
func (d *partition) cuts(ctx context.Context) error {
	s, n := d.served, len(d.served.keepers)
	enough, few := newStretch(), newStretch()
	var goOn, stop int
	held := [2]bool{true, true}
	var slowest time.Duration
	sets := uint(1) << n
	if s.play.cfg.Short {
		sets = 4 // one guardian alone, another, both
	}
	for set := uint(1); set < sets; set++ {
		reach := n - bits.OnesCount(set)
		for i, k := range s.keepers {
			if set&(1<<i) != 0 {
				k.to.set(fault{cut: true})
				k.from.set(fault{cut: true})
			}
		}
		pause(ctx, settleFor)
		before, err := s.published(ctx)
		if err != nil {
			return err
		}
		now := d.during(ctx, partitionFor/2)
		after, err := s.published(ctx)
		if err != nil {
			return err
		}
		if reach >= s.w {
			goOn++
			enough.add(now)
			held[0] = held[0] && now[kindRead].good > 0 && now[kindAct].good > 0 && now[kindRead].bad+now[kindAct].bad == 0
		} else {
			stop++
			few.add(now)
			held[1] = held[1] && now[kindRead].good+now[kindAct].good == 0 && after == before && now.publicWent()
		}
		took, err := d.heal(ctx)
		if err != nil {
			return err
		}
		slowest = max(slowest, took)
	}
	s.play.times(goOn, held[0], fmt.Sprintf("cut every set of guardians off that leaves %d or more", s.w), "acts go on, none fails", "%s", enough)
	s.play.times(stop, held[1], fmt.Sprintf("cut every set of guardians off that leaves fewer than %d", s.w), "nothing is published, nothing opened; what is public goes on", "%s", few)
	s.play.times(goOn+stop, slowest < healFor, "heal the cut", "acts go on, and every guardian holds everything", "within at most %.1f s after the first act", slowest.Seconds())
	return nil
}

// deaf: guardians are reached, and reach nobody: what they are asked to co-sign they cannot fetch.
func (d *partition) deaf(ctx context.Context) error {
	s := d.served
	for _, k := range s.keepers[:2] {
		k.from.set(fault{cut: true})
	}
	pause(ctx, settleFor)
	now := d.during(ctx, 2*partitionFor)
	took, err := d.heal(ctx)
	if err != nil {
		return err
	}
	s.play.check(now[kindRead].good+now[kindAct].good == 0 && now.publicWent(), "let the hub reach all four guardians, of whom two cannot reach the hub",
		"they do not co-sign leaves that they do not hold: nothing is published, nothing opened", "%s; caught up %.1f s after it healed", now, took.Seconds())
	return nil
}

// bad wires: all of them, in both directions.
func (d *partition) bad(ctx context.Context) error {
	s := d.served
	for _, f := range []fault{{delay: 400 * time.Millisecond}, {lose: 0.05}, {lose: 0.2}, {twice: true}} {
		for _, k := range s.keepers {
			k.to.set(f)
			k.from.set(f)
		}
		pause(ctx, settleFor)
		now := d.during(ctx, 2*partitionFor)
		took, err := d.heal(ctx)
		if err != nil {
			return err
		}
		// A loss may stop an act, and then says so; late and doubled messages stop none.
		held := now.publicWent() && now[kindRead].unclear+now[kindAct].unclear == 0
		want := "acts go on, or are refused with a reason; none is opened off the record"
		if f.lose == 0 {
			held = held && now[kindRead].good > 0 && now[kindAct].good > 0 && now[kindRead].bad+now[kindAct].bad == 0
			want = "acts go on, none fails"
		}
		s.play.check(held, "all wires to and from all guardians: "+f.String(), want, "%s; caught up %.1f s after it healed", now, took.Seconds())
	}
	return nil
}

// headWatch notes every checkpoint that the hub publishes, and every head that a guardian signs, as an outsider would.
type headWatch struct {
	served *served
	end    context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex // guards heads
	heads map[uint64]map[tribune.Hash]string
}

func (s *served) watchHeads(ctx context.Context) *headWatch {
	ctx, end := context.WithCancel(ctx)
	w := &headWatch{served: s, end: end, heads: map[uint64]map[tribune.Hash]string{}}
	s.play.onEnd(w.stop)
	w.done.Go(func() {
		for ctx.Err() == nil {
			if cp, err := s.checkpoint(ctx); err == nil {
				w.note("the hub", cp.Size, cp.Root)
			}
			for _, k := range s.keepers {
				if size, root, err := k.head(ctx); err == nil {
					w.note(k.name, size, root)
				}
			}
			pause(ctx, 2*pollEvery)
		}
	})
	return w
}

func (w *headWatch) stop() {
	w.end()
	w.done.Wait()
}

func (w *headWatch) note(who string, size uint64, root tribune.Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.heads[size] == nil {
		w.heads[size] = map[tribune.Hash]string{}
	}
	w.heads[size][root] = who
}

// oneHistory holds all heads that were seen against the log as it is now.
func (w *headWatch) oneHistory() error {
	w.stop()
	s := w.served
	now, err := s.checkpoint(context.Background())
	if err != nil {
		return err
	}
	tree, err := verify.OpenTree(now.Size, now.Root, verify.OrFull(verify.Dir(os.DirFS(s.path("hub", "log")))))
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	broken := []string{}
	seen := 0
	for size, roots := range w.heads {
		for root, who := range roots {
			seen++
			if size == 0 || size > now.Size {
				continue
			}
			if err := tree.Extends(size, root); err != nil {
				broken = append(broken, fmt.Sprintf("%s, %d leaves: %v", who, size, err))
			}
		}
	}
	s.play.times(seen, len(broken) == 0 && seen > 10, "note every head that hub and guardians show, all the while, and hold it against the log at the end", "each is of this one history: no fork", "%d heads up to %d leaves; not: %s", seen, now.Size, some(broken))
	other := now.Root
	other[0] ^= 1
	err = tree.Extends(now.Size, other)
	s.play.control(err != nil, "the same of a head of another tree", "found", "%v", err)
	return nil
}
