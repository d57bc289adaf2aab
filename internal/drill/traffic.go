package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune/internal/client"
)

// The background load of a drill: what two busy offices and a few sensors would send, far below what the machine can do, so that a
// slow answer comes from the fault and not from the load.
const (
	trafficWriters = 2
	trafficReaders = 4
	trafficActors  = 2
	trafficPeople  = 2 * trafficReaders // whose sessions are read
	writePause     = 20 * time.Millisecond
	actPause       = 60 * time.Millisecond
)

// kind is what a request of the load is.
type kind string

const (
	kindRead  kind = "readings of a person's session by an inspector" // opens
	kindAct   kind = "acts of power"                                  // on record, opens nothing
	kindWrite kind = "sensor values written"                          // public
	kindLook  kind = "public readings"
)

// traffic is a load on a served city with its ledger: what was acknowledged is held against the city at the end.
type traffic struct {
	crash
	served *served
	end    context.CancelFunc
	done   sync.WaitGroup

	tallyMu  sync.Mutex // guards the rest
	now      stretch
	unproved []string // personal answers without a receipt that verifies under w co-signatures
	proved   int
}

// load begins the load. Its end is with stop.
func (s *served) load(ctx context.Context, people []person) (*traffic, error) {
	t := &traffic{served: s, now: newStretch(), crash: crash{city: s.city, ledger: newLedger(), people: people[:min(trafficPeople, len(people))], sessions: map[string]person{}}}
	integrator, err := s.as("integrator-1")
	if err != nil {
		return nil, err
	}
	for w := range trafficWriters {
		if ok, err := t.send(ctx, integrator, true, crashEntity(w, 0)); err != nil || !ok {
			return nil, fmt.Errorf("%w: creating %s: %w", errDrill, crashEntity(w, 0), err)
		}
	}
	for i, who := range t.people {
		if err := s.park(ctx, sessionID(i), who); err != nil {
			return nil, err
		}
		t.sessions[sessionID(i)] = who
	}
	if err := settled(ctx); err != nil {
		return nil, err
	}
	ctx, t.end = context.WithCancel(ctx)
	s.play.onEnd(t.stop)
	for w := range trafficWriters {
		t.done.Go(func() {
			t.keep(ctx, kindWrite, writePause, func(as *client.Client, _ int) (*client.Answer, error) { return t.value(ctx, as, w) })
		})
	}
	for r := range trafficReaders { // no two ask for the same person, whose uses come one after the other
		t.done.Go(func() {
			t.keep(ctx, kindRead, actPause, func(as *client.Client, n int) (*client.Answer, error) {
				return t.read(ctx, as, (n%2*trafficReaders+r)%len(t.people))
			})
		})
	}
	for range trafficActors {
		t.done.Go(func() {
			t.keep(ctx, kindAct, actPause, func(as *client.Client, n int) (*client.Answer, error) { return t.act(ctx, as, n) })
		})
	}
	t.done.Go(func() {
		t.keep(ctx, kindLook, actPause, func(as *client.Client, _ int) (*client.Answer, error) {
			return as.Do(ctx, http.MethodGet, entityPath+"?type="+typePark+"&limit=5&options=keyValues", nil, nil)
		})
	})
	return t, nil
}

func (t *traffic) stop() {
	t.end()
	t.done.Wait()
}

// keep sends one request after the other and counts them.
func (t *traffic) keep(ctx context.Context, k kind, every time.Duration, send func(as *client.Client, n int) (*client.Answer, error)) {
	as, err := t.served.as(map[kind]string{kindRead: "inspector-ward", kindAct: "inspector-ward", kindWrite: "integrator-1"}[k])
	if err != nil {
		return
	}
	for n := 0; ctx.Err() == nil; n++ {
		began := time.Now()
		a, err := send(as, n)
		if ctx.Err() != nil {
			return
		}
		t.note(k, a, err, time.Since(began))
		pause(ctx, every)
	}
}

func (t *traffic) note(k kind, a *client.Answer, err error, took time.Duration) {
	t.tallyMu.Lock()
	defer t.tallyMu.Unlock()
	y := t.now[k]
	y.slowest = max(y.slowest, took)
	if err == nil && a != nil && a.Problem == nil {
		y.good++
		y.took = append(y.took, took)
		return
	}
	y.bad++
	if err != nil || a == nil {
		y.statuses[0]++
		y.unclear++
		y.said = fmt.Sprint(err)
		return
	}
	y.statuses[a.Status]++
	y.said = shown(a)
	if y.clear = a.Problem.Title != "" && a.Problem.Detail != "" && a.Problem.Hint != ""; !y.clear {
		y.unclear++
	}
}

