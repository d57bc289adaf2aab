package ceremony

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share/dkg"

	"tribune"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// run is one of the two key generations. What is read from the log (hellos, session, deals, responses, complete) is the
// same at every guardian that has read as far; the generator and the outbox are its own.
type run struct {
	c       *Ceremony
	name    string
	seed    []byte
	attempt int // of the hello we say next or have said
	tries   int // hellos this process has said

	hellos    map[string]hello
	attempts  map[string]int // the highest attempt seen from each: an old hello never comes back
	session   tribune.Hash   // zero until all have said hello
	nodes     []dkg.Node
	deals     map[string]*dkg.DealBundle
	responses map[string]*dkg.ResponseBundle
	complete  bool // n good responses: nothing read later counts

	gen     *dkg.DistKeyGenerator // for session; nil until we deal
	checked bool                  // the deals, by gen
	outbox  []wire.Outgoing
	result  *result
	trouble string // why the last session ended, for people
}

func newRun(c *Ceremony, name string, seed []byte) *run {
	return &run{c: c, name: name, seed: seed, attempt: 1, hellos: map[string]hello{}, attempts: map[string]int{}}
}

// read takes a packet from the log.
func (r *run) read(m wire.Message) {
	p, err := decodePacket(m.Packet, r.c.cfg.Group.Guardians)
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
	at, n := r.c.roles[p.From], r.c.cfg.Group.N
	switch p.Kind {
	case kindDeal:
		var d deal
		if r.deals[p.From] != nil {
			return
		}
		err := protocol.DecodeJCS(p.Body, &d)
		if err == nil {
			r.deals[p.From], err = d.bundle(at, n, r.c.cfg.Group.T, r.session)
		}
		if err == nil {
			err = dkg.VerifyPacketSignature(r.config(), r.deals[p.From])
		}
		if err != nil {
			r.end(fmt.Sprintf("the deal of %s is malformed", p.From))
		}
	case kindResponse:
		var a response
		if r.responses[p.From] != nil {
			return
		}
		err := protocol.DecodeJCS(p.Body, &a)
		if err == nil {
			r.responses[p.From], err = a.bundle(at, n, r.session)
		}
		if err == nil {
			err = dkg.VerifyPacketSignature(r.config(), r.responses[p.From])
		}
		if err != nil {
			r.end(fmt.Sprintf("the response of %s is malformed", p.From))
			return
		}
		for dealer, good := range a.Good {
			if !good {
				r.end(fmt.Sprintf("%s says that the deal of %s is bad", p.From, r.c.cfg.Group.Guardians[dealer].Name))
				return
			}
		}
		r.complete = len(r.responses) == n
	}
}

func (r *run) readHello(p packet) {
	var h hello
	if p.Attempt <= r.attempts[p.From] || protocol.DecodeJCS(p.Body, &h) != nil {
		return
	}
	key, err := decodeG2(h.Key)
	if err != nil || auth(suite()).Verify(key, helloMessage(r.c.cfg.Group.City, r.name, p.From), h.Proof) != nil {
		return
	}
	r.attempts[p.From] = p.Attempt
	if p.From == r.c.cfg.Self {
		r.attempt = p.Attempt
		if !bytes.Equal(r.longterm(p.Attempt).public, h.Key) {
			r.attempt++ // said by us before our folder was lost
		}
	}
	r.hellos[p.From] = h
	r.reset()
	if len(r.hellos) < r.c.cfg.Group.N {
		return
	}
	var keys [][]byte
	for i, m := range r.c.cfg.Group.Guardians {
		key, err := decodeG2(r.hellos[m.Name].Key)
		if err != nil {
			return // checked on arrival
		}
		keys = append(keys, r.hellos[m.Name].Key)
		r.nodes = append(r.nodes, dkg.Node{Index: uint32(i), Public: key})
	}
	r.session = sessionID(r.name, r.c.cfg.Group.City, keys)
	r.deals, r.responses = map[string]*dkg.DealBundle{}, map[string]*dkg.ResponseBundle{}
}

// reset drops the session and what we wanted to say in it; a hello not yet on record stays.
func (r *run) reset() {
	r.session, r.nodes, r.deals, r.responses = tribune.Hash{}, nil, nil, nil
	r.gen, r.checked = nil, false
	r.outbox = slices.DeleteFunc(r.outbox, func(m wire.Outgoing) bool {
		p, err := decodePacket(m.Packet, r.c.cfg.Group.Guardians)
		return err != nil || p.Kind != kindHello || p.Attempt != r.attempt
	})
}

// end gives the session up because of what stands on record, so all do: everyone begins again with a fresh hello.
func (r *run) end(why string) {
	r.trouble = fmt.Sprintf("key generation %q, attempt %d: %s", r.name, r.attempts[r.c.cfg.Self], why)
	r.hellos = map[string]hello{}
	r.attempt = r.attempts[r.c.cfg.Self] + 1
	r.reset()
}

