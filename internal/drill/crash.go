package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/client"
)

const (
	crashWriters  = 8
	crashEntities = 4 // of each writer; one more is shared by all
	crashAttr     = "availableSpotNumber"
	crashPlates   = 4

	// A kill comes at random within this time after load has begun: with a start of two seconds it hits seeding, the
	// record's catching up and full service alike.
	killMin, killMax = 150 * time.Millisecond, 1800 * time.Millisecond
)

// playCrash kills the hub under load, again and again, and after each restart holds it to what it acknowledged.
func playCrash(ctx context.Context, p *play) error {
	c := p.newCity("city")
	if err := c.start(ctx); err != nil {
		return err
	}
	people, err := c.populace()
	if err != nil {
		return err
	}
	k := &crash{city: c, ledger: newLedger(), people: people[:min(crashPlates, len(people))], sessions: map[string]person{}}
	if err := k.found(ctx); err != nil {
		return err
	}
	var worst time.Duration
	for round := range p.cfg.Kills {
		k.load(ctx, c.proc)
		began := time.Now()
		if err := c.restart(ctx, round%2 == 0); err != nil {
			p.check(false, fmt.Sprintf("start again after kill %d", round+1), "the hub answers", "%v", err)
			return nil
		}
		worst = max(worst, time.Since(began))
		if broken, err := k.audit(ctx); err != nil || len(broken) > 0 {
			p.check(false, fmt.Sprintf("after kill %d: hold the hub to the ledger", round+1), "every acknowledged write once", "%s %v", some(broken), err)
			return nil
		}
	}
	if err := k.verdict(ctx, worst); err != nil {
		return err
	}
	return c.proc.stop()
}

// restart starts the killed city again; ready says whether to wait until it is.
func (c *city) restart(ctx context.Context, ready bool) error {
	if ready {
		return c.start(ctx)
	}
	return c.launch(ctx, 4)
}

// crash is the load and its ledger.
type crash struct {
	city   *city
	ledger *ledger
	people []person
	next   atomic.Int64 // the next unique value

	mu       sync.Mutex // guards the rest
	receipts []tribune.Receipt
	sessions map[string]person // acknowledged parking sessions
	refused  map[int]int       // answers that are no acknowledgement, by status
}

func crashEntity(writer, n int) string {
	return fmt.Sprintf("urn:ngsi-ld:OffStreetParking:drill:crash:%d:%d", writer, n)
}

// found creates the entities that are written to.
func (k *crash) found(ctx context.Context) error {
	integrator, err := k.city.as("integrator-1")
	if err != nil {
		return err
	}
	ids := []string{crashEntity(0, crashEntities)}
	for w := range crashWriters {
		for n := range crashEntities {
			ids = append(ids, crashEntity(w, n))
		}
	}
	for _, id := range ids {
		if ok, err := k.send(ctx, integrator, true, id); err != nil || !ok {
			return fmt.Errorf("%w: creating %s: %w", errDrill, id, err)
		}
	}
	return nil
}

// load writes until the process is killed, at a random moment.
func (k *crash) load(ctx context.Context, proc *process) {
	var writers sync.WaitGroup
	for w := range crashWriters {
		writers.Go(func() { k.write(ctx, w) })
	}
	writers.Go(func() { k.exercise(ctx) })
	writers.Go(func() { k.park(ctx) })
	select {
	case <-ctx.Done():
	case <-time.After(killMin + rand.N(killMax-killMin)):
	}
	proc.kill()
	writers.Wait() // their connections are dead
}

// write sends one write after the other until the hub is gone.
func (k *crash) write(ctx context.Context, writer int) {
	integrator, err := k.city.as("integrator-1")
	if err != nil {
		return
	}
	for n := 0; ; n++ {
		ids := []string{crashEntity(writer, n%crashEntities)}
		switch {
		case n%5 == 4:
			ids = []string{crashEntity(0, crashEntities)} // all writers meet here
		case writer%2 == 1:
			ids = append(ids, crashEntity(writer, (n+1)%crashEntities)) // a batch over two entities
		}
		if _, err := k.send(ctx, integrator, writer%2 == 1 && n%5 != 4, ids...); err != nil {
			return
		}
	}
}

// send writes a fresh value to each entity, in one batch upsert or in one append, and enters it into the ledger.
func (k *crash) send(ctx context.Context, as *client.Client, batch bool, ids ...string) (acked bool, err error) {
	var writes []*write
	var bodies []map[string]any
	for _, id := range ids {
		value := k.next.Add(1)
		at := time.Now().UTC().Truncate(time.Millisecond).Add(time.Duration(value%1000) * time.Microsecond).Format(observed)
		attr := map[string]any{"type": "Property", "value": value, "observedAt": at}
		bodies = append(bodies, map[string]any{"id": id, "type": typePark, crashAttr: attr})
		writes = append(writes, k.ledger.begin(id, value, at))
	}
	path, content := "/ngsi-ld/v1/entityOperations/upsert?options=update", any(bodies)
	if !batch {
		path, content = entityURL(ids[0])+"/attrs", map[string]any{crashAttr: bodies[0][crashAttr]}
	}
	body, err := json.Marshal(content)
	if err != nil {
		return false, err
	}
	a, err := as.Do(ctx, http.MethodPost, path, body, nil)
	acked = err == nil && (a.Status == http.StatusCreated || a.Status == http.StatusNoContent)
	k.ledger.end(acked, writes...)
	if err == nil && !acked {
		k.refuse(a.Status)
	}
	return acked, err
}

func (k *crash) refuse(status int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refused == nil {
		k.refused = map[int]int{}
	}
	k.refused[status]++
}

// exercise puts acts of power on record until the hub is gone.
func (k *crash) exercise(ctx context.Context) {
	inspector, err := k.city.as("inspector-ward")
	if err != nil {
		return
	}
	for n := 0; ; n++ {
		a, err := inspector.Exercise(ctx, fmt.Sprintf("drill: penalty notice %d", n))
		if err != nil {
			return
		}
		if a.Status == http.StatusCreated && len(a.Receipt) > 0 {
			k.mu.Lock()
			k.receipts = append(k.receipts, a.Receipt)
			k.mu.Unlock()
			continue
		}
		time.Sleep(pollEvery) // the one way is not open yet
	}
}

// park stores personal sessions, to see that no data key is lost with the hub's memory.
func (k *crash) park(ctx context.Context) {
	for {
		n := k.next.Add(1)
		id, who := sessionID(int(n)), k.people[int(n)%len(k.people)]
		err := k.city.park(ctx, id, who)
		if err == nil {
			k.mu.Lock()
			k.sessions[id] = who
			k.mu.Unlock()
		} else if !strings.Contains(err.Error(), "the hub answered") {
			return
		}
		time.Sleep(pollEvery)
	}
}
