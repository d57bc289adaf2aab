package mqtt

import (
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"tribune"
)

// hook is all that the library asks of this package.
type hook struct {
	mochi.HookBase
	edge *Edge
}

func (h *hook) ID() string { return "tribune" }

func (h *hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPacketRead, mochi.OnPacketEncode, mochi.OnPublish:
		return true
	}
	return false
}

// refusal is the answer to a CONNECT that is not accepted. MQTT 3.1.1 knows five answers only.
type refusal struct {
	why    reason
	detail string
	five   packets.Code // MQTT 5
	three  byte         // MQTT 3.1.1: 2 client id, 3 unavailable, 4 user name or password, 5 not authorized
}

// OnConnect decides about a CONNECT; an error ends the connection.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	r := h.connect(cl, pk)
	if r == nil {
		return nil
	}
	c := cl.Net.Conn.(*conn)
	code := r.five
	if cl.Properties.ProtocolVersion < 5 {
		code = packets.Code{Code: r.three}
	}
	h.edge.server.SendConnack(cl, code, false, nil) // a device that cannot be told is refused all the same
	c.mu.Lock()
	c.blamed = r.why
	c.mu.Unlock()
	h.edge.refuse(r.why, stranger(string(pk.Connect.Username)), c.addr, r.detail)
	return r.five
}

func (h *hook) connect(cl *mochi.Client, pk packets.Packet) *refusal {
	e, c := h.edge, cl.Net.Conn.(*conn)
	switch {
	case pk.Properties.AuthenticationMethod != "":
		return &refusal{reasonUnsupported, "enhanced authentication", packets.ErrBadAuthenticationMethod, 5}
	case len(pk.Connect.ClientIdentifier) > maxClient || strings.ContainsFunc(pk.Connect.ClientIdentifier, unicode.IsControl):
		return &refusal{reasonMalformed, "client id", packets.ErrClientIdentifierNotValid, 2}
	}
	d, err := e.cfg.Devices.Authenticate(string(pk.Connect.Username), string(pk.Connect.Password))
	switch {
	case errors.Is(err, tribune.ErrExpired):
		return &refusal{reasonEnded, "", packets.Code{Code: packets.ErrNotAuthorized.Code, Reason: "the device's document has ended"}, 5}
	case errors.Is(err, tribune.ErrBusy): // its token is right, and it may not report yet
		return &refusal{reasonBusy, err.Error(), packets.Code{Code: packets.ErrServerBusy.Code, Reason: err.Error()}, 3}
	case err != nil:
		return &refusal{reasonCredentials, "", packets.ErrBadUsernameOrPassword, 4}
	case pk.Connect.WillFlag:
		d.Refused(e.cfg.Now(), reasonWill.told())
		return &refusal{reasonWill, "", packets.Code{Code: packets.ErrImplementationSpecificError.Code, Reason: "a will is refused: connect without one"}, 5}
	}
	s := &session{id: d.ID, client: pk.Connect.ClientIdentifier, version: cl.Properties.ProtocolVersion, conn: c, cl: cl, chatter: rate.NewLimiter(chatter, bursts*chatter)}
	s.device.Store(d)
	// The library finds clients by id and lets the next of the same id take over: here an id is never used twice, and
	// taking over is this package's, within one device.
	cl.ID = strconv.FormatUint(e.sessions.Add(1), 10)
	cl.Properties.Clean = true
	idle := uint16(min(e.lim.Idle/time.Second, 1<<15)) // the library's own sum of one and a half times must not overflow
	if cl.State.Keepalive == 0 || cl.State.Keepalive > idle {
		cl.State.Keepalive, cl.State.ServerKeepalive = max(idle, 1), true
	}
	c.session = s
	end, often := e.conns.enter(s) // from here on others see it
	if often {
		c.session = nil
		return &refusal{reasonRate, "connects too often", packets.ErrConnectionRateExceeded, 3}
	}
	e.door.known(c.from)
	for _, old := range end {
		e.end(old, reasonTakenOver, "")
	}
	return nil
}

// OnConnectAuthenticate: OnConnect has decided.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, _ packets.Packet) bool {
	return cl.Net.Conn.(*conn).session != nil
}

// OnACLCheck: nobody may subscribe. What may be published is decided before, since the library acknowledges what this
// refuses to MQTT 5.
func (h *hook) OnACLCheck(_ *mochi.Client, _ string, write bool) bool { return write }

// OnPacketEncode tells an MQTT 5 device in CONNACK what there is not.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type == packets.Connack && cl.Properties.ProtocolVersion == 5 && pk.ReasonCode == packets.CodeSuccess.Code {
		p := &pk.Properties
		p.MaximumPacketSize = maxPacket
		p.RetainAvailableFlag, p.WildcardSubAvailableFlag, p.SubIDAvailableFlag, p.SharedSubAvailableFlag = true, true, true, true
	}
	return pk
}

// stranger is a name that somebody sent, fit for a log: one that cannot be a device's id is not shown. It may be a token, of a
// device that was set up with both in each other's place.
func stranger(name string) string {
	if len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return "?"
	}
	return name
}
