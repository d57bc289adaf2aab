package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	// feedEvery is how often each client publishes: with two readings a message and five clients, some hundred readings a
	// second, of which every kill finds some on their way.
	feedEvery = 20 * time.Millisecond
	// redeliverFor bounds how long clients may take to connect again and send what was not acknowledged.
	redeliverFor = 60 * time.Second
	perMessage   = 2 // readings, each of an entity of its own
)

// mqttCrash is the drill under way: clients, and the ledger of what they were given and what was acknowledged to them.
type mqttCrash struct {
	city    *city
	ledger  *ledger
	clients []*fed
}

// fed is a client and what it was given to publish. One goroutine feeds it; what it was given is read once that has ended, or
// under the ledger's lock.
type fed struct {
	*publisher
	id    string
	lines [][]*write // the writes of each line
	ended int        // lines whose acknowledgement is in the ledger
}

// playMQTTCrash kills the hub while real clients publish at QoS 1; the clients, not the drill, send again what was not
// acknowledged.
func playMQTTCrash(ctx context.Context, p *play) error {
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		return err
	}
	address, err := c.mqttAddress()
	if err != nil {
		return err
	}
	c.mqtt = address // devices know one address
	k := &mqttCrash{city: c, ledger: newLedger()}
	defer k.end()
	if err := k.employ(ctx, address); err != nil {
		return err
	}
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	fedAll := make(chan error, len(k.clients))
	for _, f := range k.clients {
		go func() { fedAll <- k.feed(feeding, f) }()
	}
	var worst time.Duration
	for round := range p.cfg.Kills {
		if err := k.flowing(ctx); err != nil {
			p.check(false, fmt.Sprintf("after start %d: wait for PUBACKs", round+1), "clients connect again and are acknowledged", "%v", err)
			return nil
		}
		pause(ctx, killMin+rand.N(killMax-killMin))
		c.proc.kill()
		began := time.Now()
		if err := c.restart(ctx, round%2 == 0); err != nil {
			p.check(false, fmt.Sprintf("start again after kill %d", round+1), "the hub answers", "%v", err)
			return nil
		}
		worst = max(worst, time.Since(began))
		if broken, err := k.audit(ctx); err != nil || len(broken) > 0 {
			p.check(false, fmt.Sprintf("after kill %d: hold the hub to its PUBACKs", round+1), "every acknowledged reading once", "%s %v", some(broken), err)
			return nil
		}
	}
	stop()
	for range k.clients {
		if err := <-fedAll; err != nil {
			return err
		}
	}
	return k.verdict(ctx, worst)
}

// employ registers a device for each client and starts them.
func (k *mqttCrash) employ(ctx context.Context, address string) error {
	for i, version := range []string{"311", "311", "5", "python 311", "python 5"} {
		id := fmt.Sprintf("drill-crash-%d", i+1)
		d, token, err := k.city.device(ctx, id, 1_000_000)
		if err != nil {
			return err
		}
		var p *publisher
		switch version {
		case "python 311":
			p, err = python(ctx, address, "311", d, token)
		case "python 5":
			p, err = python(ctx, address, "5", d, token)
		default:
			p, err = mosquitto(ctx, address, version, d, token)
		}
		if err != nil {
			return err
		}
		k.clients = append(k.clients, &fed{publisher: p, id: id})
	}
	return nil
}

// feed gives a client a message every feedEvery, whether or not the hub is there.
func (k *mqttCrash) feed(ctx context.Context, f *fed) error {
	var last time.Time
	for n := int64(0); ctx.Err() == nil; n++ {
		at := time.Now().UTC().Truncate(time.Millisecond)
		if !at.After(last) {
			at = last.Add(time.Millisecond) // two readings of one time would be one
		}
		last = at
		text := fmt.Appendf(nil, `[{"bt":%d.%03d`, at.Unix(), at.Nanosecond()/int(time.Millisecond))
		var writes []*write
		for i := range perMessage {
			name := fmt.Sprintf("%s-%d", f.id, i)
			writes = append(writes, k.ledger.begin(mqttPrefix+name, n, at.Format(observed)))
			if i > 0 {
				text = append(text, `,{`...)
			} else {
				text = append(text, ',')
			}
			text = fmt.Appendf(text, `"n":"s/%s","v":%d}`, name, n)
		}
		k.ledger.mu.Lock()
		f.lines = append(f.lines, writes)
		k.ledger.mu.Unlock()
		if err := f.line(append(text, ']')); err != nil {
			return err
		}
		pause(ctx, feedEvery)
	}
	return nil
}

