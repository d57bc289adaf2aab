package drill

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// changeFor bounds a change of guardians, the restart of a killed process in it included.
const changeFor = 60 * time.Second

// playCeremony kills whoever takes part in the guardians' key generations, at moments spread over them, and takes guardians away
// for good: the founding, changes of membership, and the emergency. What was sealed before must open after each.
func playCeremony(ctx context.Context, p *play) error {
	if err := p.foundUnderKills(ctx); err != nil {
		return err
	}
	s, people, err := p.serveCity(ctx, "city", 4)
	if err != nil {
		return err
	}
	c := &council{served: s, who: people[0], epoch: 1}
	if c.founding, err = os.ReadFile(s.path("trust.txt")); err != nil {
		return fmt.Errorf("keeping the founders' trust file: %w", err)
	}
	if err := s.park(ctx, sessionID(1), c.who); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{c.needsEverybody, c.killedMidway, c.replacesTheDead, c.emergency, c.citizensFollow, c.tooFew} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return s.proc.stop()
}

// foundUnderKills kills hub and guardians together again and again, each time some moments later in the founding.
func (p *play) foundUnderKills(ctx context.Context) error {
	c := p.newCity("founding")
	c.people = min(c.people, 20)
	kills := 0
	for ; kills < p.few(8); kills++ {
		if err := c.launch(ctx, 4); err != nil {
			return err
		}
		pause(ctx, time.Duration(kills)*150*time.Millisecond)
		if kills%2 == 1 { // one guardian first, and the others notice
			if pid, err := c.guardianPID(1 + kills%4); err == nil {
				syscall.Kill(pid, syscall.SIGKILL)
				pause(ctx, 200*time.Millisecond)
			}
		}
		c.proc.kill()
	}
	if err := c.start(ctx); err != nil {
		p.check(false, fmt.Sprintf("kill -9 of hub and guardians %d times while they found their keys", kills), "the next start finishes it", "%v", err)
		return nil
	}
	people, err := c.populace()
	if err != nil {
		return err
	}
	if err := c.park(ctx, sessionID(1), people[0]); err != nil {
		return err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, people[0].plate)
	if err != nil {
		return err
	}
	p.times(kills, tells(a, sessionID(1), people[0]), "kill -9 of hub and guardians while they found their keys", "the next start finishes it, and what is sealed opens", "%s", shown(a))
	return c.proc.stop()
}

// council is a served city whose guardians change.
type council struct {
	*served
	who      person
	epoch    int
	files    int
	founding []byte // the trust file of then
}

// run runs a command of the program to its end.
func (c *council) run(ctx context.Context, args ...string) (said string, err error) {
	said, code, err := c.play.command(ctx, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("%w: exit code %d", errDrill, code)
	}
	return strings.TrimSpace(said), err
}

// must is run of what has to work.
func (c *council) must(ctx context.Context, args ...string) error {
	if said, err := c.run(ctx, args...); err != nil {
		return fmt.Errorf("tribune %s: %w: %s", strings.Join(args[:2], " "), err, said)
	}
	return nil
}

// propose writes, signs and hands in a change; who describes it, as the flags of the command do.
func (c *council) propose(ctx context.Context, what ...string) (file string, err error) {
	c.files++
	file = c.play.scratch(fmt.Sprintf("change-%d.txt", c.files))
	if err := c.must(ctx, append([]string{"guardians", "change", "--dir", c.dir, "--out", file}, what...)...); err != nil {
		return file, err
	}
	if err := c.must(ctx, "sign", "--key", c.path("institutions", "council.key"), file); err != nil {
		return file, err
	}
	return file, c.must(ctx, "guardians", "propose", "--dir", c.dir, file)
}

func (c *council) accept(ctx context.Context, file string, by ...*keeper) error {
	for _, k := range by {
		if err := c.must(ctx, "guardian", "change", "accept", "--config", k.config, "--yes", file); err != nil {
			return err
		}
	}
	return nil
}

