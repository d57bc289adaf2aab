package api

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/temporal"
	"tribune/internal/web"
)

// found is what a request has found and how it is to be shown.
type found struct {
	ctx      *jsonld.Context
	view     jsonld.View
	tenant   tribune.Tenant
	entities []twin.View
	linked   []linkedEntity   // what those link to, where the answer is flat
	last     bool             // no page follows, however full this one is
	status   int              // of the answer; 0 = 200, or 203 where it was written for an earlier version
	list     bool             // an array, else the one entity
	temporal bool             // histories
	period   temporal.Query   // of histories: what is opened must hold it too
	methods  temporal.Methods // of histories: how they are aggregated; 0 = not

	aggregates []map[tribune.Name][]temporal.Aggregated // of each entity, where histories are aggregated
	header     map[string]string                        // of the answer: count, pages
	sources    map[tribune.EntityID][]string            // registrations that hold an entity, and here; those not in it are held here alone
	class      tribune.ClassID                          // where the request names a person: the class of what it asks
	subjects   []tribune.Pseudonym
	lookUp     tribune.Name // where the request names people: the attribute by which it does
	named      bool         // it is the name that a person is known by
	act        string       // id of the act where it was decided before the person was named
}

// spot is one sealed attribute instance that a request has found.
type spot struct {
	entity int
	attr   tribune.Name
	index  int
	sealed *tribune.Sealed
}

// sealed are the sealed instances that the view would show. A request that names a person opens that person's values of
// that class only: an entity may hold another's as well, where its subject has changed.
func (f *found) sealed() []spot {
	var out []spot
	for i := range f.entities {
		for name, all := range f.entities[i].Attrs {
			if !f.view.Shows(name) {
				continue
			}
			for j := range all {
				if s := all[j].Sealed; s != nil && f.view.Wants(all[j].Dataset) && (f.class == "" || s.Class == f.class) && (len(f.subjects) == 0 || slices.Contains(f.subjects, s.Pseudonym)) {
					out = append(out, spot{i, name, j, s})
				}
			}
		}
	}
	return out
}

// open puts opened values in their spots, in copies: what was found is shared with the twin's cache.
func (f *found) open(spots []spot, values [][]byte) error {
	if len(values) != len(spots) {
		return &tribune.IntegrityError{What: "an opening", Err: fmt.Errorf("%d values for %d sealed ones: %w", len(values), len(spots), tribune.ErrInvalid)}
	}
	copied := map[int]map[tribune.Name]bool{}
	for i, s := range spots {
		e := &f.entities[s.entity]
		if copied[s.entity] == nil {
			copied[s.entity] = map[tribune.Name]bool{}
			e.Attrs = maps.Clone(e.Attrs)
		}
		if !copied[s.entity][s.attr] {
			copied[s.entity][s.attr] = true
			e.Attrs[s.attr] = append([]model.Attr(nil), e.Attrs[s.attr]...)
		}
		a := &e.Attrs[s.attr][s.index]
		clear, err := twin.OpenAttr(values[i])
		if err != nil {
			return &tribune.IntegrityError{What: "an opened value", Err: err}
		}
		clear.Dataset, clear.CreatedAt, clear.ModifiedAt = a.Dataset, a.CreatedAt, a.ModifiedAt
		*a = clear
	}
	return nil
}

// show writes the answer. Sealed attributes are absent from it; how many are withheld stands in the warning header.
func (a *api) show(w http.ResponseWriter, r *http.Request, f *found) error {
	if err := a.link(r, f); err != nil {
		return err
	}
	body := make([]byte, 0, 256+512*(len(f.entities)+len(f.linked)))
	view, withheld := f.view, 0
	if f.list {
		body, view.LD = f.begin(body), view.LD && !view.GeoJSON // a collection has the @context, not its features
	}
	n := 0
	for i := range f.entities {
		e := &f.entities[i]
		if !f.temporal && !jsonld.Shown(&e.Entity, view) {
			continue // nothing was picked that it has
		}
		if n++; n > 1 {
			body = append(body, ',')
		}
		withheld += jsonld.Withheld(&e.Entity, view)
		if f.temporal {
			body = f.past(body, i, view)
			continue
		}
		body = a.append(body, r, f, view, e)
	}
	body, withheld = a.appendLinked(body, r, f, view, n, withheld)
	if l := view.Linked; l != nil && l.Left < 0 {
		return tooManyLinks()
	}
	if f.list {
		body = f.end(body)
	}
	for k, v := range f.header {
		w.Header().Add(k, v)
	}
	if !f.view.LD { // then a header names the context (clause 6.3.6)
		var err error
		if f.ctx, err = a.linkable(r, f.tenant, f.ctx); err != nil {
			return err
		}
	}
	f.send(w, r, withheld, body)
	return nil
}