// settle enters what the clients have been acknowledged since the last time into the ledger.
func (k *mqttCrash) settle() (open int) {
	for _, f := range k.clients {
		k.ledger.mu.Lock()
		lines := slices.Clone(f.lines)
		k.ledger.mu.Unlock()
		for i := f.ended; i < len(lines); i++ {
			if lines[i][0].acked {
				continue
			}
			if !f.heard(i) {
				open++
				continue
			}
			k.ledger.end(true, lines[i]...)
		}
		for f.ended < len(lines) && lines[f.ended][0].acked {
			f.ended++
		}
	}
	return open
}

// flowing waits until every client has been acknowledged something since it was called.
func (k *mqttCrash) flowing(ctx context.Context) error {
	before := make([]int, len(k.clients))
	for i, f := range k.clients {
		before[i] = f.count()
	}
	return k.city.proc.until(ctx, redeliverFor, "PUBACKs", func() (bool, error) {
		for i, f := range k.clients {
			if f.count() == before[i] {
				return false, fmt.Errorf("%w: %s hears nothing", errDrill, f.name)
			}
		}
		return true, nil
	})
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// audit holds the hub to what had been acknowledged before it was asked.
func (k *mqttCrash) audit(ctx context.Context) (broken []string, err error) {
	k.settle()
	acked := k.ledger.promised()
	anyone, err := k.city.as("")
	if err != nil {
		return nil, err
	}
	for entity, values := range acked {
		history, err := historyOf(ctx, anyone, entity, k.ledger.windows(entity))
		if err != nil {
			return nil, err
		}
		broken = append(broken, within(entity, values, history)...)
	}
	return broken, nil
}

// verdict waits for the last redelivery and audits everything.
func (k *mqttCrash) verdict(ctx context.Context, worst time.Duration) error {
	c, p := k.city, k.city.play
	err := c.proc.until(ctx, redeliverFor, "every message to be acknowledged", func() (bool, error) {
		open := k.settle()
		return open == 0, fmt.Errorf("%w: %d messages are not", errDrill, open)
	})
	all, acked := k.ledger.counts()
	again, refused := 0, 0
	for _, f := range k.clients {
		f.mu.Lock()
		again, refused = again+f.again, refused+f.refused
		f.mu.Unlock()
	}
	p.check(err == nil && refused == 0, "let the clients send again what was not acknowledged", "in the end every message has its PUBACK",
		"%d of %d readings acknowledged; mosquitto_pub sent %d messages another time; %d refused; %v", acked, all, again, refused, err)
	anyone, err := c.as("")
	if err != nil {
		return err
	}
	var broken []string
	for _, id := range k.ledger.entities() {
		current, err := currentValue(ctx, anyone, id)
		if err != nil {
			return err
		}
		history, err := historyOf(ctx, anyone, id, k.ledger.windows(id))
		if err != nil {
			return err
		}
		broken = append(broken, k.ledger.audit(id, current, history)...)
	}
	p.check(len(broken) == 0 && acked > 100, fmt.Sprintf("%d times kill -9 while mosquitto_pub and Paho for Python publish at QoS 1; hold the hub to its PUBACKs after each restart and at the end", p.cfg.Kills),
		"every reading that was acknowledged is in the history once, no other twice", "%d readings of %d clients, broken: %s; slowest restart %.1f s", acked, len(k.clients), some(broken), worst.Seconds())
	p.control(again > 0, "count what the clients sent another time", "kills hit messages on their way", "%d messages", again)
	p.control(k.ledger.wouldNotice() && len(within("e", []int64{1, 2}, []instance{{1, "t"}})) == 1 && len(within("e", []int64{1}, []instance{{1, "t"}, {1, "t"}})) == 1,
		"the same audits with a reading left out of a history, and one doubled", "each is found", "as wanted")
	for _, f := range k.clients {
		if err := f.end(); err != nil {
			return err
		}
	}
	return c.proc.stop()
}

// end ends the clients, however the drill ends.
func (k *mqttCrash) end() {
	for _, f := range k.clients {
		f.cmd.Process.Kill()
		<-f.done
	}
}

// promised is what has been acknowledged of each entity.
func (l *ledger) promised() map[string][]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string][]int64{}
	for entity, writes := range l.writes {
		for _, w := range writes {
			if w.acked {
				all[entity] = append(all[entity], w.value)
			}
		}
	}
	return all
}

// within holds a history against values that must be in it; while clients go on publishing it may hold more.
func within(entity string, values []int64, history []instance) (broken []string) {
	times := map[int64]int{}
	for _, i := range history {
		times[i.value]++
	}
	for _, v := range values {
		if times[v] == 0 {
			broken = append(broken, fmt.Sprintf("%s: acknowledged %d is lost", entity, v))
		}
	}
	for v, n := range times {
		if n > 1 {
			broken = append(broken, fmt.Sprintf("%s: %d is there %d times", entity, v, n))
		}
	}
	return broken
}
