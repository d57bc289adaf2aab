package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// check replays one leaf. It reports false where its law is not to be had yet.
func (r *reading) check(ctx context.Context, index uint64, l protocol.Leaf, again bool) bool {
	set, err := r.lawOf(ctx, index, l)
	if err != nil && !again {
		for _, f := range judge(l, nil, nil) {
			r.found(index, l, f, nil, nil)
		}
	}
	if err != nil {
		return false
	}
	if f := r.laws.check(ctx, index, l); f != nil {
		r.say(index, f.kind, f.text, nil)
	}
	if set != nil && l.Decision.Permit && handled[l.Act.Kind].power {
		r.caps(index, l, set)
	}
	for _, f := range judge(l, set, nil) {
		r.found(index, l, f, set, nil)
	}
	r.mandated(ctx, index, l, set)
	return true
}

// lawOf is the set a leaf names; nil, nil where it names none, or one that does not verify or is not on record.
func (r *reading) lawOf(ctx context.Context, index uint64, l protocol.Leaf) (*policy.Set, error) {
	hash := l.Decision.Set
	if hash == (tribune.Hash{}) {
		return nil, nil
	}
	if r.laws.first() == nil || r.laws.unjudged(index+1) {
		return nil, errUnproven // appointments precede the first law
	}
	if !slices.ContainsFunc(r.laws.leaves, func(n *lawLeaf) bool { return n.public.Set == hash }) {
		return nil, nil
	}
	set, err := r.laws.set(ctx, hash)
	if errors.Is(err, errVoid) {
		return nil, nil
	}
	return set, err
}

func (r *reading) found(index uint64, l protocol.Leaf, f finding, set *policy.Set, mandate []byte) {
	text := fmt.Sprintf("Leaf %d (%s, office %s): %s", index, l.Act.Kind, l.Act.Office, f.text)
	r.say(index, f.kind, text, func(e *Evidence) {
		if set != nil {
			pins := r.laws.pins
			e.Law, e.Pins, e.Mandate = set.Files(), &pins, mandate
		}
	})
}

// mandated replays against the mandate's signed document. What the city shows may be a later version than the act knew: every
// version that was ever shown must disagree.
func (r *reading) mandated(ctx context.Context, index uint64, l protocol.Leaf, set *policy.Set) {
	if set == nil || !l.Decision.Permit || !handled[l.Act.Kind].power || l.Act.Mandate == "" {
		return
	}
	docs, shown := r.w.Copy.mandates.of(ctx, l.Act.Mandate)
	if !shown {
		r.w.report(Unshown, string(l.Act.Mandate), fmt.Sprintf("The signed document of the mandate %q is not shown.", string(l.Act.Mandate)), nil)
		return
	}
	var worst []finding
	for i, doc := range docs {
		bad := slices.DeleteFunc(judge(l, set, doc), func(f finding) bool { return f.kind != BadMandate })
		if len(bad) == 0 {
			return
		}
		if i == len(docs)-1 {
			worst = bad
		}
	}
	for _, f := range worst {
		r.found(index, l, f, set, docs[len(docs)-1])
	}
}

func (r *reading) later(index uint64) {
	if len(r.unchecked) >= maxUnchecked {
		r.dropped++
		return
	}
	r.unchecked = append(r.unchecked, index)
}

// settle tries again what waited for a law.
func (r *reading) settle(ctx context.Context) {
	for _, n := range r.laws.leaves {
		r.law(ctx, n)
	}
	if len(r.unchecked) == 0 || r.laws.first() == nil {
		return
	}
	waiting := r.unchecked
	r.unchecked = nil
	for _, index := range waiting {
		l, err := r.w.Copy.leaf(index)
		if err != nil || !r.check(ctx, index, l, true) {
			r.unchecked = append(r.unchecked, index)
		}
	}
}

// law settles a law leaf and says what it does.
func (r *reading) law(ctx context.Context, n *lawLeaf) {
	if n == nil || n.judged {
		return
	}
	subject := "set " + n.public.Set.String()
	if err := r.laws.judge(ctx, n); err != nil {
		if r.w.lasting("law "+subject, r.w.patience) {
			r.say(n.index, LawUnshown, fmt.Sprintf("Leaf %d publishes the policy set %s, and its text is not to be had.", n.index, n.public.Set), nil)
		}
		return
	}
	r.w.over("law " + subject)
	r.w.Book.settle(LawUnshown, fmt.Sprintf("leaf %d", n.index))
	switch {
	case n.ruling.Never:
		r.say(n.index, LawPending, fmt.Sprintf("Leaf %d publishes the policy set %s, which does not come into force: %s.", n.index, n.public.Set, r.laws.why(ctx, n)), nil)
	case n.ruling.Wait:
		r.say(n.index, LawPending, fmt.Sprintf("Leaf %d publishes the policy set %s, which permits more than the law before it. It cannot be in force before %s.", n.index, n.public.Set, n.ruling.From.Format(time.RFC3339)), nil)
	default:
		r.say(n.index, LawChange, fmt.Sprintf("Leaf %d publishes the policy set %s, in force at once.", n.index, n.public.Set), nil)
	}
}

// leaf reads one leaf of the copy.
func (c *Copy) leaf(index uint64) (protocol.Leaf, error) {
	raw, err := c.mirror.Leaf(index)
	if err != nil {
		return protocol.Leaf{}, err
	}
	return protocol.DecodeLeaf(raw)
}

func actID(s string) (id [16]byte, ok bool) {
	var t tribune.Tag
	return t, t.UnmarshalText([]byte(s)) == nil
}

// ceremony announces the guardians' roster once all its members have signed it.
func (r *reading) ceremony(index uint64, l protocol.Leaf) {
	var closing struct {
		Group      *protocol.Group   `json:"group"`
		Signatures map[string][]byte `json:"signatures"`
	}
	if json.Unmarshal(l.Public, &closing) != nil || closing.Group == nil || !signedByAll(*closing.Group, closing.Signatures) {
		return
	}
	g, known := *closing.Group, 0
	names := ""
	for _, m := range g.Guardians {
		names += " " + m.Name
		pinned, ok := r.w.Copy.guardianKey(m.Name)
		if _, key, err := protocol.PublicOf(m.Key); ok && err == nil && pinned.Equal(key) { // a name alone anybody can write
			known++
		}
	}
	if known*2 <= g.N {
		names += " (most of them are not in your trust file)"
	} else {
		r.laws.t = g.T
	}
	r.say(index, Membership, fmt.Sprintf("Leaf %d names the guardians, share epoch %d: %d of whom %d open and %d publish:%s.", index, g.Epoch, g.N, g.T, g.W, names), nil)
}
