package way

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/protocol"
)

// What an erasure deletes stands in a plan, wrapped, before its act is on record; the plan goes when everything is gone. Every step may be
// repeated, so a crash at any of them costs no more than doing it again at the next start:
//
//	arrival ends for the day      Vault.Bar
//	guardians are shown it        Guardians.Erased, until enough have stated that they obey it
//	recipients are queued         Recipients.Erased
//	values, their rows, history   Holdings.Erase, until nothing is found
//	headers, trace key            Vault.Erase, the same
//	openings that name them       deleted; of an act about several people, redacted
//	the plan becomes a state      Erasure: when, and the epoch whose key must go before it is final
//
// Rows: way||erase|leaf hash   the plan, wrapped        way||erased|index u64   Erasure, in clear: it names nobody
const (
	rotateWithin  = 30 * 24 * time.Hour // as vault.RotateWithin: an erasure is final then at the latest (protocol 33)
	erasureRetry  = 30 * time.Second
	erasureRounds = 20             // of deleting until nothing is found: what arrives meanwhile is barred
	planKept      = 24 * time.Hour // of a plan whose act is not on record
)

// Erasure is how far one is.
type Erasure struct {
	Act     string    `json:"act"`
	Index   uint64    `json:"index"`   // of its leaf
	Asked   time.Time `json:"asked"`   // the act's own time
	Deleted time.Time `json:"deleted"` // zero = it is under way
	Epoch   uint32    `json:"epoch"`   // whose key must be destroyed before it is final
	Values  int       `json:"values"`  // sealed values, and
	Rows    int       `json:"rows"`    // headers, trace keys and openings that were deleted

	Final time.Time `json:"-"` // when that key was destroyed; zero = it lives
	Due   time.Time `json:"-"` // when it is at the latest, where Final is zero and something was deleted

	Stated []protocol.ErasureStatement `json:"-"` // by guardians, that they obey it
}

// State is one word for it.
func (e Erasure) State() string {
	switch {
	case e.Deleted.IsZero():
		return "recorded"
	case e.Final.IsZero():
		return "deleted"
	}
	return "final"
}

// erasurePlan is what one is to delete. A step that is counted twice, because of a crash, makes Values and Rows no larger than they are.
type erasurePlan struct {
	Act      string              `json:"act"`
	Asked    string              `json:"asked"`
	Subjects []tribune.Pseudonym `json:"subjects"`
	Until    uint32              `json:"until"` // day up to which nothing more arrives

	leaf  tribune.Hash
	index uint64
	begun time.Time // by this process; of run alone
}

func planKey(leaf tribune.Hash) []byte {
	return store.Key("way", tribune.Place{}, "erase", string(leaf[:]))
}

func erasedKey(index uint64) []byte {
	return store.Uint(store.Key("way", tribune.Place{}, "erased"), index)
}

// WrappedRows are the prefixes of the rows that the way keeps wrapped: a rotation of epoch keys takes them along.
func WrappedRows() [][]byte {
	return [][]byte{store.Key("way", tribune.Place{}, "opening"), store.Key("way", tribune.Place{}, "erase")}
}

// erasing deletes what erasures on record say.
type erasing struct {
	way  *Way
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex // guards what follows
	tags  map[tribune.Tag]struct{}
	plans map[uint64]*erasurePlan // by index, those that are not done

	doubted map[tribune.Hash]*erasurePlan // by leaf hash, those whose leaf may still come to stand on record
	anew    bool                          // for one more of them, from the beginning

	lost   map[tribune.Tag]*erasurePlan // erasures that a backup has undone; of run alone
	looked uint64                       // leaves below it have been looked through for the doubted; of run alone
}

// newErasing reads back the plans; recorded are the erasures on record, by leaf hash.
func newErasing(ctx context.Context, w *Way, recorded map[tribune.Hash]erasureLeaf) (*erasing, error) {
	run, stop := context.WithCancel(context.Background())
	e := &erasing{way: w, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), tags: map[tribune.Tag]struct{}{}, plans: map[uint64]*erasurePlan{}, doubted: map[tribune.Hash]*erasurePlan{}}
	for _, r := range recorded {
		for _, tag := range r.erased {
			e.tags[tag] = struct{}{}
		}
	}
	if err := e.read(ctx, recorded); err != nil {
		stop()
		return nil, fmt.Errorf("reading what is to be erased: %w", err)
	}
	var err error
	if e.lost, err = e.forgotten(ctx, recorded); err != nil {
		stop()
		return nil, fmt.Errorf("reading what was erased: %w", err)
	}
	go e.run(run)
	return e, nil
}

