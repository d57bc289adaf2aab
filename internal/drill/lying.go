package drill

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/protocol"
)

// lies is how often each lie is told, about another subject each time.
const lies = 3

// playLyingHub: the drill holds the hub's keys and its log, and lies in what it puts on record and asks for. Honest requests go on
// beside it, so that guardians have work.
func playLyingHub(ctx context.Context, p *play) error {
	w, end, err := p.besieged(ctx)
	if err != nil {
		return err
	}
	for _, a := range w.lies() {
		if err := w.tries(ctx, lies, a); err != nil {
			return err
		}
	}
	if err := w.reorder(ctx); err != nil {
		return err
	}
	if err := w.stranger(ctx); err != nil {
		return err
	}
	end()
	return w.honest(ctx)
}

// besieged is stealHub while its guardians have honest work: a request has gone through, and goes on being asked until end is called.
func (p *play) besieged(ctx context.Context, before ...func(context.Context, *city, *client.Client, []person) error) (w *wide, end func(), err error) {
	if w, err = p.stealHub(ctx, before...); err != nil {
		return nil, nil, err
	}
	if err := w.honest(ctx); err != nil {
		return nil, nil, err
	}
	end, err = w.busy(ctx)
	return w, end, err
}

// busy repeats one honest request to all guardians until end is called, and says then how that went.
func (w *wide) busy(ctx context.Context) (end func(), err error) {
	x, err := w.plain(w.inspectorsReading.Subjects[0].P)
	if err != nil {
		return nil, err
	}
	var req protocol.Request
	x.sent = func(r *protocol.Request) { req = *r }
	if _, _, err := w.record(ctx, x); err != nil {
		return nil, err
	}
	body, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var released, other atomic.Int64
	var done sync.WaitGroup
	for _, m := range w.hub.group.Guardians {
		done.Go(func() {
			for ctx.Err() == nil {
				var a protocol.Answer
				status, data, err := w.hub.call(ctx, http.MethodPost, m.URL, "/release", body, true)
				switch {
				case ctx.Err() != nil:
				case err == nil && status == http.StatusOK && json.Unmarshal(data, &a) == nil && a.Statement != nil:
					released.Add(1)
				default:
					other.Add(1)
				}
				pause(ctx, writePause)
			}
		})
	}
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); done.Wait() }) }
	w.play.onEnd(stop)
	return func() {
		stop()
		w.play.step(Step{Tried: "all the while, ask every guardian for what an honest act gives, again and again", Want: "each releases each time",
			Seen: fmt.Sprintf("%d released, %d not", released.Load(), other.Load()), Held: released.Load() > 0 && other.Load() == 0, Control: true, Times: int(released.Load() + other.Load())})
	}, nil
}

func (w *wide) lies() []attack {
	id := func(change func(w *wide, i *tribune.Identity)) func(*wide, *wish) error {
		return func(w *wide, x *wish) error {
			change(w, &x.private.Subjects[0].IDs[0])
			return nil
		}
	}
	other := func(w *wide) header {
		h, _ := w.segment(w.victims[1])
		return h
	}
	return []attack{
		{"omits the tag", "0 tags", func(_ *wide, x *wish) error {
			x.tags, x.traces = nil, nil
			return nil
		}},
		{"omits one tag of two", "1 tags and 2 trace keys for 2 subjects", func(w *wide, x *wish) error {
			if err := w.mark(x, w.victims[1], 0); err != nil {
				return err
			}
			x.private.Subjects[1].IDs, x.act.Count = []tribune.Identity{other(w).id}, 2
			x.tags = x.tags[:1]
			return nil
		}},
		{"writes a tag that is nobody's", "not that of use", func(_ *wide, x *wish) error {
			rand.Read(x.tags[0][:])
			return nil
		}},
		{"skips a number", "is not on record before use", func(w *wide, x *wish) error { return w.renumber(x, w.victims[2], 1) }},
		{"repeats a number", "marked before", func(w *wide, x *wish) error {
			return w.renumber(x, w.inspectorsReading.Subjects[0].P, -1)
		}},
		{"names a subject twice in one act", "named twice", func(w *wide, x *wish) error {
			if err := w.mark(x, w.victims[0], 1); err != nil {
				return err
			}
			x.private.Subjects[1].IDs, x.act.Count = x.private.Subjects[0].IDs, 2
			return nil
		}},
		{"puts two subjects' tags in each other's place", "not that of use", func(w *wide, x *wish) error {
			if err := w.mark(x, w.victims[1], 0); err != nil {
				return err
			}
			x.private.Subjects[1].IDs, x.act.Count = []tribune.Identity{other(w).id}, 2
			x.tags[0], x.tags[1] = x.tags[1], x.tags[0]
			return nil
		}},
		{"mislabels the purpose, after the officer has signed another", "not signed with the key", func(_ *wide, x *wish) error {
			x.sealed = func(l *protocol.Leaf) { l.Act.Purpose = "plan-city" }
			return nil
		}},
		{"mislabels the purpose, and the officer signs it", "does not permit|purpose", func(_ *wide, x *wish) error {
			x.act.Purpose = "plan-city"
			return nil
		}},
		{"asks for B's data as A's", "another subject", id(func(w *wide, i *tribune.Identity) { *i = other(w).id })},
		{"asks for B's data under B's name, with A's trace", "trace key shown does not belong", func(w *wide, x *wish) error {
			x.private.Subjects[0].P, x.private.Subjects[0].IDs = w.victims[1], []tribune.Identity{other(w).id}
			return nil
		}},
		{"asks for B's trace as the enrolment of A", "one trace identity", func(w *wide, x *wish) error {
			w.enrolment(x)
			x.private.Subjects[0].IDs = []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: w.victims[1]}}
			return nil
		}},
		{"enrols an alias of A together with A, under A's name", "one trace identity", func(w *wide, x *wish) error {
			w.enrolment(x)
			a := x.private.Subjects[0].P
			x.private.Subjects[0].IDs = []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: a}, {Kind: tribune.IdentityTrace, Pseudonym: aliasOf(a)}}
			return nil
		}},
		{"marks an alias of A, and opens A's data", "trace key shown does not belong|another subject", func(w *wide, x *wish) error {
			x.private.Subjects[0].P = aliasOf(x.private.Subjects[0].P)
			return nil
		}},
	}
}

