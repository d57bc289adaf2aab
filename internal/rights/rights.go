// Package rights keeps what people ask of the city about their own data, and what they permit: cases with a legal clock (access,
// copy, correction, restriction, objection, erasure, "why did you use this?") and consents.
//
// It is for people who have logged in, and for the offices that must answer them. Pages and API (internal/portal) call it for
// both; the city's wiring gives the gate Consents and Stopped, which an act's decision rests on.
//
// Promises:
//   - What was acknowledged is durable, and rests wrapped under the epoch key: who has the disk or a backup learns how many
//     cases there are, and nothing of anybody's. Rows are named by random numbers.
//   - A case is shown to the person who filed it and to the office that must answer it, to nobody else. Numbers are public: how many
//     are open, how many were answered too late, how many nobody has answered in time (Counts).
//   - The end of a clock is computed from rules that are data (rights.toml) when the case is filed, by Regulation 1182/71, and
//     never moves but by an extension with a reason before it.
//   - A withdrawn consent is in no evidence from the moment its withdrawal is acknowledged; it needs no signature, no reason and no key.
//     Nothing is consented to by anything but the signature of the person's own key.
//   - Everything is bounded: cases and consents of one person and of all, every text, every list.
//
// Threat model. Whoever takes over the hub can read cases as they are shown, keep one from its office, show a withdrawn consent to the
// guardians until it ends by itself, and forget a restriction: guardians do not know of withdrawals and restrictions. They cannot make a
// consent that nobody gave: its signature is by a key that the council has appointed to that person.
package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
)

// Wrapper keeps what rests from whoever has the disk without the epoch key; *vault.Vault is one.
type Wrapper interface {
	Wrap(label string, data []byte) ([]byte, error)
	Unwrap(label string, wrapped []byte) ([]byte, error)
}

// Config wires a Room. Every field is required.
type Config struct {
	City  string // as in identities: what consents name
	Store store.Store
	Wrap  Wrapper
	Rules *Rules
	Now   func() time.Time
}

// Bounds, with their reasons.
const (
	MaxText       = 4000   // bytes of what one person or office writes at once: two pages
	maxOpen       = 20     // cases of one person that wait for an answer: a bound on what a script can file
	maxOfPerson   = 500    // cases of one person, closed ones too, until they are deleted
	maxCases      = 50_000 // of all; some 300 bytes each are held in memory
	maxEvents     = 64     // of one case
	maxAllConsent = 50_000 // of all, refusals and withdrawn ones too
)

// Person is whoever acts about their own data.
type Person struct {
	Owner   tribune.Hash      // of the login: who sees the case
	Subject tribune.Pseudonym // of the name of theirs that it is about
}

// Room is safe for concurrent use.
type Room struct {
	cfg Config

	mu       sync.Mutex // guards what follows; a change holds it from reading a row until its write is durable
	cases    map[string]*head
	consents map[string]*ConsentRecord
	given    map[tribune.Pseudonym][]string // ids of the signed ones, in force or not: every act asks for its subjects'
	stops    map[tribune.Pseudonym][]stop

	representations map[tribune.Hash]*Representation
	deeds           map[uint64]tribune.Hash // which of them an entry of the record is about
}

// Open reads what rests. One row that cannot be read stops it: a case that nobody sees is a deadline that nobody keeps.
func Open(ctx context.Context, cfg Config) (*Room, error) {
	r := &Room{cfg: cfg, cases: map[string]*head{}, consents: map[string]*ConsentRecord{}, given: map[tribune.Pseudonym][]string{}, stops: map[tribune.Pseudonym][]stop{}, representations: map[tribune.Hash]*Representation{}, deeds: map[uint64]tribune.Hash{}}
	if err := r.readCases(ctx); err != nil {
		return nil, fmt.Errorf("reading people's cases: %w", err)
	}
	if err := r.readConsents(ctx); err != nil {
		return nil, fmt.Errorf("reading people's consents: %w", err)
	}
	if err := r.readRepresentations(ctx); err != nil {
		return nil, fmt.Errorf("reading who acts for whom: %w", err)
	}
	return r, nil
}

// Rules are the clocks and addresses of this city.
func (r *Room) Rules() *Rules { return r.cfg.Rules }

// The kinds of row.
const (
	rowCase    = "case"
	rowConsent = "consent"
)

func rowKey(kind, id string) []byte { return store.Key("rights", tribune.Place{}, kind, id) }

// label binds what is wrapped to its row.
func label(kind, id string) string { return "rights " + kind + " " + id }

// write puts rows durably: new ones where they must not be there yet.
func (r *Room) write(ctx context.Context, kind, id string, v any, fresh bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing a %s: %w", kind, err)
	}
	wrapped, err := r.cfg.Wrap.Wrap(label(kind, id), text)
	if err != nil {
		return fmt.Errorf("wrapping a %s: %w", kind, err)
	}
	var b store.Batch
	if fresh {
		b.ExpectAbsent(rowKey(kind, id))
	}
	b.Put(rowKey(kind, id), wrapped)
	if err := r.cfg.Store.Commit(ctx, &b); err != nil {
		return fmt.Errorf("keeping a %s: %w", kind, err)
	}
	return nil
}

func (r *Room) unwrap(kind, id string, wrapped []byte, v any) error {
	text, err := r.cfg.Wrap.Unwrap(label(kind, id), wrapped)
	if err != nil {
		return fmt.Errorf("unwrapping a %s: %w", kind, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return &tribune.IntegrityError{What: "a row of the rights room", Err: errors.New("it is not what was written")}
	}
	return nil
}

// scan reads every row of a kind.
func (r *Room) scan(ctx context.Context, kind string, each func(id string, wrapped []byte) error) error {
	prefix := store.Key("rights", tribune.Place{}, kind)
	for pair, err := range r.cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return err
		}
		id, rest, ok := store.CutPart(pair.Key[len(prefix):])
		if !ok || len(rest) > 0 {
			return &tribune.IntegrityError{What: "a key of the rights room", Err: tribune.ErrInvalid}
		}
		if err := each(id, pair.Value); err != nil {
			return err
		}
	}
	return nil
}

// Rewrap wraps anew what is under an epoch key that is about to go: what rotates it says by again what takes the place of a row, nil where
// it stays. A row that no key opens stays as it is, and keeps no other from the new key.
func (r *Room) Rewrap(ctx context.Context, again func(label string, wrapped []byte) ([]byte, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, kind := range []string{rowCase, rowConsent, rowRepresentation} {
		err := r.scan(ctx, kind, func(id string, wrapped []byte) error {
			fresh, err := again(label(kind, id), wrapped)
			if err != nil || fresh == nil {
				return err
			}
			var b store.Batch
			b.Put(rowKey(kind, id), fresh)
			return r.cfg.Store.Commit(ctx, &b)
		})
		if err != nil {
			return fmt.Errorf("wrapping people's cases and consents anew: %w", err)
		}
	}
	return nil
}
