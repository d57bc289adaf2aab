package mqtt

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tribune"
	"tribune/internal/intake"
)

// OnPacketRead sees each packet before the library acts on it. ErrRejectPacket is the one error that ends the connection
// from here.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c := cl.Net.Conn.(*conn)
	switch pk.FixedHeader.Type {
	case packets.Connect, packets.Disconnect:
		return pk, nil
	case packets.Subscribe, packets.Unsubscribe, packets.Pingreq: // the desk paces messages, and nobody else these
		if !c.session.chatter.Allow() {
			return pk, h.turnAway(cl, reasonRate, packets.ErrMessageRateTooHigh, packets.PacketNames[pk.FixedHeader.Type])
		}
		return pk, nil
	case packets.Publish:
		if why, code := h.edge.publishable(c.session, pk); why != reasonNone {
			return pk, h.turnAway(cl, why, code, "")
		}
		return pk, nil
	}
	return pk, h.turnAway(cl, reasonUnsupported, packets.ErrProtocolViolation, packets.PacketNames[pk.FixedHeader.Type])
}

// turnAway ends a connection, in the goroutine that reads it.
func (h *hook) turnAway(cl *mochi.Client, why reason, code packets.Code, detail string) error {
	c := cl.Net.Conn.(*conn)
	c.blame(why, detail)
	c.farewell(code)
	cl.Stop(nil)
	return packets.ErrRejectPacket
}

// publishable says what is wrong with a PUBLISH before anybody looks at its payload.
func (e *Edge) publishable(s *session, pk packets.Packet) (reason, packets.Code) {
	if why := e.stale(s); why != reasonNone {
		return why, codes[why]
	}
	switch {
	case pk.FixedHeader.Qos > 1:
		return reasonQoS, packets.ErrQosNotSupported
	case pk.FixedHeader.Retain:
		return reasonRetain, packets.ErrRetainNotSupported
	case pk.Properties.TopicAliasFlag:
		return reasonTopic, packets.ErrTopicAliasInvalid
	case !validTopic(pk.TopicName):
		return reasonTopic, packets.ErrTopicNameInvalid
	case !s.device.Load().MayPublish(pk.TopicName):
		return reasonTopic, packets.ErrNotAuthorized
	}
	return reasonNone, packets.CodeSuccess
}

// validTopic is MQTT's rule for topic names, and a bound. The library says nothing to a topic with a wildcard or a "$": the
// message would be lost in silence.
func validTopic(topic string) bool {
	return topic != "" && len(topic) <= maxTopic && topic[0] != '$' && utf8.ValidString(topic) && !strings.ContainsAny(topic, "+#") &&
		!strings.ContainsFunc(topic, unicode.IsControl)
}

// OnPublish hands a message to the desk. The library sends PUBACK when it returns, but for ErrRejectPacket: after that it
// would read on as if nothing had been sent, so the connection is ended here.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	c, e := cl.Net.Conn.(*conn), h.edge
	dev := c.session.device.Load()
	err := e.take(c, intake.Message{
		Device: dev, ContentType: contentType(pk.Properties.ContentType, pk.TopicName), Topic: dev.Filter(pk.TopicName), Body: pk.Payload, Received: e.cfg.Now(),
	})
	var bad *intake.Quarantined
	switch {
	case err == nil:
		e.acknowledged.Add(1)
	case errors.As(err, &bad):
		e.acknowledged.Add(1)
		e.quarantined.Add(1)
		if pk.FixedHeader.Qos > 0 && cl.Properties.ProtocolVersion == 5 {
			return pk, packets.ErrPayloadFormatInvalid // sent as the PUBACK's reason
		}
	case errors.Is(err, tribune.ErrBusy):
		return pk, h.turnAway(cl, reasonBusy, packets.ErrQuotaExceeded, err.Error())
	default:
		return pk, h.turnAway(cl, reasonBusy, packets.ErrUnspecifiedError, err.Error())
	}
	return pk, packets.CodeSuccessIgnore // acknowledge, and look for no subscriber
}

func (e *Edge) take(c *conn, m intake.Message) error {
	ctx, cancel := context.WithTimeout(e.work, e.lim.Take)
	defer cancel()
	e.messages.Add(1)
	e.taking.Add(1)
	c.taking = true
	_, err := e.cfg.Desk.Take(ctx, m)
	c.taking = false // not deferred: see attend
	e.taking.Add(-1)
	return err
}

// contentType is what the device says a message is, else what its topic ends in.
func contentType(said, topic string) string {
	if said != "" {
		return said
	}
	switch topic[strings.LastIndexByte(topic, '/')+1:] {
	case "senml":
		return "application/senml+json"
	case "senml-cbor":
		return "application/senml+cbor"
	case "cose":
		return "application/cose"
	}
	return "application/json"
}
