package way

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/law"
	"tribune/protocol"
)

const (
	telecare = tribune.ClassID("telecare-address")
	alarm    = tribune.EntityID("urn:ngsi-ld:TelecareAlarm:1")
)

// night is a world in which guardians can go away.
type night struct {
	*world
	reach   atomic.Int64
	slow    atomic.Int64 // how long asking them takes
	mu      sync.Mutex   // guards current: the hub looks at it in the background
	current map[tribune.EntityID][]tribune.Sealed
	vital   *brittle
}

// brittle is the vault's part, which can fail where a crash would.
type brittle struct {
	VitalVault
	take, drop atomic.Bool // fail
}

var errCrash = errors.New("the process has ended here")

func (b *brittle) TakeVital(ctx context.Context, numbers []uint64, id string, note []byte) ([]protocol.VitalPackage, error) {
	if b.take.Load() {
		return nil, errCrash
	}
	return b.VitalVault.TakeVital(ctx, numbers, id, note)
}

func (b *brittle) KeepVital(ctx context.Context, id string, note []byte) error {
	if note == nil && b.drop.Load() {
		return errCrash
	}
	return b.VitalVault.KeepVital(ctx, id, note)
}

func newNight(t *testing.T) *night {
	t.Helper()
	n := &night{world: newWorld(t), current: map[tribune.EntityID][]tribune.Sealed{}}
	n.reach.Store(4)
	n.Way.Close()
	n.vital = &brittle{VitalVault: n.world.vault}
	n.cfg.Vital = &VitalConfig{
		Vault: n.vital, Reach: func(context.Context) int { n.clock.add(time.Duration(n.slow.Load())); return int(n.reach.Load()) }, Every: time.Minute,
		Current: func(_ context.Context, class tribune.ClassID, e tribune.EntityID) (all []tribune.Sealed, err error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, s := range n.current[e] {
				if s.Class == class {
					all = append(all, s)
				}
			}
			return all, nil
		},
	}
	n.start(t)
	n.still()
	for _, who := range []tribune.ActorID{law.Dispatcher, law.OtherDispatcher} {
		if err := n.joins(t, who, who); err != nil {
			t.Fatal(err)
		}
	}
	n.store(t, alarm, subject(1), `"7 Elm Row"`)
	n.clock.add(2 * time.Minute)
	n.back()
	if err := n.tell(t); err != nil { // its key stands in an inventory on record
		t.Fatal(err)
	}
	return n
}

// still ends what goes on in the background each second: the tests do it themselves, each thing when its turn has come.
func (n *night) still() {
	n.Way.vital.stop()
	<-n.Way.vital.done
}

func dispatcher(who tribune.ActorID) tribune.Caller {
	return tribune.Caller{Actor: who, Office: "ambulance-dispatch", Purpose: "save-a-life", Mandate: "vital-2026"}
}

// joins has who give the key of by.
func (n *night) joins(t *testing.T, who, by tribune.ActorID) error {
	t.Helper()
	secret, err := protocol.VitalSecret(n.keys[by], testCity)
	if err != nil {
		t.Fatal(err)
	}
	h := protocol.VitalHolder{Actor: who, City: testCity, Key: secret.Public(), Version: protocol.VitalVersion}
	msg, err := h.Message()
	if err != nil {
		t.Fatal(err)
	}
	return n.JoinVital(t.Context(), dispatcher(who), h, ed25519.Sign(n.keys[who], msg))
}

// store seals a value of the class, as the twin does, in the place of what was current.
func (n *night) store(t *testing.T, e tribune.EntityID, p tribune.Pseudonym, value string) {
	t.Helper()
	class, _ := n.gate.Set().Class(telecare)
	item := tribune.Item{Entity: e, Attr: vocab + "address", Time: n.clock.Now().Format(time.RFC3339Nano), Clear: []byte(value)}
	sealed, writes, committed, err := n.world.vault.Seal(t.Context(), tribune.Place{}, class, p, []tribune.Item{item})
	if err != nil {
		t.Fatal(err)
	}
	sealed[0].Entity, sealed[0].Attr = e, item.Attr
	var b store.Batch
	b.Put(store.Key("test", tribune.Place{}, string(e)), sealed[0].Value)
	b.Add(writes...)
	if err := n.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	n.put(e, sealed) // current from the commit on: who looks after keys in between must not take this one for an old one
	committed()
}

func (n *night) put(e tribune.EntityID, sealed []tribune.Sealed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current[e] = sealed
}

