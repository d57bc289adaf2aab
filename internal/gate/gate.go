// Package gate asks whether an act may happen: it keeps the law, the mandates, the appointments and the callers' tokens
// of one hub, gathers the evidence for an act and puts both to package policy. The way, the edges and the city's wiring
// call it.
//
// Promises: a token is never stored, logged or compared in a way that tells how much of it was right; what a decision
// rests on is handed out with it, so that anyone can replay it; a changed policy set takes effect only when SetSet says
// so, that is once it stands in the record; hourly limits of offices hold here before guardians ever see an act.
//
// The folder it reads (Config.Dir):
//
//	city.toml ... policies/*.cedar   the policy set, signed by the steward
//	mandates/ID.toml                 mandates, signed by their issuers
//	appointments/ACTOR.toml          appointments, signed by the council; an actor holds one office
//	appointments/ACTOR.recorded.json where that appointment stands in the record, written by SetAppointed
//	tokens.toml                      SHA-256 of callers' tokens
//	sets/HASH.json                   every set that was ever in force or announced, as GET /law/HASH serves it
//	in-force                         the hash of the set in force, written by SetSet and the first New
package gate

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"tribune"
	"tribune/policy"
)

// Config says where the law lies and whom to trust for it.
type Config struct {
	Dir   string           // the law's folder
	Trust policy.Trust     // pinned outside of the folder
	Now   func() time.Time // nil = time.Now
}

// Gate is safe for concurrent use.
type Gate struct {
	cfg  Config
	caps policy.Caps

	mu  sync.RWMutex // guards what follows
	set *policy.Set  // in force
	pad *papers      // read anew by Reload; never written to once it is here

	citizens Citizens // nil = not known yet

	reigns []policy.Reign // which sets were in force when, the last being the one in force; empty = nobody has said

	loading sync.Mutex // one set read at a time; guards past
	past    map[tribune.Hash]*policy.Set

	writing sync.Mutex // held, before mu, by whoever writes files or reads them all: neither misses the other
}

var _ tribune.Gate = (*Gate)(nil)

// papers is one reading of the folder.
type papers struct {
	proposed     *policy.Set // the set as it lies in the folder, nil where it does not load
	broken       error       // why not
	mandates     map[tribune.MandateID][]byte
	appointments map[tribune.ActorID]*Appointment
	tokens       []token
}

// New reads the folder. The set in force is the one SetSet last named. At the very first start it is the one that lies
// there, and New notes it, so that a later change of the files waits even where nobody calls SetSet.
func New(cfg Config) (*Gate, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Gate{cfg: cfg}
	if err := g.Reload(); err != nil {
		return nil, err
	}
	set, err := g.readInForce()
	if err != nil {
		return nil, fmt.Errorf("opening gate: %w", err)
	}
	if set != nil {
		g.set = set
		return g, nil
	}
	if g.pad.proposed == nil {
		return nil, fmt.Errorf("opening gate: %w", g.pad.broken)
	}
	if err := g.SetSet(g.pad.proposed); err != nil {
		return nil, fmt.Errorf("opening gate: %w", err)
	}
	return g, nil
}

