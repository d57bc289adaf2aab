package bench

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"tribune"
)

// Of row soak.
const (
	soakShare = 0.7              // of what the broker does at most
	soakTry   = 10 * time.Second // how long that is measured
	soakWarm  = 0.2              // share of the time in which caches and heaps may still grow
	soakLook  = 5 * time.Second  // between two looks at the memory
	soakGrow  = 1.1              // how much more memory the last third may take than the first
)

// soak loads the broker with a mix at 70% of what it can, for a long time, and holds its memory to staying flat. Of ten
// requests five update, three retrieve, one queries, and one creates or deletes, so that what it holds stays the same.
func (b *broker) soak(ctx context.Context) (measured, error) {
	w := b.mixed()
	most, err := closed(ctx, w, b.cfg.Connections, min(soakTry, b.bc.Soak), b.meter())
	if err != nil {
		return measured{}, err
	}
	rate := max(1, int(soakShare*most.rate()))
	fmt.Fprintf(b.cfg.Log, "broker-soak: %d requests a second for %s\n", rate, b.bc.Soak)
	looks, done := make(chan []float64), make(chan struct{})
	go b.look(done, looks)
	t, n, err := offered(ctx, w, rate, b.cfg.Connections, b.bc.Soak, b.meter())
	close(done)
	sizes := <-looks
	if err != nil {
		return measured{}, err
	}
	sizes = sizes[int(soakWarm*float64(len(sizes))):]
	if third := len(sizes) / 3; third > 0 && b.pid != 0 {
		before, after := mean(sizes[:third]), mean(sizes[len(sizes)-third:])
		fmt.Fprintf(b.cfg.Log, "broker-soak: memory %.0f MB in the first third, %.0f MB in the last\n", before, after)
		if after > soakGrow*before {
			t.note(0, 0, fmt.Errorf("%w: memory grew from %.0f to %.0f MB", tribune.ErrTooLarge, before, after))
			t.errors += t.ops() // whatever else was right
		}
	}
	return measured{tally: t, connections: n, offered: rate, ceiling: none}, nil
}

// look notes the broker's memory until done.
func (b *broker) look(done <-chan struct{}, looks chan<- []float64) {
	var sizes []float64
	tick := time.NewTicker(soakLook)
	defer tick.Stop()
	for {
		select {
		case <-done:
			looks <- sizes
			return
		case <-tick.C:
			if size, err := residentMB(b.pid); err == nil {
				sizes = append(sizes, size)
			}
		}
	}
}

func mean(all []float64) (sum float64) {
	for _, v := range all {
		sum += v
	}
	return sum / float64(len(all))
}

// mixed is the load. A turn in which an entity was created is followed, ten turns later, by its deletion; where that finds
// nothing, for another connection has come first, it is no error.
func (b *broker) mixed() work {
	const turns = 10
	id := func(worker, turn int) string {
		return fmt.Sprintf("urn:ngsi-ld:Passer:bench:%d:%d:%d", b.calls, worker, turn/turns/2)
	}
	return work{
		address: b.address,
		next: func(buf []byte, worker, turn int) []byte {
			one := entities + "/" + sensorID + strconv.Itoa(order(worker, turn, b.held))
			switch turn % turns {
			case 0, 1, 2:
				return appendRequest(buf, http.MethodGet, one, "", nil)
			case 3:
				return appendRequest(buf, http.MethodGet, fmt.Sprintf("%s?type=Sensor&q=free==%d&limit=%d", entities, order(worker, turn, spots), found), "", nil)
			case 4:
				if turn/turns%2 == 0 {
					return appendRequest(buf, http.MethodPost, entities, "", appendSensor(nil, "Passer", id(worker, turn), turn))
				}
				return appendRequest(buf, http.MethodDelete, entities+"/"+id(worker, turn), "", nil)
			}
			return appendRequest(buf, http.MethodPatch, one+"/attrs", "", fmt.Appendf(nil, `{"free":{"type":"Property","value":%d}}`, turn%spots))
		},
		check: func(status int, body []byte, _, turn int) error {
			switch {
			case status < 300, turn%turns == 4 && (status == http.StatusNotFound || status == http.StatusConflict):
				return nil
			}
			return fmt.Errorf("%w: the broker answered %d: %.300s", tribune.ErrInvalid, status, body)
		},
	}
}
