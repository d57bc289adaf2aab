package federation

import (
	"encoding/json"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/notify"
	"tribune/internal/twin/query"
)

// planned is what a source is to have of a subscription.
type planned struct {
	reg  *Registration
	spec *notify.Spec
	shape
}

// plan is what sources are to have of a subscription, by ID of their registrations.
func (l *Legs) plan(key subKey) map[string]planned {
	spec := l.cfg.Notifier.Afar(key.tenant, key.id)
	if spec == nil || !l.cfg.Registry.Any(key.tenant) || l.cfg.Sources.Looped(key.tenant, passed(spec.Via())) {
		return nil
	}
	needs, ok := l.needs(spec)
	if !ok {
		return nil
	}
	out := map[string]planned{}
	for i, n := range needs {
		for _, m := range l.cfg.Registry.Match(key.tenant, n) {
			if m.Mode == Auxiliary {
				continue
			}
			p, found := out[m.ID]
			if !found {
				p = planned{reg: m.Registration, spec: spec}
			}
			p.elements = append(p.elements, m.Info)
			p.entities = append(p.entities, reduced(spec, i, &m)...)
			out[m.ID] = p
		}
	}
	for id, p := range out {
		if p.watched, ok = attended(spec.Watched(), p.elements); !ok {
			delete(out, id) // no change that the source may tell of would be notified
			continue
		}
		if spec.Interval() > 0 {
			p.watched = nil
		}
		out[id] = p
	}
	return out
}

// concerns reports whether one of the registrations may be for a subscription.
func (l *Legs) concerns(key subKey, some []*Registration) bool {
	spec := l.cfg.Notifier.Afar(key.tenant, key.id)
	if spec == nil || len(some) == 0 {
		return false
	}
	needs, ok := l.needs(spec)
	if !ok {
		return false
	}
	now := l.cfg.Now()
	for _, r := range some {
		for i := range needs {
			if !r.expired(now) && r.serves(&needs[i]) && len(r.matches(&needs[i], nil)) > 0 {
				return true
			}
		}
	}
	return false
}

// needs are what a subscription asks of registrations, one for each of its selectors; ok is false where it looks at personal attributes,
// which are named to nobody.
func (l *Legs) needs(spec *notify.Spec) (out []Need, ok bool) {
	common := Need{Op: "createSubscription", Attrs: spec.Attrs(), Via: passed(spec.Via())}
	where, err := (&Subscriptions{cfg: SubscriptionsConfig{Contexts: l.cfg.Contexts}}).filter(l.ctx, spec)
	if err != nil {
		l.cfg.Log.Debug("a subscription cannot be held against registrations", "err", err)
		return nil, false
	}
	common.Where = where.Leaning()
	var types []tribune.Name
	for _, sel := range spec.Selected() {
		n := common
		n.Types, n.IDs, n.Pattern = sel.Types, sel.IDs, sel.Pattern
		types = append(types, sel.Types.Candidates()...)
		out = append(out, n)
	}
	if out == nil {
		out = []Need{common}
	}
	for _, name := range slices.Concat(spec.Watched(), spec.Attrs(), spec.Filters()) {
		if l.cfg.Withhold(types, name) {
			return nil, false
		}
	}
	return out, true
}

// Leaning is the filter as a condition of a Need for entities: a source that does not say where, or with which scopes, it has something may
// have what is asked for.
func (f Filter) Leaning() func(*Registration) bool {
	if f.Sources == nil && f.Scope == nil && f.Place == nil {
		return nil
	}
	return func(r *Registration) bool {
		if g := r.Space(f.Space); f.Place != nil && g != nil && !f.Place(g) {
			return false
		}
		return (f.Scope == nil || len(r.Scope) == 0 || f.Scope(r.Scope)) && (f.Sources == nil || f.Sources.Match(r.Properties()))
	}
}

