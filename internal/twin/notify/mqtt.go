package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"tribune"
)

// Bounds of MQTT connections, with their reasons.
const (
	maxBrokers = 256             // connections kept: one for each broker and login that subscriptions name
	brokerIdle = 5 * time.Minute // a connection that nothing was sent over for so long is closed
	keepAlive  = 30 * time.Second
	writeTime  = 10 * time.Second // of one packet
)

// brokers are the MQTT connections, by broker, login and version. A connection that is lost is made anew by the next
// notification, so that nothing has to notice.
type brokers struct {
	reach *Reach
	tls   *tls.Config

	closing sync.WaitGroup

	mu    sync.Mutex // guards byKey, done, and the used and users of each broker
	byKey map[[sha256.Size]byte]*broker
	done  bool
}

// broker is one connection, or the making of it.
type broker struct {
	used  time.Time
	users int

	turn chan struct{} // holds a token while somebody connects: the others wait no longer than their own timeout
	live connection    // nil = not connected; guarded by turn
}

// connection is an MQTT client of either version.
type connection interface {
	publish(ctx context.Context, topic string, qos byte, payload []byte) error
	alive() bool
	close()
}

func newBrokers(reach *Reach, trust *tls.Config) *brokers {
	return &brokers{reach: reach, tls: trust, byKey: map[[sha256.Size]byte]*broker{}}
}

// send publishes a notification (clause 7.2). A connection that turns out to be dead is tried once more, anew: it may have died
// since the last notification.
func (b *brokers) send(ctx context.Context, to Endpoint, n Notification) error {
	payload, err := message(to, n)
	if err != nil {
		return err
	}
	br, err := b.use(to)
	if err != nil {
		return err
	}
	defer b.leave(br)
	for attempt := 0; ; attempt++ {
		c, fresh, err := br.connected(ctx, b, to)
		if err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		err = c.publish(ctx, to.topic(), to.qos, payload)
		if err == nil {
			return nil
		}
		if fresh || attempt > 0 || errors.Is(err, errNotTaken) || ctx.Err() != nil {
			return fmt.Errorf("publishing: %w", err)
		}
		br.drop(c)
	}
}

// message is the body with what HTTP says in headers (clause 7.2).
func message(to Endpoint, n Notification) ([]byte, error) {
	meta := map[string]string{}
	for _, p := range to.ReceiverInfo {
		meta[p.Key] = p.Value
	}
	meta["Content-Type"] = n.ContentType
	if n.Link != "" {
		meta["Link"] = linkTo(n.Link)
	}
	if n.Tenant != "" {
		meta[tenantHeader] = string(n.Tenant)
	}
	if n.Snapshot != "" {
		meta[snapshotHeader] = n.Snapshot
	}
	head, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("writing metadata: %w", err)
	}
	out := make([]byte, 0, len(head)+len(n.Body)+32)
	out = append(append(out, `{"metadata":`...), head...)
	out = append(append(out, `,"body":`...), n.Body...)
	return append(out, '}'), nil
}

// use finds or makes the broker of an endpoint, and closes one that is idle where there are too many.
func (b *brokers) use(to Endpoint) (*broker, error) {
	password, _ := to.target.User.Password()
	key := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d", to.target.Scheme, to.target.Host, to.target.User.Username(), password, to.version))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return nil, net.ErrClosed
	}
	br := b.byKey[key]
	if br == nil {
		if !b.room() {
			return nil, fmt.Errorf("%w: connections to %d MQTT brokers are in use", tribune.ErrBusy, maxBrokers)
		}
		br = &broker{turn: make(chan struct{}, 1)}
		b.byKey[key] = br
	}
	br.users++
	br.used = time.Now()
	return br, nil
}

// room makes room for one more broker; b.mu is held.
func (b *brokers) room() bool {
	now := time.Now()
	var oldest [sha256.Size]byte
	found := false
	for key, br := range b.byKey {
		if br.users > 0 {
			continue
		}
		if now.Sub(br.used) > brokerIdle {
			b.drop(key)
			continue
		}
		if !found || br.used.Before(b.byKey[oldest].used) {
			oldest, found = key, true
		}
	}
	if len(b.byKey) < maxBrokers {
		return true
	}
	if found {
		b.drop(oldest)
	}
	return found
}

// drop forgets a broker that nobody uses; b.mu is held.
func (b *brokers) drop(key [sha256.Size]byte) {
	if live := b.byKey[key].live; live != nil {
		b.closing.Go(live.close)
	}
	delete(b.byKey, key)
}

func (b *brokers) leave(br *broker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	br.users--
	br.used = time.Now()
}

func (b *brokers) close() {
	b.mu.Lock()
	all := b.byKey
	b.byKey, b.done = nil, true
	b.mu.Unlock()
	for _, br := range all {
		br.turn <- struct{}{} // whoever connects gives up: the sender has ended
		if br.live != nil {
			br.live.close()
		}
		<-br.turn
	}
	b.closing.Wait()
}

// connected is the live connection; where there is none it is made, by one at a time.
func (br *broker) connected(ctx context.Context, b *brokers, to Endpoint) (c connection, fresh bool, err error) {
	select {
	case br.turn <- struct{}{}:
		defer func() { <-br.turn }()
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if br.live != nil && br.live.alive() {
		return br.live, false, nil
	}
	if br.live != nil {
		br.live.close()
		br.live = nil
	}
	conn, err := b.dial(ctx, to)
	if err != nil {
		return nil, false, err
	}
	if to.version == 4 {
		c, err = connect3(ctx, conn, to)
	} else {
		c, err = connect5(ctx, conn, to)
	}
	if err != nil {
		conn.Close()
		return nil, false, err
	}
	br.live = c
	return c, true, nil
}

// drop ends a connection that has failed, if it is still the one in use.
func (br *broker) drop(c connection) {
	br.turn <- struct{}{} // held for a connection attempt at most, which is bounded
	if br.live == c {
		br.live = nil
	}
	<-br.turn
	c.close()
}

// dial opens the connection under Reach, with TLS for mqtts.
func (b *brokers) dial(ctx context.Context, to Endpoint) (net.Conn, error) {
	secure := to.target.Scheme == "mqtts"
	port := to.target.Port()
	switch {
	case port != "":
	case secure:
		port = "8883"
	default:
		port = "1883"
	}
	address := net.JoinHostPort(to.target.Hostname(), port)
	var conn net.Conn
	var err error
	if secure {
		conn, err = (&tls.Dialer{NetDialer: b.reach.dialer(maxTimeout), Config: b.tls}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = b.reach.dialer(maxTimeout).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	return impatient{&acknowledged{Conn: conn}}, nil
}

// impatient ends writes that the other side does not take: the clients would wait for ever.
type impatient struct{ net.Conn }

func (c impatient) Write(b []byte) (int, error) {
	c.SetWriteDeadline(time.Now().Add(writeTime))
	return c.Conn.Write(b)
}

// clientID is new for each connection: two connections with one would throw each other out.
func clientID() string { return "tribune-" + rand.Text()[:14] }

// Errors of publishing.
var (
	errLost     = errors.New("the connection is lost")
	errNotTaken = errors.New("the broker does not take it")
)
