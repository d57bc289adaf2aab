package way

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tribune"
	"tribune/internal/vault"
	"tribune/protocol"
)

// Vital interest is the one declared exception from "no record, no key" (docs/protocol.md): of a class whose register names an office, two
// people of that office open one person's current values with single-use keys, while guardians cannot be reached. vitalask.go is how they ask,
// vitalopen.go how it is opened, vitaltell.go how the record learns of it, vitalcheck.go how guardians check what it was told.
//
// What holds: it is off unless the law in force names the class; while guardians answer, the hub refuses; one person alone opens nothing; what is
// to be disclosed is on the disk, and the key gone from it, before anything is opened; what was opened is shown for 15 minutes and to the two
// alone; the record has it, with the person's mark, before it has any other inventory of keys.
// What does not: whoever controls the running hub can pretend that guardians are away, keep copies of packages, and open them with two
// holders' keys. One holder's key, or the hub without any, opens nothing.

// VitalVault is the vault's part.
type VitalVault interface {
	AllowVital(last uint64, holders map[tribune.OfficeID][]protocol.VitalHolder)
	VitalKeys() (all []vault.VitalKey, gone map[uint64]string)
	VitalCount() map[tribune.ClassID]int
	VitalOf(ctx context.Context, current []tribune.Sealed) ([]protocol.VitalPackage, error)
	TakeVital(ctx context.Context, numbers []uint64, id string, note []byte) ([]protocol.VitalPackage, error)
	AgainVital(ctx context.Context, office tribune.OfficeID, head protocol.VitalHead, value []byte) error
	EndVital(ctx context.Context, why string, numbers ...uint64) error
	VitalOnRecord(ctx context.Context, numbers []uint64) error
	VitalQueue(ctx context.Context) iter.Seq2[string, []byte]
	KeepVital(ctx context.Context, id string, note []byte) error
}

// VitalConfig wires vital interest.
type VitalConfig struct {
	Vault   VitalVault
	Current func(ctx context.Context, class tribune.ClassID, entity tribune.EntityID) ([]tribune.Sealed, error) // values of the entity that rest now
	Reach   func(ctx context.Context) int                                                                       // how many guardians answer, asked now
	Checked func(ctx context.Context, index uint64, req protocol.Request) error                                 // has guardians check a disclosure; nil = nobody does
	Every   time.Duration                                                                                       // between inventories where something has changed; 0 = an hour
}

// Bounds, with their reasons.
const (
	vitalSilent    = 20 * time.Second // guardians must have been out of reach that long: a hiccup is no emergency, and an emergency has no minute to lose
	vitalProbe     = 5 * time.Second  // between asking whether they answer
	vitalInventory = time.Hour
	vitalIdle      = 24 * time.Hour // an inventory that has not changed is put on record as often: who stops is seen to
	maxVitalOrders = 64             // that wait for a second person
	maxVitalOfOne  = 8              // of one who asks: nobody fills the places of all
	vitalTick      = time.Second
)

// vital is the room's state.
type vital struct {
	way  *Way
	cfg  *VitalConfig // nil = there is none here
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{}

	telling sync.Mutex // held by whoever discloses or makes an inventory

	mu       sync.Mutex // guards what follows
	ledger   protocol.VitalLedger
	counted  time.Time         // of the newest inventory on record
	fresh    bool              // it was compared with what there is since the start, and since the last use
	looked   time.Time         // when it was last
	recorded map[string]uint64 // disclosures on record, by the order's id
	uses     []uint64          // their leaves
	pending  map[string]*vitalOrder
	answers  map[string]*vitalAnswer
	enough   time.Time // when w guardians last answered
	probed   time.Time
	waiting  int // uses that are not on record

	unchecked map[uint64]*vitalUnchecked // disclosures that guardians have to check, by leaf
	checking  bool                       // one is under way
}

func newVital(w *Way) *vital {
	v := &vital{way: w, cfg: w.cfg.Vital, recorded: map[string]uint64{}, pending: map[string]*vitalOrder{}, answers: map[string]*vitalAnswer{}, unchecked: map[uint64]*vitalUnchecked{}, done: make(chan struct{}), wake: make(chan struct{}, 1), enough: w.cfg.Now()}
	if v.cfg != nil && v.cfg.Every == 0 {
		v.cfg.Every = vitalInventory
	}
	return v
}

// leaf takes what is on record of vital interest.
func (v *vital) leaf(index uint64, l protocol.Leaf) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch l.Act.Kind {
	case tribune.ActVital:
		if use, _, _, err := protocol.VitalUseOf(l); err == nil {
			v.ledger.Use(use.Keys)
			v.recorded[l.Act.ID] = index
			v.uses = append(v.uses, index)
		}
	case tribune.ActVitalKeys:
		if k, err := protocol.DecodeVitalKeys(l.Public); err == nil && l.Decision.Permit {
			v.ledger.Change(k)
			v.counted, _ = l.Act.When()
		}
	}
}