// erasureLeaf is what the record says of an erasure.
type erasureLeaf struct {
	index  uint64
	erased []tribune.Tag
	act    string
	asked  string
	day    uint32
}

func (e *erasing) read(ctx context.Context, recorded map[tribune.Hash]erasureLeaf) error {
	prefix := store.Key("way", tribune.Place{}, "erase")
	for pair, err := range e.way.cfg.Store.Scan(ctx, store.Prefix(prefix)) {
		if err != nil {
			return err
		}
		hash, _, ok := store.CutPart(pair.Key[len(prefix):])
		data, err := e.way.cfg.Vault.Unwrap(string(pair.Key), pair.Value)
		plan := &erasurePlan{}
		if err == nil {
			err = json.Unmarshal(data, plan)
		}
		if err != nil || !ok || len(hash) != len(plan.leaf) {
			return &tribune.IntegrityError{What: "what is to be erased", Err: errors.Join(err, tribune.ErrInvalid)}
		}
		plan.leaf = tribune.Hash([]byte(hash))
		if r, there := recorded[plan.leaf]; there {
			plan.index = r.index
			e.plans[r.index] = plan
			continue
		}
		if asked, err := protocol.ParseTime(plan.Asked); err != nil || e.way.cfg.Now().Sub(asked) > planKept {
			e.drop(ctx, plan)
		}
	}
	return nil
}

// drop forgets a plan whose act is not on record.
func (e *erasing) drop(ctx context.Context, plan *erasurePlan) {
	var b store.Batch
	b.Delete(planKey(plan.leaf))
	if err := e.way.cfg.Store.Commit(ctx, &b); err != nil {
		e.way.cfg.Log.Warn("the plan of an erasure that is not on record stays behind", "err", err)
	}
}

func (e *erasing) onRecord(tag tribune.Tag) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.tags[tag]
	return ok
}

// begin has a plan carried out whose act is on record.
func (e *erasing) begin(plan *erasurePlan, index uint64, erased []tribune.Tag) {
	e.mu.Lock()
	plan.index = index
	e.plans[index] = plan
	for _, tag := range erased {
		e.tags[tag] = struct{}{}
	}
	e.mu.Unlock()
	e.wakeUp()
}

func (e *erasing) wakeUp() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *erasing) close() {
	e.stop()
	<-e.done
}

func (e *erasing) run(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(erasureRetry)
	defer tick.Stop()
	for {
		if err := e.again(ctx); err != nil && ctx.Err() == nil {
			e.way.cfg.Log.Error("erasures that a backup has undone are not done again yet", "err", err)
		}
		if err := e.late(ctx); err != nil && ctx.Err() == nil {
			e.way.cfg.Log.Error("an erasure that may be on record is looked for again", "err", err)
		}
		for _, plan := range e.waiting() {
			if err := e.carryOut(ctx, plan); err != nil && ctx.Err() == nil {
				e.way.cfg.Log.Error("an erasure on record is not done yet; trying again", "index", plan.index, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-tick.C:
		}
	}
}

func (e *erasing) waiting() (all []*erasurePlan) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, plan := range e.plans {
		all = append(all, plan)
	}
	return all
}

// ErasureAt is how far the erasure is whose leaf stands at index; ErrNotFound where no erasure stands there, or this hub knows nothing of it.
func (w *Way) ErasureAt(ctx context.Context, index uint64) (Erasure, error) {
	w.erasing.mu.Lock()
	plan := w.erasing.plans[index]
	w.erasing.mu.Unlock()
	stated, err := w.erasureStated(ctx, index)
	if err != nil {
		return Erasure{}, err
	}
	if plan != nil {
		asked, err := protocol.ParseTime(plan.Asked)
		return Erasure{Act: plan.Act, Index: index, Asked: asked, Stated: stated}, err
	}
	data, err := w.cfg.Store.Get(ctx, erasedKey(index))
	if err != nil {
		return Erasure{}, fmt.Errorf("looking for an erasure: %w", err)
	}
	var state Erasure
	if err := json.Unmarshal(data, &state); err != nil {
		return state, &tribune.IntegrityError{What: "the state of an erasure", Err: err}
	}
	state.Stated = stated
	state.Final, err = w.cfg.Vault.Destroyed(ctx, state.Epoch)
	if errors.Is(err, tribune.ErrNotFound) {
		state.Due = state.Deleted.Add(rotateWithin)
		err = nil
	}
	return state, err
}

// Erasures is how many are on record and not done.
func (w *Way) Erasures() int { return len(w.erasing.waiting()) }
