package intake

import (
	"context"
	"fmt"
	"slices"

	"tribune"
)

// Bounds of one batch.
const (
	maxBatch = 4096 // changes; one message may be more
	// largeMessage is a batch of its own: what is merged waits for its largest part.
	largeMessage = 1024

	// workers is how many batches are under way at once: enough that some wait for the disk or for guardians while others
	// use the processors.
	workers = 4
)

// push queues a job for the workers.
func (d *Desk) push(j *job) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("taking message: the hub is stopping: %w", tribune.ErrBusy)
	}
	j.lane.jobs = append(j.lane.jobs, j)
	if j.lane.state == idle {
		j.lane.state = ready
		d.ready = append(d.ready, j.lane)
		d.work.Signal()
	}
	return nil
}

// serve is one worker. While it waits for the twin the next batch gathers by itself; there is no waiting for others.
func (d *Desk) serve() {
	var changes []tribune.Change
	for {
		batch, slow := d.gather()
		if batch == nil {
			return
		}
		changes = d.apply(batch, changes[:0])
		clear(changes) // values may be personal: memory does not keep them longer than needed
		d.scatter(batch, slow)
	}
}

// gather takes the next batch: one message of each lane in turn, then another of each, up to maxBatch changes. It is nil
// when the desk is closed and nothing waits. slow is a batch of a lane in trouble.
func (d *Desk) gather() (batch []*job, slow bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.next()
	for ; first < 0; first = d.next() {
		if d.closed && len(d.ready) == 0 {
			return nil, false
		}
		d.work.Wait()
	}
	if l := d.ready[first]; l.single() {
		d.ready = slices.Delete(d.ready, first, first+1)
		if l.alone {
			d.slow++
		}
		return []*job{l.pop()}, l.alone
	}
	var taken []*lane
	size := 0
	d.ready = slices.DeleteFunc(d.ready, func(l *lane) bool {
		if l.single() || size > 0 && size+len(l.jobs[0].changes) > maxBatch {
			return false
		}
		j := l.pop()
		batch, taken, size = append(batch, j), append(taken, l), size+len(j.changes)
		return true
	})
	for more := true; more; {
		more = false
		for _, l := range taken {
			if len(l.jobs) > 0 && !l.single() && size+len(l.jobs[0].changes) <= maxBatch {
				j := l.pop()
				batch, size, more = append(batch, j), size+len(j.changes), true
			}
		}
	}
	return batch, false
}

// next is the index in ready of the lane whose turn it is, or -1. Lanes in trouble leave half of the workers to others.
func (d *Desk) next() int {
	return slices.IndexFunc(d.ready, func(l *lane) bool { return !l.alone || d.slow < workers/2 })
}

// single reports whether the lane's next message is a batch of its own.
func (l *lane) single() bool { return l.alone || len(l.jobs[0].changes) > largeMessage }

func (l *lane) pop() *job {
	j := l.jobs[0]
	l.jobs[0] = nil
	l.jobs, l.state = l.jobs[1:], working
	return j
}

// scatter gives the lanes of a batch back: those with more messages stand at the end of the line.
func (d *Desk) scatter(batch []*job, slow bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slow {
		d.slow--
		d.work.Broadcast()
	}
	for _, j := range batch {
		l := j.lane
		switch {
		case l.state != working: // it had several messages in the batch, and has been given back
		case len(l.jobs) == 0:
			l.state = idle
		default:
			l.state = ready
			d.ready = append(d.ready, l)
			d.work.Signal()
		}
	}
}

// apply makes a batch durable and answers its senders. Where the twin refuses some, each message is tried by itself: what
// has been applied already changes nothing the second time.
func (d *Desk) apply(batch []*job, changes []tribune.Change) []tribune.Change {
	ctx, cancel := context.WithTimeout(context.Background(), applyTimeout)
	defer cancel()
	for _, j := range batch {
		changes = append(changes, j.changes...)
	}
	d.batches.Add(1)
	err := d.cfg.Apply(ctx, changes)
	for _, j := range batch {
		one := err
		if err != nil && len(batch) > 1 && ctx.Err() == nil {
			d.batches.Add(1)
			one = d.cfg.Apply(ctx, j.changes)
		}
		d.finish(j, one)
	}
	return changes
}

// finish answers a message's sender.
func (d *Desk) finish(j *job, err error) {
	d.mu.Lock()
	j.lane.alone = err != nil
	d.mu.Unlock()
	j.done <- err
	j.lane.leave()
}
