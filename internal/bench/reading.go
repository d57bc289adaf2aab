package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

const (
	reading   = "/ngsi-ld/v1/entityOperations/query?options=keyValues&limit="
	sessionID = "urn:ngsi-ld:ParkingSession:bench:"
	maxPage   = 1000 // entities in one answer, and people in one act of the planner's mandate
	// readPlates is how many people park for a sealed-read bench, shared out among its readers.
	readPlates = 100
	// quietFor without a new enrolment means that all are enrolled: the hub gathers newcomers twice a second.
	quietFor = 1200 * time.Millisecond
	// leastRounds of release, however short it shall be: one act alone says nothing.
	leastRounds = 3
)

// plate is a synthetic plate, another for every batch and number.
func plate(batch, i int) string {
	n := batch*maxPage + i
	letter := func(k int) rune { return rune('A' + k%26) }
	return fmt.Sprintf("B%c%02d %c%c%c", letter(n/(26*26*26*100)), n/(26*26*26)%100, letter(n/(26*26)), letter(n/26), letter(n))
}

func session(batch, i int) string { return fmt.Sprintf("%s%d:%d", sessionID, batch, i) }

// park has n people park whom the city has never seen, and waits until each of them can trace the use of their data:
// an act about a person before that takes one act more.
func (c *city) park(ctx context.Context, n int) (batch int, err error) {
	integrator, err := c.as("integrator-1")
	if err != nil {
		return 0, err
	}
	c.batches++
	batch = c.batches
	from, err := c.published(ctx)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(c.log, "parking %d cars\n", n)
	err = each(ctx, n, func(i int) error {
		body := fmt.Appendf(nil, `{"id":"%s","type":"ParkingSession","licensePlate":{"type":"Property","value":"%s"},"driver":{"type":"Property","value":"Driver %d"},`+
			`"refParking":{"type":"Relationship","object":"%s0"},"startedAt":{"type":"Property","value":"%s"},"synthetic":{"type":"Property","value":true}}`,
			session(batch, i), plate(batch, i), i, parkID, time.Now().UTC().Format(time.RFC3339))
		_, err := ok(integrator.Do(ctx, http.MethodPost, entities, body, nil))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("parking cars: %w", err)
	}
	return batch, c.enrolled(ctx, from, n)
}

// enrolled waits until at least n people have been enrolled in leaves from index next on, and nobody waits any more.
func (c *city) enrolled(ctx context.Context, next, n int) error {
	anyone, err := c.as("")
	if err != nil {
		return err
	}
	count, quiet := 0, time.Now()
	return c.proc.until(ctx, startFor, "people to be enrolled", func() error {
		size, err := c.published(ctx)
		if err != nil {
			return err
		}
		for ; next < size; next++ {
			a, err := ok(anyone.Do(ctx, http.MethodGet, fmt.Sprintf("/record/leaves/%d", next), nil, nil))
			if err != nil {
				return err
			}
			leaf, err := protocol.DecodeLeaf(a.Body)
			if err != nil {
				return err
			}
			if leaf.Act.Kind == tribune.ActEnrol {
				count, quiet = count+leaf.Act.Count, time.Now()
			}
		}
		if count < n || time.Since(quiet) < quietFor {
			return fmt.Errorf("%w: %d of %d are enrolled", tribune.ErrBusy, count, n)
		}
		return nil
	})
}

// query is a query for parking sessions.
func query(q string, entity map[string]string, attrs []string) []byte {
	entity["type"] = "ParkingSession"
	m := map[string]any{"type": "Query", "entities": []map[string]string{entity}}
	if q != "" {
		m["q"] = q
	}
	if len(attrs) > 0 {
		m["attrs"] = attrs
	}
	body, _ := json.Marshal(m) // strings always encode
	return body
}

// runSealedRead has inspectors look up one plate after the other. A reading is both requests, and the signature between.
func runSealedRead(ctx context.Context, b *Bench) (measured, error) {
	inspector, err := b.city.as("inspector-ward")
	if err != nil {
		return measured{}, err
	}
	batch, err := b.city.park(ctx, readPlates)
	if err != nil {
		return measured{}, err
	}
	const path = reading + "20"
	ask := func(plate string) []byte {
		return query(fmt.Sprintf("licensePlate==%q", plate), map[string]string{}, nil)
	}
	t := tally{within: -1}
	from := time.Now().Add(warming(b.cfg.Duration))
	until := from.Add(b.cfg.Duration)
	var all sync.WaitGroup
	var mu sync.Mutex // guards t
	for reader := range b.cfg.Readers {
		all.Go(func() {
			own := readPlates / b.cfg.Readers // of two acts about one person at once, the hub refuses one
			for turn := 0; ctx.Err() == nil; turn++ {
				plate := plate(batch, reader*own+turn%own)
				began := time.Now()
				a, err := ok(inspector.Read(ctx, http.MethodPost, path, ask(plate)))
				end := time.Now()
				size := 0
				if err == nil {
					size = len(a.Body)
					err = opened(a, plate)
				}
				if end.After(until) {
					return
				}
				if !began.Before(from) {
					mu.Lock()
					t.note(end.Sub(began), size, err)
					mu.Unlock()
				}
			}
		})
	}
	m := b.city.meter()
	sleep(ctx, time.Until(from))
	m.start()
	sleep(ctx, time.Until(until))
	t.cpu = m.stop()
	all.Wait()
	t.elapsed = b.cfg.Duration
	request := appendRequest(nil, http.MethodPost, path, inspector.Token, ask(plate(batch, 0)))
	return measured{tally: t, connections: b.cfg.Readers, request: request, exchanges: 2}, ctx.Err()
}

// opened checks that an answer tells a plate in clear, under a receipt.
func opened(a *client.Answer, plate string) error {
	if len(a.Receipt) == 0 {
		return fmt.Errorf("%w: an answer without a receipt", tribune.ErrInvalid)
	}
	if !bytes.Contains(a.Body, []byte(plate)) {
		return fmt.Errorf("%w: an answer that does not tell the plate that was asked for", tribune.ErrInvalid)
	}
	return nil
}

// runRelease has a planner read many people's sessions, as many acts at once as there are readers. Each act is about people who have never
// been read: what hub and guardians keep of one act cannot help the next.
func runRelease(ctx context.Context, b *Bench) (measured, error) {
	planner, err := b.city.as("planner-hale")
	if err != nil {
		return measured{}, err
	}
	path := fmt.Sprintf("%s%d", reading, b.cfg.Subjects)
	t := tally{within: -1}
	var used CPU // core-seconds
	var bodies [][]byte
	for began := time.Now(); t.ops()+t.errors < leastRounds || time.Since(began) < b.cfg.Duration; {
		if bodies, err = b.parked(ctx); err != nil {
			return measured{}, err
		}
		m := b.city.meter()
		m.start()
		start := time.Now()
		b.openAll(ctx, planner, path, bodies, &t)
		took := time.Since(start)
		used = used.plus(m.stop(), took.Seconds())
		if ctx.Err() != nil {
			return measured{}, ctx.Err()
		}
		t.elapsed += took
		fmt.Fprintf(b.cfg.Log, "%d acts about %d people each: %d ms\n", len(bodies), b.cfg.Subjects, took.Milliseconds())
	}
	t.cpu = CPU{}.plus(used, 1/t.elapsed.Seconds())
	request := appendRequest(nil, http.MethodPost, path, planner.Token, bodies[0])
	return measured{tally: t, connections: b.cfg.Readers, request: request, exchanges: 2, per: float64(b.cfg.Subjects)}, nil
}

// parked has new people park for one round, and gives a query for each act of it.
func (b *Bench) parked(ctx context.Context) (bodies [][]byte, err error) {
	for range b.cfg.Readers {
		batch, err := b.city.park(ctx, b.cfg.Subjects)
		if err != nil {
			return nil, err
		}
		first := session(batch, 0)
		of := map[string]string{"idPattern": "^" + first[:len(first)-1] + "[0-9]+$"}
		bodies = append(bodies, query("", of, []string{"refParking", "startedAt", "endedAt"}))
	}
	return bodies, nil
}

// openAll sends the acts of one round at once, and notes each.
func (b *Bench) openAll(ctx context.Context, planner *client.Client, path string, bodies [][]byte, t *tally) {
	var all sync.WaitGroup
	var mu sync.Mutex // guards t
	for _, body := range bodies {
		all.Go(func() {
			start := time.Now()
			a, err := ok(planner.Read(ctx, http.MethodPost, path, body))
			took := time.Since(start)
			size := 0
			if err == nil {
				size, err = len(a.Body), countOpened(a.Body, b.cfg.Subjects)
			}
			mu.Lock()
			defer mu.Unlock()
			t.note(took, size, err)
		})
	}
	all.Wait()
}

// plus adds another account, weighted.
func (c CPU) plus(o CPU, weight float64) CPU {
	return CPU{c.Hub + weight*o.Hub, c.Guardians + weight*o.Guardians, c.Bench + weight*o.Bench, c.Others + weight*o.Others}
}

// countOpened checks that an answer holds n different sessions, opened.
func countOpened(body []byte, n int) error {
	var list []struct {
		ID   string `json:"id"`
		Park string `json:"refParking"`
		From any    `json:"startedAt"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("%w: the answer about many people: %w", tribune.ErrInvalid, err)
	}
	ids := map[string]bool{}
	for _, e := range list {
		if e.Park != "" && e.From != nil {
			ids[e.ID] = true
		}
	}
	if len(ids) != n {
		return fmt.Errorf("%w: %d people's sessions were opened in one act, want %d", tribune.ErrInvalid, len(ids), n)
	}
	return nil
}
