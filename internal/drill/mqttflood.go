package drill

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"tribune/internal/client/mqtt"
)

const (
	floodDevices = 10                     // that behave
	floodEvery   = 100 * time.Millisecond // between two messages of one of them
	steadyRate   = int(time.Second / floodEvery)
	floodDelay   = "how long the other devices wait for their PUBACKs, with and without" // the one step that takes an idle machine
	floodFactor  = 100                                                                   // how much more the flooding device sends
	floodRounds  = 12                                                                    // each a quiet part and a flooded one, so that whatever else this machine does meets both alike
	floodPart    = 2500 * time.Millisecond
	floodSettle  = 500 * time.Millisecond // after attackers have left and before anything is measured
	floodWorst   = 2.0                    // how much the others' p99 may grow, at most
	floodAlive   = time.Minute
)

// playMQTTFlood measures how long devices that behave wait for their PUBACKs, with and without an attack, in turns.
func playMQTTFlood(ctx context.Context, p *play) error {
	c := p.newCity("city")
	c.speed = "1" // the replay of measurements is load of its own
	if err := c.start(ctx); err != nil {
		return err
	}
	f := &flood{city: c}
	var err error
	if f.attackers.Address, err = c.mqttAddress(); err != nil {
		return err
	}
	if err := f.found(ctx); err != nil {
		return err
	}
	if err := f.refusals(ctx); err != nil {
		return err
	}
	quiet, flooded, err := f.rounds(ctx)
	if err != nil {
		return err
	}
	a, b := middle(quiet), middle(flooded)
	ratio := float64(b) / float64(a)
	p.check(len(f.unanswered) == 0 && f.attackers.tried.Load() > 100,
		fmt.Sprintf("%d rounds with and without: one device at %d times the rate, another far beyond its allowance, slow-loris connections, 10 MB payloads, bad UTF-8, wrong topics, wrong credentials", p.cfg.Rounds, floodFactor),
		fmt.Sprintf("every message of the other %d devices has its PUBACK", floodDevices),
		"%d messages; the flooding device had %d PUBACKs, others tried %d times; unanswered: %s", len(all(quiet))+len(all(flooded)), f.attackers.flooded.Load(), f.attackers.tried.Load(), some(f.unanswered))
	p.check(ratio < floodWorst, floodDelay, fmt.Sprintf("p99 of the middle round stays under %.0f times what it is without", floodWorst),
		"p99 %s without and %s with: %.2f times; over all rounds p50 %s and %s, p99 %s and %s",
		a, b, ratio, at(all(quiet), 0.5), at(all(flooded), 0.5), p99(all(quiet)), p99(all(flooded)))
	stalled, err := f.part(ctx, func(ctx context.Context) error {
		pause(ctx, floodPart/4)
		syscall.Kill(c.proc.cmd.Process.Pid, syscall.SIGSTOP)
		pause(ctx, floodPart/4)
		return syscall.Kill(c.proc.cmd.Process.Pid, syscall.SIGCONT)
	})
	if err != nil {
		return err
	}
	p.control(float64(p99(stalled)) > floodWorst*float64(a), fmt.Sprintf("measure the same with a hub that stands still for %s", floodPart/4), "the p99 shows it", "p99 %s", p99(stalled))
	for _, d := range f.devices {
		d.conn.Close()
	}
	return c.proc.stop()
}

// flood is the drill under way.
type flood struct {
	city      *city
	devices   []*steady
	attackers attackers

	mu         sync.Mutex // guards unanswered
	unanswered []string
}

// steady is a device that behaves: a message every floodEvery, and the next only once the last is acknowledged.
type steady struct {
	id, topic string
	conn      *mqtt.Conn
	turn      int
}

// found registers and connects the devices.
func (f *flood) found(ctx context.Context) error {
	for i := range floodDevices {
		d, token, err := f.city.device(ctx, fmt.Sprintf("drill-flood-%d", i+1), 1_000_000)
		if err != nil {
			return err
		}
		s := &steady{id: d.ID, topic: d.Topic()}
		if s.conn, err = mqtt.Dial(ctx, f.attackers.Address, netip.Addr{}); err != nil {
			return err
		}
		if err := s.conn.Login("steady", d.ID, token, floodAlive); err != nil {
			return err
		}
		f.devices = append(f.devices, s)
	}
	f.attackers.Bad = map[string]credential{}
	for _, name := range []string{"flood", "beyond", "large", "spelling", "topics"} {
		rate := 1_000_000
		if name == "beyond" {
			rate = 600
		}
		d, token, err := f.city.device(ctx, "drill-bad-"+name, rate)
		if err != nil {
			return err
		}
		f.attackers.Bad[name] = credential{d.ID, token, d.Topic()}
	}
	f.attackers.Victim = f.devices[0].topic
	return nil
}

