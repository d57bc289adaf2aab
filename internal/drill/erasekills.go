package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// deaths kills the hub in the middle of erasures and of rotations: the next start ends what is on record, and loses nobody else's data.
func (e *erasureDrill) deaths(ctx context.Context) error {
	rounds := max(1, min(e.play.cfg.Kills/4, len(e.others)/2))
	erased, spared, wrong := 0, 0, []string{}
	for i := range rounds {
		gone, err := e.dieErasing(ctx, i)
		if err != nil {
			return err
		}
		switch gone {
		case "erased":
			erased++
		case "spared":
			spared++
		default:
			wrong = append(wrong, gone)
		}
	}
	e.play.times(rounds, len(wrong) == 0, "kill -9 the hub while it erases, and start it again", "who is on record as erased is gone, who is not is there", "%d erased, %d not on record and there; wrong: %v", erased, spared, wrong)
	for range rounds {
		if err := e.dieRotating(ctx); err != nil {
			e.play.times(rounds, false, "kill -9 the hub while it replaces the epoch key, and start it again", "everybody living can be read", "%v", err)
			return nil
		}
	}
	e.play.times(rounds, true, "kill -9 the hub while it replaces the epoch key, and start it again", "it goes on, the key is another one, and the living can be read", "as wanted")
	return nil
}

// dieErasing has one of the others erased and kills the hub at a random moment. It says what became of them.
func (e *erasureDrill) dieErasing(ctx context.Context, round int) (string, error) {
	c, who, id := e.city, e.others[round], sessionID(victimSession+1000+round)
	if err := c.park(ctx, id, who); err != nil {
		return "", err
	}
	if err := settled(ctx); err != nil {
		return "", err
	}
	before, err := e.erasures(ctx)
	if err != nil {
		return "", err
	}
	office, err := c.as("protection-lind")
	if err != nil {
		return "", err
	}
	end := e.busy(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		office.Read(ctx, http.MethodPost, "/erasures", eraseBody(who)) // it dies with the hub, or not
	}()
	pause(ctx, rand.N(eraseWait))
	c.proc.kill()
	<-asked
	end()
	if err := c.start(ctx); err != nil {
		return "", fmt.Errorf("starting after a kill: %w", err)
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return "", err
	}
	if _, err := c.ask(ctx, inspector, e.living.plate); err != nil { // it is published, and with it what the killed hub put on record before
		return "", err
	}
	after, err := e.erasures(ctx)
	if err != nil {
		return "", err
	}
	for _, index := range after {
		if _, err := e.deleted(ctx, index); err != nil {
			return "", err
		}
	}
	a, err := c.ask(ctx, inspector, who.plate)
	if err != nil {
		return "", err
	}
	recorded, there := len(after) > len(before), tells(a, id, who)
	switch {
	case recorded && !there && a.Status == http.StatusOK:
		return "erased", nil
	case !recorded && there:
		return "spared", nil
	}
	return fmt.Sprintf("round %d: on record %v, found %v: %s", round+1, recorded, there, shown(a)), nil
}

// erasures are the entries of the record that erase somebody.
func (e *erasureDrill) erasures(ctx context.Context) (all []uint64, err error) {
	leaves, err := e.city.leaves(ctx, e.city.path("hub", "log"))
	if err != nil {
		return nil, err
	}
	for i, raw := range leaves {
		if l, err := protocol.DecodeLeaf(raw); err == nil && l.Act.Kind == tribune.ActErase && l.Decision.Permit {
			all = append(all, uint64(i))
		}
	}
	return all, nil
}

// dieRotating kills the hub while the epoch key is replaced, starts it again, and has it end.
func (e *erasureDrill) dieRotating(ctx context.Context) error {
	c := e.city
	end := e.busy(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		e.play.command(ctx, "erase", "rotate", "--dir", c.dir) // it dies with the hub, or not
	}()
	pause(ctx, rand.N(rotateWait))
	c.proc.kill()
	<-asked
	end()
	if err := c.start(ctx); err != nil {
		return fmt.Errorf("starting after a kill: %w", err)
	}
	if output, code, err := e.play.command(ctx, "erase", "rotate", "--dir", c.dir); err != nil || code != 0 {
		return fmt.Errorf("%w: replacing the epoch key: exit %d: %s: %w", errDrill, code, firstLine(output), err)
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, e.living.plate)
	if err != nil {
		return err
	}
	if !tells(a, sessionID(livingSession), e.living) {
		return fmt.Errorf("%w: the living cannot be read: %s", errDrill, shown(a))
	}
	return nil
}

// keptCopies: a hub that was taken over has kept headers, trace keys and the old epoch key of before, and asks the guardians by an
// inspector's act. They refuse, and give what they give of anybody else.
func (e *erasureDrill) keptCopies(ctx context.Context) error {
	p, c := e.play, e.city
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	if err := settled(ctx); err != nil {
		return err
	}
	if err := c.proc.stop(); err != nil {
		return err
	}
	leaves, err := c.leaves(ctx, c.path("hub", "log"))
	if err != nil {
		return err
	}
	hub, err := c.takeOver(ctx, leaves)
	if err != nil {
		return err
	}
	p.onEnd(hub.close)
	w := &wide{play: p, city: c, theft: e.old, hub: hub}
	e.stolen = w
	if err := w.learn(inspector); err != nil {
		return err
	}
	today := time.Now().UTC().Format(time.DateOnly)
	refused := func(tried string, change func(*wish)) error {
		x, err := w.plain(e.subject)
		if err != nil {
			return err
		}
		if change != nil {
			change(x)
		}
		leaf, answers, err := w.record(ctx, x)
		if err != nil {
			return err
		}
		held, seen := w.refused("erased, on record, up to "+today, answers, leaf)
		p.check(held, tried, fmt.Sprintf("%d signed refusals: erased up to %s", hub.group.N, today), "%s", seen)
		return nil
	}
	if err := refused("a hub that kept the person's headers and keys asks for a segment of today", nil); err != nil {
		return err
	}
	if err := refused("and for yesterday as a whole", func(x *wish) {
		x.private.Inputs.From = protocol.Time(time.Now().UTC().AddDate(0, 0, -2))
		id := &x.private.Subjects[0].IDs[0]
		id.Day, id.Segment = id.Day-1, tribune.WholeDay
	}); err != nil {
		return err
	}
	x, err := w.plain(w.otherThan(e.subject))
	if err != nil {
		return err
	}
	h, _ := w.segment(x.private.Subjects[0].P)
	leaf, answers, err := w.record(ctx, x)
	if err != nil {
		return err
	}
	opened, err := w.combine(x, leaf, answers, h)
	seen := fmt.Sprintf("%d sealed values open", opened)
	if err != nil {
		seen = err.Error()
	}
	p.control(err == nil && opened > 0, "the same for somebody who was not erased", "all release; the key opens the segment's values", "%s", seen)
	return nil
}

// otherThan is a victim of the stolen hub whom nobody has erased: the one who parks in the load.
func (w *wide) otherThan(p tribune.Pseudonym) tribune.Pseudonym {
	for _, v := range w.victims {
		k, err := protocol.TraceKey(w.loot.traces[v])
		if err != nil || v == p {
			continue
		}
		erased := false
		for _, raw := range w.hub.leaves {
			if l, err := protocol.DecodeLeaf(raw); err == nil {
				if e, err := protocol.ErasureOf(l); err == nil {
					for m := uint64(1); m < 3; m++ {
						erased = erased || slices.Contains(e.Erased, protocol.ErasedTag(k, m))
					}
				}
			}
		}
		if !erased {
			return v
		}
	}
	return p
}