// appendLinked appends the entities of a flat answer that others link to, and counts what is withheld of all that are
// linked.
func (a *api) appendLinked(body []byte, r *http.Request, f *found, view jsonld.View, n, withheld int) ([]byte, int) {
	for i := range f.linked {
		e := &f.linked[i]
		if n++; n > 1 {
			body = append(body, ',')
		}
		e.view.LD = view.LD
		withheld += jsonld.Withheld(&e.Entity, e.view)
		body = a.append(body, r, f, e.view, &e.View)
	}
	if view.Linked != nil {
		for _, e := range view.Linked.Entities {
			withheld += jsonld.Withheld(e, jsonld.View{})
		}
	}
	return body, withheld
}

// begin begins an array or a collection of features, end ends it.
func (f *found) begin(b []byte) []byte {
	if f.view.GeoJSON {
		return f.ctx.AppendCollection(b, false, false)
	}
	return append(b, '[')
}

func (f *found) end(b []byte) []byte {
	if f.view.GeoJSON {
		return f.ctx.AppendCollection(b, true, f.view.LD)
	}
	return append(b, ']')
}

// append renders an entity, from the twin's ready bytes where they are of this very version. What entities link to is
// none of their bytes in a flat answer.
func (a *api) append(b []byte, r *http.Request, f *found, view jsonld.View, e *twin.View) []byte {
	if view.Join == jsonld.Flat {
		view.Join = jsonld.NoJoin
	}
	key, ok := rendering(f.ctx, view)
	if ok && len(f.entities) > 1 && e.Version != 0 {
		ready, err := a.Twin.Ready(r.Context(), f.tenant, e.ID, key, renderer(f.ctx, view))
		if err == nil && binary.BigEndian.Uint64(ready[4:]) == e.Version && binary.BigEndian.Uint32(ready) == uint32(jsonld.Withheld(&e.Entity, view)) {
			return append(b, ready[readyHeader:]...)
		}
	}
	return f.ctx.Append(b, &e.Entity, view)
}

// Ready bytes begin with how many attributes are withheld (u32) and the entity's version (u64).
const readyHeader = 12

// rendering names a view for the twin's cache of ready bytes; views that are made for one request are not kept.
func rendering(ctx *jsonld.Context, v jsonld.View) (string, bool) {
	key, ok := v.Key()
	return key + ctx.Key(), ok
}

func renderer(ctx *jsonld.Context, v jsonld.View) func(twin.View) ([]byte, error) {
	return func(e twin.View) ([]byte, error) {
		b := make([]byte, readyHeader, 1024)
		binary.BigEndian.PutUint32(b, uint32(jsonld.Withheld(&e.Entity, v)))
		binary.BigEndian.PutUint64(b[4:], e.Version)
		return ctx.Append(b, &e.Entity, v), nil
	}
}

// Values of headers that most answers have; net/http copies them out.
var (
	jsonHeader = []string{typeJSON}
	ldHeader   = []string{typeLD}
)

// send writes a body without entities, with the headers of clause 6.3: JSON names its context in a Link header, JSON-LD in its body.
func send(w http.ResponseWriter, r *http.Request, ctx *jsonld.Context, ld bool, withheld int, body []byte) {
	media := jsonHeader
	if ld {
		media = ldHeader
	}
	conforms(w, r)
	sendAs(w, r, http.StatusOK, media, ctx, ld, withheld, body)
}

// send writes the body of what was found: as GeoJSON where that was asked for, and for an earlier version of the standard
// where the reader prefers one (clause 4.3.6.8).
func (f *found) send(w http.ResponseWriter, r *http.Request, withheld int, body []byte) {
	media, status := jsonHeader, http.StatusOK
	switch {
	case f.view.GeoJSON:
		media = geoHeader
	case f.view.LD:
		media = ldHeader
	}
	if m := f.view.Amend; m != nil {
		w.Header().Set(preferenceHeader, "ngsi-ld="+m.Conforms())
		if m.Altered {
			status = http.StatusNonAuthoritativeInfo
		}
	}
	if f.status != 0 {
		status = f.status
	}
	sendAs(w, r, status, media, f.ctx, f.view.LD, withheld, body)
}

// sendAs writes a body of a media type; inside: it has its @context in it.
func sendAs(w http.ResponseWriter, r *http.Request, status int, media []string, ctx *jsonld.Context, inside bool, withheld int, body []byte) {
	h := w.Header()
	h["Content-Type"] = media
	if !inside {
		if url := ctx.Link(); url != "" {
			h.Add("Link", "<"+url+`>; rel="`+contextRel+`"; type="`+typeLD+`"`)
		}
	}
	if withheld > 0 {
		h.Add(warningHeader, warning(withheld, web.CallerOf(r.Context()).Purpose != ""))
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body)
}

// warning is a warning value as in clause 6.3.17: code, agent, text.
func warning(n int, purpose bool) string {
	what := "1 personal attribute is withheld"
	if n != 1 {
		what = strconv.Itoa(n) + " personal attributes are withheld"
	}
	how := "send Tribune-Purpose and Tribune-Mandate with a token of yours"
	if purpose {
		how = "they are of another class or person than this act opens, or past their keeping time"
	}
	return `199 tribune "` + what + `; ` + how + `"`
}