// forget drops a message from the outbox that is on record now.
func (r *run) forget(m wire.Message) {
	r.outbox = slices.DeleteFunc(r.outbox, func(o wire.Outgoing) bool { return bytes.Equal(o.Packet, m.Packet) })
}

// speak says what is our turn to say. Where we ourselves fail, a new hello of ours ends the session for all.
func (r *run) speak() {
	if r.result != nil {
		return
	}
	if err := r.turn(); err != nil {
		r.trouble = fmt.Sprintf("key generation %q, attempt %d: %v", r.name, r.attempt, err)
		r.attempt = r.attempts[r.c.cfg.Self] + 1
	}
}

func (r *run) turn() error {
	n := r.c.cfg.Group.N
	if r.attempts[r.c.cfg.Self] < r.attempt {
		return r.sayHello()
	}
	if r.session == (tribune.Hash{}) {
		return nil
	}
	if r.gen == nil {
		if err := r.deal(); err != nil {
			return fmt.Errorf("dealing: %w", err)
		}
	}
	if !r.checked && len(r.deals) == n {
		if err := r.respond(); err != nil {
			return fmt.Errorf("checking the deals: %w", err)
		}
	}
	if r.complete && r.checked {
		if err := r.conclude(); err != nil {
			return fmt.Errorf("concluding: %w", err)
		}
	}
	return nil
}

func (r *run) sayHello() error {
	for _, m := range r.outbox {
		if p, err := decodePacket(m.Packet, r.c.cfg.Group.Guardians); err == nil && p.Kind == kindHello && p.Attempt == r.attempt {
			return nil // on its way
		}
	}
	if r.tries++; r.tries > MaxAttempts {
		return nil
	}
	pair := r.longterm(r.attempt)
	proof, err := auth(suite()).Sign(pair.secret, helloMessage(r.c.cfg.Group.City, r.name, r.c.cfg.Self))
	if err != nil {
		return fmt.Errorf("proving our key: %w", err)
	}
	return r.say(kindHello, tribune.Hash{}, hello{Key: pair.public, Proof: proof})
}

// deal makes the generator, the same one for the same session even after a restart, and says our deal.
func (r *run) deal() error {
	cfg := r.config()
	cfg.Longterm = r.longterm(r.attempt).secret
	gen, err := dkg.NewDistKeyHandler(cfg)
	if err != nil {
		return err
	}
	bundle, err := gen.Deals()
	if err != nil {
		return err
	}
	r.gen = gen
	if said := r.deals[r.c.cfg.Self]; said != nil { // before a restart
		if !slices.EqualFunc(said.Public, bundle.Public, kyber.Point.Equal) {
			return fmt.Errorf("%w: the deal on record in our name is not ours", tribune.ErrInvalid)
		}
		return nil
	}
	d, err := dealOf(bundle)
	if err != nil {
		return err
	}
	return r.say(kindDeal, r.session, d)
}

func (r *run) respond() error {
	var bundles []*dkg.DealBundle
	for _, m := range r.c.cfg.Group.Guardians {
		bundles = append(bundles, r.deals[m.Name])
	}
	answer, err := r.gen.ProcessDeals(bundles)
	if err != nil {
		return err
	}
	r.checked = true
	if r.responses[r.c.cfg.Self] != nil {
		return nil
	}
	body := response{Signature: answer.Signature, Good: make([]bool, r.c.cfg.Group.N)}
	for _, a := range answer.Responses {
		body.Good[a.DealerIndex] = a.Status == dkg.Success
	}
	return r.say(kindResponse, r.session, body)
}

func (r *run) conclude() error {
	var bundles []*dkg.ResponseBundle
	for _, m := range r.c.cfg.Group.Guardians {
		bundles = append(bundles, r.responses[m.Name])
	}
	out, _, err := r.gen.ProcessResponses(bundles)
	if err != nil {
		return err
	}
	if out == nil || len(out.QUAL) != r.c.cfg.Group.N {
		return fmt.Errorf("%w: not all guardians qualified", tribune.ErrInvalid)
	}
	r.result, err = convert(out, r.c.cfg.Group.N)
	return err
}

func (r *run) say(kind string, session tribune.Hash, body any) error {
	p := packet{Attempt: r.attempt, From: r.c.cfg.Self, Kind: kind, Run: r.name, Session: session}
	data, err := encodePacket(p, body, r.c.cfg.Key)
	if err != nil {
		return err
	}
	r.c.next++
	r.outbox = append(r.outbox, wire.Outgoing{N: r.c.next, Message: wire.Message{Run: r.name, From: r.c.cfg.Self, Packet: data}})
	return nil
}

// config is kyber's view of the session; who deals adds the long-term key.
func (r *run) config() *dkg.Config {
	s := suite()
	return &dkg.Config{
		Suite:          seeded{s, r.stream("coefficients")},
		NewNodes:       r.nodes,
		Threshold:      r.c.cfg.Group.T,
		Reader:         r.stream("secret"),
		UserReaderOnly: true,
		FastSync:       true,
		Nonce:          r.session[:],
		Auth:           auth(s), // not the seeded suite: a signature's nonce must never repeat
	}
}
