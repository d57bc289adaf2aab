package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

const warrant = "warrant-drill"

// playInvestigation: an investigator reads under a court's warrant. Everybody sees at once that it happened; the person's own trace does not
// show it before its quarter is over, the hidden chain holds it all the same. Then the hub is stolen, and tries to hide what no
// court has allowed to be hidden, or to open under the warrant what leaves no mark.
func playInvestigation(ctx context.Context, p *play) error {
	i := &investigation{play: p}
	w, err := p.stealHub(ctx, i.read)
	if err != nil {
		return err
	}
	if err := i.learn(w); err != nil {
		return err
	}
	i.marks(w)
	if err := w.honest(ctx); err != nil {
		return err
	}
	for _, a := range i.attacks() {
		if err := w.try(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a.tried, err)
		}
	}
	return i.honest(ctx, w)
}

type investigation struct {
	play    *play
	key     ed25519.PrivateKey // the investigator's
	private protocol.Private   // of the act
	leaf    protocol.Leaf
	leaves  int // under the warrant
	opening tribune.Evidence
	chain   tribune.Identity
	d       []byte // D(hidden)
}

// read is played while the hub is still the city's.
func (i *investigation) read(ctx context.Context, c *city, inspector *client.Client, people []person) error {
	investigator, err := c.as("investigator-cole")
	if err != nil {
		return err
	}
	i.key, investigator.Mandate = investigator.Key, warrant
	if err := i.issue(ctx, c, people[0]); err != nil {
		return err
	}
	unopened, err := c.ask(ctx, investigator, people[0].plate)
	if err != nil {
		return err
	}
	i.play.check(unopened.Status == 403, "an investigator asks under a court's warrant without what opens its names", "403", "%s", shown(unopened))
	if err := investigator.Opens(c.dir, "investigator-cole"); err != nil {
		return err
	}
	stranger, err := c.ask(ctx, investigator, people[1].plate)
	if err != nil {
		return err
	}
	i.play.check(stranger.Status == 403, "the investigator asks for somebody whom the warrant does not name", "403", "%s", shown(stranger))
	a, err := c.ask(ctx, investigator, people[0].plate)
	if err != nil {
		return err
	}
	i.play.control(tells(a, sessionID(0), people[0]), "an investigator reads a session under a court's warrant", "plate and driver in clear", "%s", shown(a))
	disguised := *inspector
	disguised.Mandate = warrant
	if a, err = c.ask(ctx, &disguised, people[0].plate); err != nil {
		return err
	}
	i.play.check(a.Status == 403, "an inspector uses the same warrant", "403", "%s", shown(a))
	there, err := c.get(ctx, "/investigations")
	if err != nil {
		return err
	}
	i.play.check(there, "anybody looks up which warrants there are, and how often each was used", "the page is there", "%v", there)
	return nil
}

// issue has the court issue the warrant as a court does, by the command, and the city take it.
func (i *investigation) issue(ctx context.Context, c *city, who person) error {
	last := time.Now().UTC().AddDate(0, 0, 7).Format(time.DateOnly)
	said, code, err := i.play.command(ctx, "investigate", "issue", "--dir", c.dir, "--id", warrant, "--plate", who.plate, "--basis", "A drill", "--until", last)
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(c.path("hub", "law", "mandates", warrant+".toml"))
	if code != 0 || err != nil {
		return fmt.Errorf("%w: issuing the warrant ended with %d: %s", errDrill, code, said)
	}
	i.play.check(!bytes.Contains(doc, []byte(who.plate)) && bytes.Contains(doc, []byte("names = [")), "read the warrant that the court has issued", "it says how many people it names, and not who", "%d bytes, %d names", len(doc), bytes.Count(doc[bytes.Index(doc, []byte("names = [")):], []byte(`"`))/2)
	if err := c.proc.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("telling the city of the warrant: %w", err)
	}
	return c.proc.until(ctx, startFor, "the city to take the warrant", func() (bool, error) { return c.get(ctx, "/registers/mandates/"+warrant) })
}

