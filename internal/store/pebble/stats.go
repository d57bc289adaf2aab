package pebble

// Stats is how the store's disk does.
type Stats struct {
	Bytes       uint64 // on disk: tables, write-ahead logs and the rest
	Compactions uint64
	Stalls      uint64 // times that writers waited for compaction since the store was opened
}

// Stats counts; zero once the store is closed.
func (s *Store) Stats() Stats {
	if !s.users.enter() {
		return Stats{}
	}
	defer s.users.leave()
	m := s.db.Metrics()
	return Stats{Bytes: m.DiskSpaceUsage(), Compactions: uint64(m.Compact.Count), Stalls: s.stalls.Load()}
}
