package pebble

import "sync"

// users counts the calls under way, because Pebble panics when it is used after its Close. It is not an RWMutex: a scan
// whose loop body reads again would wait for a Close that waits for the scan.
type users struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // made by close, closed when n falls to 0
}

// enter reports whether the call may go on; then it must leave.
func (u *users) enter() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return false
	}
	u.n++
	return true
}

func (u *users) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n--
	if u.closed && u.n == 0 {
		close(u.idle)
	}
}

// close lets nobody in any more and waits until everybody has left. It is false where it was closed already.
func (u *users) close() bool {
	u.mu.Lock()
	if u.closed {
		u.mu.Unlock()
		return false
	}
	u.closed, u.idle = true, make(chan struct{})
	if u.n == 0 {
		close(u.idle)
	}
	u.mu.Unlock()
	<-u.idle
	return true
}
