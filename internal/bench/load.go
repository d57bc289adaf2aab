package bench

import (
	"context"
	"fmt"
	"sync"
	"time"

	"tribune"
)

// work is what a load sends. The functions are called by one goroutine a worker.
type work struct {
	address string
	// next appends the request of a worker's turn to b.
	next func(b []byte, worker, turn int) []byte
	// check says what is wrong with an answer; nil where it is right.
	check func(status int, body []byte, worker, turn int) error
}

// tally is what a load found out.
type tally struct {
	latency histogram // of right answers
	errors  int
	first   error
	bytes   int64 // in bodies of right answers
	within  int   // right answers that came within elapsed; -1 = all of them
	elapsed time.Duration
	cpu     CPU
}

func (t *tally) ops() int { return int(t.latency.n) }

func (t *tally) rate() float64 {
	if t.elapsed <= 0 {
		return 0
	}
	n := t.ops()
	if t.within >= 0 {
		n = t.within
	}
	return float64(n) / t.elapsed.Seconds()
}

func (t *tally) note(took time.Duration, size int, err error) {
	if err != nil {
		t.errors++
		if t.first == nil {
			t.first = err
		}
		return
	}
	t.latency.add(took)
	t.bytes += int64(size)
}

func (t *tally) merge(o *tally) {
	t.latency.merge(&o.latency)
	t.errors += o.errors
	t.bytes += o.bytes
	if t.first == nil {
		t.first = o.first
	}
}

// warming is the part of a load before its measured part: connections open, caches and heaps grow.
func warming(d time.Duration) time.Duration { return min(d/5, 2*time.Second) }

// closed has each of n workers send its next request once the last is answered.
func closed(ctx context.Context, w work, n int, d time.Duration, m *meter) (tally, error) {
	conns := make([]*conn, n)
	defer func() {
		for _, c := range conns {
			if c != nil {
				c.close()
			}
		}
	}()
	for i := range conns {
		var err error
		if conns[i], err = dial(ctx, w.address); err != nil {
			return tally{}, fmt.Errorf("connecting: %w", err)
		}
		conns[i].nc.SetDeadline(time.Now().Add(d + answerIn))
	}
	from := time.Now().Add(warming(d))
	until := from.Add(d)
	tallies := make([]tally, n)
	var all sync.WaitGroup
	for i, c := range conns {
		all.Go(func() { loop(ctx, w, c, i, from, until, &tallies[i]) })
	}
	sleep(ctx, time.Until(from))
	m.start()
	sleep(ctx, time.Until(until))
	cpu := m.stop()
	all.Wait()
	sum := tally{within: -1, elapsed: d, cpu: cpu}
	for i := range tallies {
		sum.merge(&tallies[i])
	}
	return sum, ctx.Err()
}

// loop counts what is answered between from and until.
func loop(ctx context.Context, w work, c *conn, worker int, from, until time.Time, t *tally) {
	var request []byte
	for turn := 0; ctx.Err() == nil; turn++ {
		request = w.next(request[:0], worker, turn)
		began := time.Now()
		status, body, err := c.do(request)
		end := time.Now()
		broken := err != nil
		if err == nil {
			err = w.check(status, body, worker, turn)
		}
		if end.After(until) {
			return
		}
		if !end.Before(from) {
			t.note(end.Sub(began), len(body), err)
		}
		if broken && c.reopen(ctx) != nil {
			return
		}
	}
}

// offered sends a request every 1/rate seconds, whether or not earlier ones are answered, on as many connections as that
// takes, at most most. A latency counts from when its request was due: a stalled hub cannot hide behind a waiting client.
func offered(ctx context.Context, w work, rate, most int, d time.Duration, m *meter) (tally, int, error) {
	o := &openLoop{work: w, every: time.Second / time.Duration(rate), due: make(chan int), warm: int(warming(d) * time.Duration(rate) / time.Second)}
	total := o.warm + int(d*time.Duration(rate)/time.Second)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.began = time.Now().Add(10 * time.Millisecond)
	o.until = o.at(o.warm).Add(d)
	for i := range total {
		if i == o.warm {
			m.start()
		}
		sleep(ctx, time.Until(o.at(i)))
		if err := o.hand(ctx, i, most); err != nil {
			return tally{}, o.workers, err
		}
	}
	cpu := m.stop()
	close(o.due)
	o.all.Wait()
	o.tally.cpu, o.tally.elapsed = cpu, d
	return o.tally, o.workers, ctx.Err()
}

type openLoop struct {
	work  work
	every time.Duration
	began time.Time
	until time.Time // end of the measured part
	warm  int       // requests before the measured part
	due   chan int
	all   sync.WaitGroup

	workers int // started; used by the pacing goroutine alone

	mu    sync.Mutex // guards tally
	tally tally
}

func (o *openLoop) at(i int) time.Time { return o.began.Add(time.Duration(i) * o.every) }

// hand gives request i to a worker that waits, to a new one, or, where there are as many as allowed, to the first free.
func (o *openLoop) hand(ctx context.Context, i, most int) error {
	select {
	case o.due <- i:
		return nil
	default:
	}
	if o.workers < most {
		c, err := dial(ctx, o.work.address)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		worker := o.workers
		o.workers++
		o.all.Go(func() { o.serve(ctx, c, worker, i) })
		return nil
	}
	select {
	case o.due <- i:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (o *openLoop) serve(ctx context.Context, c *conn, worker, i int) {
	defer c.close()
	var request []byte
	for more := true; more; i, more = <-o.due {
		request = o.work.next(request[:0], worker, i)
		c.nc.SetDeadline(time.Now().Add(answerIn))
		status, body, err := c.do(request)
		end := time.Now()
		broken := err != nil
		if err == nil {
			err = o.work.check(status, body, worker, i)
		}
		o.count(i, end, len(body), err)
		if broken {
			c.reopen(ctx) // where that fails, so does the next request, which is then counted
		}
	}
}

// count notes the latency of each request of the measured part, whenever it is answered, and for the rate each answer
// that comes within it, whenever it was asked for.
func (o *openLoop) count(i int, end time.Time, size int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i >= o.warm {
		o.tally.note(end.Sub(o.at(i)), size, err)
	}
	if err == nil && !end.Before(o.at(o.warm)) && end.Before(o.until) {
		o.tally.within++
	}
}

// want is a check of the status alone.
func want(status int) func(int, []byte, int, int) error {
	return func(got int, body []byte, _, _ int) error {
		if got != status {
			return fmt.Errorf("%w: the hub answered %d, want %d: %.300s", tribune.ErrInvalid, got, status, body)
		}
		return nil
	}
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
