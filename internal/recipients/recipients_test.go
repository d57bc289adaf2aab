package recipients

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
	"tribune/internal/twin/notify"
	"tribune/internal/vault"
	"tribune/protocol"
)

var (
	anna, ben = tribune.Pseudonym{1}, tribune.Pseudonym{2}
	logKey    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))
)

// shelf wraps so that a row under another key does not open.
type shelf struct{ store.Store }

func (s shelf) KeepAll(ctx context.Context, rows []vault.Row) error {
	var b store.Batch
	for _, r := range rows {
		if r.Data == nil {
			b.Delete(r.Key)
		} else {
			b.Put(r.Key, append(append([]byte("wrapped "), r.Key...), r.Data...))
		}
	}
	return s.Commit(ctx, &b)
}

func (s shelf) Unwrap(label string, wrapped []byte) ([]byte, error) {
	data, ok := bytes.CutPrefix(wrapped, []byte("wrapped "+label))
	if !ok {
		return nil, fmt.Errorf("%w: another label", tribune.ErrInvalid)
	}
	return data, nil
}

// world is a room on a store that survives it.
type world struct {
	*Room
	cfg   Config
	later atomic.Int64 // nanoseconds that the clock is ahead
	end   func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	disk, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem(), MemtableBytes: 1 << 20, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disk.Close() })
	reach, err := notify.ParseReach([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	sender := notify.NewSender(notify.SenderConfig{Reach: reach})
	t.Cleanup(func() { sender.Close() })
	w := &world{end: func() {}}
	w.cfg = Config{
		City: "Sheffield", Key: logKey, Store: disk, Shelf: shelf{disk}, Sender: sender, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(w.later.Load())) },
	}
	w.open(t)
	return w
}

// open is a start; the room before is left as it is, which is a crash.
func (w *world) open(t *testing.T) {
	t.Helper()
	room, err := Open(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Room = room
}

func (w *world) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	room := w.Room
	ended.Go(func() { room.Run(ctx) })
	w.end = func() { cancel(); ended.Wait() }
	t.Cleanup(w.end)
}

// endpoint is a recipient's: it answers with status, and keeps what it is sent.
type endpoint struct {
	*httptest.Server
	status atomic.Int32
	mu     sync.Mutex
	bodies [][]byte
	tries  atomic.Int32
}

func newEndpoint(t *testing.T, status int) *endpoint {
	e := &endpoint{}
	e.status.Store(int32(status))
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.tries.Add(1)
		if code := int(e.status.Load()); code != http.StatusOK {
			w.WriteHeader(code)
			return
		}
		e.mu.Lock()
		e.bodies = append(e.bodies, body)
		e.mu.Unlock()
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) got() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.bodies)
}

func (e *endpoint) route() notify.Route {
	return notify.Route{Endpoint: json.RawMessage(fmt.Sprintf(`{"uri": %q}`, e.URL))}
}

func standing(n byte) tribune.Standing {
	return tribune.Standing{Act: strings.Repeat(fmt.Sprintf("%02x", n), 16), Class: "parking-session", Caller: tribune.Caller{Office: "parking-inspector", Purpose: "enforce-parking"}}
}

func (w *world) hand(t *testing.T, s tribune.Standing, to notify.Route, p tribune.Pseudonym, ids ...tribune.EntityID) {
	t.Helper()
	var all []notify.Handing
	for _, id := range ids {
		all = append(all, notify.Handing{Subject: p, Entity: id})
	}
	if err := w.Handed(t.Context(), s, to, all); err != nil {
		t.Fatal(err)
	}
}

