package federation

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/query"
)

// Need is what a request is about, for the matching of clause 5.12. What is empty asks nothing.
type Need struct {
	Op       string // an operation of clause 4.20; "" = whatever a source offers
	IDs      []tribune.EntityID
	Pattern  *regexp.Regexp // idPattern
	Types    query.TypeExpr
	Attrs    []tribune.Name // that are asked for, or looked at by q and geoq
	Datasets []string       // datasetId

	// Past is the temporal query. Nil asks for latest information, which sources of the past do not have; a need with a zero
	// Past is about all of it (clause 5.9.1).
	Past *Past

	// Change is a change of the past: no query, so that the rule of clause 5.9.1 is not about it. It concerns who holds latest information as
	// well, which follows the past.
	Change bool

	Via   []string                 // sources that the request has passed (clause 4.3.6.4)
	Where func(*Registration) bool // a further condition: scope, place, context source filter; nil = none
}

// Past is a temporal query as it concerns registrations.
type Past struct {
	Managed  bool // its time property is createdAt, modifiedAt or deletedAt, not observedAt
	From, To time.Time

	// Ask: it is to be put to sources, not a search for registrations. A registration that offers temporal queries by name and says
	// nothing of time is about all of it then: clauses 5.7.3.4 and 5.7.4.4 ask for the operation alone.
	Ask bool
}

// Match is one element of a registration's information that fulfils a need.
type Match struct {
	*Registration
	Info     *Information
	Entities []EntityInfo   // of Info that fulfil it; nil = Info names none, any entity may be there
	Attrs    []tribune.Name // that the source may be asked for: needed and registered; nil = all
}

// Match are the registrations of a tenant that fulfil a need, proxied ones first (see Mode), then by ID. Do not change what
// they hold. Where nothing is registered it costs one atomic load.
func (g *Registry) Match(tenant tribune.Tenant, n Need) []Match {
	if g == nil || g.count.Load() == 0 {
		return nil
	}
	now := g.cfg.Now()
	g.mu.RLock()
	defer g.mu.RUnlock()
	t := g.tenants[tenant]
	if t == nil {
		return nil
	}
	var out []Match
	for _, r := range t.candidates(&n) {
		if !r.expired(now) && r.serves(&n) {
			out = r.matches(&n, out)
		}
	}
	slices.SortStableFunc(out, func(a, b Match) int {
		return cmp.Or(cmp.Compare(a.Mode, b.Mode), strings.Compare(a.ID, b.ID))
	})
	return out
}

// expired reports whether the registration has ended (clause 5.9.2.4).
func (r *Registration) expired(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// serves are the conditions on the registration as a whole.
func (r *Registration) serves(n *Need) bool {
	if !r.operations.has(n.Op) || r.Alias != "" && slices.Contains(n.Via, r.Alias) {
		return false
	}
	if len(n.Datasets) > 0 && len(r.Datasets) > 0 && !slices.ContainsFunc(r.Datasets, func(d string) bool { return slices.Contains(n.Datasets, d) }) {
		return false
	}
	return r.inTime(n) && (n.Where == nil || n.Where(r))
}

// inTime is the rule of clause 5.9.1 on latest and temporal information. What changes
// temporal entities is no query and goes to whoever offers the operation.
func (r *Registration) inTime(n *Need) bool {
	switch {
	case n.Change:
		return true
	case n.Past == nil:
		return !r.Temporal() || op(n.Op)&pastChanges != 0
	case n.Past.Ask && !r.Temporal():
		return r.operations&pastReads != 0
	}
	i := r.Observation
	if n.Past.Managed {
		i = r.Managed
	}
	if n.Past.From.IsZero() && n.Past.To.IsZero() {
		return r.Temporal()
	}
	return i != nil && (n.Past.To.IsZero() || !i.From.After(n.Past.To)) && (i.To.IsZero() || !i.To.Before(n.Past.From))
}

// matches appends the elements of the information that fulfil the need.
func (r *Registration) matches(n *Need, out []Match) []Match {
	for i := range r.Information {
		info := &r.Information[i]
		m := Match{Registration: r, Info: info}
		if len(info.Entities) > 0 {
			for j := range info.Entities {
				if info.Entities[j].matches(n) {
					m.Entities = append(m.Entities, info.Entities[j])
				}
			}
			if m.Entities == nil {
				continue
			}
		}
		ok := false
		if m.Attrs, ok = info.common(n.Attrs); ok {
			out = append(out, m)
		}
	}
	return out
}

// common are the attributes both asked for and registered; ok is false where there is none.
func (i *Information) common(asked []tribune.Name) (both []tribune.Name, ok bool) {
	switch {
	case !i.named():
		return asked, true
	case len(asked) == 0:
		return slices.Concat(i.Properties, i.Relationships), true
	}
	for _, name := range asked {
		if i.names(name) {
			both = append(both, name)
		}
	}
	return both, both != nil
}

// names reports whether the element names the attribute.
func (i *Information) names(name tribune.Name) bool {
	return slices.Contains(i.Properties, name) || slices.Contains(i.Relationships, name)
}

// matches is the second half of clause 5.12.
func (e *EntityInfo) matches(n *Need) bool {
	if len(e.Types) > 0 && !n.Types.Match(e.Types) {
		return false
	}
	switch {
	case e.ID == "" && e.IDPattern == nil:
		return true
	case len(n.IDs) == 0 && n.Pattern == nil: // it asks for no ID in particular
		return true
	case e.ID != "":
		return slices.Contains(n.IDs, e.ID) || n.Pattern != nil && n.Pattern.MatchString(string(e.ID))
	}
	return n.Pattern != nil || slices.ContainsFunc(n.IDs, func(id tribune.EntityID) bool { return e.IDPattern.MatchString(string(id)) })
}

// Covers reports whether an entity with this ID and these types is one that the element is about. No types = not known.
func (i *Information) Covers(id tribune.EntityID, types []tribune.Name) bool {
	return len(i.Entities) == 0 || slices.ContainsFunc(i.Entities, func(e EntityInfo) bool { return e.Covers(id, types) })
}

// Covers reports whether an entity with this ID and these types is one that the element describes. No types = not known.
func (e *EntityInfo) Covers(id tribune.EntityID, types []tribune.Name) bool {
	if len(e.Types) > 0 && len(types) > 0 && !slices.ContainsFunc(e.Types, func(t tribune.Name) bool { return slices.Contains(types, t) }) {
		return false
	}
	switch {
	case e.ID != "":
		return e.ID == id
	case e.IDPattern != nil:
		return e.IDPattern.MatchString(string(id))
	}
	return true
}
