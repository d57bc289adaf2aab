package api

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// pastChangeOf is the name in clause 4.20 of a change of the past.
func pastChangeOf(m twin.PastMode) string {
	return [...]string{
		twin.PastUpsert: "upsertTemporal", twin.PastAppend: "appendAttrsTemporal", twin.PastDeleteAttr: "deleteAttrsTemporal",
		twin.PastReplace: "updateAttrInstanceTemporal", twin.PastDeleteInstance: "deleteAttrInstanceTemporal", twin.PastDelete: "deleteTemporal",
	}[m]
}

// pastPart is a change of the past, divided among those who hold its entity.
type pastPart struct {
	part
	change  twin.Past // what of it is made here
	shared  bool      // others are concerned: what is not here need not be
	missing error     // that it is not here
}

// distributePast makes a change of the past here and at whoever is registered for it (clauses 5.6.11 to 5.6.16). Everybody is asked at once.
func (a *api) distributePast(r *http.Request, change twin.Past) twin.Result {
	if a.Sources.Looped(change.Tenant, federation.Via(r)) {
		return twin.Result{Err: fmt.Errorf("%w: its Via names this broker, or too many others", federation.ErrLoop)}
	}
	x := a.exchangeOf(r)
	if x == nil { // somebody registered just now
		return a.Twin.Evolve(r.Context(), change)
	}
	op := pastChangeOf(change.Mode)
	p, err := a.dividePast(r, x, op, change)
	if err != nil {
		return twin.Result{Err: err}
	}
	var wait sync.WaitGroup
	var lock sync.Mutex // guards what the part becomes
	if p.here {
		wait.Go(func() { a.evolveHere(r, p, &lock) })
	}
	a.forward(r, x, &federation.Writing{Cause: r, Op: op, LD: x.in.ld, Query: forwarded(r)}, false, []*part{&p.part}, &wait, &lock)
	wait.Wait()
	return p.settled()
}

// dividePast finds out who is to make a change of the past. Registrations of latest information count as well: what is newest of the past
// becomes the present, which who proxies it does not let this broker hold.
func (a *api) dividePast(r *http.Request, x *exchange, op string, change twin.Past) (*pastPart, error) {
	p := &pastPart{change: change}
	id, attrs := change.Entity.ID, slices.Sorted(maps.Keys(change.Entity.Attrs))
	p.item = federation.Item{ID: id, Doc: x.in.doc, Context: x.in.ctx, Attrs: attrs, Instance: change.Instance}
	if err := a.contextOf(r, &p.item); err != nil {
		return nil, err
	}
	types := slices.Concat(change.Entity.Types, a.typesHere(r.Context(), change.Tenant, id))
	need := federation.Need{IDs: []tribune.EntityID{id}, Attrs: attrs, Types: query.Type(types...), Change: true}
	p.Division = federation.Divide(a.match(r, change.Tenant, need), attrs)
	p.keepPersonal(a, x, types)
	p.offered(op)
	if p.Taken && len(attrs) > 0 {
		p.change.Entity.Attrs = make(map[tribune.Name][]model.Attr, len(p.Here))
		for _, n := range p.Here {
			p.change.Entity.Attrs[n] = change.Entity.Attrs[n]
		}
	}
	p.shared = len(p.Shares)+len(p.fails) > 0
	switch change.Mode {
	case twin.PastDelete:
		p.here = true
	case twin.PastUpsert, twin.PastAppend:
		p.here = !p.Away && (len(p.Here) > 0 || !p.Taken)
	default:
		p.here = !p.Taken
	}
	return p, nil
}

// contextOf is the context of what is passed on: that of the body, of the one element of an array, or of the Link header.
func (a *api) contextOf(r *http.Request, item *federation.Item) (err error) {
	if item.Context != nil {
		return nil
	}
	if all := item.Doc.Elements(); item.Doc.IsArray() && len(all) == 1 {
		item.Doc = all[0]
		item.Context, err = a.bodyContext(r, item.Doc)
		return err
	}
	item.Context, err = a.linkedContext(r)
	return err
}

// offered leaves the sources that offer an operation. Where another one alone may hold what is to be changed, the change of that fails.
func (p *part) offered(op string) {
	kept := p.Shares[:0]
	for _, s := range p.Shares {
		switch {
		case s.Offers(op):
			kept = append(kept, s)
		case s.Mode.Proxied():
			p.fails = append(p.fails, &failing{&federation.Failure{Source: s.ID, Err: federation.ErrMode}, s.Attrs})
		}
	}
	p.Shares = kept
}

func (a *api) evolveHere(r *http.Request, p *pastPart, lock *sync.Mutex) {
	res := a.Twin.Evolve(r.Context(), p.change)
	lock.Lock()
	defer lock.Unlock()
	switch {
	case res.Err == nil:
		p.done++
		p.Created = p.Created || res.Created
	case p.shared && errors.Is(res.Err, tribune.ErrNotFound):
		p.missing = res.Err
	default:
		p.fails = append([]error{&failing{res.Err, slices.Sorted(maps.Keys(p.change.Entity.Attrs))}}, p.fails...)
	}
}

// settled is what became of the change. An instance is in one place: that others do not have it is no failure.
func (p *pastPart) settled() twin.Result {
	absent := func(err error) bool { return errors.Is(err, tribune.ErrNotFound) }
	switch {
	case p.done > 0 && p.change.Instance != "":
		p.fails = slices.DeleteFunc(p.fails, absent)
	case p.done == 0 && len(p.fails) > 1 && !slices.ContainsFunc(p.fails, func(err error) bool { return !absent(err) }):
		p.fails = p.fails[:1]
	case p.done == 0 && len(p.fails) == 0:
		return twin.Result{Err: p.missing}
	}
	return p.result(p.item.ID)
}
