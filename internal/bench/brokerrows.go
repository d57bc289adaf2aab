package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tribune"
)

// load of the broker's rows: as many workers as connections, each sending its next request once the last is answered.
func (b *broker) closed(ctx context.Context, w work) (measured, error) {
	w.address = b.address
	t, err := closed(ctx, w, b.cfg.Connections, b.cfg.Duration, b.meter())
	return measured{tally: t, connections: b.cfg.Connections, request: slices.Clone(w.next(nil, 0, 0))}, err
}

func (b *broker) updates(ctx context.Context) (measured, error) {
	bodies := make([][]byte, b.cfg.Connections)
	return b.closed(ctx, work{
		next: func(buf []byte, worker, turn int) []byte {
			bodies[worker] = fmt.Appendf(bodies[worker][:0], `{"free":{"type":"Property","value":%d}}`, order(turn, worker, spots))
			return appendRequest(buf, http.MethodPatch, entities+"/"+sensorID+strconv.Itoa(order(worker, turn, b.held))+"/attrs", "", bodies[worker])
		},
		check: want(http.StatusNoContent),
	})
}

func (b *broker) creates(ctx context.Context) (measured, error) {
	bodies := make([][]byte, b.cfg.Connections)
	return b.closed(ctx, work{
		next: func(buf []byte, worker, turn int) []byte {
			bodies[worker] = appendSensor(bodies[worker][:0], "Newcomer", fmt.Sprintf("urn:ngsi-ld:New:bench:%d:%d:%d", b.calls, worker, turn), turn)
			return appendRequest(buf, http.MethodPost, entities, "", bodies[worker])
		},
		check: want(http.StatusCreated),
	})
}

func (b *broker) gets(ctx context.Context) (measured, error) {
	return b.asks(ctx, sensorID, func(worker, turn int) string {
		return entities + "/" + sensorID + strconv.Itoa(order(worker, turn, b.held))
	})
}

// asks sends GET requests, whose right answers hold a token.
func (b *broker) asks(ctx context.Context, token string, path func(worker, turn int) string) (measured, error) {
	return b.closed(ctx, work{
		next: func(buf []byte, worker, turn int) []byte {
			return appendRequest(buf, http.MethodGet, path(worker, turn), "", nil)
		},
		check: holding(token),
	})
}

func (b *broker) comparisons(ctx context.Context) (measured, error) {
	return b.asks(ctx, sensorID, func(worker, turn int) string {
		return fmt.Sprintf("%s?type=Sensor&q=free%%3E%d&limit=%d", entities, order(worker, turn, spots*9/10), found)
	})
}

// equalities may find nothing, where row update has left no sensor with that value.
func (b *broker) equalities(ctx context.Context) (measured, error) {
	return b.asks(ctx, "[", func(worker, turn int) string {
		return fmt.Sprintf("%s?type=Sensor&q=free==%d&limit=%d", entities, order(worker, turn, min(spots, b.held)), found)
	})
}

// circles asks around a sensor's place, so that each answer holds at least that one.
func (b *broker) circles(ctx context.Context) (measured, error) {
	return b.asks(ctx, sensorID, func(worker, turn int) string {
		lon, lat := place(order(worker, turn, b.held))
		return fmt.Sprintf("%s?type=Sensor&georel=near;maxDistance==1000&geometry=Point&coordinates=[%.5f,%.5f]&limit=%d", entities, lon, lat, found)
	})
}

// restarts stops the broker and measures until it answers again.
func (b *broker) restarts(ctx context.Context) (measured, error) {
	var m measured
	if err := b.proc.stop(); err != nil {
		return m, err
	}
	began := time.Now()
	err := b.start(ctx)
	m.tally = tally{within: -1, elapsed: time.Since(began)}
	m.tally.note(m.tally.elapsed, 0, err)
	m.connections, m.ceiling = 1, none
	return m, err
}

// none is the ceiling of what no server of ready bytes can be compared with.
func none() (float64, error) { return 0, nil }

// Of row aggregate.
const (
	series      = "urn:ngsi-ld:Series:bench:0"
	pointsOnce  = 5000 // values in one request of the preparation
	pointEvery  = 10 * time.Second
	aggregators = 1 // asked one after the other: the goal is the wait for one answer
)

// aggregates asks for hourly averages over the whole history of one attribute.
func (b *broker) aggregates(ctx context.Context) (measured, error) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := b.past(ctx, from); err != nil {
		return measured{}, err
	}
	path := "/ngsi-ld/v1/temporal/entities/" + series + "?attrs=level&aggrMethods=avg&aggrPeriodDuration=P1D&options=aggregatedValues&timerel=between&timeAt=2026-01-01T00:00:00Z&endTimeAt=" +
		from.Add(time.Duration(b.bc.Points)*pointEvery).Format(time.RFC3339)
	w := work{
		address: b.address,
		next:    func(buf []byte, _, _ int) []byte { return appendRequest(buf, http.MethodGet, path, "", nil) },
		check:   holding(`"avg"`),
	}
	t, err := closed(ctx, w, aggregators, b.cfg.Duration, b.meter())
	return measured{tally: t, connections: aggregators, request: w.next(nil, 0, 0)}, err
}

// past writes the history, once.
func (b *broker) past(ctx context.Context, from time.Time) error {
	if b.points > 0 {
		return nil
	}
	fmt.Fprintf(b.cfg.Log, "writing %d values of one attribute\n", b.bc.Points)
	began := time.Now()
	for i := 0; i < b.bc.Points; i += pointsOnce {
		body := fmt.Appendf(nil, `{"id":"%s","type":"Series","level":[`, series)
		path := "/ngsi-ld/v1/temporal/entities"
		if i > 0 {
			body = []byte(`{"level":[`)
			path += "/" + series + "/attrs"
		}
		for j := i; j < min(b.bc.Points, i+pointsOnce); j++ {
			if j > i {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"type":"Property","value":%d.%d,"observedAt":"%s"}`, j%97, j%10, from.Add(time.Duration(j)*pointEvery).Format(time.RFC3339))
		}
		if _, err := ok(b.http.Do(ctx, http.MethodPost, path, append(body, "]}"...), nil)); err != nil {
			return fmt.Errorf("writing history: %w", err)
		}
	}
	b.points = b.bc.Points
	fmt.Fprintf(b.cfg.Log, "%.0f a second\n", float64(b.bc.Points)/time.Since(began).Seconds())
	return nil
}

// freeAddress is an address on this machine that nobody listens on, and that a restart can take again.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

var errNoNotification = fmt.Errorf("%w: a notification did not come", tribune.ErrInvalid)
