package twin

import "sync"

// locks are held by entity, from reading it until its change is durable. There is one for each entity in use, and none
// for others: with a fixed number of stripes two batches of some hundred entities would nearly always share one, and wait
// for each other's disk.
type locks struct{ shards [lockShards]lockShard }

type lockShard struct {
	mu    sync.Mutex // guards all below
	inUse map[entityKey]*entityLock
	spare []*entityLock
}

type entityLock struct {
	sync.Mutex
	users int // who hold or wait for it
}

const (
	lockShards = 64
	maxSpare   = 64 // in each shard
)

// lock takes the locks of tasks, which are sorted by entity: always in the same order, so that no two wait for each other.
func (l *locks) lock(tasks []*task) {
	for _, w := range tasks {
		s := &l.shards[w.hash%lockShards]
		s.mu.Lock()
		if s.inUse == nil {
			s.inUse = make(map[entityKey]*entityLock)
		}
		e := s.inUse[w.key]
		if e == nil {
			if n := len(s.spare); n > 0 {
				e, s.spare = s.spare[n-1], s.spare[:n-1]
			} else {
				e = &entityLock{}
			}
			s.inUse[w.key] = e
		}
		e.users++
		s.mu.Unlock()
		e.Lock()
	}
}

func (l *locks) unlock(tasks []*task) {
	for _, w := range tasks {
		s := &l.shards[w.hash%lockShards]
		s.mu.Lock()
		e := s.inUse[w.key]
		e.Unlock()
		if e.users--; e.users == 0 {
			delete(s.inUse, w.key)
			if len(s.spare) < maxSpare {
				s.spare = append(s.spare, e)
			}
		}
		s.mu.Unlock()
	}
}