func (w *world) erase(t *testing.T, p tribune.Pseudonym, given ...Given) {
	t.Helper()
	if err := w.Queue(t.Context(), Event{Cause: "erasure of " + p.String(), Kind: protocol.NoticeErased, Subject: p, At: w.cfg.Now()}, given); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func never(uint32) time.Time { return time.Unix(1<<40, 0) }

func (w *world) of(t *testing.T, p tribune.Pseudonym) []Line {
	t.Helper()
	all, err := w.Of(t.Context(), p, never)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A hub that dies after it has queued a notice, and an endpoint that is down for a while, cost no recipient its notice; it names what that
// recipient was sent of that person, and nobody and nothing else.
func TestNoticeArrivesAfterCrashAndOutage(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusServiceUnavailable)
	w.hand(t, standing(1), e.route(), anna, "urn:x:2", "urn:x:1", "urn:x:2")
	w.hand(t, standing(1), e.route(), ben, "urn:x:3")
	w.erase(t, anna)
	w.open(t) // a crash: nothing was ever sent
	w.run(t)
	eventually(t, "a try", func() bool { return e.tries.Load() > 0 })
	w.end()
	w.open(t) // another
	w.run(t)
	e.status.Store(http.StatusOK)
	w.later.Store(int64(time.Hour))
	eventually(t, "the notice", func() bool { return len(e.got()) > 0 })
	eventually(t, "that it was told", func() bool { return w.of(t, anna)[0].State == Told })
	n, err := protocol.DecodeNotice(e.got()[0], logKey.Public().(ed25519.PublicKey))
	if err != nil || n.Kind != protocol.NoticeErased || len(n.About) != 2 || n.About[0].ID != "urn:x:1" || n.Standing != standing(1).Act {
		t.Errorf("notice %+v, %v", n, err)
	}
	if body := string(e.got()[0]); strings.Contains(body, anna.String()) || strings.Contains(body, "urn:x:3") {
		t.Errorf("the notice says more than its recipient was sent: %s", body)
	}
	if l := w.of(t, anna); len(l) != 1 || l[0].About != nil || !l[0].Standing {
		t.Errorf("the person sees %+v", l)
	}
	w.erase(t, anna) // as after a crash: queued twice is told once
	if len(w.of(t, anna)) != 1 || len(e.got()) != 1 {
		t.Error("told twice")
	}
	for row, err := range w.cfg.Store.Scan(t.Context(), store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(row.Value, []byte("urn:x:1")) || bytes.Contains(row.Key, anna[:]) && bytes.Contains(row.Key, []byte(rowHanded)) {
			t.Errorf("after it was told, a row still says what of: %q", row.Key)
		}
	}
	if left, _, err := w.handedOf(t.Context(), ben); err != nil || len(left) != 1 {
		t.Errorf("of another person %d rows are left (%v)", len(left), err)
	}
}

// One endpoint that never answers delays nobody else.
func TestDeadEndpointBlocksNobody(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	hang := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-hang }))
	defer dead.Close()
	defer close(hang)
	for i := range byte(40) {
		w.hand(t, standing(i+10), notify.Route{Endpoint: json.RawMessage(fmt.Sprintf(`{"uri": %q}`, dead.URL))}, anna, "urn:x:1")
	}
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.erase(t, anna)
	w.run(t)
	eventually(t, "the notice of the living", func() bool { return len(e.got()) == 1 })
}

// An endpoint that takes nothing for a month is given up; the office itself is told then, and the person sees that it was not, and when it was.
func TestNoticeThatNoEndpointTakesWaitsAtTheDesk(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusGone)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.erase(t, anna)
	w.run(t)
	eventually(t, "a try", func() bool { return w.of(t, anna)[0].Tries == 1 })
	if tries := e.tries.Load(); tries != 1 {
		t.Errorf("%d tries at once", tries)
	}
	w.later.Store(int64(giveUp + time.Hour))
	eventually(t, "the desk", func() bool { return w.of(t, anna)[0].State == AtDesk })
	if l := w.of(t, anna)[0]; !l.Failed {
		t.Errorf("shown as %+v", l)
	}
	eventually(t, "its notice at the desk", func() bool {
		all, err := w.Desk(t.Context(), "parking-inspector")
		return err == nil && len(all) == 1 && all[0].Named == 1
	})
	all, err := w.Desk(t.Context(), "parking-inspector")
	if err != nil || len(all) != 1 {
		t.Fatalf("at the desk: %+v, %v", all, err)
	}
	if l := all[0]; l.About != nil || l.From != "" || l.Until != "" || !l.Event.IsZero() {
		t.Errorf("from outside it names something: %+v", l)
	}
	if l, p, err := w.AtDesk(t.Context(), "parking-inspector", all[0].ID); err != nil || len(l.About) != 1 || p != anna {
		t.Errorf("read: %+v about %s, %v", l, p, err)
	}
	if err := w.NoteRead(t.Context(), "parking-inspector", all[0].ID, 7); err != nil || w.of(t, anna)[0].Read.IsZero() || w.of(t, anna)[0].Entry != 7 {
		t.Errorf("that it was read is not shown to the person: %+v, %v", w.of(t, anna)[0], err)
	}
	if _, _, err := w.AtDesk(t.Context(), "planner", all[0].ID); err == nil {
		t.Error("another office reads it")
	}
	if err := w.NoteRead(t.Context(), "planner", all[0].ID, 8); err == nil {
		t.Error("another office has it noted that it was read")
	}
	if other, _ := w.Desk(t.Context(), "planner"); len(other) != 0 {
		t.Error("another office sees it")
	}
	if err := w.Take(t.Context(), "planner", all[0].ID); err == nil {
		t.Error("another office takes note of it")
	}
	if _, err := w.Document(t.Context(), "parking-inspector", all[0].ID); err != nil {
		t.Error(err)
	}
	if err := w.Take(t.Context(), "parking-inspector", all[0].ID); err != nil {
		t.Fatal(err)
	}
	if l := w.of(t, anna)[0]; l.State != Told || !l.Failed {
		t.Errorf("shown as %+v", l)
	}
}