// during lets the load run for so long and returns what it saw.
func (t *traffic) during(ctx context.Context, d time.Duration) stretch {
	t.fresh()
	pause(ctx, d)
	return t.fresh()
}

// fresh begins a new stretch and returns the one before.
func (t *traffic) fresh() stretch {
	t.tallyMu.Lock()
	defer t.tallyMu.Unlock()
	s := t.now
	t.now = newStretch()
	return s
}

func (t *traffic) value(ctx context.Context, as *client.Client, writer int) (*client.Answer, error) {
	ok, err := t.send(ctx, as, false, crashEntity(writer, 0))
	if err != nil || ok {
		return &client.Answer{}, err
	}
	return &client.Answer{Problem: &client.Problem{Title: "a value was not acknowledged"}}, nil
}

// read opens a person's session, and holds the answer's receipt against the trust file: nothing may be told that is not on record
// under w co-signatures.
func (t *traffic) read(ctx context.Context, as *client.Client, i int) (*client.Answer, error) {
	who := t.people[i]
	a, err := t.served.ask(ctx, as, who.plate)
	if err != nil || a.Problem != nil {
		return a, err
	}
	if !tells(a, sessionID(i), who) {
		return nil, fmt.Errorf("%w: an answer without the session: %s", errDrill, shown(a))
	}
	_, err = as.Prove(ctx, a, t.served.trust)
	t.tallyMu.Lock()
	defer t.tallyMu.Unlock()
	if err != nil && ctx.Err() == nil {
		t.unproved = append(t.unproved, err.Error())
	}
	t.proved++
	return a, nil
}

func (t *traffic) act(ctx context.Context, as *client.Client, n int) (*client.Answer, error) {
	a, err := as.Exercise(ctx, fmt.Sprintf("drill: penalty notice %d", n))
	if err == nil && a.Status == http.StatusCreated && len(a.Receipt) > 0 {
		t.mu.Lock()
		t.receipts = append(t.receipts, a.Receipt)
		t.mu.Unlock()
	}
	return a, err
}

// goesOn waits until an act is published and a session opens again.
func (t *traffic) goesOn(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	t.fresh()
	err := t.served.proc.until(ctx, startFor, "acts to go on", func() (bool, error) {
		t.tallyMu.Lock()
		defer t.tallyMu.Unlock()
		return t.now[kindRead].good > 0 && t.now[kindAct].good > 0, nil
	})
	return time.Since(began), err
}

// verdict ends the load and holds the city to everything that it acknowledged.
func (t *traffic) verdict(ctx context.Context) error {
	t.stop()
	p := t.served.play
	broken, err := t.audit(ctx)
	if err != nil {
		return err
	}
	all, acked := t.ledger.counts()
	p.times(acked, len(broken) == 0, "write sensor values all the while, and hold the city to the ledger", "every acknowledged value is there once", "%d of %d acknowledged; broken: %s", acked, all, some(broken))
	p.control(t.ledger.wouldNotice(), "the same audit with a write left out of a history, one doubled, and an old current value", "each is found", "as wanted: %v", t.ledger.wouldNotice())
	p.times(t.proved, len(t.unproved) == 0, "hold each personal answer against its receipt", "each is on record under w co-signatures", "%d answers; not: %s", t.proved, some(t.unproved))
	if err := t.acts(ctx); err != nil {
		return err
	}
	return t.sealed(ctx)
}

// newcomer stores a session of somebody whom the city does not know yet: their name must be evaluated by t guardians.
func (s *served) newcomer(ctx context.Context, id string) (*client.Answer, error) {
	integrator, err := s.as("integrator-1")
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{"id": id, "type": typeSession, "licensePlate": property("QX" + fmt.Sprint(time.Now().UnixNano()%100000)), "driver": property("Newcomer " + fmt.Sprint(time.Now().UnixNano()))})
	if err != nil {
		return nil, err
	}
	return integrator.Do(ctx, http.MethodPost, entityPath, body, nil)
}