// away cuts the guardians off, for long enough.
func (n *night) away() {
	n.reach.Store(int64(n.cfg.Group.W - 1))
	n.clock.add(30 * time.Second)
	n.Way.vital.probe(context.Background())
}

func (n *night) back() {
	n.reach.Store(4)
	n.Way.vital.probe(context.Background())
}

func (n *night) tell(t *testing.T) error {
	t.Helper()
	return n.Way.vital.tell(t.Context())
}

func (n *night) ask(t *testing.T, who tribune.ActorID) VitalAsked {
	t.Helper()
	a, err := n.PrepareVital(t.Context(), dispatcher(who), telecare, alarm, "pressed, no answer")
	if err != nil {
		t.Fatalf("asking: %v", err)
	}
	return a
}

// part is what somebody's own program sends: their shares, sealed to an order under their signature.
func (n *night) part(t *testing.T, who tribune.ActorID, id string) protocol.VitalApproval {
	t.Helper()
	for _, a := range n.VitalPending(dispatcher(who)) {
		if a.Order.ID != id {
			continue
		}
		secret, err := protocol.VitalSecret(n.keys[who], testCity)
		if err != nil {
			t.Fatal(err)
		}
		var shares [][]byte
		for _, s := range a.Shares {
			share, err := a.Order.OpenShare(secret, who, s.Head, s.Box)
			if err != nil {
				t.Fatal(err)
			}
			shares = append(shares, share)
		}
		part, err := a.Order.Approve(who, n.keys[who], shares)
		if err != nil {
			t.Fatal(err)
		}
		return part
	}
	t.Fatalf("order %s does not wait", id)
	return protocol.VitalApproval{}
}

func (n *night) approve(t *testing.T, who tribune.ActorID, id string) (*VitalOpened, error) {
	t.Helper()
	return n.ApproveVital(t.Context(), dispatcher(who), id, n.part(t, who, id))
}

// opened has both do their part.
func (n *night) opened(t *testing.T) VitalAsked {
	t.Helper()
	a := n.ask(t, law.Dispatcher)
	if o, err := n.approve(t, law.Dispatcher, a.Order.ID); err != nil || o != nil {
		t.Fatalf("one alone: got %v, %v", o, err)
	}
	o, err := n.approve(t, law.OtherDispatcher, a.Order.ID)
	if err != nil || len(o.Values) != 1 || string(o.Values[0].Value) != `"7 Elm Row"` {
		t.Fatalf("two together: got %v, %v", o, err)
	}
	return a
}

func TestTwoPeopleOpenWhatTheLawNamesWhileGuardiansAreAway(t *testing.T) {
	n := newNight(t)
	n.away()
	a := n.opened(t)
	if len(n.log.of(t, tribune.ActVital)) != 0 {
		t.Fatal("a disclosure is on record while guardians are away")
	}
	if err := n.tell(t); err != nil {
		t.Fatal(err)
	}
	n.back()
	if err := n.tell(t); err != nil {
		t.Fatal(err)
	}
	leaves := n.log.of(t, tribune.ActVital)
	if len(leaves) != 1 {
		t.Fatalf("%d disclosures on record, want 1", len(leaves))
	}
	use, _, _, err := protocol.VitalUseOf(leaves[0])
	if err != nil || use.Class != telecare || fmt.Sprint(use.Keys) != fmt.Sprint(a.Order.Keys) || leaves[0].Act.ID != a.Order.ID {
		t.Errorf("the disclosure says %+v (%v), want the order's class and keys", use, err)
	}
	if got := n.number(t, subject(1), leaves[0].Tags[0]); got != 1 {
		t.Errorf("it carries the mark of use %d, want 1", got)
	}
	if strings.Contains(string(leaves[0].Public), "pressed") || strings.Contains(string(leaves[0].Public), "dispatcher-amin") {
		t.Errorf("the public part tells who or why: %s", leaves[0].Public)
	}
	ledger := protocol.VitalLedger{}
	for entry := range n.log.Range(t.Context(), 0) {
		l, err := protocol.DecodeLeaf(entry.Leaf)
		if err != nil {
			t.Fatal(err)
		}
		var wrong []string
		if use, _, _, err := protocol.VitalUseOf(l); err == nil {
			wrong = ledger.Use(use.Keys)
		} else if k, err := protocol.DecodeVitalKeys(l.Public); err == nil && l.Act.Kind == tribune.ActVitalKeys {
			wrong = ledger.Change(k)
		}
		if len(wrong) > 0 {
			t.Errorf("entry %d: %v", entry.Index, wrong)
		}
	}
	if _, used := ledger.Live()[a.Order.Keys[0]]; used || len(ledger.Live()) != 1 {
		t.Errorf("the inventory has %d keys, want the new one for the same value alone", len(ledger.Live()))
	}
}

