package way

import (
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// sheet is everything an act needs besides the actor's signature. It is built once by Prepare (or Do, or enrolment) and
// walks to the record, the guardians and the vault.
type sheet struct {
	act       protocol.Act
	caller    tribune.Caller
	decision  tribune.Decision
	evidence  tribune.Evidence
	private   []byte // JCS of protocol.Private
	subjects  []protocol.Subject
	salt      []byte
	recipient *protocol.Recipient // nil where nothing is opened
	traces    [][]byte            // D(trace) of each subject
	tags      []tribune.Tag
	sealed    []tribune.Sealed
	until     time.Time
}

// identities is how many keys the act asks for.
func (s *sheet) identities() (n int) {
	for _, sub := range s.subjects {
		n += len(sub.IDs)
	}
	return n
}

// prepared holds acts that wait for their actor's signature.
type prepared struct {
	mu  sync.Mutex // guards all
	now func() time.Time
	all map[string]*sheet
}

func newPrepared(now func() time.Time) *prepared {
	return &prepared{now: now, all: map[string]*sheet{}}
}

func (p *prepared) put(s *sheet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) >= maxPrepared {
		p.sweep()
	}
	if len(p.all) >= maxPrepared {
		return tribune.Hint(fmt.Errorf("%w: %d acts wait for a signature", tribune.ErrBusy, maxPrepared), "Try again in a minute.")
	}
	p.all[s.act.ID] = s
	return nil
}

func (p *prepared) sweep() {
	now := p.now()
	for id, s := range p.all {
		if now.After(s.until) {
			delete(p.all, id)
		}
	}
}

// take removes and returns the act: one signature, one opening.
func (p *prepared) take(id string) (*sheet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.all[id]
	delete(p.all, id)
	if !ok || p.now().After(s.until) {
		return nil, tribune.Hint(fmt.Errorf("%w: no act waits under this id", tribune.ErrNotFound),
			"A prepared act lives %s and is used once. Send the request again without Tribune-Act.", prepareFor)
	}
	return s, nil
}

// seenActs refuses a caller-built act that comes twice. An act is accepted within maxClockSkew of its own time, so
// remembering ids for twice that long is enough.
type seenActs struct {
	mu          sync.Mutex // guards both generations
	now         func() time.Time
	turned      time.Time
	recent, old map[string]struct{}
}

func newSeenActs(now func() time.Time) *seenActs {
	return &seenActs{now: now, turned: now(), recent: map[string]struct{}{}, old: map[string]struct{}{}}
}

func (s *seenActs) first(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.now(); t.Sub(s.turned) > 2*maxClockSkew {
		s.old, s.recent, s.turned = s.recent, map[string]struct{}{}, t
	}
	_, a := s.recent[id]
	_, b := s.old[id]
	if a || b {
		return false
	}
	s.recent[id] = struct{}{}
	return true
}
