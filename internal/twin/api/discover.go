package api

import (
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
)

// discoverParams are those of table 6.8.3.2-1, with those of pages. lang, geometryProperty and omit are about entities, which
// no answer holds.
var discoverParams = []string{"type", "id", "idPattern", "attrs", "pick", "omit", "q", "georel", "geometry", "coordinates", "geoproperty", "geometryProperty", "timerel", "timeAt", "endTimeAt", "timeproperty",
	"csf", "scopeQ", "lang", "datasetId", "limit", "offset", "count", "options", "format", "local"}

// discover is GET /csourceRegistrations (clause 5.10.2).
func (a *api) discover(w http.ResponseWriter, r *http.Request) error {
	p, err := readParams(r, discoverParams...)
	if err != nil {
		return err
	}
	ctx, err := a.linkedContext(r)
	if err != nil {
		return err
	}
	ld, err := acceptsLD(r)
	if err != nil {
		return err
	}
	t, err := tenant(r)
	if err != nil {
		return err
	}
	page, err := readPage(p)
	if err != nil {
		return err
	}
	need, err := discoveryNeed(ctx, p)
	if err != nil {
		return err
	}
	all := a.Registry.Discover(t, need)
	if page.Count {
		w.Header().Set(countHeader, strconv.Itoa(len(all)))
	}
	from := min(page.Offset, len(all))
	some := all[from:min(from+page.Limit, len(all))]
	if link := pageHeader(r.URL, listMedia(ld), page.Offset, page.Limit, from+len(some) < len(all)); link != "" {
		w.Header().Add("Link", link)
	}
	body := []byte{'['}
	for i, f := range some {
		// A registration is shown whole. That only the matching part is shown is a recommendation; under its ID a client would take the part
		// for all of it.
		one, err := f.Show(a.shown(r, ctx, ld))
		if err != nil {
			return err
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, one...)
	}
	send(w, r, ctx, ld, 0, append(body, ']'))
	return nil
}

// readPage reads which part of a list is asked for (clause 5.5.9).
func readPage(p params) (q twin.Query, err error) {
	o, err := p.options("count", "normalized", "keyValues", "simplified", "concise", "sysAttrs")
	if err != nil {
		return q, err
	}
	if q.Count, err = p.flag("count"); err != nil {
		return q, err
	}
	q.Count = q.Count || o["count"]
	if q.Limit, err = p.number("limit", defaultLimit, 0, maxLimit); err != nil {
		return q, err
	}
	if q.Limit == 0 && !q.Count {
		return q, fmt.Errorf("%w: limit=0 asks for nothing; with count=true it asks for the number (clause 6.3.10)", tribune.ErrInvalid)
	}
	q.Offset, err = p.number("offset", 0, 0, maxOffset)
	return q, err
}

// discoveryNeed reads what is asked about entities (clause 5.10.2.3).
func discoveryNeed(ctx *jsonld.Context, p params) (n federation.Need, err error) {
	s := &search{ctx: ctx}
	var ids []string
	if p["id"] != "" {
		ids = strings.Split(p["id"], ",")
	}
	if err := s.selector(p["type"], ids, p["idPattern"]); err != nil {
		return n, err
	}
	if err := s.expression(p["q"]); err != nil {
		return n, err
	}
	n.Types, n.IDs, n.Pattern = s.Types, s.IDs, s.IDPattern
	for _, param := range []string{"attrs", "pick"} {
		if n.Attrs, err = p.sourceAttrs(ctx, param, n.Attrs); err != nil {
			return n, err
		}
	}
	if p["datasetId"] != "" {
		n.Datasets = strings.Split(p["datasetId"], ",")
	}
	if n.Past, err = federation.ParsePast(p["timerel"], p["timeAt"], p["endTimeAt"], p["timeproperty"]); err != nil {
		return n, err
	}
	place, property, err := federation.ParsePlace(ctx, p["georel"], p["geometry"], p["coordinates"], p["geoproperty"])
	if err != nil {
		return n, err
	}
	if p["type"] == "" && len(n.Attrs) == 0 && s.Q == nil && place == nil {
		return n, tribune.Hint(fmt.Errorf("%w: a query for registrations names a type, attrs, q or georel (clause 5.10.2.4)", tribune.ErrInvalid), "Add type=NAME.")
	}
	n.Attrs = append(n.Attrs, s.Q.Attrs()...)
	if place != nil {
		n.Attrs = append(n.Attrs, property)
	}
	f := federation.Filter{Place: place, Space: property}
	if p["csf"] != "" {
		if f.Sources, err = query.Parse(p["csf"], federation.Property(ctx)); err != nil {
			return n, tribune.Hint(fmt.Errorf("%w: csf does not follow the query language (clause 4.9)", tribune.ErrInvalid), "%s", tribune.HintOf(err))
		}
	}
	if p["scopeQ"] != "" {
		if f.Scope, err = federation.ParseScope(p["scopeQ"]); err != nil {
			return n, err
		}
	}
	n.Where = f.Where()
	return n, nil
}

// sourceAttrs adds the attributes that a parameter names, less what every entity has.
func (p params) sourceAttrs(ctx *jsonld.Context, param string, attrs []tribune.Name) ([]tribune.Name, error) {
	for term := range strings.SplitSeq(p[param], ",") {
		switch term = strings.TrimSpace(term); term {
		case "", "id", "type", "scope", "@id", "@type":
			continue
		}
		name, err := ctx.Attr(term)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", param, err)
		}
		if attrs = append(attrs, name); len(attrs) > maxNames {
			return nil, fmt.Errorf("%w: %s names more than %d", tribune.ErrTooLarge, param, maxNames)
		}
	}
	return slices.Clip(attrs), nil
}
