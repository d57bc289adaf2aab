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
		batch, trouble := d.gather()
		if batch == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), trouble.limit())
		changes = d.apply(ctx, batch, changes[:0])
		cancel()
		d.scatter(batch, trouble)
	}
}

// gather takes the next batch: one message of each lane in turn, then another of each, up to maxBatch changes. It is nil
// when the desk is closed and nothing waits. A lane in trouble has a batch of its own.
func (d *Desk) gather() (batch []*job, of trouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.next()
	for ; first < 0; first = d.next() {
		if d.closed && len(d.ready) == 0 {
			return nil, none
		}
		d.work.Wait()
	}
	if l := d.ready[first]; l.single() {
		d.ready = slices.Delete(d.ready, first, first+1)
		if l.trouble != none {
			d.slow++
		}
		return []*job{l.pop()}, l.trouble
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
	return batch, none
}

// next is the index in ready of the lane whose turn it is, or -1. Lanes in trouble leave workers to others.
func (d *Desk) next() int {
	return slices.IndexFunc(d.ready, func(l *lane) bool { return d.slow < l.trouble.share() })
}

// single reports whether the lane's next message is a batch of its own.
func (l *lane) single() bool { return l.trouble != none || len(l.jobs[0].changes) > largeMessage }

func (l *lane) pop() *job {
	j := l.jobs[0]
	l.jobs[0] = nil
	l.jobs, l.state = l.jobs[1:], working
	return j
}

// scatter gives the lanes of a batch back: those with more messages stand at the end of the line.
func (d *Desk) scatter(batch []*job, of trouble) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if of != none {
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

// apply makes a batch durable and answers its senders. Where the twin refuses some the batch is halved until they stand by
// themselves: one device that is refused costs its batch-mates a few calls, however many they are. What has been applied
// already changes nothing the second time.
func (d *Desk) apply(ctx context.Context, batch []*job, changes []tribune.Change) []tribune.Change {
	for _, j := range batch {
		changes = append(changes, j.changes...)
	}
	d.batches.Add(1)
	err := d.cfg.Apply(ctx, changes)
	clear(changes) // values may be personal: memory does not keep them longer than needed
	changes = changes[:0]
	of := none
	switch {
	case err == nil:
	case len(batch) == 1:
		of = proven
	case ctx.Err() != nil: // what the twin says of others is no reason to quarantine these
		err, of = fmt.Errorf("no answer in time: %w", tribune.ErrBusy), suspected
	default:
		half := len(batch) / 2
		return d.apply(ctx, batch[half:], d.apply(ctx, batch[:half], changes))
	}
	for _, j := range batch {
		d.finish(j, err, of)
	}
	return changes
}

// finish answers a message's sender.
func (d *Desk) finish(j *job, err error, of trouble) {
	d.mu.Lock()
	j.lane.trouble = of
	d.mu.Unlock()
	j.done <- err
	j.lane.leave()
}
