// Package recipients tells whoever was given a person's data what has become of them: that they were erased, corrected, restricted, or may be
// used again (GDPR, articles 17(2) and 19).
//
// The city's wiring calls it: notify before a subscription is told of anything (Handed), the one way before an erasure deletes (Erased), and
// whoever follows the answers of offices (Decided). Pages show a person who was told and when (Of), and offices what waits at their desk (Desk),
// and what it names once they have put on record that they read it (AtDesk, NoteRead).
//
// Promises:
//   - What is to be told is durable when Erased or Decided returns, under ids that are the same when a crash has it queued again. A crash costs a
//     notice that comes twice, never one that does not come.
//   - A notice is signed by the log's key, names the data as its recipient knows them (the entities it was sent, class, days), and nothing else.
//   - An endpoint that is dead delays nobody: each host has one delivery under way at most, tries are further and further apart, and after giveUp the notice waits at
//     its office's desk instead. What nobody has taken note of stays on the list, and the person sees that.
//   - What rests is wrapped under the epoch key. Once somebody was told, the hub forgets what the notice named.
//   - Everything is bounded: entities of a notice, tries, deliveries at a time, how long anything is kept.
//
// What a recipient does with a notice is outside of the platform.
//
// Threat model. Whoever takes over the hub can keep notices from being sent, and can send false ones: they are the hub's word. Whoever has disk or backup learns how many there
// are. Two recipients who compare notices learn no more than they did from the data.
package recipients

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/twin/notify"
	"tribune/internal/vault"
	"tribune/protocol"
)

// Shelf keeps rows wrapped under the epoch key; *vault.Vault is one.
type Shelf interface {
	KeepAll(ctx context.Context, rows []vault.Row) error
	Unwrap(label string, wrapped []byte) ([]byte, error)
}

// Sender makes one attempt to deliver; *notify.Sender is one.
type Sender interface {
	Send(ctx context.Context, to notify.Endpoint, n notify.Notification) error
}

// Config wires a Room. Every field is required.
type Config struct {
	City   string
	Key    ed25519.PrivateKey // the log's
	Store  store.Store
	Shelf  Shelf
	Sender Sender
	Now    func() time.Time
	Log    *slog.Logger
}

// Bounds, with their reasons.
const (
	keepHanded  = 3 * 366 * 24 * time.Hour // of whom an endpoint was told what: as long as claims about it usually live
	keepTold    = 366 * 24 * time.Hour     // of a notice that was taken note of: the person sees it for so long
	keepDesk    = 3 * 366 * 24 * time.Hour // of one that nobody has taken note of
	giveUp      = 30 * 24 * time.Hour      // of trying an endpoint: the month in which a person is answered
	firstRetry  = 30 * time.Second
	lastRetry   = 6 * time.Hour
	atOnce      = 16      // deliveries under way
	maxJobs     = 200_000 // notices that wait, and as many that were told; some 300 bytes each are held in memory
	sweepEvery  = time.Hour
	sweepAtOnce = 256         // rows deleted in one commit
	look        = time.Second // how often it is looked what is due
	maxToday    = 100_000     // rows of handed that are known to be written for the day; beyond it they are written once more
	maxDesk     = 100         // notices that an office is shown at a time
)

// The kinds of row, all wrapped.
//
//	handed|subject16|act|SHA-256(entity)[:16]   a value of that entity was told under that standing act: handed
//	notice|id                          job
//	cause|id                           all notices of a cause are queued
const (
	rowHanded = "handed"
	rowNotice = "notice"
	rowCause  = "cause"
)

func rowKey(parts ...string) []byte { return store.Key("recipients", tribune.Place{}, parts...) }

// WrappedRows are the prefixes of the rows that are wrapped: a rotation of epoch keys takes them along.
func WrappedRows() [][]byte { return [][]byte{rowKey(rowHanded), rowKey(rowNotice), rowKey(rowCause)} }

// Room is safe for concurrent use.
type Room struct {
	cfg  Config
	wake chan struct{}

	telling sync.Mutex       // guards today: one Handed at a time
	day     uint32           // of today
	today   map[seen]bool    // rows of handed that are written for day
	queue   sync.Mutex       // one cause is queued at a time
	causes  map[string]bool  // ids; guarded by queue
	mu      sync.Mutex       // guards what follows
	jobs    map[string]*head // by notice id
	busy    map[string]bool  // hosts that are being tried
}