// Reload reads mandates, appointments and tokens again; they count from now on. A changed policy set is only kept as
// Proposed. On an error everything stays as it was.
func (g *Gate) Reload() error {
	g.writing.Lock()
	defer g.writing.Unlock()
	pad, err := readPapers(g.cfg)
	if err != nil {
		return fmt.Errorf("reading the law's folder: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pad = pad
	return nil
}

// Set is the policy set in force.
func (g *Gate) Set() *policy.Set {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.set
}

// Proposed is the set as it lies in the folder, where it is another than the one in force; nil where it is the same.
// The error says why what lies there cannot be loaded.
func (g *Gate) Proposed() (*policy.Set, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.pad.proposed != nil && g.pad.proposed.Hash() == g.set.Hash() {
		return nil, nil
	}
	return g.pad.proposed, g.pad.broken
}

// Decide gathers the evidence for an act, asks the policy in force, and counts permitted acts against their office's
// hourly limits. It counts what it permits, whether or not the act is carried out.
func (g *Gate) Decide(ctx context.Context, act tribune.Act) (tribune.Decision, tribune.Evidence, error) {
	d, evidence, err := g.Weigh(ctx, act)
	if err == nil && d.Permit {
		switch err := g.caps.Admit(act, g.Set().Limits(act.Caller.Office)); {
		case errors.Is(err, tribune.ErrDenied):
			deny(&d, reason(err))
		case err != nil:
			return tribune.Decision{}, tribune.Evidence{}, fmt.Errorf("counting act: %w", err)
		}
	}
	return d, evidence, err
}

// Weigh is Decide without counting: would this act be permitted, but for its office's hourly limits?
func (g *Gate) Weigh(ctx context.Context, act tribune.Act) (tribune.Decision, tribune.Evidence, error) {
	if err := ctx.Err(); err != nil {
		return tribune.Decision{}, tribune.Evidence{}, fmt.Errorf("gathering evidence: %w", err)
	}
	g.mu.RLock()
	set, pad, citizens, reigns := g.set, g.pad, g.citizens, g.reigns
	g.mu.RUnlock()

	evidence := tribune.Evidence{Mandate: pad.mandates[act.Caller.Mandate]}
	appointment := pad.appointments[act.Caller.Actor]
	if appointment != nil && act.Kind != tribune.ActAppoint {
		evidence.Appointment = appointment.Document
		evidence.AppointmentSalt, evidence.AppointmentIndex = appointment.Salt, appointment.Index
	}
	evidence.Names = set.Naming(evidence.Mandate, act.Caller.Salts, act.Scope.Subjects)
	if act.Publication != nil {
		evidence.Verdict = act.Publication.Verdict
	}
	stopped := hear(citizens, act, &evidence)
	d := set.Decide(act, evidence)
	if stopped != "" && !hidden(set, evidence.Mandate) {
		deny(&d, stopped)
	}
	if appointment != nil && !appointment.Recorded && needsRecord(act.Kind) {
		deny(&d, "the appointment is not on record yet")
	}
	if d.Permit && len(act.Scope.Identities) > 0 {
		if err := g.weighEarlier(act, set, reigns, &d, evidence); err != nil {
			return tribune.Decision{}, tribune.Evidence{}, err
		}
	}
	return d, evidence, nil
}

// DecideAppoint decides the act that puts an actor's appointment on record: its evidence is that appointment.
func (g *Gate) DecideAppoint(act tribune.Act, actor tribune.ActorID) (tribune.Decision, tribune.Evidence, error) {
	g.mu.RLock()
	set, pad := g.set, g.pad
	g.mu.RUnlock()
	appointment := pad.appointments[actor]
	if appointment == nil {
		return tribune.Decision{}, tribune.Evidence{}, fmt.Errorf("gathering evidence: no appointment of that actor: %w", tribune.ErrNotFound)
	}
	evidence := tribune.Evidence{Mandate: pad.mandates[act.Caller.Mandate], Appointment: appointment.Document}
	return set.Decide(act, evidence), evidence, nil
}

// needsRecord: the publication of law and appointments comes before any appointment can be on record.
func needsRecord(k tribune.ActKind) bool { return k != tribune.ActLaw && k != tribune.ActAppoint }

func deny(d *tribune.Decision, why string) {
	if d.Permit {
		d.Policies = []string{}
	}
	d.Permit = false
	d.Missing = append(d.Missing, why)
}

// ActorKey is the key that the actor's appointment registers. It fails with ErrUnknown where there is none on record,
// ErrExpired where it has ended or not begun.
func (g *Gate) ActorKey(actor tribune.ActorID) (ed25519.PublicKey, error) {
	g.mu.RLock()
	a := g.pad.appointments[actor]
	g.mu.RUnlock()
	if a == nil || !a.Recorded {
		return nil, tribune.Hint(fmt.Errorf("%w: no appointment on record", tribune.ErrUnknown), "The council signs appointments; the hub puts them on record.")
	}
	if now := g.cfg.Now(); now.Before(a.From) || !now.Before(a.Until) {
		return nil, fmt.Errorf("%w: the appointment", tribune.ErrExpired)
	}
	return a.Key, nil
}
