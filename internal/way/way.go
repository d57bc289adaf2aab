// Package way is the one way: everything that touches personal data or power goes through it and through nothing else.
//
//	Act -> gate (evidence, policy) -> record (witnessed leaf) -> guardians (re-decide, release) -> vault (open) -> answer + Receipt
//
// It is the only caller of gate, record, guardians and vault together. Edges call Prepare and Open to read sealed values,
// Do to exercise power. Reading takes two steps because the actor, not the hub, signs the act (protocol 14): Prepare
// decides and returns the act to sign, Open puts it on record and opens it.
//
// Promises: nothing is opened before its leaf is published under the required co-signatures; a subject's uses are
// numbered without a gap in log order; keys live for one act; the denial of a known caller is on record too; what a
// leaf commits to is kept before the leaf can be on record; an act under way is finished, whoever hangs up.
package way

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"tribune"
	"tribune/ibe"
	"tribune/internal/record"
	"tribune/internal/store"
	"tribune/internal/vault"
	"tribune/policy"
	"tribune/protocol"
)

// Gate decides, and knows the keys that appointments registered and what stands in the registers.
type Gate interface {
	tribune.Gate
	Weigh(context.Context, tribune.Act) (tribune.Decision, tribune.Evidence, error) // Decide, but counting nothing
	ActorKey(tribune.ActorID) (ed25519.PublicKey, error)
	Set() *policy.Set
	Then(at time.Time) *policy.Set // in force at that time; nil where it is not to be had
	Mandates() []tribune.Mandate
}

// Record is the log. Append returns once the leaf is integrated; its order of calls is the order of the log. Await
// returns once it is published under quorum.
type Record interface {
	Append(ctx context.Context, leaf []byte) (uint64, error)
	Await(ctx context.Context, index uint64) (tribune.Receipt, error)
	Range(ctx context.Context, from uint64) iter.Seq2[record.Entry, error]
}

// Vault holds what is sealed.
type Vault interface {
	CloseSegments(class tribune.ClassID, subjects []tribune.Pseudonym)
	Identities(now time.Time, sealed []tribune.Sealed) []protocol.Subject
	Open(ctx context.Context, keys map[tribune.Identity][]byte, sealed []tribune.Sealed) ([][]byte, error)
	TraceKey(ctx context.Context, p tribune.Pseudonym) ([]byte, error)
	PutTrace(ctx context.Context, p tribune.Pseudonym, d []byte) error
	HiddenKey(ctx context.Context, p tribune.Pseudonym, quarter uint32) ([]byte, error)
	PutHidden(ctx context.Context, p tribune.Pseudonym, quarter uint32, d []byte) error
	HiddenQuarters(ctx context.Context, p tribune.Pseudonym) ([]uint32, error)
	Keep(ctx context.Context, key, clear []byte) error // wraps and stores
	Unwrap(label string, wrapped []byte) ([]byte, error)

	Bar(ctx context.Context, p tribune.Pseudonym, until uint32) error
	Barred(p tribune.Pseudonym) bool
	Erase(ctx context.Context, p tribune.Pseudonym) (rows int, err error)
	NoteErasure(ctx context.Context) (epoch uint32, err error)
	Destroyed(ctx context.Context, epoch uint32) (time.Time, error)
	Traces(ctx context.Context) iter.Seq2[vault.Trace, error]
}

// Guardians release shares: at least need answers that are not refusals, or an error. A guardian that is suspected is
// asked last from then on.
type Guardians interface {
	Release(ctx context.Context, req protocol.Request, need int) ([]protocol.Answer, error)
	Suspect(index int)
	Erased(ctx context.Context, req protocol.Request) ([]protocol.ErasureStatement, error) // shows all of them an erasure; err says who does not obey it
}

// Config wires a Way. Every field but Log, Holdings, Told and Vital is required.
type Config struct {
	Group     protocol.Group
	Gate      Gate
	Record    Record
	Vault     Vault
	Guardians Guardians
	Store     store.Store
	Holdings  Holdings           // nil = nothing can be erased here
	Told      Recipients         // who tells those that were given a person's data of their erasure; nil = nobody does
	Vital     *VitalConfig       // opening without guardians, where the law lets it; nil = never
	Hub       tribune.Caller     // as whom the hub itself acts: enrolment
	HubKey    ed25519.PrivateKey // its registered key
	Now       func() time.Time
	Log       *slog.Logger
}