// Each of these must open nothing and use nothing up.
func TestVitalInterestRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		play func(*testing.T, *night) error
		want error
	}{
		"while guardians can be reached": {func(t *testing.T, n *night) error {
			_, err := n.PrepareVital(t.Context(), dispatcher(law.Dispatcher), telecare, alarm, "x")
			return err
		}, tribune.ErrConflict},
		"in the first seconds of a hiccup": {func(t *testing.T, n *night) error {
			n.reach.Store(0)
			n.clock.add(10 * time.Second)
			_, err := n.PrepareVital(t.Context(), dispatcher(law.Dispatcher), telecare, alarm, "x")
			return err
		}, tribune.ErrConflict},
		"where guardians are back between the two": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			if _, err := n.approve(t, law.Dispatcher, a.Order.ID); err != nil {
				return err
			}
			n.reach.Store(4)
			_, err := n.approve(t, law.OtherDispatcher, a.Order.ID)
			return err
		}, tribune.ErrConflict},
		"one person twice": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			if _, err := n.approve(t, law.Dispatcher, a.Order.ID); err != nil {
				t.Fatal(err)
			}
			_, err := n.approve(t, law.Dispatcher, a.Order.ID)
			return err
		}, tribune.ErrConflict},
		"one person's approval in the name of the other": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			part := n.part(t, law.Dispatcher, a.Order.ID)
			_, err := n.ApproveVital(t.Context(), dispatcher(law.OtherDispatcher), a.Order.ID, part)
			return err
		}, tribune.ErrInvalid},
		"an approval of another order, replayed": {func(t *testing.T, n *night) error {
			n.away()
			a, b := n.ask(t, law.Dispatcher), n.ask(t, law.Dispatcher)
			part := n.part(t, law.OtherDispatcher, a.Order.ID)
			_, err := n.ApproveVital(t.Context(), dispatcher(law.OtherDispatcher), b.Order.ID, part)
			return err
		}, tribune.ErrInvalid},
		"shares that are made up, under a good signature": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			part, err := a.Order.Approve(law.Dispatcher, n.keys[law.Dispatcher], [][]byte{make([]byte, 32)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = n.ApproveVital(t.Context(), dispatcher(law.Dispatcher), a.Order.ID, part)
			return err
		}, tribune.ErrInvalid},
		"an order that has waited too long": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			part := n.part(t, law.Dispatcher, a.Order.ID)
			n.clock.add(protocol.VitalAskFor)
			_, err := n.ApproveVital(t.Context(), dispatcher(law.Dispatcher), a.Order.ID, part)
			return err
		}, tribune.ErrNotFound},
		"an order whose time ends while guardians are asked": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			if _, err := n.approve(t, law.Dispatcher, a.Order.ID); err != nil {
				t.Fatal(err)
			}
			part := n.part(t, law.OtherDispatcher, a.Order.ID)
			n.clock.add(protocol.VitalAskFor - time.Second)
			n.slow.Store(int64(2 * time.Second))
			_, err := n.ApproveVital(t.Context(), dispatcher(law.OtherDispatcher), a.Order.ID, part)
			return err
		}, tribune.ErrExpired},
		"a class that the law does not name": {func(t *testing.T, n *night) error {
			n.away()
			_, err := n.PrepareVital(t.Context(), dispatcher(law.Dispatcher), testClass, "urn:ngsi-ld:ParkingSession:1", "x")
			return err
		}, tribune.ErrDenied},
		"another office": {func(t *testing.T, n *night) error {
			n.away()
			_, err := n.PrepareVital(t.Context(), inspector(), telecare, alarm, "x")
			return err
		}, tribune.ErrDenied},
		"an approval by another office": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			_, err := n.ApproveVital(t.Context(), inspector(), a.Order.ID, n.part(t, law.Dispatcher, a.Order.ID))
			return err
		}, tribune.ErrNotFound},
		"a value that has been replaced": {func(t *testing.T, n *night) error {
			n.away()
			n.put(alarm, nil) // deleted meanwhile
			_, err := n.PrepareVital(t.Context(), dispatcher(law.Dispatcher), telecare, alarm, "x")
			return err
		}, tribune.ErrNotFound},
		"one key for two orders": {func(t *testing.T, n *night) error {
			n.away()
			a, b := n.ask(t, law.Dispatcher), n.ask(t, law.OtherDispatcher)
			for _, who := range []tribune.ActorID{law.Dispatcher, law.OtherDispatcher} {
				if _, err := n.approve(t, who, a.Order.ID); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := n.approve(t, law.Dispatcher, b.Order.ID); err != nil {
				t.Fatal(err)
			}
			_, err := n.approve(t, law.OtherDispatcher, b.Order.ID)
			return err
		}, tribune.ErrNotFound},
		"a second holder with the first one's key": {func(t *testing.T, n *night) error {
			return n.joins(t, law.OtherDispatcher, law.Dispatcher)
		}, tribune.ErrConflict},
		"where the use cannot be noted on the disk": {func(t *testing.T, n *night) error {
			n.away()
			a := n.ask(t, law.Dispatcher)
			if _, err := n.approve(t, law.Dispatcher, a.Order.ID); err != nil {
				t.Fatal(err)
			}
			n.vital.take.Store(true)
			o, err := n.approve(t, law.OtherDispatcher, a.Order.ID)
			if o != nil {
				t.Errorf("it was opened all the same: %v", o)
			}
			return err
		}, errCrash},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNight(t)
			if err := c.play(t, n); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestAnAnswerIsShownFor15MinutesAndToTheTwo(t *testing.T) {
	n := newNight(t)
	n.away()
	id := n.opened(t).Order.ID
	kept := n.Way.vital.answers[id].clear[0]
	if _, err := n.VitalAnswer(dispatcher(law.OtherDispatcher), id); err != nil {
		t.Errorf("the second asks again: %v", err)
	}
	if _, err := n.VitalAnswer(inspector(), id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("somebody else asks: got %v, want ErrNotFound", err)
	}
	n.clock.add(protocol.VitalFor)
	if _, err := n.VitalAnswer(dispatcher(law.Dispatcher), id); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("after 15 minutes: got %v, want ErrNotFound", err)
	}
	if strings.Trim(string(kept), "\x00") != "" {
		t.Errorf("after 15 minutes the memory still holds %q", kept)
	}
}

