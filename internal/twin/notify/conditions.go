package notify

import (
	"encoding/json"
	"net/url"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// conditions are what an entity must meet besides being selected: q, geoQ and scopeQ. Sealed attributes are absent to them.
type conditions struct {
	q     *query.Expr
	geo   *query.Geo
	scope query.ScopeExpr
}

// readConditions quotes nothing of what is wrong: q may name a person.
func readConditions(r *reader, writtenIn *jsonld.Context) (c conditions) {
	var err error
	if q := r.text("q"); q != "" {
		terms := query.Terms{Attr: writtenIn.Attr, Type: writtenIn.Expand, Value: writtenIn.Expand}
		if names := r.text("expandValues"); names != "" {
			for _, name := range strings.Split(names, ",") {
				terms.Coerce = append(terms.Coerce, tribune.Name(name))
			}
		}
		if c.q, err = terms.Parse(q); err != nil && strings.Contains(q, "%22") {
			if plain, bad := url.QueryUnescape(strings.ReplaceAll(q, "+", "%2B")); bad == nil { // as it would stand in a URL: some clients write it so
				if c.q, err = terms.Parse(plain); err == nil {
					r.d["q"] = quoted(plain)
				}
			}
		}
		if err != nil {
			r.fail("q", "it does not follow the query language (clause 4.9)")
		}
	}
	if scopes := r.text("scopeQ"); scopes != "" {
		if c.scope, err = query.ParseScopes(scopes); err != nil {
			r.fail("scopeQ", "it does not follow the scope query language (clause 4.19)")
		}
	}
	c.geoquery(r)
	return c
}

// geoquery is clause 5.2.13. Coordinates are an array, or a text that holds one (clause 4.7.1).
func (c *conditions) geoquery(r *reader) {
	var d document
	if !r.into("geoQ", &d, "an object") {
		return
	}
	g := &reader{d: d}
	georel, geometry, property := g.text("georel"), g.text("geometry"), g.text("geoproperty")
	coordinates := d["coordinates"]
	var inText string
	if json.Unmarshal(coordinates, &inText) == nil {
		coordinates = json.RawMessage(inText)
	}
	if g.err == nil {
		var err error
		c.geo, err = query.ParseGeo(georel, geometry, coordinates, tribune.Name(property))
		g.keep("geoQ", err)
	}
	if g.err != nil && r.err == nil {
		r.err = g.err
	}
}

// match reports whether an entity meets them; look finds the entities that it links to.
func (c *conditions) match(e *model.Entity, look query.Lookup) bool {
	return c.scope.Match(e.Scope) && c.q.MatchLinked(e, look) && c.geo.Match(e)
}

// narrow has the twin look for what meets the conditions.
func (c *conditions) narrow(q *twin.Query) { q.Q, q.Geo, q.Scopes = c.q, c.geo, c.scope }
