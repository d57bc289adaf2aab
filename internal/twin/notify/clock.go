package notify

import (
	"container/heap"
	"sync"
	"time"
)

// clock says which subscription is due next: periodic ones, and those whose throttling ends.
type clock struct {
	mu   sync.Mutex // guards all below
	due  dues
	by   map[string]*due // by line
	wake chan struct{}   // something earlier than before has been set
}

type due struct {
	s  *subscription
	at time.Time
	i  int
}

func newClock() *clock { return &clock{by: map[string]*due{}, wake: make(chan struct{}, 1)} }

// set says when a subscription is due; one that is due already keeps its time.
func (c *clock) set(s *subscription, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.by[s.line]
	if d != nil {
		d.s = s
		return
	}
	d = &due{s: s, at: at}
	c.by[s.line] = d
	heap.Push(&c.due, d)
	if d.i == 0 {
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

func (c *clock) forget(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.by[line]; d != nil {
		heap.Remove(&c.due, d.i)
		delete(c.by, line)
	}
}

// next is a subscription that is due, or how long until one is.
func (c *clock) next(now time.Time) (*subscription, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.due) == 0 {
		return nil, time.Hour
	}
	if d := c.due[0]; now.Before(d.at) {
		return nil, d.at.Sub(now)
	}
	d := heap.Pop(&c.due).(*due)
	delete(c.by, d.s.line)
	return d.s, 0
}

// dues is a heap, the earliest first.
type dues []*due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].i, d[j].i = i, j
}

func (d *dues) Push(x any) {
	one := x.(*due)
	one.i = len(*d)
	*d = append(*d, one)
}

func (d *dues) Pop() any {
	last := len(*d) - 1
	one := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return one
}