// A correction concerns one class: recipients of others are told nothing. What endpoints were told is still known afterwards.
func TestCorrectionGoesToWhoHasThatClass(t *testing.T) {
	w := newWorld(t)
	day := tribune.DayOf(w.cfg.Now())
	given := []Given{
		{Office: "planner", Purpose: "plan-city", Class: "parking-session", Day: day - 3, Entities: []tribune.EntityID{"urn:x:1"}},
		{Office: "planner", Purpose: "plan-city", Class: "parking-session", Day: day, Entities: []tribune.EntityID{"urn:x:1", "urn:x:2"}},
		{Office: "health", Purpose: "care", Class: "patient", Day: day, Entities: []tribune.EntityID{"urn:x:9"}},
	}
	e := newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	event := Event{Cause: "case 1", Kind: protocol.NoticeRectified, Subject: anna, Class: "parking-session", At: w.cfg.Now()}
	for range 2 {
		if err := w.Queue(t.Context(), event, given); err != nil {
			t.Fatal(err)
		}
	}
	all := w.of(t, anna)
	if len(all) != 2 || !w.Known("case 1") || w.Known("case 2") {
		t.Fatalf("told: %+v", all)
	}
	desk, _ := w.Desk(t.Context(), "planner")
	if len(desk) != 1 {
		t.Fatalf("the planner is told %+v", desk)
	}
	if l, _, err := w.AtDesk(t.Context(), "planner", desk[0].ID); err != nil || l.From != dayText(day-3) || len(l.About) != 2 || l.About[0].Until != dayText(day) {
		t.Errorf("the planner reads %+v, %v", l, err)
	}
	if health, _ := w.Desk(t.Context(), "health"); len(health) != 0 {
		t.Error("who has another class is told")
	}
	if left, _, _ := w.handedOf(t.Context(), anna); len(left) != 1 {
		t.Error("what the endpoint was told is forgotten with a correction")
	}
}

// That an office had data under a warrant is not shown to the person before the warrant is disclosed, though the office is told at once.
func TestRecipientUnderWarrantIsNotShownEarly(t *testing.T) {
	w := newWorld(t)
	w.erase(t, anna, Given{Office: "police", Purpose: "investigate", Class: "parking-session", Day: 20000, Quarter: 227})
	if all := w.of(t, anna); len(all) != 0 {
		t.Errorf("shown before: %+v", all)
	}
	over, err := w.Of(t.Context(), anna, func(uint32) time.Time { return time.Time{} })
	if err != nil || len(over) != 1 {
		t.Errorf("shown after: %+v, %v", over, err)
	}
	if desk, _ := w.Desk(t.Context(), "police"); len(desk) != 1 {
		t.Errorf("the office is told %+v", desk)
	}
}

// What an endpoint was told while the erasure was under way is found when everything else is gone.
func TestErasureQueuedAgainFindsWhatWasToldMeanwhile(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.erase(t, anna)
	w.hand(t, standing(1), e.route(), anna, "urn:x:2")
	w.erase(t, anna)
	if all := w.of(t, anna); len(all) != 2 {
		t.Errorf("told: %+v", all)
	}
	if left, _, _ := w.handedOf(t.Context(), anna); len(left) != 0 {
		t.Errorf("%d rows are left", len(left))
	}
}

// What was kept long enough goes by itself.
func TestSweepForgets(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), ben, "urn:x:1")
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.erase(t, anna)
	w.run(t)
	eventually(t, "the notice", func() bool { return w.of(t, anna)[0].State == Told })
	w.end()
	for _, c := range []struct {
		after         time.Duration
		notices, rows int
	}{{keepTold - time.Hour, 1, 1}, {keepTold + time.Hour, 0, 1}, {keepHanded + 48*time.Hour, 0, 0}} {
		w.later.Store(int64(c.after))
		if err := w.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, _, _ := w.handedOf(t.Context(), ben)
		if n := len(w.of(t, anna)); n != c.notices || len(rows) != c.rows {
			t.Errorf("after %s: %d notices, %d rows", c.after, n, len(rows))
		}
	}
}

