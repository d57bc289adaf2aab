package rights

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/protocol"
)

// Representation is one person acting for another, as it rests. What was done under it is kept with it, and shown to both.
type Representation struct {
	Mark           tribune.Hash      `json:"mark"`
	Document       []byte            `json:"document"` // signed by its issuer
	Issuer         string            `json:"issuer"`   // the name of the key that signed it
	Ward           tribune.Pseudonym `json:"ward"`
	Representative tribune.Pseudonym `json:"representative"`
	Ended          time.Time         `json:"ended,omitzero"` // before its time, by an issuer
	Deeds          []Deed            `json:"deeds"`          // oldest first; the first is the grant

	Doc protocol.Representation `json:"-"`
}

// Deed is one thing that stands on record of it.
type Deed struct {
	At   time.Time `json:"at"`
	Deed string    `json:"deed"`           // protocol.DeedLook and its like
	What string    `json:"what,omitempty"` // of a request: its kind
	Leaf uint64    `json:"leaf"`
}

// Bounds, with their reasons.
const (
	maxRepresentations = 20_000 // of all; some 2 KB each are held in memory
	maxDeeds           = 500    // kept of one, the latest: the record has all
	maxDeedsADay       = 40     // of one: each takes two marks on record
	rowRepresentation  = "representation"
)

// InForce reports whether it counts at a moment.
func (p *Representation) InForce(at time.Time) bool { return p.Ended.IsZero() && p.Doc.InForce(at) }

// id names its row: random, as the document's id is.
func (p *Representation) id() string { return p.Doc.ID }

func (p *Representation) read() error {
	text, _ := protocol.SplitDocument(p.Document)
	if protocol.RepresentationMark(text) != p.Mark || len(p.Deeds) == 0 {
		return tribune.ErrInvalid
	}
	var err error
	p.Doc, err = protocol.ParseRepresentation(text)
	return err
}

func (r *Room) readRepresentations(ctx context.Context) error {
	return r.scan(ctx, rowRepresentation, func(id string, wrapped []byte) error {
		p := new(Representation)
		if err := r.unwrap(rowRepresentation, id, wrapped, p); err != nil {
			return err
		}
		if err := p.read(); err != nil || p.id() != id {
			return &tribune.IntegrityError{What: "a representation", Err: tribune.ErrInvalid}
		}
		r.know(p)
		return nil
	})
}

// errNotTheirs is the same for a representation of others and for one that never was.
var errNotTheirs = fmt.Errorf("%w: there is no such representation in force for you", tribune.ErrNotFound)

// HasRoom refuses one more where there is no room for it; it is asked before anything stands on record.
func (r *Room) HasRoom() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.representations) >= maxRepresentations {
		return fmt.Errorf("%w: the city cannot keep more representations", tribune.ErrBusy)
	}
	return nil
}