// learn finds the act, its opening and the chain's key in what was stolen.
func (i *investigation) learn(w *wide) error {
	for _, raw := range w.hub.leaves {
		l, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return err
		}
		switch {
		case l.Act.Mandate == warrant && l.Decision.Permit:
			i.leaf, i.leaves = l, i.leaves+1
		case l.Act.Office == "parking-inspector" && l.Act.Kind == tribune.ActRead && l.Decision.Permit:
			w.decision = l.Decision
		}
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
		if private.Actor == "investigator-cole" && len(private.Subjects) == 1 {
			i.private, i.opening = private, o.Evidence
		}
	}
	for id, d := range w.loot.hidden {
		if len(i.private.Subjects) == 1 && id.Pseudonym == i.private.Subjects[0].P {
			i.chain, i.d = id, d
		}
	}
	if i.leaves == 0 || i.d == nil {
		return fmt.Errorf("%w: %d leaves under the warrant, a key of the hidden chain: %v", errDrill, i.leaves, i.d != nil)
	}
	return nil
}

// marks looks at the record as the person does, with either key.
func (i *investigation) marks(w *wide) {
	i.play.check(i.leaf.Act.Office == "investigator" && i.leaf.Act.Count == 1 && len(i.leaf.Tags) == 1, "read the record as anybody does", "the investigation stands there: office, warrant, one person",
		"office %s, mandate %s, %d people, %d tags, in %d leaves", i.leaf.Act.Office, i.leaf.Act.Mandate, i.leaf.Act.Count, len(i.leaf.Tags), i.leaves)
	found := func(d []byte) (n int) {
		k, err := protocol.TraceKey(d)
		if err != nil {
			return 0
		}
		for m := uint64(1); m <= 64; m++ {
			if slices.Contains(i.leaf.Tags, protocol.UseTag(k, m)) {
				n++
			}
		}
		return n
	}
	p := i.private.Subjects[0].P
	i.play.check(found(w.loot.traces[p]) == 0, "look for it with the person's trace key, numbers 1 to 64", "it is not found", "%d tags", found(w.loot.traces[p]))
	i.play.control(found(i.d) == 1, "look for it with the key of the hidden chain, as the person can once the quarter is over", "it is found", "%d tags", found(i.d))
}

// under makes a wish one under the warrant.
func (i *investigation) under(w *wide, x *wish) error {
	p := i.private.Subjects[0].P
	h, _ := w.segment(p)
	x.private.Actor, x.private.Subjects, x.tags, x.traces = i.private.Actor, nil, nil, nil
	if err := w.mark(x, p, 0); err != nil {
		return err
	}
	x.private.Subjects[0].IDs = []tribune.Identity{h.id}
	x.act.Office, x.act.Purpose, x.act.Mandate = i.leaf.Act.Office, i.leaf.Act.Purpose, i.leaf.Act.Mandate
	x.evidence, x.decision, x.key = i.opening, i.leaf.Decision, i.key
	return i.hide(w, x, 0)
}

// hide marks the wish in the hidden chain.
func (i *investigation) hide(w *wide, x *wish, off int64) error {
	k, err := protocol.TraceKey(i.d)
	if err != nil {
		return err
	}
	n := uint64(int64(w.hub.use(k)) + off)
	x.private.Subjects[0].N, x.tags, x.hidden = n, []tribune.Tag{protocol.UseTag(k, n)}, [][]byte{i.d}
	return nil
}