type seen struct {
	act     string
	subject tribune.Pseudonym
	entity  tribune.EntityID
}

// Open reads what waits. A row that cannot be read stops it: a notice that nobody sends is a person who was promised it.
func Open(ctx context.Context, cfg Config) (*Room, error) {
	r := &Room{cfg: cfg, wake: make(chan struct{}, 1), today: map[seen]bool{}, causes: map[string]bool{}, jobs: map[string]*head{}, busy: map[string]bool{}}
	prefix := rowKey(rowCause)
	only := store.Prefix(prefix)
	only.KeysOnly = true
	for row, err := range cfg.Store.Scan(ctx, only) {
		if err != nil {
			return nil, fmt.Errorf("reading which recipients are told: %w", err)
		}
		id, rest, ok := store.CutPart(row.Key[len(prefix):])
		if !ok || len(rest) > 0 {
			return nil, &tribune.IntegrityError{What: "a key of the recipients room", Err: tribune.ErrInvalid}
		}
		r.causes[id] = true
	}
	for row, err := range cfg.Store.Scan(ctx, store.Prefix(rowKey(rowNotice))) {
		if err != nil {
			return nil, fmt.Errorf("reading what recipients are told: %w", err)
		}
		var j job
		if err := r.unwrap(row, &j); err != nil {
			return nil, fmt.Errorf("reading what recipients are told: %w", err)
		}
		r.jobs[j.ID] = headOf(&j)
	}
	return r, nil
}

func (r *Room) unwrap(row store.Pair, into any) error {
	text, err := r.cfg.Shelf.Unwrap(string(row.Key), row.Value)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return &tribune.IntegrityError{What: "a row of the recipients room", Err: errors.New("it is not what was written")}
	}
	return nil
}

func rowOf(key []byte, v any) (vault.Row, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return vault.Row{}, fmt.Errorf("writing down a recipient: %w", err)
	}
	return vault.Row{Key: key, Data: data}, nil
}

func dayText(day uint32) string { return tribune.SegmentStart(day, 0).Format(time.DateOnly) }

// route is where a standing act tells: the endpoint as its subscription says, secrets and all.
type route struct {
	Tenant   tribune.Tenant  `json:"tenant,omitempty"`
	Endpoint json.RawMessage `json:"endpoint"`
}

// handed is that an endpoint was told values of one entity, from a day to a day.
type handed struct {
	Act     string            `json:"act"`
	Class   tribune.ClassID   `json:"class"`
	Entity  tribune.EntityID  `json:"entity"`
	From    string            `json:"from"`
	Office  tribune.OfficeID  `json:"office"`
	Purpose tribune.PurposeID `json:"purpose"`
	Route   route             `json:"route"`
	Until   string            `json:"until"`
}

// State is where a notice stands.
type State string

// The states of a notice.
const (
	Sending State = "sending" // to its endpoint, until it takes it
	AtDesk  State = "desk"    // of its office, until somebody there takes note
	Told    State = "told"
)

// job is a notice on its way, as it rests.
type job struct {
	ID      string            `json:"id"`
	Notice  protocol.Notice   `json:"notice"` // once told: without entities
	Route   *route            `json:"route,omitempty"`
	Subject tribune.Pseudonym `json:"subject"`
	At      time.Time         `json:"at,omitzero"`       // of the event; the notice says the day
	Quarter uint32            `json:"quarter,omitempty"` // the person does not see it before this is over
	State   State             `json:"state"`
	Queued  time.Time         `json:"queued"`
	Next    time.Time         `json:"next,omitzero"` // of the next try
	Tries   int               `json:"tries,omitempty"`
	Changed time.Time         `json:"changed"` // of the state
	Failed  bool              `json:"failed,omitempty"`
	Read    time.Time         `json:"read,omitzero"` // at the desk, by the act in that entry
	Entry   uint64            `json:"entry,omitempty"`
}

// head is what is held in memory of a job.
type head struct {
	host    string // "" = at a desk
	subject tribune.Pseudonym
	office  tribune.OfficeID
	state   State
	next    time.Time
	changed time.Time
}

func headOf(j *job) *head {
	h := &head{subject: j.Subject, office: j.Notice.Office, state: j.State, next: j.Next, changed: j.Changed}
	if j.Route != nil {
		if to, err := notify.ParseEndpoint(j.Route.Endpoint); err == nil {
			h.host = to.String()
		}
	}
	return h
}
