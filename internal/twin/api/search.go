package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

// search is a query for entities: what its two forms, URL and body, come down to.
type search struct {
	twin.Query
	ctx    *jsonld.Context
	view   jsonld.View
	types  []tribune.Name // every type that the type expression names
	inBody bool           // it may name a person
}

var searchParams = []string{"type", "id", "idPattern", "attrs", "q", "georel", "geometry", "coordinates", "geoproperty", "limit", "offset", "count", "options", "format", "local"}

// queryEntities is GET /entities (clause 6.4.3.2).
func (a *api) queryEntities(w http.ResponseWriter, r *http.Request) error {
	return a.answer(w, r, nil, func() (*found, error) {
		p, err := readParams(r, searchParams...)
		if err != nil {
			return nil, err
		}
		ctx, err := a.linkedContext(r)
		if err != nil {
			return nil, err
		}
		s, err := newSearch(w, r, ctx, p)
		if err != nil {
			return nil, err
		}
		if s.Attrs, err = p.names(ctx, "attrs"); err != nil {
			return nil, err
		}
		s.view.Attrs = s.Attrs
		var ids []string
		if p["id"] != "" {
			ids = strings.Split(p["id"], ",")
		}
		if err := s.selector(p["type"], ids, p["idPattern"]); err != nil {
			return nil, err
		}
		if err := s.expression(p["q"]); err != nil {
			return nil, err
		}
		if s.Near, err = near(ctx, p["georel"], p["geometry"], p["coordinates"], p["geoproperty"]); err != nil {
			return nil, err
		}
		f, err := a.find(r, s)
		if err != nil {
			return nil, err
		}
		if link := pages(r.URL, p, &s.Query, len(f.entities)); link != "" {
			f.header["Link"] = link
		}
		return f, nil
	})
}

// newSearch reads what both forms say in the URL: page, representation, tenant.
func newSearch(w http.ResponseWriter, r *http.Request, ctx *jsonld.Context, p params) (*search, error) {
	s := &search{ctx: ctx}
	o, err := p.options(append([]string{"count"}, entityOptions...)...)
	if err != nil {
		return nil, err
	}
	if s.Tenant, err = tenant(w, r); err != nil {
		return nil, err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return nil, err
	}
	if s.view, err = p.view(ctx, o, ld); err != nil {
		return nil, err
	}
	if s.Count, err = p.flag("count"); err != nil {
		return nil, err
	}
	s.Count = s.Count || o["count"]
	if s.Limit, err = p.number("limit", defaultLimit, 0, maxLimit); err != nil {
		return nil, err
	}
	if s.Limit == 0 && !s.Count {
		return nil, fmt.Errorf("%w: limit=0 asks for nothing; with count=true it asks for the number (clause 6.3.10)", tribune.ErrInvalid)
	}
	s.Offset, err = p.number("offset", 0, 0, maxOffset)
	return s, err
}

// selector reads types, ids and id pattern.
func (s *search) selector(types string, ids []string, pattern string) (err error) {
	if types != "" && types != "*" {
		s.Types, err = query.ParseTypes(types, func(term string) (tribune.Name, error) {
			name, err := s.ctx.Expand(term)
			s.types = append(s.types, name)
			return name, err
		})
		if err != nil {
			return err
		}
	}
	if len(ids) > maxNames {
		return fmt.Errorf("%w: more than %d ids", tribune.ErrTooLarge, maxNames)
	}
	for _, text := range ids {
		id, err := jsonld.ID(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		s.IDs = append(s.IDs, id)
	}
	if pattern != "" {
		if s.IDPattern, err = query.Regexp(pattern); err != nil {
			return fmt.Errorf("%w: idPattern must be a regular expression (RE2) of at most %d bytes", tribune.ErrInvalid, query.MaxRegexp)
		}
	}
	return nil
}

// expression reads q. What is wrong with it is said without repeating it: it may name a person.
func (s *search) expression(q string) (err error) {
	if q == "" {
		return nil
	}
	if s.Q, err = query.Parse(q, s.ctx.Attr); err != nil {
		return unquoted(err)
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

// find runs a search. Where the caller names a purpose, a person may be looked up by the attribute that names them.
func (a *api) find(r *http.Request, s *search) (*found, error) {
	if len(s.types) == 0 && len(s.IDs) == 0 && s.IDPattern == nil && len(s.Attrs) == 0 && s.Q == nil && s.Near == nil {
		return nil, tribune.Hint(fmt.Errorf("%w: a query names a type, ids, attrs, q or georel (clause 5.7.2)", tribune.ErrInvalid), "Add type=NAME.")
	}
	f := &found{ctx: s.ctx, view: s.view, tenant: s.Tenant, list: true, header: map[string]string{}}
	if caller := web.CallerOf(r.Context()); caller.Purpose != "" {
		if err := a.person(r, caller, s, f); err != nil {
			return nil, err
		}
	}
	page, err := a.Twin.Find(r.Context(), s.Query)
	if errors.Is(err, tribune.ErrTooLarge) {
		return nil, tribune.Hint(fmt.Errorf("%w: %w", errTooComplex, err), "%s", tribune.HintOf(err))
	}
	if err != nil {
		return nil, err
	}
	f.entities = page.Views
	if s.Count {
		f.header[countHeader] = strconv.Itoa(page.Count)
	}
	return f, nil
}

// pages is the Link header to the next and previous page (clause 6.3.10).
func pages(u *url.URL, p params, q *twin.Query, n int) string {
	var links []string
	page := func(rel string, offset int) {
		v := url.Values{}
		for name, value := range p {
			v.Set(name, value)
		}
		v.Set("offset", strconv.Itoa(offset))
		v.Set("limit", strconv.Itoa(q.Limit))
		links = append(links, "<"+u.EscapedPath()+"?"+v.Encode()+`>; rel="`+rel+`"`)
	}
	if q.Offset > 0 && q.Limit > 0 {
		page("prev", max(0, q.Offset-q.Limit))
	}
	if n == q.Limit && n > 0 {
		page("next", q.Offset+q.Limit)
	}
	return strings.Join(links, ", ")
}