// passed are the names in the hops of a Via header.
func passed(hops []string) (out []string) {
	for _, hop := range hops {
		if fields := strings.Fields(hop); len(fields) > 1 {
			out = append(out, fields[1])
		}
	}
	return out
}

// reduced are the entity selectors for what both a subscription's selector and a registration are about.
func reduced(spec *notify.Spec, i int, m *Match) (out []map[string]any) {
	sel, text := notify.Selected{}, ""
	if all := spec.Selected(); len(all) > 0 {
		sel, text = all[i], typesOf(spec, i)
	}
	for _, e := range m.Entities {
		one := map[string]any{"type": meeting(sel.Types, text, e.Types)}
		ids := slices.DeleteFunc(slices.Clone(sel.IDs), func(id tribune.EntityID) bool { return !e.Covers(id, nil) })
		switch {
		case e.ID != "":
			one["id"] = e.ID
		case len(ids) > 0:
			one["id"] = ids
		case e.IDPattern != nil: // no pattern says both: what arrives is held against the subscriber's
			one["idPattern"] = e.IDPattern.String()
		case sel.Pattern != nil:
			one["idPattern"] = sel.Pattern.String()
		}
		out = append(out, one)
	}
	if m.Entities == nil && text != "" {
		one := map[string]any{"type": text}
		if len(sel.IDs) > 0 {
			one["id"] = sel.IDs
		} else if sel.Pattern != nil {
			one["idPattern"] = sel.Pattern.String()
		}
		out = append(out, one)
	}
	return out
}

// typesOf is the type expression of a selector as it is written, names expanded.
func typesOf(spec *notify.Spec, i int) string {
	var all []struct{ Type string }
	if json.Unmarshal(spec.Member("entities"), &all) != nil || i >= len(all) {
		return ""
	}
	return all[i].Type
}

// meeting is the expression for types that are both asked for and registered.
func meeting(asked query.TypeExpr, text string, registered []tribune.Name) string {
	switch {
	case asked.Any():
	case asked.Exact():
		some := asked.Candidates()
		registered = slices.DeleteFunc(slices.Clone(registered), func(n tribune.Name) bool { return !slices.Contains(some, n) })
	default:
		return "(" + text + ");(" + joinedNames(registered) + ")"
	}
	return joinedNames(registered)
}

func joinedNames(all []tribune.Name) string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = string(n)
	}
	return strings.Join(out, ",")
}

// attended are the attributes that a subscriber watches and a source may tell of; nil = all. ok is false where there are none.
func attended(watched []tribune.Name, elements []*Information) (both []tribune.Name, ok bool) {
	for _, e := range elements {
		if !e.named() {
			return watched, true
		}
		some, _ := e.common(watched)
		both = union(both, some)
	}
	return both, len(both) > 0
}

// copy is the document of a source's copy, and in which words it is.
func (l *Legs) copy(g *leg, reg *Registration, spec *notify.Spec, s *shape) (doc json.RawMessage, link string, err error) {
	from, err := spec.WrittenIn(l.ctx, l.cfg.Contexts)
	if err != nil {
		return nil, "", err
	}
	t, err := l.cfg.Sources.tongue(l.ctx, reg, from)
	if err != nil {
		return nil, "", err
	}
	c := notify.Copy{ID: g.id, Entities: s.entities, Watched: s.watched, Endpoint: l.endpoint(), Whole: spec.Split(), Local: reg.Management.LocalOnly, In: t.to, Link: t.link}
	if q := spec.Text("q"); q != "" {
		said := false
		if c.Q, said = t.q(q); !said {
			c.Whole = true // it is held against what arrives
		}
	}
	doc, err = spec.Copy(c)
	return doc, t.link, err
}

// whole reports whether conditions have to be held against what arrives: they are not in the copy.
func (l *Legs) whole(g *leg, spec *notify.Spec, t *tongue) bool {
	if spec.Split() || g.old {
		return true
	}
	_, said := t.q(spec.Text("q"))
	return !said
}

var _ Names = (*jsonld.Context)(nil)