func TestAUseIsDisclosedOnceWhereverAProcessEnds(t *testing.T) {
	t.Run("before anything was on record", func(t *testing.T) {
		n := newNight(t)
		n.store(t, alarm, subject(1), `"7 Elm Row"`) // its key stands in no inventory yet
		n.away()
		used := n.opened(t).Order.Keys[0]
		next, _ := n.vital.VitalKeys()
		var b store.Batch // not even the key that was made after it is there
		b.Delete(store.Uint(store.Key("vault", tribune.Place{}, "v"), next[len(next)-1].Head.Number))
		if err := n.cfg.Store.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		n.Way.Close()
		n.world.vault = n.openVault(t, n.cfg.Group, n.cfg.Store)
		n.cfg.Vault, n.vital.VitalVault = n.world.vault, n.world.vault
		n.start(t)
		n.store(t, "urn:ngsi-ld:TelecareAlarm:2", subject(2), `"next"`)
		all, _ := n.vital.VitalKeys()
		if newest := all[len(all)-1].Head; newest.Entity == alarm || newest.Number <= used {
			t.Errorf("the next key has number %d, and key %d was used", newest.Number, used)
		}
		n.back()
		if err := n.tell(t); err != nil {
			t.Fatal(err)
		}
		if got := len(n.log.of(t, tribune.ActVital)); got != 1 {
			t.Errorf("%d disclosures on record, want 1", got)
		}
	})
	t.Run("between the record and the note that it is there", func(t *testing.T) {
		n := newNight(t)
		n.away()
		n.opened(t)
		n.vital.drop.Store(true)
		n.back()
		if err := n.tell(t); !errors.Is(err, errCrash) {
			t.Fatalf("got %v, want the crash", err)
		}
		n.vital.drop.Store(false)
		n.start(t)
		n.back()
		if err := n.tell(t); err != nil {
			t.Fatal(err)
		}
		if got := len(n.log.of(t, tribune.ActVital)); got != 1 {
			t.Errorf("%d disclosures on record, want 1", got)
		}
		for range n.vital.VitalQueue(t.Context()) {
			t.Error("it still waits to be disclosed")
		}
	})
}

