package api

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/federation"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// part is a mutation divided among those who hold its entity.
type part struct {
	federation.Division
	item  federation.Item
	here  bool          // this broker changes it as well
	local twin.Mutation // what of it
	fails []error
	done  int // how many have changed it
	twin.Result
}

// divide finds out for each mutation who is to make it.
func (a *api) divide(r *http.Request, x *exchange, op string, many bool, all []twin.Mutation) ([]*part, error) {
	parts := make([]*part, len(all))
	docs, next := x.in.doc.Elements(), 0
	for i := range all {
		m := &all[i]
		p := &part{local: *m}
		p.item = federation.Item{ID: m.Entity.ID, Doc: x.in.doc, Context: x.in.ctx}
		if many && op != "deleteBatch" {
			for next < len(docs) && (nameOf(docs[next]) != string(m.Entity.ID) || !sameAttrs(m, docs[next], x, a, r)) {
				next++ // it could not be read
			}
			if next < len(docs) {
				p.item.Doc = docs[next]
				next++
			}
			ctx, err := a.elementContext(r, x.in, p.item.Doc)
			if err != nil {
				return nil, err
			}
			p.item.Context = ctx
		} else if many {
			p.item.Doc = jsonld.Document{}
		}
		if p.item.Context == nil {
			ctx, err := a.linkedContext(r)
			if err != nil {
				return nil, err
			}
			p.item.Context = ctx
		}
		a.divideOne(r, x, op, many, m, p)
		parts[i] = p
	}
	return parts, nil
}

// sameAttrs reports whether a document is the one that a mutation was read from: it has the same attributes. Documents of a batch that could
// not be read have no mutation.
func sameAttrs(m *twin.Mutation, doc jsonld.Document, x *exchange, a *api, r *http.Request) bool {
	ctx, err := a.elementContext(r, x.in, doc)
	return err == nil && ctx.SameAttrs(doc, m.Entity.Attrs)
}

func (a *api) divideOne(r *http.Request, x *exchange, op string, many bool, m *twin.Mutation, p *part) {
	types, exists := m.Entity.Types, false
	if here, err := a.Twin.Get(r.Context(), m.Tenant, m.Entity.ID); err == nil {
		if exists = m.Only.Match(here.Types); exists {
			types = here.Types
		}
	}
	attrs := slices.Sorted(maps.Keys(m.Entity.Attrs))
	need := federation.Need{IDs: []tribune.EntityID{m.Entity.ID}, Attrs: attrs, Types: query.Type(types...)}
	p.Division = federation.Divide(a.match(r, m.Tenant, need), attrs)
	p.item.Attrs = attrs
	p.keepPersonal(a, x, slices.Concat(types, m.Entity.Types)) // a change may add types
	if p.Taken && len(attrs) > 0 {
		p.local.Entity.Attrs = make(map[tribune.Name][]model.Attr, len(p.Here))
		for _, n := range p.Here {
			p.local.Entity.Attrs[n] = m.Entity.Attrs[n]
		}
	}
	kept := p.Shares[:0]
	for _, s := range p.Shares {
		switch {
		case many && federation.CanBatch(s.Registration, &federation.Writing{Op: op, Query: r.URL.RawQuery}), !many && s.Offers(op):
			kept = append(kept, s)
		case s.Mode.Proxied():
			p.fails = append(p.fails, &failing{&federation.Failure{Source: s.ID, Err: federation.ErrMode}, s.Attrs})
		}
	}
	p.Shares = kept
	p.here = a.changesHere(op, p, exists) // after sources that cannot make it: where nobody else does, it is known here that the entity is missing
}

// changesHere reports whether this broker makes the change as well. What is held elsewhere alone it does not; what it does not have, but
// somebody is registered for, it need not have.
func (a *api) changesHere(op string, p *part, exists bool) bool {
	if len(p.Shares) == 0 && !p.Taken {
		return true
	}
	switch op {
	case "deleteEntity", "deleteBatch":
		return exists
	case "updateAttrs", "replaceAttrs", "deleteAttrs":
		return exists && !p.Taken
	case "createEntity", "createBatch", "upsertBatch":
		return !p.Away && (len(p.Here) > 0 || !p.Taken)
	case "replaceEntity":
		return exists && !p.Away
	}
	return exists && !p.Away && (len(p.Here) > 0 || !p.Taken)
}

// keepPersonal takes personal attributes out of what is forwarded. Where somebody else alone may hold one, the change of it fails.
func (p *part) keepPersonal(a *api, x *exchange, types []tribune.Name) {
	kept := p.Shares[:0]
	for _, s := range p.Shares {
		var personal []tribune.Name
		s.Attrs = slices.DeleteFunc(s.Attrs, func(name tribune.Name) bool {
			if name == model.ScopeName || !a.isPersonal(types, name) {
				return false
			}
			personal = append(personal, name)
			return true
		})
		if len(personal) == 0 {
			kept = append(kept, s)
			continue
		}
		if s.Mode.Proxied() {
			p.fails = append(p.fails, &failing{&federation.Failure{Source: s.ID, Err: tribune.ErrDenied, Detail: fmt.Sprintf("%d attributes are personal: they are not forwarded, as no purpose goes with them", len(personal))}, personal})
		} else {
			x.warn(fmt.Sprintf(`199 tribune "registration %s: %d personal attributes are not forwarded: no purpose goes with them"`, s.ID, len(personal)))
		}
		if len(s.Attrs) > 0 {
			kept = append(kept, s)
		}
	}
	p.Shares = kept
}
