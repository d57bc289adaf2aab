package drill

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

// playWideRelease: an attacker holds the hub, its keys and its log, has an inspector who signs whatever it likes, and
// asks the guardians for more than the law gives. They must refuse, each with a signed reason that fits.
func playWideRelease(ctx context.Context, p *play) error {
	w, err := p.stealHub(ctx)
	if err != nil {
		return err
	}
	if err := w.honest(ctx); err != nil {
		return err
	}
	for _, attack := range w.attacks() {
		if err := w.try(ctx, attack); err != nil {
			return fmt.Errorf("%s: %w", attack.tried, err)
		}
	}
	if err := w.ownLaw(ctx); err != nil {
		return err
	}
	if err := w.beside(ctx); err != nil {
		return err
	}
	return w.honest(ctx)
}

// stealHub founds a city, has an office use it, steals its hub's directory, and plays that hub against the city's guardians.
// before is played while the hub is still its own.
func (p *play) stealHub(ctx context.Context, before ...func(context.Context, *city, *client.Client, []person) error) (*wide, error) {
	c, people, err := p.inhabited(ctx)
	if err != nil {
		return nil, err
	}
	inspector, err := c.as("inspector-ward")
	if err != nil {
		return nil, err
	}
	for i := range 3 {
		if err := c.park(ctx, sessionID(i), people[i]); err != nil {
			return nil, err
		}
	}
	if err := settled(ctx); err != nil {
		return nil, err
	}
	a, err := c.ask(ctx, inspector, people[0].plate)
	if err != nil {
		return nil, err
	}
	p.control(tells(a, sessionID(0), people[0]), "before the hub is stolen, an inspector reads a session", "plate and driver in clear", "%s", shown(a))
	for _, f := range before {
		if err := f(ctx, c, inspector, people); err != nil {
			return nil, err
		}
	}
	if err := settled(ctx); err != nil {
		return nil, err
	}
	if err := c.proc.stop(); err != nil {
		return nil, err
	}
	t, err := steal(ctx, c.path("hub"), p.scratch("stolen"))
	if err != nil {
		return nil, err
	}
	leaves, err := c.leaves(ctx, filepath.Join(t.dir, "log"))
	if err != nil {
		return nil, err
	}
	hub, err := c.takeOver(ctx, leaves)
	if err != nil {
		return nil, err
	}
	p.onEnd(hub.close)
	w := &wide{play: p, city: c, theft: t, hub: hub}
	return w, w.learn(inspector)
}

// wide is the attacker with what they learned from the stolen directory.
type wide struct {
	play    *play
	city    *city
	theft   *theft
	hub     *stolenHub
	loot    unwrapped
	victims []tribune.Pseudonym // subjects with a trace key and a sealed segment, those never used first

	officer, hubKey   ed25519.PrivateKey
	evidence          tribune.Evidence // of an inspector's reading
	decision          tribune.Decision
	enrolEvidence     tribune.Evidence // of the hub's own enrolments
	enrolDecision     tribune.Decision
	inspectorsReading protocol.Private
}

// learn unwraps what the epoch key opens: evidence of past acts, trace keys, the names of segments.
func (w *wide) learn(inspector *client.Client) (err error) {
	w.officer = inspector.Key
	if w.hubKey, err = client.ReadKey(w.city.path("hub", "keys", "hub.key")); err != nil {
		return fmt.Errorf("reading the stolen hub key: %w", err)
	}
	secrets, err := w.theft.secrets()
	if err != nil {
		return err
	}
	if w.loot, err = w.theft.unwrap(secrets); err != nil {
		return err
	}
	for _, data := range w.loot.openings {
		var o struct {
			Private  json.RawMessage
			Evidence tribune.Evidence
		}
		if err := json.Unmarshal(data, &o); err != nil {
			return fmt.Errorf("reading a stolen opening: %w", err)
		}
		private, err := protocol.DecodePrivate(o.Private)
		if err != nil {
			return fmt.Errorf("reading a stolen opening: %w", err)
		}
		switch {
		case private.Actor == "inspector-ward" && len(private.Subjects) == 1:
			w.evidence, w.inspectorsReading = o.Evidence, private
		case private.Actor == "hub":
			w.enrolEvidence = o.Evidence
		}
	}
	for _, raw := range w.hub.leaves {
		l, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return err
		}
		switch {
		case l.Act.Kind == tribune.ActRead && l.Decision.Permit:
			w.decision = l.Decision
		case l.Act.Kind == tribune.ActEnrol && l.Decision.Permit:
			w.enrolDecision = l.Decision
		}
	}
	for p, d := range w.loot.traces {
		k, err := protocol.TraceKey(d)
		if err != nil {
			return err
		}
		if _, ok := w.segment(p); !ok {
			continue
		}
		if w.hub.use(k) > 1 {
			w.victims = append(w.victims, p)
		} else {
			w.victims = slices.Insert(w.victims, 0, p)
		}
	}
	if len(w.victims) < 4 || !w.decision.Permit || !w.enrolDecision.Permit || len(w.evidence.Mandate) == 0 || len(w.inspectorsReading.Subjects) != 1 {
		return fmt.Errorf("%w: the stolen directory has %d subjects with a trace key; readings and enrolments: %v, %v", errDrill, len(w.victims), w.decision.Permit, w.enrolDecision.Permit)
	}
	return nil
}

