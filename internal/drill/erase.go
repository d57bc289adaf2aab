package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/protocol"
)

// playErase erases a person under load, then replaces the epoch key, and has thieves try before and after both: with the disk of then and of
// now, every backup, the epoch key, and at last with the guardians' own shares. The hub that kept copies asks the guardians, too.
func playErase(ctx context.Context, p *play) error {
	c, people, err := p.inhabited(ctx)
	if err != nil {
		return err
	}
	if len(people) < 12 {
		return fmt.Errorf("%w: %d people are too few", errDrill, len(people))
	}
	e := &erasureDrill{city: c, play: p, victim: people[0], living: people[1], others: people[2:]}
	e.load = &crash{city: c, ledger: newLedger(), people: people[len(people)-crashPlates:], sessions: map[string]person{}}
	if err := e.load.found(ctx); err != nil {
		return err
	}
	end := e.busy(ctx)
	defer func() { end() }()
	for _, step := range []func(context.Context) error{e.before, e.subscribe, e.erase, e.afterErasure, e.own, e.rotate, e.afterRotation, e.restores} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	end()
	p.control(len(e.load.sessions) > 0 && len(e.load.ledger.acknowledged()) > 50, "all the while, services write and an officer acts", "they do",
		"%d writes, %d acts, %d sessions acknowledged", len(e.load.ledger.acknowledged()), len(e.load.receipts), len(e.load.sessions))
	end = func() {}
	if err := e.told(ctx); err != nil {
		return err
	}
	if err := e.deaths(ctx); err != nil {
		return err
	}
	if err := e.keptCopies(ctx); err != nil {
		return err
	}
	return e.forgedErasure(ctx)
}

// erasureDrill is one erasure and what thieves have of it.
type erasureDrill struct {
	play   *play
	city   *city
	load   *crash
	victim person
	living person
	others []person

	subject tribune.Pseudonym // of the victim
	old     *theft            // the hub's directory before, its epoch key with it
	loot    unwrapped         // of old
	secrets []secret          // of old
	oldKey  string            // file
	archive string            // a backup from before
	index   uint64            // of the erasure

	stolen    *wide      // the hub once it is taken over
	recipient *recipient // an endpoint that is told of sessions as they arrive
}

const (
	victimSession = 900_000_001 // beyond what the load counts to
	livingSession = 900_000_002
)

// busy is the load, until end is called.
func (e *erasureDrill) busy(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var load sync.WaitGroup
	for w := range 2 {
		load.Go(func() { e.load.write(ctx, w) })
	}
	load.Go(func() { e.load.exercise(ctx) })
	load.Go(func() { e.load.park(ctx) })
	var once sync.Once
	return func() { once.Do(func() { cancel(); load.Wait() }) }
}

// before: the victim's data open as they should, and are copied and backed up.
func (e *erasureDrill) before(ctx context.Context) error {
	c, p := e.city, e.play
	for id, who := range map[int]person{victimSession: e.victim, livingSession: e.living} {
		if err := c.park(ctx, sessionID(id), who); err != nil {
			return err
		}
	}
	if err := settled(ctx); err != nil {
		return err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return err
	}
	a, err := c.ask(ctx, inspector, e.victim.plate)
	if err != nil {
		return err
	}
	p.control(tells(a, sessionID(victimSession), e.victim), "before the erasure, an inspector reads the person's session", "plate and driver in clear", "%s", shown(a))
	e.archive, e.oldKey = p.scratch("before.tar"), p.scratch("epoch-before.key")
	if output, code, err := p.command(ctx, "backup", "--dir", c.dir, "--out", e.archive); err != nil || code != 0 {
		return fmt.Errorf("%w: backing up: exit %d: %s: %w", errDrill, code, output, err)
	}
	if err := copyFile(c.path("hub", "keys", "epoch.key"), e.oldKey); err != nil {
		return err
	}
	if e.old, err = steal(ctx, c.path("hub"), p.scratch("stolen-before")); err != nil {
		return err
	}
	if e.secrets, err = e.old.secrets(); err != nil {
		return err
	}
	if e.loot, err = e.old.unwrap(e.secrets); err != nil {
		return err
	}
	for _, data := range e.loot.openings {
		var o struct{ Private json.RawMessage }
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("reading a stolen opening: %w", err)
		}
		private, err := protocol.DecodePrivate(o.Private)
		if err != nil {
			return fmt.Errorf("reading a stolen opening: %w", err)
		}
		if private.Actor == "inspector-ward" && len(private.Subjects) == 1 {
			e.subject = private.Subjects[0].P
		}
	}
	named := naming(e.old, e.subject)
	p.control(named > 0 && len(e.headers()) > 0 && e.loot.traces[e.subject] != nil, "a thief copies the hub's directory and unwraps it with the epoch key in it", "the person's headers and trace key are there",
		"%d rows name the person; %d headers, trace key: %v", named, len(e.headers()), e.loot.traces[e.subject] != nil)
	return e.tryHeaders("before the erasure", e.headers(), 0)
}

