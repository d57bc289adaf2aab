package federation

import (
	"sync"
	"time"
)

// Status is how forwarding to a source has gone (clause 5.2.9, table 2).
type Status struct {
	Sent, Failed             uint64    // Sent counts failed attempts as well
	LastSuccess, LastFailure time.Time // zero = none
}

// status is the live Status of a registration, shared by its versions and by every registry row that is written of it.
type status struct {
	mu    sync.Mutex // guards all below
	now   Status
	saved Status // as the store has it
}

// Succeeded notes that the source answered a forwarded request with success.
func (r *Registration) Succeeded(at time.Time) {
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	r.status.now.Sent++
	r.status.now.LastSuccess = at
}

// Failed notes that a forwarded request failed: no answer in time, or one that is not 2xx.
func (r *Registration) Failed(at time.Time) {
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	r.status.now.Sent++
	r.status.now.Failed++
	r.status.now.LastFailure = at
}

// CoolingDown reports whether the source failed less than its cooldown ago: it is not asked, and counts as having timed out
// (clause 5.2.34).
func (r *Registration) CoolingDown(now time.Time) bool {
	if r.Management.Cooldown == 0 {
		return false
	}
	s := r.Status()
	return s.LastFailure.After(s.LastSuccess) && now.Sub(s.LastFailure) < r.Management.Cooldown
}

// Status as of now.
func (r *Registration) Status() Status {
	r.status.mu.Lock()
	defer r.status.mu.Unlock()
	return r.status.now
}

// ok is the member status: whether the last attempt succeeded.
func (s Status) ok() bool { return s.LastSuccess.After(s.LastFailure) }
