package metrics

// Erasures are erasures on record and the rotation of epoch keys that makes them final.
type Erasures struct {
	Waiting  int    // on record, not done yet
	Epoch    uint32 // of the present key
	Rotating bool
	Wrapped  uint64 // rows, by the rotation under way or the last one
	Damaged  uint64 // rows that no key opens
	Due      int64  // Unix second by which a rotation must have ended; 0 = none waits
}

func (r *rooms) erasures() {
	r.gauge("tribune_erasures_waiting", "Erasures on record of which not everything is deleted yet.", func(s *snapshot) float64 { return float64(s.erasures.Waiting) })
	r.gauge("tribune_epoch", "Number of the epoch key that wraps what rests.", func(s *snapshot) float64 { return float64(s.erasures.Epoch) })
	r.gauge("tribune_epoch_rotating", "Whether the store is going over to a new epoch key.", func(s *snapshot) float64 { return truth(s.erasures.Rotating) })
	r.gauge("tribune_epoch_rewrapped_rows", "Rows wrapped anew by the rotation under way, or the last one since the start.", func(s *snapshot) float64 { return float64(s.erasures.Wrapped) })
	r.gauge("tribune_epoch_damaged_rows", "Rows that no epoch key opens.", func(s *snapshot) float64 { return float64(s.erasures.Damaged) })
	r.gauge("tribune_epoch_due_timestamp_seconds", "When the present epoch key must be destroyed, so that erasures are final; 0 where none waits.", func(s *snapshot) float64 { return float64(s.erasures.Due) })
}
