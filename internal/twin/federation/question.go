package federation

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// Question is what a request wants to know of entities, in the request's own words where they are passed on, read where a
// registration narrows them.
type Question struct {
	Cause   *http.Request
	Context *jsonld.Context

	One       tribune.EntityID // a retrieval of this entity; "" = a query
	IDs       []tribune.EntityID
	Pattern   string // idPattern
	Types     query.TypeExpr
	TypesText string
	Attrs     []tribune.Name // "attrs": one of them at least, and no others in the answer

	Q, ScopeQ                                  string
	Georel, Geometry, Coordinates, GeoProperty string
	Datasets                                   []string

	// Past makes it a question about the past: of which time (clauses 5.7.3 and 5.7.4). Nil = latest information.
	Past *temporal.Query

	// Maps are the entity maps of the sources in the sequence of requests that this is one of (clause 5.5.14); nil = it is none.
	Maps *Maps

	// Split: entities may be in pieces, so that no source can decide alone whether one fulfils q, geoq, scopeQ or attrs. They are not
	// passed on, and have to be applied to what is put together (clause 4.3.6.7).
	Split bool
}

// selector is what of a question goes to a source at once.
type selector struct {
	ids     []tribune.EntityID
	pattern string
	types   string // as the outgoing context writes them
}

// tongue is how names are written in a request to a source (clause 4.3.6.6).
type tongue struct {
	from, to *jsonld.Context
	link     string // of to; "" = the core context, whose link says nothing
}

func (t *tongue) same() bool { return t.from == t.to }

func (t *tongue) names(all []tribune.Name) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = t.to.Compact(n)
	}
	return out
}

// word rewrites one name of the request.
func (t *tongue) word(s string) string {
	if t.same() {
		return s
	}
	name, err := t.from.Expand(s)
	if err != nil {
		return s
	}
	return t.to.Compact(name)
}

// types rewrites a type expression.
func (t *tongue) types(text string) string {
	if t.same() {
		return text
	}
	var b strings.Builder
	for text != "" {
		end := strings.IndexAny(text, ",;|()")
		if end < 0 {
			end = len(text)
		}
		if end > 0 {
			b.WriteString(t.word(text[:end]))
		}
		if end < len(text) {
			b.WriteByte(text[end])
			end++
		}
		text = text[end:]
	}
	return b.String()
}

// selectors narrows the question to the entities that are registered: a source must not be asked for others (clause 4.3.6.1).
func (q *Question) selectors(m *Match, t *tongue) []selector {
	ids := q.IDs
	if q.One != "" {
		ids = []tribune.EntityID{q.One}
	}
	if m.Entities == nil { // the element names attributes only
		return []selector{{ids: ids, pattern: q.Pattern, types: t.types(q.TypesText)}}
	}
	var out []selector
	var named, free selector
	var namedOf, freeOf []EntityInfo
	for _, e := range m.Entities {
		switch {
		case len(ids) > 0:
			covered := false
			for _, id := range ids {
				if e.Covers(id, nil) {
					covered = true
					if !slices.Contains(named.ids, id) {
						named.ids = append(named.ids, id)
					}
				}
			}
			if covered {
				namedOf = append(namedOf, e)
			}
		case e.ID != "":
			named.ids, namedOf = append(named.ids, e.ID), append(namedOf, e)
		case e.IDPattern != nil:
			s := selector{pattern: e.IDPattern.String(), types: q.typesOf([]EntityInfo{e}, t)}
			if q.Pattern != "" { // no pattern says both; the answer is held against the registered one
				s.pattern = q.Pattern
			}
			out = append(out, s)
		default:
			freeOf = append(freeOf, e)
		}
	}
	if len(namedOf) > 0 {
		named.types = q.typesOf(namedOf, t)
		out = append(out, named)
	}
	if len(freeOf) > 0 {
		free.pattern, free.types = q.Pattern, q.typesOf(freeOf, t)
		out = append(out, free)
	}
	return out
}

// typesOf is the type expression for some of a registration's entities.
func (q *Question) typesOf(some []EntityInfo, t *tongue) string {
	var registered []tribune.Name
	for _, e := range some {
		if len(e.Types) == 0 {
			return t.types(q.TypesText)
		}
		registered = union(registered, e.Types)
	}
	switch {
	case q.Types.Any():
	case q.Types.Exact():
		asked := q.Types.Candidates()
		registered = slices.DeleteFunc(registered, func(n tribune.Name) bool { return !slices.Contains(asked, n) })
	default:
		return "(" + t.types(q.TypesText) + ");(" + strings.Join(t.names(registered), ",") + ")"
	}
	return strings.Join(t.names(registered), ",")
}

// attrs are the attributes to ask of a source: those asked for and registered; nil = all. ok is false where there are none.
func (q *Question) attrs(m *Match) (names []tribune.Name, ok bool) {
	asked := q.Attrs
	if q.Split && q.One == "" {
		asked = nil
	}
	names, ok = m.Info.common(asked)
	return names, ok
}

// values are parameters of a URL in order. They are escaped as little as the syntax of URLs asks: some brokers compare ids and names
// as they are written.
type values []byte

func (v *values) add(name, value string) {
	if value == "" {
		return
	}
	if len(*v) > 0 {
		*v = append(*v, '&')
	}
	*v = append(append(*v, name...), '=')
	for i := range len(value) {
		c := value[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/,@!*()$", c) >= 0 {
			*v = append(*v, c)
			continue
		}
		const hex = "0123456789ABCDEF"
		*v = append(*v, '%', hex[c>>4], hex[c&15])
	}
}

// pick are the parameters that say which entities, and which of them by their content.
func (q *Question) pick(v *values, s selector, t *tongue) {
	v.add("type", s.types)
	v.add("id", joined(s.ids))
	v.add("idPattern", s.pattern)
	if q.Split {
		return
	}
	said, _ := t.q(q.Q) // sayable has looked
	v.add("q", said)
	v.add("scopeQ", q.ScopeQ)
	v.add("georel", q.Georel)
	v.add("geometry", q.Geometry)
	v.add("coordinates", q.Coordinates)
	if q.GeoProperty != "" {
		v.add("geoproperty", t.word(q.GeoProperty))
	}
}

// sayable reports whether the filters can be written in the source's words.
func (q *Question) sayable(t *tongue) bool {
	if q.Split || q.One != "" {
		return true
	}
	_, ok := t.q(q.Q)
	return ok
}

// url are the parameters of a query for one selector.
func (q *Question) url(s selector, attrs []tribune.Name, t *tongue, limit, offset int) string {
	var v values
	q.pick(&v, s, t)
	v.add("attrs", strings.Join(t.names(attrs), ","))
	v.add("datasetId", strings.Join(q.Datasets, ","))
	v.add("options", "sysAttrs")
	v.add("limit", strconv.Itoa(limit))
	if offset > 0 {
		v.add("offset", strconv.Itoa(offset))
	}
	return string(v)
}

func joined(ids []tribune.EntityID) string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = string(id)
	}
	return strings.Join(all, ",")
}

// allowed reports whether an entity of an answer is one that was asked for and is registered.
func (q *Question) allowed(m *Match, s selector, pattern *regexp.Regexp, id tribune.EntityID, types []tribune.Name) bool {
	if len(s.ids) > 0 && !slices.Contains(s.ids, id) || pattern != nil && !pattern.MatchString(string(id)) || !q.Types.Match(types) {
		return false
	}
	return m.Entities == nil || slices.ContainsFunc(m.Entities, func(e EntityInfo) bool { return e.Covers(id, types) })
}
