package ceremony

import (
	"fmt"
	"slices"
	"strings"

	"github.com/drand/kyber"
	"github.com/drand/kyber/share"
	"github.com/drand/kyber/share/dkg"

	"tribune"
	"tribune/internal/guardian/wire"
)

// speak says what is our turn to say. Where we ourselves fail, a new hello of ours ends the session for all.
func (r *run) speak() {
	if r.result != nil {
		return
	}
	if err := r.turn(); err != nil {
		r.trouble = fmt.Sprintf("key generation %q, attempt %d: %v", r.name, r.attempt, err)
		r.attempt = r.attempts[r.tb.self] + 1
	}
}

func (r *run) turn() error {
	member := r.tb.seat(r.tb.self) >= 0
	if member && r.attempts[r.tb.self] < r.attempt {
		return r.sayHello()
	}
	if r.session == (tribune.Hash{}) {
		return nil
	}
	if !r.said && r.tb.deals && r.struck[r.tb.self] == "" {
		if err := r.deal(); err != nil {
			return fmt.Errorf("dealing: %w", err)
		}
	}
	if !member {
		return nil
	}
	if r.gen == nil && r.counting() != nil {
		if err := r.respond(); err != nil {
			return fmt.Errorf("checking the deals: %w", err)
		}
	}
	if r.complete && r.gen != nil {
		if err := r.conclude(); err != nil {
			return fmt.Errorf("concluding: %w", err)
		}
	}
	return nil
}

func (r *run) sayHello() error {
	for _, m := range r.outbox {
		if p, err := decodePacket(m.Packet, r.tb.speakers); err == nil && p.Kind == kindHello && p.Attempt == r.attempt {
			return nil // on its way
		}
	}
	if r.tries++; r.tries > MaxAttempts {
		return nil
	}
	pair := r.longterm(r.attempt)
	proof, err := auth(suite()).Sign(pair.secret, helloMessage(r.tb.city, r.name, r.tb.self))
	if err != nil {
		return fmt.Errorf("proving our key: %w", err)
	}
	return r.say(kindHello, tribune.Hash{}, hello{Key: pair.public, Proof: proof})
}

// deal says our deal, the same one for the same session even after a restart.
func (r *run) deal() error {
	cfg := r.config()
	cfg.Longterm = r.longterm(r.attempt).secret
	if r.tb.old != nil {
		cfg.OldNodes = []dkg.Node{{Index: uint32(r.tb.dealer(r.tb.self)), Public: suite().Point().Mul(cfg.Longterm, nil)}}
		var err error
		if cfg.Share, err = r.oldShare(); err != nil {
			return err
		}
	}
	gen, err := dkg.NewDistKeyHandler(cfg)
	if err != nil {
		return err
	}
	bundle, err := gen.Deals()
	if err != nil {
		return err
	}
	r.said = true
	for _, d := range r.deals { // said before a restart
		if d.from != r.tb.self {
			continue
		}
		if !slices.EqualFunc(d.bundle.Public, bundle.Public, kyber.Point.Equal) {
			return fmt.Errorf("%w: the deal on record in our name is not ours", tribune.ErrInvalid)
		}
		return nil
	}
	body, err := dealOf(bundle)
	if err != nil {
		return err
	}
	if r.tb.seat(r.tb.self) < 0 {
		body.Key = r.longterm(r.attempt).public
	}
	return r.say(kindDeal, r.session, body)
}

// oldShare is our share in the group before, as kyber takes it.
func (r *run) oldShare() (*dkg.DistKeyShare, error) {
	if r.tb.c.held == nil {
		return nil, fmt.Errorf("%w: our share is lost", tribune.ErrNotFound)
	}
	raw := r.tb.c.held.SealShare
	if r.base() == Name {
		raw = r.tb.c.held.NameShare
	}
	v := suite().Scalar()
	if err := v.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("reading our share: %w", err)
	}
	_, commits := r.tb.coeffs(r).Info()
	return &dkg.DistKeyShare{Commits: commits, Share: &share.PriShare{I: r.tb.dealer(r.tb.self), V: v}}, nil
}

