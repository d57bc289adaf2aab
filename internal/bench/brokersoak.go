package bench

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"tribune"
)

// Of row soak.
const (
	soakShare = 0.7              // of what the broker does at most
	soakTry   = 10 * time.Second // how long that is measured
	soakLook  = 5 * time.Second  // between two looks at the memory
	soakJudge = 12               // looks in the second half without which nothing is judged
	liveGrow  = 0.05             // share of its mean by which the live heap may grow in the second half
	rssGrow   = 0.10             // the same of the resident set, in which garbage waits to be collected
)

// Soak is what a long load has done to the memory. Caches fill and the collector finds its pace in the first half; the second is judged.
// What lives is what the last collection has found in use, as Go's collector tells (gctrace); the resident set holds garbage besides.
// Sizes are megabytes (10^6).
type Soak struct {
	Live      float64 `json:"live_heap_mb"`         // mean of the second half; 0 = not known
	LiveSlope float64 `json:"live_heap_mb_per_min"` // of the straight line through the second half
	RSS       float64 `json:"rss_mb"`
	RSSSlope  float64 `json:"rss_mb_per_min"`
	Flat      bool    `json:"flat"`
	Says      string  `json:"says"`
	Looks     []Look  `json:"looks"`
}

// Look is one look at the memory.
type Look struct {
	Second float64 `json:"second"`
	RSS    float64 `json:"rss_mb"`
	Live   float64 `json:"live_heap_mb"` // 0 = not known
}

// soak loads the broker with a mix at 70% of what it can, for a long time, and holds its memory to staying flat. Of ten
// requests five update, three retrieve, one queries, and one creates or deletes, so that what it holds stays the same.
func (b *broker) soak(ctx context.Context) (measured, error) {
	most, err := closed(ctx, b.mixed(0, false), b.cfg.Connections, min(soakTry, b.bc.Soak), b.meter())
	if err != nil {
		return measured{}, err
	}
	rate := max(1, int(soakShare*most.rate()))
	fmt.Fprintf(b.cfg.Log, "broker-soak: %d requests a second for %s\n", rate, b.bc.Soak)
	looks, done := make(chan []Look), make(chan struct{})
	go b.look(done, looks)
	t, n, err := offered(ctx, b.mixed(1, true), rate, b.cfg.Connections, b.bc.Soak, b.meter())
	close(done)
	s := judge(<-looks)
	if err != nil {
		return measured{}, err
	}
	b.soaked = &s
	fmt.Fprintf(b.cfg.Log, "broker-soak: %s\n", s.Says)
	if len(s.Looks)/2 >= soakJudge && !s.Flat {
		t.note(0, 0, fmt.Errorf("%w: %s", tribune.ErrTooLarge, s.Says))
		t.errors += t.ops() // whatever else was right
	}
	return measured{tally: t, connections: n, offered: rate, ceiling: none}, nil
}

// look notes the broker's memory until done.
func (b *broker) look(done <-chan struct{}, looks chan<- []Look) {
	var all []Look
	began, tick := time.Now(), time.NewTicker(soakLook)
	defer tick.Stop()
	for {
		select {
		case <-done:
			looks <- all
			return
		case <-tick.C:
			l := Look{Second: time.Since(began).Seconds()}
			var err error
			if l.RSS, err = residentMB(b.pid); err != nil || b.pid == 0 {
				continue
			}
			if b.proc != nil {
				l.Live = liveMB(b.proc.tail())
			}
			all = append(all, l)
			fmt.Fprintf(b.cfg.Log, "broker-soak: after %.0f s %.0f MB live, %.0f MB resident\n", l.Second, l.Live, l.RSS)
		}
	}
}

// judge says whether the memory stays flat.
func judge(looks []Look) Soak {
	s := Soak{Looks: looks}
	half := looks[len(looks)/2:]
	if len(half) < soakJudge {
		s.Says = fmt.Sprintf("too short to judge: %d looks at the memory, %d take %s", len(looks), 2*soakJudge, 2*soakJudge*soakLook)
		return s
	}
	minutes := (half[len(half)-1].Second - half[0].Second) / 60
	s.Live, s.LiveSlope = line(half, func(l Look) float64 { return l.Live })
	s.RSS, s.RSSSlope = line(half, func(l Look) float64 { return l.RSS })
	s.Flat = s.LiveSlope*minutes <= liveGrow*s.Live && s.RSSSlope*minutes <= rssGrow*s.RSS
	verdict := "memory is flat"
	if !s.Flat {
		verdict = "memory grows"
	}
	s.Says = fmt.Sprintf("%s: in the last %.1f min %.0f MB live, %+.1f MB a minute, and %.0f MB resident, %+.1f MB a minute", verdict, minutes, s.Live, s.LiveSlope, s.RSS, s.RSSSlope)
	return s
}

// line is the mean, and the slope a minute, of the straight line through looks (least squares).
func line(looks []Look, of func(Look) float64) (mean, slope float64) {
	n := float64(len(looks))
	var at, sum float64
	for _, l := range looks {
		at, sum = at+l.Second/60/n, sum+of(l)/n
	}
	var up, across float64
	for _, l := range looks {
		d := l.Second/60 - at
		up, across = up+d*(of(l)-sum), across+d*d
	}
	if across == 0 {
		return sum, 0
	}
	return sum, up / across
}

// collections has Go's runtime write a line for each collection.
const collections = "gctrace=1"

// traced is where such a line says how large the heap was when the collection began, when it ended, and how much of it lives, in MiB.
var traced = regexp.MustCompile(`(?m)^gc \d+ @.* \d+->\d+->(\d+) MB, `)

// liveMB is what lives by the last collection that a text tells of; 0 = it tells of none.
func liveMB(text string) float64 {
	all := traced.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	mib, _ := strconv.ParseFloat(all[len(all)-1][1], 64) // digits
	return mib * (1 << 20) / 1e6
}

// mixed is the load. It deletes as many entities as it creates: each some turns after its creation, so that neither overtakes the other.
// shared says that whichever worker is free takes the next turn; else each worker counts its own. Where there is nothing to delete it is
// no error: at the beginning there is not.
func (b *broker) mixed(phase int, shared bool) work {
	const turns = 10
	behind := 5 // creations, before the first deletion
	if shared {
		behind = 500
	}
	id := func(worker, n int) string {
		if shared {
			worker = 0
		}
		return fmt.Sprintf("urn:ngsi-ld:Passer:bench:%d:%d:%d:%d", b.calls, phase, worker, n)
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
				n := turn / turns / 2
				if turn/turns%2 == 0 {
					return appendRequest(buf, http.MethodPost, entities, "", appendSensor(nil, "Passer", id(worker, n), turn))
				}
				return appendRequest(buf, http.MethodDelete, entities+"/"+id(worker, max(0, n-behind)), "", nil)
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