func (i *investigation) attacks() []attack {
	under := func(then func(w *wide, x *wish) error) func(w *wide, x *wish) error {
		return func(w *wide, x *wish) error {
			if err := i.under(w, x); err != nil {
				return err
			}
			return then(w, x)
		}
	}
	return []attack{
		{"an inspector's reading, marked in the hidden chain where its person does not look", "its mandate is no warrant", func(w *wide, x *wish) error {
			p := i.private.Subjects[0].P
			h, _ := w.segment(p)
			x.private.Subjects, x.tags, x.traces = nil, nil, nil
			if err := w.mark(x, p, 0); err != nil {
				return err
			}
			x.private.Subjects[0].IDs = []tribune.Identity{h.id}
			return i.hide(w, x, 0)
		}},
		{"a reading under the warrant that is marked nowhere", "0 tags", under(func(_ *wide, x *wish) error {
			x.tags, x.traces, x.hidden = nil, nil, nil
			return nil
		})},
		{"one without the key of the hidden chain", "0 keys of hidden chains", under(func(_ *wide, x *wish) error {
			x.hidden = nil
			return nil
		})},
		{"one under the trace key in the hidden chain's place", "does not belong", under(func(_ *wide, x *wish) error {
			x.hidden = x.traces
			return nil
		})},
		{"one whose number in the chain was used before", "marked before", under(func(w *wide, x *wish) error { return i.hide(w, x, -1) })},
		{"one of two people, where the warrant allows one", "does not permit|allows 1", under(func(w *wide, x *wish) error {
			other := w.victims[slices.IndexFunc(w.victims, func(p tribune.Pseudonym) bool { return p != i.private.Subjects[0].P })]
			h, _ := w.segment(other)
			if err := w.mark(x, other, 0); err != nil {
				return err
			}
			x.private.Subjects[1].IDs, x.act.Count, x.hidden = []tribune.Identity{h.id}, 2, append(x.hidden, i.d)
			return nil
		})},
		{"one of somebody else, marked in the chain of whom the warrant names", "does not permit|does not name", under(func(w *wide, x *wish) error {
			other := w.victims[slices.IndexFunc(w.victims, func(p tribune.Pseudonym) bool { return p != i.private.Subjects[0].P })]
			h, _ := w.segment(other)
			x.private.Subjects[0].P, x.private.Subjects[0].IDs, x.traces = other, []tribune.Identity{h.id}, [][]byte{w.loot.traces[other]}
			return nil
		})},
		{"one of whom it names, without what opens the name", "does not permit|does not name", under(func(_ *wide, x *wish) error {
			x.evidence.Names = nil
			return nil
		})},
		{"a decision under the warrant", "opens nothing", under(func(_ *wide, x *wish) error {
			x.act.Kind = tribune.ActDecide
			return nil
		})},
		{"the hidden chain of a quarter that is over, by an enrolment", "one trace identity", func(w *wide, x *wish) error {
			w.enrolment(x)
			old := i.chain
			old.Pseudonym, old.Quarter = x.private.Subjects[0].P, i.chain.Quarter-4
			x.private.Subjects[0].IDs = []tribune.Identity{old}
			return nil
		}},
		{"somebody else's hidden chain, by an enrolment", "one trace identity", func(w *wide, x *wish) error {
			w.enrolment(x)
			other := i.chain
			other.Pseudonym = aliasOf(x.private.Subjects[0].P)
			x.private.Subjects[0].IDs = []tribune.Identity{other}
			return nil
		}},
	}
}

// honest asks under the warrant as an honest hub does.
func (i *investigation) honest(ctx context.Context, w *wide) error {
	x, err := w.plain(i.private.Subjects[0].P)
	if err != nil {
		return err
	}
	if err := i.under(w, x); err != nil {
		return err
	}
	leaf, answers, err := w.record(ctx, x)
	if err != nil {
		return err
	}
	h, _ := w.segment(i.private.Subjects[0].P)
	opened, err := w.combine(x, leaf, answers, h)
	seen := fmt.Sprintf("%d sealed values open", opened)
	if err != nil {
		seen = err.Error()
	}
	i.play.control(err == nil && opened > 0, "after all that, ask under the warrant as the law says", "all four release; the key opens the segment's values", "%s", seen)
	return nil
}
