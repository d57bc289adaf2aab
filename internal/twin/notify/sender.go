package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tribune"
)

// Notification is one message to an endpoint, ready as bytes.
type Notification struct {
	Body        []byte // JSON; do not change it afterwards
	ContentType string // "" = what the endpoint accepts
	Link        string // URL of the @context where the body does not carry it; "" = none
	Tenant      tribune.Tenant
	Snapshot    string // that it is about; "" = what is live
}

// Bounds of what waits, with their reasons.
const (
	maxWaiting      = 256      // notifications of one line: after that, the newest state matters more than each step to it
	maxWaitingBytes = 4 << 20  // of one line
	maxAllBytes     = 64 << 20 // of all lines together; what is beyond is taken from those that hold more than their share
	maxConnections  = 64       // to one host and port
)

// Errors of deliveries that were not tried.
var (
	// ErrCooldown: the endpoint failed, and asked not to be tried again so soon (clause 5.2.15). It counts neither as sent nor
	// as failed.
	ErrCooldown = errors.New("in cooldown after a failure")

	// ErrForgotten: nobody wants it any more.
	ErrForgotten = errors.New("the subscription is gone or paused")

	// ErrOverrun: too much waited for this endpoint, and the oldest was given up for it.
	ErrOverrun = errors.New("given up for newer notifications: the endpoint is too slow")
)

// SenderConfig is what a Sender needs.
type SenderConfig struct {
	Reach Reach
	TLS   *tls.Config      // whom to trust; nil = the system's certificates
	Now   func() time.Time // nil = time.Now
}

// Sender delivers notifications over HTTP and MQTT. Each line (a subscription) has its own bounded queue and is served in
// order, so that a slow or dead endpoint delays nobody else. It is safe for concurrent use.
//
// It promises: a delivery ends after its endpoint's timeout, whatever the other side does; answers are not read beyond
// maxAnswer, redirects not followed; only addresses within Reach are connected to; what waits is bounded; the outcome of each
// Post is told exactly once, as soon as it is known, but for those that Close cuts off.
type Sender struct {
	reach Reach
	now   func() time.Time
	http  *http.Transport
	mqtt  *brokers

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup // of workers

	mu    sync.Mutex // guards all below
	lines map[string]*line
	bytes int // waiting in all lines
}

// line is the queue of one subscription; its worker runs while something waits. It is forgotten when nothing waits and no
// cooldown is left.
type line struct {
	waiting []post
	bytes   int
	running bool
	until   time.Time // of the cooldown
}

type post struct {
	to   Endpoint
	n    Notification
	told Told
}

// NewSender is a Sender; Close ends it.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sender{reach: cfg.Reach, now: cfg.Now, lines: map[string]*line{}}
	s.http = newTransport(&s.reach, cfg.TLS)
	s.mqtt = newBrokers(&s.reach, cfg.TLS)
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Check refuses an endpoint that is plainly out of reach.
func (s *Sender) Check(e Endpoint) error { return s.reach.Check(e) }

// Send delivers one notification now: one attempt, bounded by the endpoint's timeout. nil means that the endpoint has taken
// it: 2xx over HTTP (clause 5.8.6), what the quality of service says over MQTT. Errors name no secret of the endpoint.
func (s *Sender) Send(ctx context.Context, to Endpoint, n Notification) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	return s.attempt(ctx, &to, &n, func(error) {})
}

// attempt is one, and says how it went as soon as that is known: an endpoint that is slow to end its answer is waited for after that.
func (s *Sender) attempt(ctx context.Context, to *Endpoint, n *Notification, known func(error)) error {
	ctx, cancel := context.WithTimeout(ctx, to.Timeout)
	defer cancel()
	if n.ContentType == "" {
		n.ContentType = to.Accept
	}
	var err error
	var rest func()
	if to.MQTT() {
		err = s.mqtt.send(ctx, *to, *n)
	} else {
		rest, err = s.post(ctx, to, n)
	}
	if err != nil {
		err = fmt.Errorf("notifying %s: %w", to, err)
	}
	known(err)
	if rest != nil {
		rest()
	}
	return err
}

// Ready reports whether a Post to the line would be tried: it is not in cooldown. It saves making what would not be sent.
func (s *Sender) Ready(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[name]
	return l == nil || !s.now().Before(l.until)
}