// Bounds, with their reasons.
const (
	prepareFor   = 60 * time.Second // long enough for a person to confirm and sign
	maxPrepared  = 4096             // one act each; beyond it a new act gets an error, not memory
	maxHeld      = 1 << 18          // sealed values that prepared acts keep waiting, all together: some 200 MB
	maxPrivate   = 64 << 10         // bytes of what a caller-built act commits to; it is kept for good
	maxClockSkew = 60 * time.Second // of acts that callers build themselves
	openFor      = 30 * time.Second // appending, publishing and releasing one act, whatever the caller's patience
)

// Way is safe for concurrent use.
type Way struct {
	cfg       Config
	master    *ibe.Master // the guardians' SEAL key
	uses      *uses
	prepared  *prepared
	denials   *denials
	enrolment *enrolment
	erasing   *erasing
	seen      *seenActs
	hidden    protocol.HiddenEnds
	vital     *vital

	mu     sync.Mutex // guards closed, and acts against being added to once closed
	closed bool
	acts   sync.WaitGroup // acts under way
}

// New reads what the record knows: tags, the latest acts of power, the days whose refusals are counted. It is then
// ready. Close ends it.
func New(ctx context.Context, cfg Config) (*Way, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	master, err := ibe.NewMaster(cfg.Group.Seal.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the guardians' public key: %w", err)
	}
	w := &Way{cfg: cfg, master: master, uses: newUses(), prepared: newPrepared(cfg.Now), seen: newSeenActs(cfg.Now)}
	w.vital = newVital(w)
	w.hidden.Now = cfg.Now
	w.hidden.Valid = func(_ uint64, at time.Time, e protocol.Extension) bool {
		set := cfg.Gate.Then(at)
		return set != nil && set.Extends(e, at)
	}
	counted, erased := map[uint32]bool{}, map[tribune.Hash]erasureLeaf{}
	for entry, err := range cfg.Record.Range(ctx, 0) {
		if err != nil {
			return nil, fmt.Errorf("reading tags on record: %w", err)
		}
		leaf, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil {
			continue // a leaf of a later version has no tags for us; the guardians judge it by themselves
		}
		w.uses.add(leaf.Tags, entry.Index)
		w.hidden.Leaf(entry.Index, leaf)
		w.vital.leaf(entry.Index, leaf)
		switch leaf.Act.Kind {
		case tribune.ActDecide, tribune.ActPublish:
			w.seen.restore(leaf)
		case tribune.ActErase:
			if public, err := protocol.ErasureOf(leaf); err == nil {
				day, _ := public.Number() // it has been read
				erased[protocol.LeafHash(entry.Leaf)] = erasureLeaf{entry.Index, public.Erased, leaf.Act.ID, leaf.Act.Time, day}
			}
		case tribune.ActRefusals:
			if day, ok := refusalsDay(leaf); ok {
				counted[day] = true
			}
		}
	}
	if w.denials, err = newDenials(ctx, w, counted); err != nil {
		return nil, err
	}
	w.enrolment = newEnrolment(w)
	if w.erasing, err = newErasing(ctx, w, erased); err != nil {
		w.enrolment.close()
		return nil, errors.Join(err, w.denials.close())
	}
	if err := w.vital.begin(ctx); err != nil {
		w.enrolment.close()
		w.erasing.close()
		return nil, errors.Join(err, w.denials.close())
	}
	return w, nil
}

// enter begins an act; leave ends it. Between them record, store and vault stay open.
func (w *Way) enter() (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, tribune.Hint(fmt.Errorf("%w: the hub is stopping", tribune.ErrBusy), "Try again in a minute.")
	}
	w.acts.Add(1)
	return w.acts.Done, nil
}

// Close takes no more acts, waits for those under way (they end by their own time-outs) and for background work. The
// rooms it was given may be closed after that, and not before.
func (w *Way) Close() error {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.enrolment.close()
	w.erasing.close()
	w.vital.close()
	w.acts.Wait()
	return w.denials.close()
}
