package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

// search is a query for entities: what its two forms, URL and body, come down to.
type search struct {
	twin.Query
	ctx    *jsonld.Context
	view   jsonld.View
	types  []tribune.Name  // every type that the type expressions name
	inBody bool            // it may name a person
	doc    jsonld.Document // where it is in the body: what context sources are asked of it
	local  bool            // no context source is asked (clause 5.5.13)
	wide   bool            // the request insists that they are
	all    bool            // every type is asked for ("*")

	maps    *federation.Maps // of context sources, where an entity map is in use
	holders map[string]bool  // the registrations that an entity map names for what is asked for; nil = all that match
}

// filterParams say which entities are wanted, and in which order; they are members of a Query too.
var filterParams = []string{"type", "id", "idPattern", "q", "scopeQ", "csf", "georel", "geometry", "coordinates", "geoproperty",
	"expandValues", "jsonKeys", "orderBy", "orderFrom", "orderGeometry", "collation", "splitEntities"}

// requestParams are those of the request, in whichever form the query is.
var requestParams = slices.Concat([]string{"limit", "offset", "count", "local"}, mapParams, viewParams)

var searchParams = slices.Concat(filterParams, requestParams)

// queryEntities is GET /entities (clause 6.4.3.2).
func (a *api) queryEntities(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, nil, func() (*found, error) {
		s, p, err := a.urlSearch(w, r)
		if err != nil {
			return nil, err
		}
		return a.listed(r, s, p)
	})
}

// listed runs a search and says where the pages before and after are.
func (a *api) listed(r *http.Request, s *search, p params) (*found, error) {
	f, err := a.mapped(r, s, p)
	if err != nil {
		return nil, err
	}
	if link := pageHeader(r.URL, s.media(), s.Offset, s.Limit, !f.last); link != "" {
		f.header["Link"] = link
	}
	return f, nil
}

