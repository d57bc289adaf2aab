package ceremony

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share/dkg"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// run is one of a table's two key generations. What is read from the log (hellos, session, deals, struck, responses,
// complete) is the same at every guardian that has read as far; the generator and the outbox are its own.
type run struct {
	tb      *table
	name    string // "seal" or "name", of a change followed by "/" and its digest: other secrets, another session
	seed    []byte
	attempt int // of the hello we say next or have said
	tries   int // hellos this process has said

	hellos    map[string]hello
	attempts  map[string]int                 // the highest attempt seen from each: an old hello never comes back
	session   tribune.Hash                   // zero until all members have said hello
	nodes     []dkg.Node                     // the members
	deals     []dealt                        // in the order of the log, one a dealer
	struck    map[string]string              // dealers of a change who have lied, and how
	responses map[string]*dkg.ResponseBundle // about the deals that count now
	complete  bool                           // n good responses: nothing read later counts

	said    bool                  // we have dealt in this session
	gen     *dkg.DistKeyGenerator // of the deals that count; nil until we have checked them
	outbox  []wire.Outgoing
	result  *result
	trouble string // what went wrong last, for people
}

// dealt is one deal on record.
type dealt struct {
	from   string
	at     int // the dealer's position among the dealers
	key    kyber.Point
	hash   tribune.Hash // of the packet
	bundle *dkg.DealBundle
}

func newRun(tb *table, name string, seed []byte) *run {
	return &run{tb: tb, name: name, seed: seed, attempt: 1, hellos: map[string]hello{}, attempts: map[string]int{}, struck: map[string]string{}}
}

// read takes a packet from the log.
func (r *run) read(m wire.Message) {
	p, err := decodePacket(m.Packet, r.tb.speakers)
	if err != nil || p.Run != r.name || p.From != m.From || r.complete {
		return
	}
	r.forget(m)
	if p.Kind == kindHello {
		r.readHello(p)
		return
	}
	if r.session == (tribune.Hash{}) || p.Session != r.session {
		return // of a session that is over
	}
	switch p.Kind {
	case kindDeal:
		r.readDeal(p, sha256.Sum256(m.Packet))
	case kindResponse:
		r.readResponse(p)
	}
}

func (r *run) readHello(p packet) {
	var h hello
	if r.tb.seat(p.From) < 0 || p.Attempt <= r.attempts[p.From] || protocol.DecodeJCS(p.Body, &h) != nil {
		return
	}
	key, err := decodeG2(h.Key)
	if err != nil || auth(suite()).Verify(key, helloMessage(r.tb.city, r.name, p.From), h.Proof) != nil {
		return
	}
	r.attempts[p.From] = p.Attempt
	if p.From == r.tb.self {
		r.attempt = p.Attempt
		if !bytes.Equal(r.longterm(p.Attempt).public, h.Key) {
			r.attempt++ // said by us before our folder was lost
		}
	}
	r.hellos[p.From] = h
	r.reset()
	if len(r.hellos) < len(r.tb.members) {
		return
	}
	var keys [][]byte
	for i, m := range r.tb.members {
		key, err := decodeG2(r.hellos[m.Name].Key)
		if err != nil {
			return // checked on arrival
		}
		keys = append(keys, r.hellos[m.Name].Key)
		r.nodes = append(r.nodes, dkg.Node{Index: uint32(i), Public: key})
	}
	r.session = sessionID(r.name, r.tb.city, keys)
	r.responses = map[string]*dkg.ResponseBundle{}
}

// readDeal takes a dealer's first deal. One that everyone can see to be bad ends a founding, and strikes the dealer of a
// change, where others can stand in.
func (r *run) readDeal(p packet, hash tribune.Hash) {
	at := r.tb.dealer(p.From)
	if at < 0 || r.struck[p.From] != "" || slices.ContainsFunc(r.deals, func(d dealt) bool { return d.from == p.From }) {
		return
	}
	var body deal
	err := protocol.DecodeJCS(p.Body, &body)
	d := dealt{from: p.From, at: at, hash: hash}
	if err == nil {
		d.bundle, err = body.bundle(at, r.tb.seat(p.From), len(r.tb.members), r.tb.t, r.session)
	}
	if err == nil {
		d.key, err = r.dealerKey(p.From, body)
	}
	if err == nil {
		cfg := r.config()
		if r.tb.old != nil {
			cfg.OldNodes = []dkg.Node{{Index: uint32(at), Public: d.key}}
		}
		err = dkg.VerifyPacketSignature(cfg, d.bundle)
	}
	if err == nil && r.tb.old != nil && !d.bundle.Public[0].Equal(r.tb.coeffs(r).Eval(at).V) {
		err = fmt.Errorf("%w: it does not deal its own share", tribune.ErrInvalid)
	}
	if err != nil {
		r.strike(p.From, fmt.Sprintf("the deal of %s is malformed", p.From))
		return
	}
	before := r.transcript()
	r.deals = append(r.deals, d)
	if r.transcript() != before {
		r.recount()
	}
}