// begin runs what goes on in the background, once the record was read.
func (v *vital) begin(ctx context.Context) error {
	if v.cfg == nil {
		close(v.done)
		v.stop = func() {}
		return nil
	}
	if err := v.allow(ctx); err != nil {
		return fmt.Errorf("reading who holds single-use keys: %w", err)
	}
	if err := v.again(ctx); err != nil {
		return fmt.Errorf("throwing away what a backup has brought back: %w", err)
	}
	if err := v.readUnchecked(ctx); err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	v.stop = stop
	go v.run(run)
	return nil
}

// again throws away keys that the record says are gone: a backup has brought them back, and each works once.
func (v *vital) again(ctx context.Context) error {
	live, _ := v.cfg.Vault.VitalKeys()
	v.mu.Lock()
	live = slices.DeleteFunc(live, func(k vault.VitalKey) bool { return !v.ledger.Was(k.Head.Number) })
	v.mu.Unlock()
	for _, k := range live {
		v.way.cfg.Log.Warn("a single-use key that the record says is gone was here again, and is thrown away", "number", k.Head.Number)
		if err := v.cfg.Vault.EndVital(ctx, protocol.VitalEnded, k.Head.Number); err != nil {
			return err
		}
	}
	return nil
}

func (v *vital) close() {
	v.stop()
	<-v.done
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, a := range v.answers {
		a.wipe()
		delete(v.answers, id)
	}
}

func (v *vital) run(ctx context.Context) {
	defer close(v.done)
	tick := time.NewTicker(vitalTick)
	defer tick.Stop()
	for {
		v.forget()
		v.look(ctx)
		if err := v.tell(ctx); err != nil && ctx.Err() == nil {
			level := slog.LevelError
			if errors.Is(err, tribune.ErrNoQuorum) || errors.Is(err, tribune.ErrBusy) {
				level = slog.LevelInfo
			}
			v.way.cfg.Log.Log(ctx, level, "vital interest: what must go on record waits", "err", err)
		}
		v.checks()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-v.wake:
		}
	}
}

// on reports whether anything is to be done at all: a city whose law names no class asks its guardians nothing.
func (v *vital) on() bool {
	if v.cfg == nil {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.way.cfg.Gate.Set().VitalClasses()) > 0 || len(v.ledger.Live()) > 0 || v.waiting > 0 || len(v.unchecked) > 0
}

// look asks guardians from time to time whether they answer.
func (v *vital) look(ctx context.Context) {
	v.mu.Lock()
	due := v.way.cfg.Now().Sub(v.probed) >= vitalProbe
	v.mu.Unlock()
	if due && v.on() {
		v.probe(ctx)
	}
}

// probe asks them now. Enough are as many as publish: with fewer the ordinary way is closed.
func (v *vital) probe(ctx context.Context) bool {
	answered := v.cfg.Reach(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.probed = v.way.cfg.Now()
	if answered < v.way.cfg.Group.W {
		return false
	}
	v.enough = v.probed
	return true
}

// unreachable refuses while guardians answer, or have answered just now.
func (v *vital) unreachable(ctx context.Context) error {
	reachable := func() error {
		return tribune.Hint(fmt.Errorf("%w: guardians can be reached", tribune.ErrConflict), "Ask the ordinary way: it is open, and leaves the record that it should. Without the guardians data are opened only once they have been out of reach for %d seconds.", vitalSilent/time.Second)
	}
	v.mu.Lock()
	silent := v.way.cfg.Now().Sub(v.enough)
	v.mu.Unlock()
	if silent < vitalSilent || v.probe(ctx) {
		return reachable()
	}
	return nil
}

// VitalState is what anybody may know.
type VitalState struct {
	Classes   []VitalClass
	Keys      int       // single-use keys that there are
	Counted   time.Time // the newest inventory on record; zero = none
	Unwritten int       // uses that are not on record yet
	Uses      []uint64  // leaves, the newest last
	Silent    time.Duration
	Reachable bool
}

// VitalClass is one class that is on.
type VitalClass struct {
	Class   tribune.Class
	Holders int
	Keys    int
}

// Vital is the state of vital interest here.
func (w *Way) Vital(ctx context.Context) (s VitalState, err error) {
	v := w.vital
	if v.cfg == nil {
		return s, errNoVital()
	}
	holders, err := v.holders(ctx)
	if err != nil {
		return s, err
	}
	keys := v.cfg.Vault.VitalCount() // and not the keys: anybody asks, as often as they like
	for _, c := range w.cfg.Gate.Set().VitalClasses() {
		s.Classes = append(s.Classes, VitalClass{Class: c, Holders: len(holders[c.Vital]), Keys: keys[c.ID]})
	}
	for _, n := range keys {
		s.Keys += n
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Counted, s.Unwritten, s.Uses, s.Silent = v.counted, v.waiting, slices.Clone(v.uses), w.cfg.Now().Sub(v.enough)
	s.Reachable = s.Silent < vitalSilent
	return s, nil
}
