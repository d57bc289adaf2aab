package federation

import "sync/atomic"

// maxEverywhere is what all questions that are under way may gather together, in bytes of the answers: a hundred callers may ask at once, and
// each of their questions may find as much as there is.
const maxEverywhere = 512 << 20

// allowance bounds what all sources of one question may answer together, within what all questions may.
type allowance struct {
	entities, instances, bytes atomic.Int64
	taken                      atomic.Int64  // bytes
	everywhere                 *atomic.Int64 // bytes that all questions have taken
}

func (s *Sources) newAllowance() *allowance {
	a := &allowance{everywhere: &s.gathered}
	a.entities.Store(MaxEntities)
	a.instances.Store(MaxInstances)
	a.bytes.Store(maxGathered)
	return a
}

// take notes an answer.
func (a *allowance) take(bytes, entities int) {
	a.bytes.Add(-int64(bytes))
	a.entities.Add(-int64(entities))
	a.taken.Add(int64(bytes))
	a.everywhere.Add(int64(bytes))
}

// spent reports whether no more is to be read: the rest is missing, and that has to be said.
func (a *allowance) spent() bool {
	return a.entities.Load() <= 0 || a.instances.Load() <= 0 || a.bytes.Load() <= 0 || a.everywhere.Load() >= maxEverywhere
}

// end gives back what the question has taken. Nobody takes any more.
func (a *allowance) end() { a.everywhere.Add(-a.taken.Load()) }