// Full reports whether so much waits on a line that its endpoint should rather be told less often, of more at once.
func (s *Sender) Full(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[name]
	return l != nil && (len(l.waiting) >= maxWaiting/4 || l.bytes >= maxWaitingBytes/2 || s.bytes > maxAllBytes/2 && l.bytes > maxAllBytes/2/len(s.lines))
}

// Told is told of a notification that waits on a line, from another goroutine or from the call of Post. It must not block.
type Told interface {
	Sent(at time.Time)             // it is on its way to its endpoint
	Ended(at time.Time, err error) // the endpoint has taken it, or err says why not
}

// untold is nobody.
type untold struct{}

func (untold) Sent(time.Time)         {}
func (untold) Ended(time.Time, error) {}

// Post queues a notification on a line and returns at once. told may be told during the call (ErrCooldown, ErrOverrun of an older one);
// nil = nobody is.
func (s *Sender) Post(name string, to Endpoint, n Notification, told Told) {
	if told == nil {
		told = untold{}
	}
	p := post{to, n, told}
	s.mu.Lock()
	if s.ctx.Err() != nil {
		s.mu.Unlock()
		return
	}
	l := s.lines[name]
	if l == nil {
		l = &line{}
		s.lines[name] = l
	}
	now := s.now()
	if now.Before(l.until) {
		s.mu.Unlock()
		told.Ended(now, ErrCooldown)
		return
	}
	var lost []post
	for l.full(len(n.Body)) || (s.bytes+len(n.Body) > maxAllBytes && l.bytes+len(n.Body) > maxAllBytes/len(s.lines) && len(l.waiting) > 0) {
		lost = append(lost, s.take(l))
	}
	l.waiting = append(l.waiting, p)
	l.bytes += len(n.Body)
	s.bytes += len(n.Body)
	if !l.running {
		l.running = true
		s.wg.Go(func() { s.serve(name, l) })
	}
	s.mu.Unlock()
	for _, p := range lost {
		p.told.Ended(now, ErrOverrun)
	}
}

func (l *line) full(more int) bool {
	return len(l.waiting) >= maxWaiting || len(l.waiting) > 0 && l.bytes+more > maxWaitingBytes
}

// take removes the oldest of a line; s.mu is held.
func (s *Sender) take(l *line) post {
	p := l.waiting[0]
	l.waiting[0] = post{}
	l.waiting = l.waiting[1:]
	l.bytes -= len(p.n.Body)
	s.bytes -= len(p.n.Body)
	return p
}

// serve delivers what waits on a line, in order, until nothing does.
func (s *Sender) serve(name string, l *line) {
	for {
		s.mu.Lock()
		now := s.now()
		if len(l.waiting) == 0 || s.ctx.Err() != nil {
			l.running = false
			if !now.Before(l.until) && s.lines[name] == l {
				delete(s.lines, name)
			}
			s.mu.Unlock()
			return
		}
		p, cold := s.take(l), now.Before(l.until)
		s.mu.Unlock()
		if cold {
			p.told.Ended(now, ErrCooldown)
			continue
		}
		p.told.Sent(now)
		s.attempt(s.ctx, &p.to, &p.n, func(err error) {
			if s.ctx.Err() != nil {
				return // cut off by Close: neither taken nor failed
			}
			at := s.now()
			if err != nil && p.to.Cooldown > 0 {
				s.mu.Lock()
				l.until = at.Add(p.to.Cooldown)
				s.mu.Unlock()
			}
			p.told.Ended(at, err)
		})
	}
}

// Forget drops what waits on a line: its subscription is gone or paused. That counts neither as sent nor as failed.
func (s *Sender) Forget(name string) {
	s.mu.Lock()
	var lost []post
	if l := s.lines[name]; l != nil {
		lost = l.waiting
		s.bytes -= l.bytes
		l.waiting, l.bytes = nil, 0
		delete(s.lines, name)
	}
	s.mu.Unlock()
	for _, p := range lost {
		p.told.Ended(s.now(), ErrForgotten)
	}
}

// Close cuts deliveries off and ends the connections.
func (s *Sender) Close() error {
	s.mu.Lock() // no worker begins after this
	s.stop()
	s.mu.Unlock()
	s.wg.Wait()
	s.http.CloseIdleConnections()
	s.mqtt.close()
	return nil
}