// A row that cannot be read is tried now and then, not as fast as the machine can, and keeps nothing else from being told or forgotten.
func TestUnreadableNoticeDelaysNothing(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.hand(t, standing(2), e.route(), ben, "urn:x:2")
	w.erase(t, anna)
	w.erase(t, ben)
	bad := w.of(t, anna)[0].ID
	var b store.Batch
	b.Put(rowKey(rowNotice, bad), []byte("rubbish"))
	if err := w.cfg.Store.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int32
	w.Room.cfg.Shelf = counting{w.cfg.Shelf.(shelf), &reads, rowKey(rowNotice, bad)}
	w.run(t)
	eventually(t, "the other's notice", func() bool { return len(e.got()) == 1 })
	time.Sleep(300 * time.Millisecond)
	if n := reads.Load(); n > 3 {
		t.Errorf("read %d times in a moment", n)
	}
	w.end()
	w.later.Store(int64(keepDesk + time.Hour))
	if err := w.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if all := w.of(t, ben); len(all) != 0 {
		t.Errorf("kept: %+v", all)
	}
}

// counting counts how often one row is read.
type counting struct {
	shelf
	n   *atomic.Int32
	key []byte
}

func (c counting) Unwrap(label string, wrapped []byte) ([]byte, error) {
	if label == string(c.key) {
		c.n.Add(1)
	}
	return c.shelf.Unwrap(label, wrapped)
}

// The record is public: a recipient who knew the millisecond of an erasure would know its entry, and so a mark of the person's. A notice says the day; the
// person sees the time.
func TestNoticeDoesNotSayWhichEntryItIs(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 22, 13, 14, 15, 16e6, time.UTC)
	if err := w.Queue(t.Context(), Event{Cause: "c", Kind: protocol.NoticeErased, Subject: anna, At: at}, []Given{{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000}}); err != nil {
		t.Fatal(err)
	}
	desk, err := w.Desk(t.Context(), "planner")
	if err != nil || len(desk) != 1 {
		t.Fatal(desk, err)
	}
	data, err := w.Document(t.Context(), "planner", desk[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	read, _, err := w.AtDesk(t.Context(), "planner", desk[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, []byte("13:14")) || read.Event.Hour() != 0 || read.Since.Hour() != 0 || desk[0].Since.Hour()+desk[0].Since.Minute() != 0 {
		t.Errorf("the office learns the time: %s, %+v", data, desk[0])
	}
	if own := w.of(t, anna); len(own) != 1 || !own[0].Event.Equal(at) {
		t.Errorf("the person sees %+v", own)
	}
}

// An office sees a notice's number before it reads it, and knows cases, entries and what it was given: it must not find out by trying which of those the
// notice names. Nor may who has the disk, with the pseudonyms that rest there.
func TestANumberIsNoPlaceToTryGuesses(t *testing.T) {
	numbers := map[string]bool{}
	for i, key := range []ed25519.PrivateKey{logKey, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))} {
		w := newWorld(t)
		w.cfg.Key = key
		w.open(t)
		event := Event{Cause: "case 1 answered", Kind: protocol.NoticeRectified, Subject: anna, Class: "patient", At: time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC)}
		given := []Given{{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000, Entities: []tribune.EntityID{"urn:x:1"}}}
		if err := w.Queue(t.Context(), event, given); err != nil {
			t.Fatal(err)
		}
		desk, err := w.Desk(t.Context(), "planner")
		if err != nil || len(desk) != 1 {
			t.Fatal(desk, err)
		}
		to := recipient{office: "planner", purpose: "plan-city", class: "patient"}
		if guess := sha256.Sum256([]byte(event.Cause + " rectification " + to.text() + " urn:x:1 " + dayText(20000))); desk[0].ID == hex.EncodeToString(guess[:16]) {
			t.Error("the number is the hash of what an office knows or guesses")
		}
		mark := sha256.Sum256([]byte(event.Cause))
		if _, err := w.cfg.Store.Get(t.Context(), rowKey(rowCause, hex.EncodeToString(mark[:16]))); err == nil {
			t.Error("on the disk the cause stands under its plain hash")
		}
		if numbers[desk[0].ID] {
			t.Errorf("room %d: the same number under another key", i)
		}
		numbers[desk[0].ID] = true
		w.open(t) // a crash: the cause is known, and so are its notices
		if err := w.Queue(t.Context(), event, given); err != nil || !w.Known(event.Cause) {
			t.Fatal(err)
		}
		if again, _ := w.Desk(t.Context(), "planner"); len(again) != 1 || again[0].ID != desk[0].ID {
			t.Errorf("after a crash: %+v", again)
		}
	}
}