// respond checks the deals that count and says which are good; the others it shows to be bad.
func (r *run) respond() error {
	some := r.counting()
	cfg := r.config()
	cfg.Longterm = r.longterm(r.attempt).secret
	ours := r.tb.old == nil
	if r.tb.old != nil {
		_, cfg.PublicCoeffs = r.tb.coeffs(r).Info()
		for _, d := range some {
			cfg.OldNodes = append(cfg.OldNodes, dkg.Node{Index: uint32(d.at), Public: d.key})
			ours = ours || d.from == r.tb.self
		}
		if ours {
			var err error
			if cfg.Share, err = r.oldShare(); err != nil {
				return err
			}
		}
	}
	gen, err := dkg.NewDistKeyHandler(cfg)
	if err == nil && ours {
		_, err = gen.Deals() // the same polynomial again: kyber wants to have dealt before it checks
	}
	if err != nil {
		return err
	}
	var bundles []*dkg.DealBundle
	for _, d := range some {
		bundles = append(bundles, d.bundle)
	}
	answer, err := gen.ProcessDeals(bundles)
	if err != nil {
		return err
	}
	if answer == nil || len(answer.Responses) != len(some) {
		return fmt.Errorf("%w: an answer about other deals", tribune.ErrInvalid)
	}
	r.gen = gen
	if r.responses[r.tb.self] != nil {
		return nil
	}
	body := response{Deals: r.transcript(), Signature: answer.Signature}
	for i, a := range answer.Responses {
		good := a.Status == dkg.Success
		body.Good = append(body.Good, good)
		if good {
			continue
		}
		c, err := complain(some[i].from, boxFor(some[i].bundle, r.tb.seat(r.tb.self)), cfg.Longterm)
		if err != nil {
			return err
		}
		body.Complaints = append(body.Complaints, c)
	}
	return r.say(kindResponse, r.session, body)
}

func (r *run) conclude() error {
	var bundles []*dkg.ResponseBundle
	for _, m := range r.tb.members {
		bundles = append(bundles, r.responses[m.Name])
	}
	out, _, err := r.gen.ProcessResponses(bundles)
	if err != nil {
		return err
	}
	if out == nil || len(out.QUAL) != len(r.tb.members) {
		return fmt.Errorf("%w: not all members qualified", tribune.ErrInvalid)
	}
	r.result, err = convert(out, len(r.tb.members))
	return err
}

func (r *run) say(kind string, session tribune.Hash, body any) error {
	p := packet{Attempt: r.attempt, From: r.tb.self, Kind: kind, Run: r.name, Session: session}
	data, err := encodePacket(p, body, r.tb.c.cfg.Key)
	if err != nil {
		return err
	}
	r.tb.c.message++
	r.outbox = append(r.outbox, wire.Outgoing{N: r.tb.c.message, Message: wire.Message{Run: r.name, From: r.tb.self, Packet: data}})
	return nil
}

// config is kyber's view of the session; who deals adds the long-term key.
func (r *run) config() *dkg.Config {
	s := suite()
	cfg := &dkg.Config{
		Suite:          seeded{s, r.stream("coefficients")},
		NewNodes:       r.nodes,
		Threshold:      r.tb.t,
		Reader:         r.stream("secret"),
		UserReaderOnly: true,
		FastSync:       true,
		Nonce:          r.session[:],
		Auth:           auth(s), // not the seeded suite: a signature's nonce must never repeat
	}
	if r.tb.old != nil {
		cfg.OldThreshold = r.tb.old.T
	}
	return cfg
}

// waits says for whom this run waits; "" where it is over.
func (r *run) waits() string {
	var missing []string
	what := "to say hello"
	switch some := r.counting(); {
	case r.complete:
		return ""
	case r.session == (tribune.Hash{}):
		for _, m := range r.tb.members {
			if _, ok := r.hellos[m.Name]; !ok {
				missing = append(missing, m.Name)
			}
		}
	case some == nil:
		return fmt.Sprintf("%d of %d deals are on record", len(r.deals), r.tb.need)
	default:
		what = "to check the deals"
		for _, m := range r.tb.members {
			if r.responses[m.Name] == nil {
				missing = append(missing, m.Name)
			}
		}
	}
	return fmt.Sprintf("waiting for %s %s", strings.Join(missing, ", "), what)
}