// inEpoch waits until the hub goes by a share epoch.
func (c *council) inEpoch(ctx context.Context, epoch int) error {
	ctx, cancel := context.WithTimeout(ctx, changeFor)
	defer cancel()
	for {
		group, err := readGroup(c.path("hub", "group.json"))
		if err == nil && int(group.Epoch) == epoch {
			if ready, err := c.get(ctx, "/readyz"); err == nil && ready {
				c.epoch = epoch
				return nil
			}
		}
		select {
		case <-ctx.Done():
			said, _ := c.run(context.WithoutCancel(ctx), "guardians", "list", "--dir", c.dir)
			return fmt.Errorf("%w: not in share epoch %d within %s: %s", errDrill, epoch, changeFor, said)
		case <-time.After(pollEvery):
		}
	}
}

// opens asks for the session of before all changes; the hub may be between two groups for a moment.
func (c *council) opens(ctx context.Context) (bool, string) {
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return false, err.Error()
	}
	seen := ""
	for range 20 {
		a, err := c.ask(ctx, inspector, c.who.plate)
		if err == nil && tells(a, sessionID(1), c.who) {
			return true, "plate and driver in clear, share epoch " + strconv.Itoa(c.epoch)
		}
		if seen = shown(a); err != nil {
			seen = err.Error()
		}
		pause(ctx, 500*time.Millisecond)
	}
	return false, seen
}

// needsEverybody: without the council, and without the operators, nothing changes.
func (c *council) needsEverybody(ctx context.Context) error {
	ok, seen := c.opens(ctx)
	c.play.control(ok, "the founders: an inspector reads a session", "plate and driver in clear", "%s", seen)

	file := c.play.scratch("forged.txt")
	if err := c.must(ctx, "guardians", "change", "--dir", c.dir, "--refresh", "--out", file); err != nil {
		return err
	}
	key := c.play.scratch("forger.key")
	if err := c.must(ctx, "key", "--name", "birmingham.example/council", "--out", key); err != nil {
		return err
	}
	if err := c.must(ctx, "sign", "--key", key, file); err != nil {
		return err
	}
	said, err := c.run(ctx, "guardians", "propose", "--dir", c.dir, file)
	c.play.check(err != nil, "hand in a change that another key of the council's name has signed", "refused", "%s", said)
	said, err = c.run(ctx, "guardian", "change", "accept", "--config", c.keepers[0].config, "--yes", file)
	c.play.check(err != nil, "have a guardian's operator accept it", "refused", "%s", said)

	if file, err = c.propose(ctx, "--refresh"); err != nil {
		return err
	}
	if err := c.accept(ctx, file, c.keepers[:c.w-1]...); err != nil {
		return err
	}
	pause(ctx, 3*time.Second)
	group, err := readGroup(c.path("hub", "group.json"))
	if err != nil {
		return err
	}
	c.play.check(group.Epoch == 1, fmt.Sprintf("%d of %d operators accept a change", c.w-1, len(c.keepers)), "nothing changes", "share epoch %d", group.Epoch)
	began := time.Now()
	if err := c.accept(ctx, file, c.keepers[c.w-1:]...); err != nil {
		return err
	}
	err = c.inEpoch(ctx, 2)
	c.play.control(err == nil, "the others accept it, too", "share epoch 2", "after %.1f s: %v", time.Since(began).Seconds(), err)
	return nil
}

// killedMidway refreshes the shares again and again, and kills one participant each time.
func (c *council) killedMidway(ctx context.Context) error {
	held, kills := true, 0
	seen := ""
	for round := range c.play.few(12) {
		file, err := c.propose(ctx, "--refresh")
		if err != nil {
			return err
		}
		if err := c.accept(ctx, file, c.keepers...); err != nil {
			return err
		}
		pause(ctx, time.Duration(round/3)*200*time.Millisecond)
		if round%3 == 2 {
			c.proc.kill()
			if err := c.launchHub(ctx); err != nil {
				return err
			}
		} else {
			k := c.keepers[round%len(c.keepers)]
			k.kill()
			pause(ctx, 300*time.Millisecond)
			if err := k.start(ctx); err != nil {
				return err
			}
		}
		kills++
		if err := c.inEpoch(ctx, c.epoch+1); err != nil {
			held, seen = false, err.Error()
			break
		}
		ok, what := c.opens(ctx)
		if held, seen = held && ok, what; !ok {
			break
		}
	}
	c.play.times(kills, held, "kill -9 of a guardian or the hub while shares are renewed, and start it again", "the change comes to its end, and what was sealed opens", "%s", seen)
	return nil
}