// erase asks for the erasure as the data protection office does, and waits until the hub has deleted.
func (e *erasureDrill) erase(ctx context.Context) error {
	inspector, err := e.city.as("inspector-ward")
	if err != nil {
		return err
	}
	inspector.Purpose, inspector.Mandate = "erasure", "erasure-2026"
	a, err := inspector.Read(ctx, http.MethodPost, "/erasures", eraseBody(e.victim))
	if err != nil {
		return err
	}
	e.play.check(a.Status == http.StatusForbidden, "an office that the law does not let erase asks for it", "403, on record", "%s", shown(a))
	index, held, seen, err := e.eraseOne(ctx, e.victim)
	if err != nil {
		return err
	}
	e.index = index
	e.play.check(held, "the data protection office has the person erased", "on record first, with the person's next erased tag; then deleted", "%s", seen)
	return nil
}

func eraseBody(who person) []byte {
	body, _ := json.Marshal(map[string]any{"name": map[string]string{"type": "plate", "name": who.plate}, "note": "drill"}) // always encodes
	return body
}

// eraseOne walks the whole way; held says whether leaf and state are as they should be.
func (e *erasureDrill) eraseOne(ctx context.Context, who person) (index uint64, held bool, seen string, err error) {
	office, err := e.city.as("protection-lind")
	if err != nil {
		return 0, false, "", err
	}
	a, err := office.Read(ctx, http.MethodPost, "/erasures", eraseBody(who))
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return 0, false, "", fmt.Errorf("asking for an erasure: %w", err)
	}
	trust, err := e.city.trust()
	if err != nil {
		return 0, false, "", err
	}
	receipt, err := office.Prove(ctx, a, trust)
	if err != nil {
		return 0, false, "", err
	}
	v, err := trust.Receipt(receipt)
	if err != nil {
		return 0, false, "", err
	}
	public, err := protocol.ErasureOf(v.Leaf)
	held, next := err == nil, "unknown"
	if d := e.loot.traces[e.subject]; d != nil && who == e.victim {
		k, err := protocol.TraceKey(d)
		if err != nil {
			return 0, false, "", err
		}
		held = held && protocol.ErasedNow(v.Leaf, k, func(tribune.Tag) bool { return false })
		next = fmt.Sprint(held)
	}
	state, err := e.deleted(ctx, v.Index)
	return v.Index, held && state == "deleted", fmt.Sprintf("entry %d of %s, %d erased tag, theirs: %s; state: %s", v.Index, public.Day, len(public.Erased), next, state), err
}

// deleted waits until the hub says that everything is deleted.
func (e *erasureDrill) deleted(ctx context.Context, index uint64) (state string, err error) {
	err = e.city.proc.until(ctx, startFor, "an erasure", func() (bool, error) {
		state, err = e.state(ctx, index)
		return state == "deleted" || state == "final", err
	})
	return state, err
}

func (e *erasureDrill) state(ctx context.Context, index uint64) (string, error) {
	anyone, err := e.city.as("")
	if err != nil {
		return "", err
	}
	a, err := anyone.Do(ctx, http.MethodGet, fmt.Sprintf("/erasures/%d", index), nil, nil)
	if err == nil {
		err = a.Error()
	}
	if err != nil {
		return "", err
	}
	var told struct{ State string }
	return told.State, json.Unmarshal(a.Body, &told)
}

// The longest time after which a kill comes: an erasure waits for co-signatures, a rotation of so few rows is over at once.
const (
	eraseWait  = 1500 * time.Millisecond
	rotateWait = 80 * time.Millisecond
)
