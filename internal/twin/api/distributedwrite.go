package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
)

// changeOf is the name in clause 4.20 of what a request changes; "" = it is not distributed entity by entity. many: it is a batch.
func changeOf(r *http.Request) (op string, many bool) {
	switch r.Method + " " + strings.TrimPrefix(r.Pattern, Prefix) {
	case "POST /entities":
		return "createEntity", false
	case "DELETE /entities/{id}":
		return "deleteEntity", false
	case "PUT /entities/{id}":
		return "replaceEntity", false
	case "PATCH /entities/{id}":
		return "mergeEntity", false
	case "POST /entities/{id}/attrs":
		return "appendAttrs", false
	case "PATCH /entities/{id}/attrs":
		return "updateEntity", false
	case "PATCH /entities/{id}/attrs/{attr}":
		return "updateAttrs", false
	case "PUT /entities/{id}/attrs/{attr}":
		return "replaceAttrs", false
	case "DELETE /entities/{id}/attrs/{attr}":
		return "deleteAttrs", false
	case "POST /entityOperations/create":
		return "createBatch", true
	case "POST /entityOperations/upsert":
		return "upsertBatch", true
	case "POST /entityOperations/update":
		return "updateBatch", true
	case "POST /entityOperations/merge":
		return "mergeBatch", true
	case "POST /entityOperations/delete":
		return "deleteBatch", true
	}
	return "", false
}

// distribute makes changes here and at whoever is registered for them (clause 5.6). Everybody is asked at once; results are in order.
func (a *api) distribute(r *http.Request, op string, many bool, all []twin.Mutation) []twin.Result {
	out := make([]twin.Result, len(all))
	if a.Sources.Looped(all[0].Tenant, federation.Via(r)) {
		for i := range out {
			out[i].Err = fmt.Errorf("%w: its Via names this broker, or too many others", federation.ErrLoop)
		}
		return out
	}
	x := a.exchangeOf(r)
	if x == nil { // somebody registered just now
		return a.Twin.Mutate(r.Context(), all)
	}
	parts, err := a.divide(r, x, op, many, all)
	if err != nil {
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	var wait sync.WaitGroup
	var lock sync.Mutex // guards what parts become
	wait.Go(func() { a.changeHere(r, parts, &lock) })
	a.forward(r, x, &federation.Writing{Cause: r, Op: op, LD: x.in.ld, Query: forwarded(r)}, many, parts, &wait, &lock)
	wait.Wait()
	for i := range parts {
		out[i] = parts[i].result(all[i].Entity.ID)
	}
	return out
}

// forwarded is the query string that goes on.
func forwarded(r *http.Request) string {
	var parts []string
	for part := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if part != "" && !strings.HasPrefix(part, "local=") {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "&")
}

func (x *exchange) warn(text string) {
	if !slices.Contains(x.header[http.CanonicalHeaderKey(warningHeader)], text) && len(x.header[http.CanonicalHeaderKey(warningHeader)]) < 20 {
		x.header.Add(warningHeader, text)
	}
}

// changeHere makes the changes of this broker, in one call.
func (a *api) changeHere(r *http.Request, parts []*part, lock *sync.Mutex) {
	var mutations []twin.Mutation
	var of []*part
	for _, p := range parts {
		if p.here {
			mutations, of = append(mutations, p.local), append(of, p)
		}
	}
	if len(mutations) == 0 {
		return
	}
	results := a.Twin.Mutate(r.Context(), mutations)
	lock.Lock()
	defer lock.Unlock()
	for i, p := range of {
		res := results[i]
		if res.Err != nil {
			p.fails = append([]error{&failing{res.Err, slices.Sorted(maps.Keys(p.local.Entity.Attrs))}}, p.fails...)
			continue
		}
		p.done++
		p.Created = p.Created || res.Created
		p.Updated, p.Ignored = append(p.Updated, res.Updated...), append(p.Ignored, res.Ignored...)
	}
}

// forwardedAtOnce bounds the sources that one change is sent to at a time: each gets a copy of the request.
const forwardedAtOnce = 32

// forward has every source make its share, in the time that one may take, however many are registered.
func (a *api) forward(r *http.Request, x *exchange, c *federation.Writing, many bool, parts []*part, wait *sync.WaitGroup, lock *sync.Mutex) {
	type load struct {
		items []federation.Item
		of    []*part
	}
	loads := map[*federation.Registration]*load{}
	for _, p := range parts {
		for _, s := range p.Shares {
			l := loads[s.Registration]
			if l == nil {
				l = &load{}
				loads[s.Registration] = l
			}
			item := p.item
			item.Attrs = s.Attrs
			l.items, l.of = append(l.items, item), append(l.of, p)
		}
	}
	wait.Go(func() {
		ctx, cancel := context.WithTimeout(r.Context(), federation.MaxTimeout)
		defer cancel()
		var all sync.WaitGroup
		slots := make(chan struct{}, forwardedAtOnce)
		for reg, l := range loads {
			all.Go(func() {
				slots <- struct{}{} // nobody keeps one for longer than ctx lasts
				defer func() { <-slots }()
				var outcomes []federation.Outcome
				if many {
					outcomes = a.Sources.Batch(ctx, reg, c, l.items)
				} else {
					outcomes = []federation.Outcome{a.Sources.Change(ctx, reg, c, l.items[0])}
				}
				lock.Lock()
				defer lock.Unlock()
				for i, o := range outcomes {
					if reg.Mode == federation.Inclusive && errors.Is(o.Err, federation.ErrLoop) { // it has the change already: a duplicate is left out (clause 4.3.6.4)
						x.warn(federation.Warning(o.Err))
						continue
					}
					l.of[i].add(l.items[i].Attrs, o)
				}
			})
		}
		all.Wait()
	})
}

// add notes what a source has made of its share.
func (p *part) add(attrs []tribune.Name, o federation.Outcome) {
	if o.Err != nil {
		p.fails = append(p.fails, &failing{o.Err, attrs})
		var f *federation.Failure
		if errors.As(o.Err, &f) && f.Status == http.StatusMultiStatus {
			p.done++ // some of it
		}
		return
	}
	p.done++
	p.Created = p.Created || o.Created
	p.Ignored = append(p.Ignored, o.Ignored...)
	for _, n := range attrs {
		if !slices.Contains(o.Ignored, n) {
			p.Updated = append(p.Updated, n)
		}
	}
}

// result is what became of a mutation. One who alone was asked and fails gives their error; otherwise it is said who did what.
func (p *part) result(id tribune.EntityID) twin.Result {
	slices.Sort(p.Updated)
	slices.Sort(p.Ignored)
	p.Updated, p.Ignored = slices.Compact(p.Updated), slices.Compact(p.Ignored)
	switch {
	case len(p.fails) == 0:
	case len(p.fails) == 1 && p.done == 0:
		p.Err = p.fails[0]
	default:
		p.Err = &partial{id: id, done: p.done > 0, failures: p.fails}
	}
	return p.Result
}