// dealerKey is the key a deal is signed with: the one of the dealer's hello, or, of one who leaves, one that the deal
// brings along.
func (r *run) dealerKey(name string, body deal) (kyber.Point, error) {
	if r.tb.seat(name) >= 0 {
		if body.Key != nil {
			return nil, fmt.Errorf("%w: a member's key is in its hello", tribune.ErrInvalid)
		}
		return decodeG2(r.hellos[name].Key)
	}
	return decodeG2(body.Key)
}

// strike leaves a dealer out, or ends a founding, in which nobody can be left out.
func (r *run) strike(name, why string) {
	if r.tb.old == nil {
		r.end(why)
		return
	}
	r.trouble = fmt.Sprintf("key generation %q: %s; it is left out", r.name, why)
	r.struck[name] = why
	r.deals = slices.DeleteFunc(r.deals, func(d dealt) bool { return d.from == name })
	r.recount()
}

// recount forgets the responses: they were about other deals.
func (r *run) recount() {
	r.gen = nil
	r.responses = map[string]*dkg.ResponseBundle{}
	r.outbox = slices.DeleteFunc(r.outbox, func(m wire.Outgoing) bool {
		p, err := decodePacket(m.Packet, r.tb.speakers)
		return err != nil || p.Kind == kindResponse
	})
}

// counting are the deals that count, in the order of their dealers: all of a founding, of a change the first as many as
// shares made the key; nil while there are too few.
func (r *run) counting() []dealt {
	if len(r.deals) < r.tb.need {
		return nil
	}
	some := slices.Clone(r.deals[:r.tb.need])
	slices.SortFunc(some, func(a, b dealt) int { return a.at - b.at })
	return some
}

// transcript is the hash of the deals that count; zero while there are too few.
func (r *run) transcript() tribune.Hash {
	some := r.counting()
	if some == nil {
		return tribune.Hash{}
	}
	h := sha256.New()
	h.Write(protocol.Label("deals"))
	h.Write(r.session[:])
	for _, d := range some {
		h.Write(d.hash[:])
	}
	return tribune.Hash(h.Sum(nil))
}

func (r *run) readResponse(p packet) {
	seat, some := r.tb.seat(p.From), r.counting()
	if seat < 0 || some == nil || r.responses[p.From] != nil {
		return
	}
	var a response
	err := protocol.DecodeJCS(p.Body, &a)
	if err == nil && a.Deals != r.transcript() {
		return // about deals that do not count any more
	}
	var dealers []uint32
	for _, d := range some {
		dealers = append(dealers, uint32(d.at))
	}
	var b *dkg.ResponseBundle
	if err == nil {
		b, err = a.bundle(seat, dealers, r.session)
	}
	if err == nil {
		err = dkg.VerifyPacketSignature(r.config(), b)
	}
	if err != nil {
		r.end(fmt.Sprintf("the response of %s is malformed", p.From))
		return
	}
	r.responses[p.From] = b
	for i, good := range a.Good {
		if !good {
			r.judge(p.From, seat, some[i], a.Complaints)
			return
		}
	}
	r.complete = len(r.responses) == len(r.tb.members)
}

// judge looks at what a response shows against a dealer: one of the two lies, and is named.
func (r *run) judge(accuser string, seat int, d dealt, complaints []complaint) {
	for _, c := range complaints {
		if c.Dealer != d.from {
			continue
		}
		if err := c.holds(d.bundle, r.nodes[seat].Public, seat); err != nil {
			r.end(fmt.Sprintf("%s says falsely that the deal of %s is bad (%v)", accuser, d.from, err))
			return
		}
		r.strike(d.from, fmt.Sprintf("%s has shown that the deal of %s is bad", accuser, d.from))
		return
	}
	r.end(fmt.Sprintf("%s says that the deal of %s is bad, and does not show it", accuser, d.from))
}

// reset drops the session and what we wanted to say in it; a hello not yet on record stays.
func (r *run) reset() {
	r.session, r.nodes, r.deals, r.responses = tribune.Hash{}, nil, nil, nil
	r.gen, r.said = nil, false
	r.outbox = slices.DeleteFunc(r.outbox, func(m wire.Outgoing) bool {
		p, err := decodePacket(m.Packet, r.tb.speakers)
		return err != nil || p.Kind != kindHello || p.Attempt != r.attempt
	})
}

// end gives the session up because of what stands on record, so all do: everyone begins again with a fresh hello.
func (r *run) end(why string) {
	r.trouble = fmt.Sprintf("key generation %q, attempt %d: %s", r.name, r.attempts[r.tb.self], why)
	r.hellos = map[string]hello{}
	r.attempt = r.attempts[r.tb.self] + 1
	r.reset()
}

// forget drops a message from the outbox that is on record now.
func (r *run) forget(m wire.Message) {
	r.outbox = slices.DeleteFunc(r.outbox, func(o wire.Outgoing) bool { return bytes.Equal(o.Packet, m.Packet) })
}