// Granted keeps a representation whose grant is on record. When it returns it is durable.
func (r *Room) Granted(ctx context.Context, p *Representation) error {
	if err := p.read(); err != nil {
		return fmt.Errorf("%w: a representation that is not what its mark says", tribune.ErrInvalid)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.representations[p.Mark] != nil {
		return fmt.Errorf("%w: this representation is known", tribune.ErrConflict)
	}
	if err := r.write(ctx, rowRepresentation, p.id(), p, true); err != nil {
		return err
	}
	r.know(p)
	return nil
}

// know takes one as it now rests into memory. r.mu is held, or nobody else knows the room yet.
func (r *Room) know(p *Representation) {
	r.representations[p.Mark] = p
	for _, d := range p.Deeds {
		r.deeds[d.Leaf] = p.Mark
	}
}

// Representation is one by its mark, as a copy.
func (r *Room) Representation(mark tribune.Hash) (*Representation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.representations[mark]
	if p == nil {
		return nil, errNotTheirs
	}
	return p.copied(), nil
}

func (p *Representation) copied() *Representation {
	c := *p
	c.Deeds = slices.Clone(p.Deeds)
	return &c
}

// Representations are those that names of one person's are about: as representative, and as ward. The newest first; those that are over
// as well, until they are deleted.
func (r *Room) Representations(names []protocol.PersonName) (acting, ward []*Representation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.representations {
		if slices.ContainsFunc(names, p.Doc.Representative.Is) {
			acting = append(acting, p.copied())
		}
		if slices.ContainsFunc(names, p.Doc.Ward.Is) {
			ward = append(ward, p.copied())
		}
	}
	newest := func(a, b *Representation) int {
		return cmp.Or(b.Deeds[0].At.Compare(a.Deeds[0].At), cmp.Compare(a.Doc.ID, b.Doc.ID))
	}
	slices.SortFunc(acting, newest)
	slices.SortFunc(ward, newest)
	return acting, ward
}

// Acting is a representation by which somebody of these names may do something now: it is theirs, in force, extends to it, and they have
// not done too much today. It is asked again for each thing.
func (r *Room) Acting(names []protocol.PersonName, mark tribune.Hash, scope string) (*Representation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	p := r.representations[mark]
	if p == nil || !slices.ContainsFunc(names, p.Doc.Representative.Is) || !p.InForce(now) {
		return nil, errNotTheirs
	}
	if !p.Doc.May(scope) {
		return nil, fmt.Errorf("%w: the representation does not extend to this", tribune.ErrDenied)
	}
	return p.copied(), p.busy(now)
}

// busy refuses more than is done in a day.
func (p *Representation) busy(now time.Time) error {
	today := 0
	for _, d := range p.Deeds {
		if now.Sub(d.At) < 24*time.Hour {
			today++
		}
	}
	if today >= maxDeedsADay {
		return tribune.Hint(fmt.Errorf("%w: %d entries on record of this representation in a day", tribune.ErrBusy, today), "Go on tomorrow.")
	}
	return nil
}

// Noted keeps what stands on record of a representation, its end as well. When it returns that is durable.
func (r *Room) Noted(ctx context.Context, mark tribune.Hash, d Deed) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.representations[mark]
	if p == nil {
		return errNotTheirs
	}
	c := p.copied()
	var old []Deed
	if c.Deeds = append(c.Deeds, d); len(c.Deeds) > maxDeeds {
		old = slices.Clone(c.Deeds[1 : len(c.Deeds)-maxDeeds+1])
		c.Deeds = slices.Delete(c.Deeds, 1, len(c.Deeds)-maxDeeds+1) // the grant stays
	}
	if d.Deed == protocol.DeedEnd && c.Ended.IsZero() {
		c.Ended = d.At
		r.representations[mark] = c // first: where the store fails it is better not to count than to count
	}
	if err := r.write(ctx, rowRepresentation, c.id(), c, false); err != nil {
		return err
	}
	r.know(c)
	for _, d := range old {
		delete(r.deeds, d.Leaf)
	}
	return nil
}

// Halt has a representation count no more from now on, before its end stands on record: that can take as long as guardians cannot be reached.
func (r *Room) Halt(ctx context.Context, mark tribune.Hash) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.representations[mark]
	if p == nil {
		return errNotTheirs
	}
	if !p.Ended.IsZero() {
		return nil
	}
	c := p.copied()
	c.Ended = r.cfg.Now().UTC()
	r.representations[mark] = c // first, as in Noted
	return r.write(ctx, rowRepresentation, c.id(), c, false)
}

// DeedAt finds what an entry of the record is about.
func (r *Room) DeedAt(leaf uint64) (*Representation, Deed, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.representations[r.deeds[leaf]]
	if p == nil {
		return nil, Deed{}, false
	}
	i := slices.IndexFunc(p.Deeds, func(d Deed) bool { return d.Leaf == leaf })
	if i < 0 {
		return nil, Deed{}, false
	}
	return p.copied(), p.Deeds[i], true
}

// sweepRepresentations deletes those that were over longer ago than closed cases are kept, and under which no case is left: by them the ward
// finds those cases. r.mu is held.
func (r *Room) sweepRepresentations(ctx context.Context, now time.Time) (n int, err error) {
	used := map[tribune.Hash]bool{}
	for _, h := range r.cases {
		if h.by != nil {
			used[*h.by] = true
		}
	}
	for mark, p := range r.representations {
		_, until := p.Doc.Span()
		if !p.Ended.IsZero() && p.Ended.Before(until) {
			until = p.Ended
		}
		if now.Sub(until) < r.cfg.Rules.Keep || used[mark] {
			continue
		}
		if err := r.drop(ctx, rowRepresentation, p.id()); err != nil {
			return n, err
		}
		delete(r.representations, mark)
		for _, d := range p.Deeds {
			delete(r.deeds, d.Leaf)
		}
		n++
	}
	return n, nil
}