// urlSearch reads the search that a URL asks for.
func (a *api) urlSearch(w http.ResponseWriter, r *http.Request) (*search, params, error) {
	p, err := readParams(r, searchParams...)
	if err != nil {
		return nil, nil, err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSearch(w, r, ctx, p)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	if p["id"] != "" {
		ids = strings.Split(p["id"], ",")
	}
	if err := s.selector(p["type"], ids, p["idPattern"]); err != nil {
		return nil, nil, err
	}
	if err := s.conditions(p); err != nil {
		return nil, nil, err
	}
	return s, p, s.order(splitTop(p["orderBy"]), p["orderGeometry"], []byte(p["orderFrom"]), p["collation"])
}

// newSearch reads what both forms have in common: page, representation, tenant.
func newSearch(w http.ResponseWriter, r *http.Request, ctx *jsonld.Context, p params) (*search, error) {
	s := &search{ctx: ctx}
	o, err := p.options(append([]string{"count"}, entityOptions...)...)
	if err != nil {
		return nil, err
	}
	if s.Tenant, err = tenant(r); err != nil {
		return nil, err
	}
	if s.view, err = p.entityView(r, ctx, o); err != nil {
		return nil, err
	}
	s.Attrs = s.view.Attrs
	if s.local, err = p.flag("local"); err != nil {
		return nil, err
	}
	if _, err = p.flag("splitEntities"); err != nil {
		return nil, err
	}
	_, said := p["local"]
	s.wide = said && !s.local
	s.Limit, s.Offset, s.Count, err = p.page(o)
	return s, err
}

// page reads which part of a list is asked for (clauses 6.3.10 and 6.3.13).
func (p params) page(o options) (limit, offset int, count bool, err error) {
	if count, err = p.flag("count"); err != nil {
		return 0, 0, false, err
	}
	count = count || o["count"]
	if limit, err = p.number("limit", defaultLimit, 0, maxLimit); err != nil {
		return 0, 0, false, err
	}
	if limit == 0 && !count {
		return 0, 0, false, fmt.Errorf("%w: limit=0 asks for nothing; with count=true it asks for the number (clause 6.3.10)", tribune.ErrInvalid)
	}
	offset, err = p.number("offset", 0, 0, maxOffset)
	return limit, offset, count, err
}

// selector reads types, ids and id pattern into the query itself.
func (s *search) selector(types string, ids []string, pattern string) error {
	one, err := s.selection(types, ids, pattern)
	s.Types, s.IDs, s.IDPattern = one.Types, one.IDs, one.IDPattern
	return err
}

// selection reads types, ids and id pattern.
func (s *search) selection(types string, ids []string, pattern string) (out twin.Selector, err error) {
	switch types {
	case "":
	case "*":
		s.all = true
	default:
		out.Types, err = query.ParseTypes(types, func(term string) (tribune.Name, error) {
			name, err := s.ctx.Expand(term)
			s.types = append(s.types, name)
			return name, err
		})
		if err != nil {
			return out, err
		}
	}
	if len(ids) > maxNames {
		return out, fmt.Errorf("%w: more than %d ids", tribune.ErrTooLarge, maxNames)
	}
	for _, text := range ids {
		id, err := jsonld.ID(strings.TrimSpace(text))
		if err != nil {
			return out, err
		}
		out.IDs = append(out.IDs, id)
	}
	if pattern != "" {
		if out.IDPattern, err = query.Regexp(pattern); err != nil {
			return out, fmt.Errorf("%w: idPattern must be a regular expression (RE2) of at most %d bytes", tribune.ErrInvalid, query.MaxRegexp)
		}
	}
	return out, nil
}

// conditions reads q, the geoquery, scopeQ and csf.
func (s *search) conditions(p params) error {
	coerce, err := p.names(s.ctx, "expandValues")
	if err != nil {
		return err
	}
	if _, err := p.names(s.ctx, "jsonKeys"); err != nil { // values are never expanded here: nothing else is to be done
		return err
	}
	if err := s.expression(p["q"], coerce...); err != nil {
		return err
	}
	if s.Geo, err = geoQuery(s.ctx, p["georel"], p["geometry"], p["coordinates"], p["geoproperty"]); err != nil {
		return err
	}
	return s.outside(p)
}

// outside reads what is asked of something else than attributes: scopes of entities, and properties of context sources.
func (s *search) outside(p params) (err error) {
	if text, ok := p["scopeQ"]; ok {
		if s.Scopes, err = query.ParseScopes(text); err != nil {
			return err
		}
	}
	if text, ok := p["csf"]; ok {
		if _, err := query.Parse(text, s.ctx.Expand); err != nil { // it chooses among context sources: see distributed reading
			return tribune.Hint(fmt.Errorf("%w: csf does not follow the query language (clause 4.9)", tribune.ErrInvalid), "%s", tribune.HintOf(err))
		}
	}
	return nil
}

// expression reads q. What is wrong with it is said without repeating it: it may name a person.
func (s *search) expression(q string, coerce ...tribune.Name) (err error) {
	if q == "" {
		return nil
	}
	terms := query.Terms{Attr: s.ctx.Attr, Type: s.ctx.Expand, Coerce: coerce, Value: s.ctx.Expand}
	if s.Q, err = terms.Parse(q); err != nil {
		return unquoted(err)
	}
	if hops := s.Q.Hops(); hops > s.view.JoinLevel {
		return tribune.Hint(fmt.Errorf("%w: q looks at linked entities deeper than they are joined (clause 5.7.2.4)", tribune.ErrInvalid), "Add join=inline or flat, and joinLevel=%d.", hops)
	}
	return nil
}

// unquoted is a syntax error with its place and hint, and without what stands there.
func unquoted(err error) error {
	const place = "at character "
	where := ""
	if _, rest, ok := strings.Cut(err.Error(), place); ok {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		where = ", " + place + rest[:digits]
	}
	return tribune.Hint(fmt.Errorf("%w: q does not follow the query language%s (clause 4.9)", tribune.ErrInvalid, where), "%s", tribune.HintOf(err))
}

// reach refuses a query that asks everyone for everything, and what can only be had here (clauses 5.7.2.4 and 6.4.3.2).
func (s *search) reach() error {
	switch {
	case s.all && s.wide:
		return fmt.Errorf("%w: type=* is local (clause 6.4.3.2)", tribune.ErrInvalid)
	case s.Order != nil && s.wide:
		return ordersHere()
	case s.local || s.all || len(s.types) > 0 || s.Geo != nil || namesAttrs(s.Attrs) || namesAttrs(s.Q.Attrs()):
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: a query names a type, attrs, q or georel, or is local (clause 5.7.2.4)", tribune.ErrInvalid), "Add type=NAME, or local=true.")
}

// ordersHere refuses to order what comes from several sources.
func ordersHere() error {
	return tribune.Hint(fmt.Errorf("%w: only what is held here can be ordered (clause 5.7.2.4)", tribune.ErrInvalid), "Add local=true.")
}

// namesAttrs reports whether one of the names is not the standard's own.
func namesAttrs(names []tribune.Name) bool {
	return slices.ContainsFunc(names, func(n tribune.Name) bool {
		switch strings.TrimPrefix(string(n), "https://uri.etsi.org/ngsi-ld/") {
		case "createdAt", "modifiedAt", "observedAt", "deletedAt", "expiresAt", "scope":
			return false
		}
		return true
	})
}

// find runs a search. Where the caller names a purpose, a person may be looked up by the attribute that names them.
func (a *api) find(r *http.Request, s *search) (*found, error) {
	if err := s.reach(); err != nil {
		return nil, err
	}
	f := &found{ctx: s.ctx, view: s.view, tenant: s.Tenant, list: true, header: map[string]string{}}
	if caller := web.CallerOf(r.Context()); caller.Purpose != "" {
		if err := a.person(r, caller, s, f); err != nil {
			return nil, err
		}
	}
	page, err := a.page(r, s, f)
	if errors.Is(err, tribune.ErrTooLarge) {
		return nil, tribune.Hint(fmt.Errorf("%w: %w", errTooComplex, err), "%s", tribune.HintOf(err))
	}
	if err != nil {
		return nil, err
	}
	f.entities = page.Views
	f.meet(s.LookUp)
	if s.Count {
		f.header[countHeader] = strconv.Itoa(page.Count)
	}
	f.last = !page.More
	return f, nil
}
