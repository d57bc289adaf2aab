package mqtt

import (
	"log/slog"
	"net/netip"
)

// reason is why something was refused, as it is counted.
type reason int

const (
	reasonNone reason = iota
	reasonCrowded
	reasonRate
	reasonSlow
	reasonIdle
	reasonMalformed
	reasonSize
	reasonMemory
	reasonCredentials
	reasonEnded
	reasonReplaced
	reasonTakenOver
	reasonWill
	reasonRetain
	reasonQoS
	reasonTopic
	reasonUnsupported
	reasonBusy
	reasons
)

// reasonTable is what each is called where it is counted, and what the device's own page says of it; "" = nothing, since
// the desk has told or nothing was lost.
var reasonTable = [reasons]struct{ name, told string }{
	reasonNone:        {"none", ""},
	reasonCrowded:     {"crowded", ""},                              // too many connections, in all or from one address
	reasonRate:        {"rate", ""},                                 // too many new connections from one address or of one device, or pings
	reasonSlow:        {"slow", "a packet took too long to arrive"}, // or CONNECT
	reasonIdle:        {"idle", ""},                                 // the keep-alive passed
	reasonMalformed:   {"malformed", "a packet was not as MQTT allows"},
	reasonSize:        {"size", "a packet was larger than 1 MB"},
	reasonMemory:      {"memory", ""},      // too many large packets under way in all
	reasonCredentials: {"credentials", ""}, // unknown device or wrong token
	reasonEnded:       {"ended", "it tried to go on after its end date"},
	reasonReplaced:    {"replaced", ""},   // withdrawn, or there is another token
	reasonTakenOver:   {"taken_over", ""}, // the device connected again under the same client id, or too often
	reasonWill:        {"will", "it connected with a will (last message), which is refused"},
	reasonRetain:      {"retain", "it sent a retained message, which is refused"},
	reasonQoS:         {"qos", "it sent at QoS 2, which is refused"},
	reasonTopic:       {"topic", "it published to a topic that is not its own"},
	reasonUnsupported: {"unsupported", "it sent a kind of packet that devices do not send here"},
	reasonBusy:        {"busy", ""}, // the desk did not make a message durable, and has told
}

func (r reason) String() string { return reasonTable[r].name }
func (r reason) told() string   { return reasonTable[r].told }

// Stats is what an edge has done since it was made, and holds now.
type Stats struct {
	Connections  int               `json:"connections"` // open now
	Pending      int               `json:"pending"`     // of these, before CONNECT was accepted
	Addresses    int               `json:"addresses"`   // with an open connection or a recent one
	Taking       int               `json:"taking"`      // messages at the desk now, unacknowledged
	Messages     uint64            `json:"messages"`    // handed to the desk
	Acknowledged uint64            `json:"acknowledged"`
	Quarantined  uint64            `json:"quarantined"` // of these
	Panics       uint64            `json:"panics"`      // of the protocol library, each the end of one connection
	Refused      map[string]uint64 `json:"refused"`     // by reason; every reason is there
}

// Stats counts.
func (e *Edge) Stats() Stats {
	s := Stats{
		Taking: int(e.taking.Load()), Messages: e.messages.Load(), Acknowledged: e.acknowledged.Load(), Quarantined: e.quarantined.Load(),
		Panics: e.panics.Load(), Refused: map[string]uint64{},
	}
	s.Connections, s.Pending, s.Addresses = e.door.counts()
	for r := reasonNone + 1; r < reasons; r++ {
		s.Refused[r.String()] = e.refused[r].Load()
	}
	return s
}

// refuse counts a refusal and, now and then, logs one. The address is logged and never a token or a payload; detail is
// text of this package or an error that names none.
func (e *Edge) refuse(why reason, device string, from netip.Addr, detail string) {
	e.refused[why].Add(1)
	if !e.quiet.Allow() {
		e.unlogged.Add(1)
		return
	}
	e.log.Info("MQTT refused", slog.String("reason", why.String()), slog.String("device", device), slog.String("address", from.String()),
		slog.String("detail", detail), slog.Uint64("unlogged", e.unlogged.Swap(0)))
}