// reading is a message with a time of its own.
func reading(id string, turn int) []byte {
	now := time.Now()
	return fmt.Appendf(nil, `[{"bt":%d.%06d,"n":"s/%s-0","v":%d},{"n":"s/%[3]s-1","v":%[4]d}]`, now.Unix(), now.Nanosecond()/1000, id, turn)
}

// rounds takes turns.
func (f *flood) rounds(ctx context.Context) (quiet, flooded [][]time.Duration, err error) {
	if _, err := f.part(ctx, peace); err != nil { // caches and heaps grow
		return nil, nil, err
	}
	for range f.city.play.cfg.Rounds { // whatever else this machine does meets both parts alike
		some, err := f.part(ctx, peace)
		if err != nil {
			return nil, nil, err
		}
		quiet = append(quiet, some)
		if some, err = f.part(ctx, f.attackFor); err != nil {
			return nil, nil, err
		}
		flooded = append(flooded, some)
		pause(ctx, floodSettle)
	}
	return quiet, flooded, ctx.Err()
}

// peace is what happens beside the devices where nobody attacks.
func peace(context.Context) error { return nil }

func (f *flood) attackFor(ctx context.Context) error {
	return f.attackers.apart(ctx, f.city.play.cfg.Binary)
}

// part measures the devices' waiting for floodPart while something happens beside them.
func (f *flood) part(ctx context.Context, beside func(context.Context) error) (waited []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, floodPart)
	defer cancel()
	var other, all sync.WaitGroup
	var went error
	other.Go(func() { went = beside(ctx) })
	took := make([][]time.Duration, len(f.devices))
	errs := make([]error, len(f.devices))
	began := time.Now()
	for i, d := range f.devices {
		all.Go(func() {
			took[i], errs[i] = d.report(ctx, began.Add(floodEvery*time.Duration(i)/floodDevices))
			if errs[i] != nil {
				f.mu.Lock()
				f.unanswered = append(f.unanswered, fmt.Sprintf("%s: %v", d.id, errs[i]))
				f.mu.Unlock()
			}
		})
	}
	all.Wait()
	other.Wait()
	return slices.Concat(took...), errors.Join(append(errs, went)...)
}

// report publishes until ctx ends. A message's waiting counts from when it was due: a hub that stalls cannot hide behind a device
// that waits.
func (s *steady) report(ctx context.Context, due time.Time) (took []time.Duration, err error) {
	for ; ; due = due.Add(floodEvery) {
		pause(ctx, time.Until(due))
		if ctx.Err() != nil {
			return took, nil
		}
		s.turn++
		id := uint16(s.turn%0xffff) + 1
		s.conn.SetDeadline(time.Now().Add(callFor))
		if _, err := s.conn.Write(mqtt.AppendPublish(nil, s.topic, id, reading(s.id, s.turn))); err != nil {
			return took, err
		}
		got, err := s.conn.Acknowledged()
		if err == nil && got != id {
			err = fmt.Errorf("%w: PUBACK of %d, want %d", errDrill, got, id)
		}
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(due))
	}
}

// middle is the median of the rounds' p99: one round in which this machine was busy with something else decides nothing.
func middle(rounds [][]time.Duration) time.Duration {
	var each []time.Duration
	for _, r := range rounds {
		each = append(each, p99(r))
	}
	return at(each, 0.5)
}

func all(rounds [][]time.Duration) []time.Duration { return slices.Concat(rounds...) }

func p99(all []time.Duration) time.Duration { return at(all, 0.99) }

// at is a quantile, 0 of nothing.
func at(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[min(int(q*float64(len(all))), len(all)-1)].Round(10 * time.Microsecond)
}

// refusals tries each attack once by itself, and holds the hub to what it must do; the devices that behave are the control.
func (f *flood) refusals(ctx context.Context) error {
	var passed []string
	for _, bad := range f.attackers.badThings() {
		if err := bad.try(ctx); err != nil {
			passed = append(passed, bad.name+": "+err.Error())
		}
	}
	longest, err := f.attackers.loris(ctx, lorises)
	if err != nil {
		passed = append(passed, "slow-loris: "+err.Error())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p := f.city.play
	p.check(len(passed) == 0, "send what no device may send, and open connections that never say who they are", "each is cut without a PUBACK, or not let in",
		"passed: %s; the last of %d slow connections lasted %.1f s", some(passed), lorises, longest.Seconds())
	waited, err := f.part(ctx, peace)
	p.control(err == nil && len(waited) > 0, "send what devices may send, over the same surface", "each message has its PUBACK", "%d messages, %v", len(waited), err)
	return nil
}
