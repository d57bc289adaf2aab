package mqtt

import (
	"slices"
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"tribune/internal/intake/device"
)

// session is a connection whose device is known. It ends with the connection: there is nothing else to resume.
type session struct {
	id      string // of the device
	client  string // client id, as the device chose it
	version byte   // 4 = MQTT 3.1.1, 5
	conn    *conn
	cl      *mochi.Client
	device  atomic.Pointer[device.Device] // by its newest document
	chatter *rate.Limiter                 // of packets that are answered and carry no message
}

// conns are the sessions, by device.
type conns struct {
	lim Limits

	mu      sync.Mutex // guards the rest
	devices map[string]*crowd
}

// crowd is one device's sessions, the oldest first.
type crowd struct {
	sessions []*session
	rate     *rate.Limiter
}

func (c *conns) open(lim Limits) { c.lim, c.devices = lim, map[string]*crowd{} }

// enter adds a session and returns which others must end for it: one of the same client id, and the oldest where there
// are too many. A device that connects too often is refused.
func (c *conns) enter(s *session) (end []*session, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.devices[s.id]
	if own == nil {
		own = &crowd{rate: rate.NewLimiter(rate.Limit(c.lim.DeviceRate), bursts*c.lim.DeviceRate)}
		c.devices[s.id] = own
	}
	if !own.rate.Allow() {
		return nil, true
	}
	own.sessions = slices.DeleteFunc(own.sessions, func(other *session) bool {
		same := other.client == s.client && s.client != ""
		if same {
			end = append(end, other)
		}
		return same
	})
	if len(own.sessions) >= c.lim.PerDevice {
		end = append(end, own.sessions[0])
		own.sessions = slices.Delete(own.sessions, 0, 1)
	}
	own.sessions = append(own.sessions, s)
	return end, false
}

func (c *conns) leave(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := c.devices[s.id]; own != nil {
		own.sessions = slices.DeleteFunc(own.sessions, func(other *session) bool { return other == s })
	}
}

// sweep is all sessions; it forgets devices without one whose allowance is whole again.
func (c *conns) sweep() (all []*session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, own := range c.devices {
		if len(own.sessions) == 0 && own.rate.Tokens() >= float64(bursts*c.lim.DeviceRate) {
			delete(c.devices, id)
		}
		all = append(all, own.sessions...)
	}
	return all
}

// stale holds a session against its device's newest document, which is in force from here on.
func (e *Edge) stale(s *session) reason {
	d := s.device.Load().Current()
	if d == nil {
		return reasonReplaced
	}
	s.device.Store(d)
	if !d.InForce(e.cfg.Now()) {
		return reasonEnded
	}
	return reasonNone
}

// sweep ends the sessions of devices that have ended or changed: a device that says nothing would not notice else.
func (e *Edge) sweep() {
	for _, s := range e.conns.sweep() {
		if why := e.stale(s); why != reasonNone {
			e.end(s, why, "")
		}
	}
	e.door.sweep()
}

// codes is what an MQTT 5 device hears when its session ends from outside.
var codes = map[reason]packets.Code{
	reasonEnded: packets.ErrNotAuthorized, reasonReplaced: packets.ErrAdministrativeAction, reasonTakenOver: packets.ErrSessionTakenOver,
}

// end ends a session from another goroutine than its own, without waiting for it.
func (e *Edge) end(s *session, why reason, detail string) {
	s.conn.blame(why, detail)
	if s.version != 5 {
		s.cl.Stop(nil)
		return
	}
	e.attending.Go(func() { e.server.DisconnectClient(s.cl, codes[why]) }) // ends with Limits.Write at the latest
}
