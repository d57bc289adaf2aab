package federation

import (
	"slices"

	"tribune"
	"tribune/internal/twin/query"
)

// Found is a registration that fulfils a need, and which elements of its information do.
type Found struct {
	*Registration
	Only []int
}

// Discover are the registrations that fulfil a need, by ID (clause 5.10.2).
func (g *Registry) Discover(tenant tribune.Tenant, n Need) (out []Found) {
	at := map[*Registration]int{}
	for _, m := range g.Match(tenant, n) {
		i, ok := at[m.Registration]
		if !ok {
			i = len(out)
			at[m.Registration] = i
			out = append(out, Found{Registration: m.Registration})
		}
		out[i].Only = append(out[i].Only, m.element())
	}
	slices.SortFunc(out, func(a, b Found) int { return byID(a.Registration, b.Registration) })
	return out
}

// element is which of the registration's elements has matched.
func (m *Match) element() int {
	for i := range m.Registration.Information {
		if &m.Registration.Information[i] == m.Info {
			return i
		}
	}
	return -1 // no match is of another registration's element
}

// Filter are the conditions of a discovery on registrations as a whole (clause 5.10.2.4). What is nil asks nothing.
type Filter struct {
	Sources *query.Expr                  // context source filter
	Scope   func(scopes []string) bool   // scope query
	Place   func(g *query.Geometry) bool // geo query
	Space   tribune.Name                 // the property that it is about; location, observationSpace or operationSpace
}

// spaces are the geo properties that a registration can have.
const (
	observationSpace tribune.Name = "https://uri.etsi.org/ngsi-ld/observationSpace"
	operationSpace   tribune.Name = "https://uri.etsi.org/ngsi-ld/operationSpace"
	locationSpace    tribune.Name = "https://uri.etsi.org/ngsi-ld/location"
)

// Where is the filter as a condition of a Need, nil where it asks nothing.
func (f Filter) Where() func(*Registration) bool {
	if f.Sources == nil && f.Scope == nil && f.Place == nil {
		return nil
	}
	return func(r *Registration) bool {
		if f.Scope != nil && !f.Scope(r.Scope) {
			return false
		}
		if f.Place != nil {
			if g := r.Space(f.Space); g == nil || !f.Place(g) {
				return false
			}
		}
		return f.Sources == nil || f.Sources.Match(r.Properties())
	}
}

// Space is where the source has something in terms of a geo property; nil = it does not say.
func (r *Registration) Space(property tribune.Name) *query.Geometry {
	switch property {
	case observationSpace:
		return r.ObservationSpace
	case operationSpace:
		return r.OperationSpace
	case locationSpace:
		return r.Location
	}
	return nil
}
