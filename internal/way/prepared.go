package way

import (
	"encoding/json"
	"fmt"
	"slices"
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
	quarter   uint32              // of disclosure, under a warrant; else 0
	hidden    [][]byte            // D(hidden) of each subject, under a warrant
	tags      []tribune.Tag
	public    json.RawMessage // of an erasure; nil = nothing
	sealed    []tribune.Sealed
	until     time.Time
}

// wipe forgets what links the subjects' uses. Call it when the act is over.
func (s *sheet) wipe() {
	for _, d := range slices.Concat(s.traces, s.hidden) {
		clear(d)
	}
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
	now func() time.Time

	mu   sync.Mutex // guards both
	all  map[string]*sheet
	held int // sealed values of all
}

func newPrepared(now func() time.Time) *prepared {
	return &prepared{now: now, all: map[string]*sheet{}}
}

func (p *prepared) put(s *sheet) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	if len(p.all) >= maxPrepared || p.held+len(s.sealed) > maxHeld {
		return tribune.Hint(fmt.Errorf("%w: %d acts wait for a signature", tribune.ErrBusy, len(p.all)), "Try again in a minute.")
	}
	p.all[s.act.ID] = s
	p.held += len(s.sealed)
	return nil
}

// sweep forgets what nobody signed in time: a quiet hub should not remember it either.
func (p *prepared) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
}

func (p *prepared) expire() {
	now := p.now()
	for _, s := range p.all {
		if now.After(s.until) {
			p.drop(s)
			s.wipe()
		}
	}
}

func (p *prepared) drop(s *sheet) {
	delete(p.all, s.act.ID)
	p.held -= len(s.sealed)
}

// take removes and returns the act: one signature, one opening.
func (p *prepared) take(id string) (*sheet, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	s, ok := p.all[id]
	if !ok {
		return nil, tribune.Hint(fmt.Errorf("%w: no act waits under this id", tribune.ErrNotFound),
			"A prepared act lives %s and is used once. Send the request again without Tribune-Act.", prepareFor)
	}
	p.drop(s)
	return s, nil
}

// seenActs refuses a caller-built act that comes twice. An act is accepted within maxClockSkew of its own time, so
// remembering ids for twice that long is enough. Only permitted acts are remembered: the office's hourly limit bounds them.
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

// forget undoes first for an act that surely did not get on record: its caller may send it again.
func (s *seenActs) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.recent, id)
	delete(s.old, id)
}

// restore remembers an act that is on record, so that a restart does not let it in again.
func (s *seenActs) restore(leaf protocol.Leaf) {
	at, err := leaf.Act.When()
	if err == nil && leaf.Decision.Permit && s.now().Sub(at).Abs() <= 2*maxClockSkew {
		s.first(leaf.Act.ID)
	}
}
