package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Of row notify.
const (
	subscriptions = 1000
	deadEvery     = 10   // one subscription in so many has an endpoint that nobody listens on
	notifyRate    = 1000 // updates a second
	notifyLast    = 2 * time.Second
	maxHook       = 1 << 20 // bytes of a notification
)

// hook is where notifications arrive. Each update carries its own number, so that each notification can be told from the others.
type hook struct {
	mu    sync.Mutex
	sent  map[int]time.Time // by number of the update
	tally tally
}

// notifications subscribes 1,000 times, each to one entity, and measures from when an update is sent until its
// notification is here.
func (b *broker) notifications(ctx context.Context) (measured, error) {
	h := &hook{sent: map[int]time.Time{}, tally: tally{within: -1}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return measured{}, fmt.Errorf("listening for notifications: %w", err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout}
	go server.Serve(l)
	defer server.Close()
	dead, err := freeAddress()
	if err != nil {
		return measured{}, err
	}
	if err := b.subscribe(ctx, l.Addr().String(), dead); err != nil {
		return measured{}, err
	}
	next := 0
	w := work{
		address: b.address,
		next: func(buf []byte, _, turn int) []byte {
			h.mu.Lock()
			defer h.mu.Unlock()
			next++
			i := turn % subscriptions
			if i%deadEvery != 0 {
				h.sent[next] = time.Now()
			}
			body := fmt.Appendf(nil, `{"free":{"type":"Property","value":%d}}`, b.calls<<32|next)
			return appendRequest(buf, http.MethodPatch, entities+"/"+sensorID+strconv.Itoa(i)+"/attrs", "", body)
		},
		check: want(http.StatusNoContent),
	}
	t, n, err := offered(ctx, w, notifyRate, b.cfg.Connections, b.cfg.Duration, b.meter())
	if err != nil {
		return measured{}, err
	}
	for end := time.Now().Add(notifyLast); time.Now().Before(end) && h.missing() > 0; {
		sleep(ctx, pollEvery)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for range h.sent {
		h.tally.note(0, 0, errNoNotification)
	}
	h.tally.errors += t.errors
	if h.tally.first == nil {
		h.tally.first = t.first
	}
	h.tally.elapsed, h.tally.cpu = t.elapsed+warming(b.cfg.Duration), t.cpu
	return measured{tally: h.tally, connections: n, offered: notifyRate * (deadEvery - 1) / deadEvery, ceiling: none}, nil
}

func (h *hook) missing() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sent)
}

func (b *broker) subscribe(ctx context.Context, alive, dead string) error {
	err := each(ctx, subscriptions, func(i int) error {
		to := alive
		if i%deadEvery == 0 {
			to = dead
		}
		body := fmt.Appendf(nil, `{"id":"urn:ngsi-ld:Subscription:bench:%d:%d","type":"Subscription","entities":[{"id":"%s%d","type":"Sensor"}],"watchedAttributes":["free"],`+
			`"notification":{"attributes":["free"],"format":"keyValues","endpoint":{"uri":"http://%s/%d","accept":"application/json"}}}`, b.calls, i, sensorID, i, to, i)
		_, err := ok(b.http.Do(ctx, http.MethodPost, "/ngsi-ld/v1/subscriptions", body, nil))
		return err
	})
	if err != nil {
		return fmt.Errorf("subscribing: %w", err)
	}
	return nil
}

// ServeHTTP takes a notification.
func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHook))
	now := time.Now()
	w.WriteHeader(http.StatusNoContent)
	if err != nil {
		return
	}
	_, rest, ok := bytes.Cut(body, []byte(`"free":`))
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return
	}
	value, err := strconv.Atoi(string(bytes.TrimSpace(rest[:end])))
	if err != nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if sent, ok := h.sent[value&0xffffffff]; ok && value > 0xffffffff {
		delete(h.sent, value&0xffffffff)
		h.tally.note(now.Sub(sent), len(body), nil)
	}
}