// Notices of one event must not lie side by side, or in the order of their events: that would tell an office which of them are one person's.
func TestAtTheDeskNumbersAloneSayTheOrder(t *testing.T) {
	w := newWorld(t)
	at := w.cfg.Now().Add(-48 * time.Hour)
	for i := range 12 {
		e := Event{Cause: fmt.Sprintf("c%d", i), Kind: protocol.NoticeErased, Subject: tribune.Pseudonym{byte(i), 9}, At: at.Add(time.Duration(i) * time.Hour)}
		if err := w.Queue(t.Context(), e, []Given{{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000}}); err != nil {
			t.Fatal(err)
		}
	}
	desk, err := w.Desk(t.Context(), "planner")
	if err != nil || len(desk) != 12 {
		t.Fatal(desk, err)
	}
	if !slices.IsSortedFunc(desk, func(a, b Line) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) }) {
		t.Errorf("in another order than day and number: %+v", desk)
	}
}

// What is remembered of a day is bounded, however many people there are: the rest is written twice.
func TestHandingsInMemoryAreBounded(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	for i := range maxToday {
		w.today[seen{act: fmt.Sprint(i)}] = true
	}
	w.hand(t, standing(1), e.route(), ben, "urn:x:1")
	if len(w.today) > maxToday {
		t.Errorf("%d rows in memory", len(w.today))
	}
}

// A row that is years old and is told again in the moment in which it is swept stays.
func TestSweepKeepsWhatIsToldMeanwhile(t *testing.T) {
	w, e := newWorld(t), newEndpoint(t, http.StatusOK)
	w.hand(t, standing(1), e.route(), anna, "urn:x:1")
	w.later.Store(int64(keepHanded + 48*time.Hour))
	done := false
	w.Room.cfg.Shelf = hooked{w.cfg.Shelf.(shelf), func(label string) {
		if !done && strings.Contains(label, rowHanded) {
			done = true
			w.hand(t, standing(1), e.route(), anna, "urn:x:1")
		}
	}}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _, err := w.handedOf(t.Context(), anna); err != nil || len(left) != 1 {
		t.Errorf("%d rows (%v): nobody will tell that endpoint", len(left), err)
	}
}

// hooked calls somebody when a row is read.
type hooked struct {
	shelf
	read func(label string)
}

func (h hooked) Unwrap(label string, wrapped []byte) ([]byte, error) {
	h.read(label)
	return h.shelf.Unwrap(label, wrapped)
}

// Notices of years that were taken note of keep nobody from being erased; those that no office takes note of do, in the end, and are counted.
func TestToldNoticesFillNoQueue(t *testing.T) {
	w := newWorld(t)
	for i := range maxJobs {
		w.jobs[fmt.Sprint(i)] = &head{state: Told, changed: time.Unix(int64(i), 0)}
	}
	w.erase(t, anna, Given{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000})
	w.erase(t, ben, Given{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000})
	for i := range maxJobs {
		w.jobs[fmt.Sprint(i)].changed = w.cfg.Now().Add(time.Duration(i))
	}
	w.jobs["one more"] = &head{state: Told, changed: w.cfg.Now().Add(-time.Hour)}
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, desk, told := w.Counts(); desk != 2 || told != maxJobs || w.jobs["one more"] != nil {
		t.Errorf("%d at desks, %d told", desk, told)
	}
	for i := range maxJobs {
		w.jobs[fmt.Sprint(i)].state = AtDesk
	}
	err := w.Queue(t.Context(), Event{Cause: "c", Kind: protocol.NoticeErased, Subject: tribune.Pseudonym{3}, At: w.cfg.Now()}, []Given{{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000}})
	if !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("without bound: %v", err)
	}
}

// The page of an office that takes note of nothing does not grow with its laziness.
func TestDeskShowsSomeAtATime(t *testing.T) {
	w := newWorld(t)
	for i := range maxDesk + 5 {
		w.erase(t, tribune.Pseudonym{byte(i), byte(i >> 8), 9}, Given{Office: "planner", Purpose: "plan-city", Class: "patient", Day: 20000})
	}
	seen := map[string]bool{}
	for range 2 {
		all, err := w.Desk(t.Context(), "planner")
		if err != nil || len(all) > maxDesk {
			t.Fatalf("%d lines, %v", len(all), err)
		}
		for _, l := range all {
			seen[l.ID] = true
			if err := w.Take(t.Context(), "planner", l.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != maxDesk+5 {
		t.Errorf("%d were ever shown", len(seen))
	}
}