// segment is a sealed segment of a subject.
func (w *wide) segment(p tribune.Pseudonym) (header, bool) {
	for _, h := range w.loot.headers {
		if h.id.Pseudonym == p && h.id.Class == "parking-session" && h.id.Segment != tribune.WholeDay {
			return h, true
		}
	}
	return header{}, false
}

// honest: the same attacker gets what the law gives, and it opens what was sealed. All refusals are measured by this.
func (w *wide) honest(ctx context.Context) error {
	p := w.inspectorsReading.Subjects[0].P
	x, err := w.plain(p)
	if err != nil {
		return err
	}
	leaf, answers, err := w.record(ctx, x)
	if err != nil {
		return err
	}
	h, _ := w.segment(p)
	opened, err := w.combine(x, leaf, answers, h)
	seen := fmt.Sprintf("%d sealed values open", opened)
	if err != nil {
		seen = err.Error()
	}
	w.play.control(err == nil && opened > 0, fmt.Sprintf("after %d leaves, the stolen hub asks, by an inspector's act, for one segment of one subject", len(w.hub.leaves)-1), "all four release; the key opens the segment's values", "%s", seen)
	return nil
}

// attack is one wish that must be refused by every guardian, with a reason that fits.
type attack struct {
	tried  string
	reason string // regular expression
	change func(w *wide, x *wish) error
}

func (w *wide) try(ctx context.Context, a attack) error {
	held, seen, err := w.attempt(ctx, a)
	if err == nil {
		w.play.check(held, "the stolen hub asks for "+a.tried, "four signed refusals that say: "+a.reason, "%s", seen)
	}
	return err
}

// tries is try on so many subjects in turn.
func (w *wide) tries(ctx context.Context, n int, a attack) error {
	all, last := true, ""
	for range n {
		held, seen, err := w.attempt(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.tried, err)
		}
		all, last = all && held, seen
		w.victims = append(w.victims[1:], w.victims[0])
	}
	w.play.times(n, all, "the stolen hub "+a.tried, fmt.Sprintf("%d signed refusals each time, that say: %s", w.hub.group.N, a.reason), "%s", last)
	return nil
}

func (w *wide) attempt(ctx context.Context, a attack) (held bool, seen string, err error) {
	x, err := w.plain(w.victims[0])
	if err != nil {
		return false, "", err
	}
	if err := a.change(w, x); err != nil {
		return false, "", err
	}
	leaf, answers, err := w.record(ctx, x)
	if err != nil {
		return false, "", err
	}
	held, seen = w.refused(a.reason, answers, leaf)
	return held, seen, nil
}

// refused looks for a signed refusal of each guardian, with a reason that fits.
func (w *wide) refused(reason string, answers []protocol.Answer, leaf tribune.Hash) (held bool, seen string) {
	fits := regexp.MustCompile(reason)
	held = len(answers) == w.hub.group.N
	for i, answer := range answers {
		r := answer.Refusal
		if r == nil || len(answer.Box) > 0 {
			return false, fmt.Sprintf("%s RELEASED", w.hub.group.Guardians[i].Name)
		}
		_, key, err := protocol.PublicOf(w.hub.group.Guardians[i].Key)
		if err != nil || r.Verify(key) != nil || r.Guardian != w.hub.group.Guardians[i].Name || r.Leaf != leaf || !fits.MatchString(r.Reason) {
			held = false
		}
		if seen == "" || !fits.MatchString(r.Reason) {
			seen = r.Reason
		}
	}
	return held, seen
}