func TestAKeyThatVanishesIsLostOnRecord(t *testing.T) {
	n := newNight(t)
	keys, _ := n.vital.VitalKeys()
	if len(keys) != 1 {
		t.Fatalf("%d keys, want 1", len(keys))
	}
	var b store.Batch
	b.Delete(store.Uint(store.Key("vault", tribune.Place{}, "v"), keys[0].Head.Number))
	if err := n.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	n.Way.Close()
	n.vital.VitalVault = n.openVault(t, n.cfg.Group, n.cfg.Store)
	n.start(t)
	n.back()
	if err := n.tell(t); err != nil {
		t.Fatal(err)
	}
	leaves := n.log.of(t, tribune.ActVitalKeys)
	k, err := protocol.DecodeVitalKeys(leaves[len(leaves)-1].Public)
	if err != nil || len(k.Gone) != 1 || k.Gone[0].Why != protocol.VitalLost {
		t.Errorf("the newest inventory says %+v (%v), want one key lost", k, err)
	}
}

func TestKeysEndWithTheirValues(t *testing.T) {
	for name, c := range map[string]struct {
		end func(*testing.T, *night)
		why string
	}{
		"replaced":      {func(t *testing.T, n *night) { n.store(t, alarm, subject(1), `"9 Oak Row"`) }, protocol.VitalReplaced},
		"past its time": {func(_ *testing.T, n *night) { n.clock.add(366 * 24 * time.Hour) }, protocol.VitalEnded},
		"of an erasure": {func(t *testing.T, n *night) { n.world.vault.Vault.Erase(t.Context(), subject(1)) }, protocol.VitalErased},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNight(t)
			n.clock.add(2 * time.Minute)
			c.end(t, n)
			n.back()
			if err := n.tell(t); err != nil {
				t.Fatal(err)
			}
			var gone []string
			for _, l := range n.log.of(t, tribune.ActVitalKeys) { // what goes on beside may have been first, and a year later one more is due
				k, err := protocol.DecodeVitalKeys(l.Public)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range k.Gone {
					gone = append(gone, g.Why)
				}
			}
			if !slices.Equal(gone, []string{c.why}) {
				t.Errorf("the inventories say that keys are gone by %q, want one by %q", gone, c.why)
			}
		})
	}
}

// A backup from before a use holds the used key again. It must not work a second time.
func TestABackupBringsNoUsedKeyBack(t *testing.T) {
	n := newNight(t)
	keys, _ := n.vital.VitalKeys()
	row := store.Uint(store.Key("vault", tribune.Place{}, "v"), keys[0].Head.Number)
	backup, err := n.cfg.Store.Get(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	n.away()
	n.opened(t)
	n.back()
	if err := n.tell(t); err != nil {
		t.Fatal(err)
	}
	var b store.Batch
	b.Put(row, backup)
	if err := n.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	n.Way.Close()
	n.world.vault = n.openVault(t, n.cfg.Group, n.cfg.Store)
	n.cfg.Vault, n.vital.VitalVault = n.world.vault, n.world.vault
	if all, _ := n.vital.VitalKeys(); len(all) != 2 {
		t.Fatalf("%d keys after the restoration, want the used one among 2", len(all))
	}
	n.start(t)
	if all, _ := n.vital.VitalKeys(); len(all) != 1 || all[0].Head.Number == keys[0].Head.Number {
		t.Errorf("after the start there are %d keys, the first with number %d; key %d was used", len(all), all[0].Head.Number, keys[0].Head.Number)
	}
}

// A use whose note cannot be read must not keep the others from the record for ever.
func TestOneUseThatCannotBeToldKeepsNoOtherBack(t *testing.T) {
	n := newNight(t)
	n.away()
	ids := []string{n.opened(t).Order.ID, n.opened(t).Order.ID}
	slices.Sort(ids)
	if err := n.vital.KeepVital(t.Context(), ids[0], []byte("torn")); err != nil {
		t.Fatal(err)
	}
	n.back()
	if err := n.tell(t); err == nil {
		t.Error("nothing is said of the one that cannot be read")
	}
	if told := n.log.of(t, tribune.ActVital); len(told) != 1 || told[0].Act.ID != ids[1] {
		t.Errorf("%d disclosures on record, want that of the other", len(told))
	}
}

// One person of the office, or their stolen key, must not fill the places where orders wait in an emergency.
func TestOnePersonsOrdersLeaveRoomForOthers(t *testing.T) {
	n := newNight(t)
	n.away()
	for range maxVitalOrders {
		n.PrepareVital(t.Context(), dispatcher(law.Dispatcher), telecare, alarm, "again")
	}
	if _, err := n.PrepareVital(t.Context(), dispatcher(law.OtherDispatcher), telecare, alarm, "pressed"); err != nil {
		t.Errorf("the other dispatcher: %v", err)
	}
}