// aliasOf is a second name that a hub makes up for somebody.
func aliasOf(p tribune.Pseudonym) tribune.Pseudonym {
	p[0] ^= 0xff
	return p
}

// reorder puts a subject's next two uses on record the wrong way round. The later number is refused while the earlier stands after it;
// the earlier is as good as any.
func (w *wide) reorder(ctx context.Context) error {
	held, seen := true, ""
	for i := range lies {
		p := w.victims[3+i]
		late, err := w.plain(p)
		if err == nil {
			err = w.renumber(late, p, 1)
		}
		if err != nil {
			return err
		}
		// Both are on record before either is asked for.
		leaf, receipt, err := w.put(ctx, late)
		if err != nil {
			return err
		}
		early, err := w.plain(p)
		if err != nil {
			return err
		}
		_, released, err := w.record(ctx, early)
		if err != nil {
			return err
		}
		answers, err := w.hub.release(ctx, receipt)
		if err != nil {
			return err
		}
		no, said := w.refused("is not on record before use", answers, leaf)
		held, seen = held && no && released[0].Statement != nil, said
	}
	w.play.times(lies, held, "the stolen hub puts a subject's use n+1 on record before use n, then asks for both", "use n is released, use n+1 refused for ever, saying: is not on record before use", "%s", seen)
	return nil
}

// stranger: an alias that nobody's name leads to is a pseudonym like any other. What it gives is told here as it is.
func (w *wide) stranger(ctx context.Context) error {
	alias := aliasOf(w.victims[0])
	x, err := w.plain(w.victims[0])
	if err != nil {
		return err
	}
	w.enrolment(x)
	x.private.Subjects[0].P = alias
	x.private.Subjects[0].IDs = []tribune.Identity{{Kind: tribune.IdentityTrace, Pseudonym: alias}}
	_, answers, err := w.record(ctx, x)
	if err != nil {
		return err
	}
	released := 0
	for _, a := range answers {
		if a.Statement != nil {
			released++
		}
	}
	resting := 0
	for _, h := range w.loot.headers {
		if h.id.Pseudonym == alias {
			resting++
		}
	}
	w.play.check(resting == 0, "the stolen hub enrols an alias by itself, as if it were somebody", "if it is enrolled, on record and for nothing: no data rest under it, and A's never do",
		"%d of %d release a trace key for it; data that rest under it: %d", released, len(answers), resting)
	return nil
}

// put records a wish without asking for it.
func (w *wide) put(ctx context.Context, x *wish) (leaf tribune.Hash, req protocol.Request, err error) {
	raw, req, err := w.sealed(x)
	if err != nil {
		return leaf, req, err
	}
	if err := w.hub.append(raw); err != nil {
		return leaf, req, err
	}
	req.Receipt, err = w.hub.publish(ctx, x.signatures)
	return protocol.LeafHash(raw), req, err
}

// keyed is a request to a guardian with a header of another time than now.
func (h *stolenHub) keyed(ctx context.Context, base, path, signedPath string, body, signedBody []byte, at time.Time) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	h.sign(req, http.MethodPost, signedPath, signedBody, at)
	return h.answer(req)
}
