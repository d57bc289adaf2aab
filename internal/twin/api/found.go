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
	list     bool              // an array, else the one entity
	temporal bool              // histories
	period   temporal.Query    // of histories: what is opened must hold it too
	header   map[string]string // of the answer: count, pages
	class    tribune.ClassID   // where the request names a person: the class of what it asks
	subjects []tribune.Pseudonym
	act      string // id of the act where it was decided before the person was named
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
			if len(f.view.Attrs) > 0 && !contains(f.view.Attrs, name) {
				continue
			}
			for j := range all {
				if s := all[j].Sealed; s != nil && (f.class == "" || s.Class == f.class) && (len(f.subjects) == 0 || slices.Contains(f.subjects, s.Pseudonym)) {
					out = append(out, spot{i, name, j, s})
				}
			}
		}
	}
	return out
}

func contains(names []tribune.Name, name tribune.Name) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
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
	body := make([]byte, 0, 256+512*len(f.entities))
	withheld := 0
	if f.list {
		body = append(body, '[')
	}
	for i := range f.entities {
		if i > 0 {
			body = append(body, ',')
		}
		e := &f.entities[i]
		withheld += jsonld.Withheld(&e.Entity, f.view)
		if f.temporal {
			body = f.ctx.AppendTemporal(body, &e.Entity, f.view)
			continue
		}
		body = a.append(body, r, f, e)
	}
	if f.list {
		body = append(body, ']')
	}
	for k, v := range f.header {
		w.Header().Add(k, v)
	}
	send(w, r, f.ctx, f.view.LD, withheld, body)
	return nil
}

// append renders an entity, from the twin's ready bytes where they are of this very version.
func (a *api) append(b []byte, r *http.Request, f *found, e *twin.View) []byte {
	key, ok := rendering(f.ctx, f.view)
	if ok && len(f.entities) > 1 && e.Version != 0 {
		ready, err := a.Twin.Ready(r.Context(), f.tenant, e.ID, key, renderer(f.ctx, f.view))
		if err == nil && binary.BigEndian.Uint64(ready[4:]) == e.Version && binary.BigEndian.Uint32(ready) == uint32(jsonld.Withheld(&e.Entity, f.view)) {
			return append(b, ready[readyHeader:]...)
		}
	}
	return f.ctx.Append(b, &e.Entity, f.view)
}

// Ready bytes begin with how many attributes are withheld (u32) and the entity's version (u64).
const readyHeader = 12

// rendering names a view for the twin's cache of ready bytes; views of chosen attributes are not kept.
func rendering(ctx *jsonld.Context, v jsonld.View) (string, bool) {
	if len(v.Attrs) > 0 {
		return "", false
	}
	if v.Format == jsonld.Normalized && !v.SysAttrs && !v.LD && ctx.Key() == "" {
		return "n", true
	}
	return strconv.Itoa(int(v.Format)) + strconv.FormatBool(v.SysAttrs) + strconv.FormatBool(v.LD) + ctx.Key(), true
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

// send writes a body with the headers of clause 6.3: JSON names its context in a Link header, JSON-LD in its body.
func send(w http.ResponseWriter, r *http.Request, ctx *jsonld.Context, ld bool, withheld int, body []byte) {
	h := w.Header()
	if ld {
		h["Content-Type"] = ldHeader
	} else {
		h["Content-Type"] = jsonHeader
		if url := ctx.Link(); url != "" {
			h.Add("Link", "<"+url+`>; rel="`+contextRel+`"; type="`+typeLD+`"`)
		}
	}
	if withheld > 0 {
		h.Set(warningHeader, warning(withheld, web.CallerOf(r.Context()).Purpose != ""))
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(http.StatusOK)
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
