package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tribune"
	"tribune/internal/client"
)

// The public benches use car parks, a public class of the demo city's law.
const (
	entities    = "/ngsi-ld/v1/entities"
	parkID      = "urn:ngsi-ld:OffStreetParking:bench:"
	spots       = 1000 // free spaces are numbers below it
	maxEntities = 100_000
	found       = 20 // entities that a query asks for
	preparing   = 16 // requests under way where the bench prepares what it needs
)

// appendPark is a car park as its operator would first report it.
func appendPark(b []byte, id string, free int) []byte {
	return fmt.Appendf(b, `{"id":"%s","type":"OffStreetParking","name":{"type":"Property","value":"Bench car park"},`+
		`"location":{"type":"GeoProperty","value":{"type":"Point","coordinates":[-1.9%03d,52.4%03d]}},`+
		`"totalSpotNumber":{"type":"Property","value":%d},"status":{"type":"Property","value":"open"},`+
		`"availableSpotNumber":{"type":"Property","value":%d,"observedAt":"%s"}}`, id, free%1000, free%997, spots, free, time.Now().UTC().Format(time.RFC3339))
}

// parks prepares the car parks that are updated, read and found, once a city. Free spaces go round from 0.
func (b *Bench) parks(ctx context.Context) (*client.Client, error) {
	integrator, err := b.city.as("integrator-1")
	if err != nil || b.city.parked {
		return integrator, err
	}
	fmt.Fprintf(b.cfg.Log, "creating %d car parks\n", b.cfg.Entities)
	err = each(ctx, b.cfg.Entities, func(i int) error {
		_, err := ok(integrator.Do(ctx, http.MethodPost, entities, appendPark(nil, parkID+strconv.Itoa(i), i%spots), nil))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating car parks: %w", err)
	}
	b.city.parked = true
	return integrator, nil
}

// each calls f for 0 to n-1, some at once, and ends with the first error.
func each(ctx context.Context, n int, f func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, preparing)
	for worker := range preparing {
		all.Go(func() {
			for i := worker; i < n && errs[worker] == nil; i += preparing {
				if errs[worker] = ctx.Err(); errs[worker] == nil {
					errs[worker] = f(i)
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// order is a worker's own scattered order of n things, the same in every run.
func order(worker, turn, n int) int {
	return int((uint32(turn)*0x9E3779B1 + uint32(worker)*0x85EBCA6B) % uint32(n))
}

// runUpdate: each worker changes car parks of its own, so that what must be there afterwards is known.
func runUpdate(ctx context.Context, b *Bench) (measured, error) {
	integrator, err := b.parks(ctx)
	if err != nil {
		return measured{}, err
	}
	n := min(b.cfg.Connections, b.cfg.Entities)
	own := b.cfg.Entities / n
	park := func(worker, turn int) int { return worker + n*order(worker, turn, own) }
	free := func(worker, turn int) int { return order(turn, worker, spots) }
	last := make([]int, n) // turn of each worker's last right answer
	observed := time.Now().UTC().Format(time.RFC3339)
	right := want(http.StatusNoContent)
	bodies := make([][]byte, n)
	w := work{
		address: b.city.address,
		next: func(buf []byte, worker, turn int) []byte {
			body := append(bodies[worker][:0], `{"availableSpotNumber":{"type":"Property","value":`...)
			body = append(strconv.AppendInt(body, int64(free(worker, turn)), 10), `,"observedAt":"`...)
			body = append(append(body, observed...), `"}}`...)
			bodies[worker] = body
			return appendRequest(buf, http.MethodPatch, entities+"/"+parkID+strconv.Itoa(park(worker, turn))+"/attrs", integrator.Token, body)
		},
		check: func(status int, body []byte, worker, turn int) error {
			err := right(status, body, worker, turn)
			if err == nil {
				last[worker] = turn
			}
			return err
		},
	}
	t, err := closed(ctx, w, n, b.cfg.Duration, b.city.meter())
	if err != nil {
		return measured{}, err
	}
	for worker, turn := range last {
		id := parkID + strconv.Itoa(park(worker, turn))
		var e struct {
			Free int `json:"availableSpotNumber"`
		}
		if err := b.see(ctx, id, &e); err != nil {
			return measured{}, err
		}
		if e.Free != free(worker, turn) {
			t.note(0, 0, fmt.Errorf("%w: %s has %d free spaces, %d were acknowledged last", tribune.ErrInvalid, id, e.Free, free(worker, turn)))
		}
	}
	return measured{tally: t, connections: n, request: w.next(nil, 0, 0)}, nil
}

// see retrieves an entity's simplified form.
func (b *Bench) see(ctx context.Context, id string, into any) error {
	anyone, err := b.city.as("")
	if err != nil {
		return err
	}
	a, err := ok(anyone.Do(ctx, http.MethodGet, entities+"/"+id+"?options=keyValues", nil, nil))
	if err != nil {
		return fmt.Errorf("checking what was written: %w", err)
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("checking what was written: %w", err)
	}
	return nil
}

func runCreate(ctx context.Context, b *Bench) (measured, error) {
	integrator, err := b.city.as("integrator-1")
	if err != nil {
		return measured{}, err
	}
	id := func(worker, turn int) string {
		return fmt.Sprintf("%s%d:%d:%d", parkID, b.calls, worker, turn)
	}
	last := make([]int, b.cfg.Connections)
	right := want(http.StatusCreated)
	bodies := make([][]byte, b.cfg.Connections)
	w := work{
		address: b.city.address,
		next: func(buf []byte, worker, turn int) []byte {
			bodies[worker] = appendPark(bodies[worker][:0], id(worker, turn), turn%spots)
			return appendRequest(buf, http.MethodPost, entities, integrator.Token, bodies[worker])
		},
		check: func(status int, body []byte, worker, turn int) error {
			err := right(status, body, worker, turn)
			if err == nil {
				last[worker] = turn
			}
			return err
		},
	}
	t, err := closed(ctx, w, b.cfg.Connections, b.cfg.Duration, b.city.meter())
	if err != nil {
		return measured{}, err
	}
	for worker, turn := range last {
		var e struct {
			ID string `json:"id"`
		}
		if err := b.see(ctx, id(worker, turn), &e); err != nil {
			return measured{}, err
		}
	}
	return measured{tally: t, connections: b.cfg.Connections, request: w.next(nil, 0, 0)}, nil
}

// sampled is how many answers pass between two whose content is looked at: looking costs the processor that is measured.
const sampled = 64

// holding checks the status of every answer, and of some that they hold what every right answer holds.
func holding(token string) func(int, []byte, int, int) error {
	right, inside := want(http.StatusOK), []byte(token)
	return func(status int, body []byte, worker, turn int) error {
		if err := right(status, body, worker, turn); err != nil {
			return err
		}
		if turn%sampled == 0 && !bytes.Contains(body, inside) {
			return fmt.Errorf("%w: an answer without %q: %.300s", tribune.ErrInvalid, token, body)
		}
		return nil
	}
}

func runGet(ctx context.Context, b *Bench) (measured, error) {
	if _, err := b.parks(ctx); err != nil {
		return measured{}, err
	}
	w := work{
		address: b.city.address,
		next: func(buf []byte, worker, turn int) []byte {
			return appendRequest(buf, http.MethodGet, entities+"/"+parkID+strconv.Itoa(order(worker, turn, b.cfg.Entities)), "", nil)
		},
		check: holding(parkID),
	}
	t, err := closed(ctx, w, b.cfg.Connections, b.cfg.Duration, b.city.meter())
	return measured{tally: t, connections: b.cfg.Connections, request: w.next(nil, 0, 0)}, err
}

// runQuery asks for car parks with more free spaces than a number that changes with every request.
func runQuery(ctx context.Context, b *Bench) (measured, error) {
	if _, err := b.parks(ctx); err != nil {
		return measured{}, err
	}
	most := max(1, min(b.cfg.Entities, spots)*9/10) // a tenth of all car parks answers the narrowest question
	w := work{
		address: b.city.address,
		next: func(buf []byte, worker, turn int) []byte {
			path := fmt.Sprintf("%s?type=OffStreetParking&q=availableSpotNumber%%3E%d&limit=%d", entities, order(worker, turn, most), found)
			return appendRequest(buf, http.MethodGet, path, "", nil)
		},
		check: holding(`"availableSpotNumber"`),
	}
	t, err := closed(ctx, w, b.cfg.Connections, b.cfg.Duration, b.city.meter())
	return measured{tally: t, connections: b.cfg.Connections, request: slices.Clone(w.next(nil, 0, 0))}, err
}
