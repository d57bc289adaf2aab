package api

import (
	"fmt"
	"net/http"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/web"
)

func (a *api) batchRoutes() table {
	return table{
		"/entityOperations/create": {"POST": a.write(a.batchCreate)},
		"/entityOperations/upsert": {"POST": a.write(a.batchUpsert)},
		"/entityOperations/update": {"POST": a.write(a.batchUpdate)},
		"/entityOperations/merge":  {"POST": a.write(a.batchMerge)},
		"/entityOperations/delete": {"POST": a.write(a.batchDelete)},
	}
}

// maxBatch bounds the entities of one batch operation.
const maxBatch = 1000

// batchError is clause 5.2.17.
type batchError struct {
	EntityID       string      `json:"entityId,omitempty"`       // none where a context source says of none in particular
	RegistrationID string      `json:"registrationId,omitempty"` // of the context source whose error it is
	Error          web.Problem `json:"error"`
}

// batch is a batch operation under way: what could be read goes to the twin in one call, in order.
type batch struct {
	ids       []string
	mutations []twin.Mutation
	errors    []batchError
}

// batchCreate is POST /entityOperations/create (clause 6.14.3.1).
func (a *api) batchCreate(w http.ResponseWriter, r *http.Request) error {
	return a.batch(w, r, nil, func(options) twin.Mode { return twin.Create })
}

// batchUpsert is POST /entityOperations/upsert (clause 6.15.3.1).
func (a *api) batchUpsert(w http.ResponseWriter, r *http.Request) error {
	return a.batch(w, r, []string{"replace", "update"}, func(o options) twin.Mode {
		if o["update"] {
			return twin.Upsert
		}
		return twin.UpsertReplace
	})
}

// batchUpdate is POST /entityOperations/update (clause 6.16.3.1).
func (a *api) batchUpdate(w http.ResponseWriter, r *http.Request) error {
	return a.batch(w, r, []string{"noOverwrite"}, func(o options) twin.Mode {
		if o["noOverwrite"] {
			return twin.AppendNew
		}
		return twin.Append
	})
}

// batchMerge is POST /entityOperations/merge (clause 6.31.3.1).
func (a *api) batchMerge(w http.ResponseWriter, r *http.Request) error {
	return a.batch(w, r, nil, func(options) twin.Mode { return twin.Merge }, "lang", "observedAt")
}

func (a *api) batch(w http.ResponseWriter, r *http.Request, words []string, mode func(options) twin.Mode, more ...string) error {
	p, err := readParams(r, append(more, "options", "format", "local")...)
	if err != nil {
		return err
	}
	simplified, o, err := p.representation(words...)
	if err != nil {
		return err
	}
	common, err := p.common()
	if err != nil {
		return err
	}
	ten, err := tenant(r)
	if err != nil {
		return err
	}
	in, elements, err := a.elements(r)
	if err != nil {
		return err
	}
	b := &batch{}
	source := string(web.CallerOf(r.Context()).Actor)
	m := mode(o)
	common.KeepTypes = simplified && m == twin.Merge
	for _, element := range elements {
		e, err := a.element(r, in, element, form(simplified, m))
		if err == nil && e.Entity.ID == "" {
			err = fmt.Errorf("%w: attribute \"id\": an entity must have an id (clause 4.5.1)", tribune.ErrInvalid)
		}
		if err != nil {
			b.fail(a, nameOf(element), err)
			continue
		}
		e.Tenant, e.Mode, e.Source, e.Common = ten, m, source, common
		b.ids = append(b.ids, string(e.Entity.ID))
		b.mutations = append(b.mutations, e)
	}
	return a.runBatch(w, r, b)
}

func (a *api) element(r *http.Request, in payload, doc jsonld.Document, f jsonld.Form) (m twin.Mutation, err error) {
	ctx, err := a.elementContext(r, in, doc)
	if err != nil {
		return m, err
	}
	m.Entity, err = ctx.Entity(doc, f)
	return m, err
}

// elements reads a body that is an array.
func (a *api) elements(r *http.Request) (payload, []jsonld.Document, error) {
	in, err := a.read(r)
	if err != nil {
		return in, nil, err
	}
	if !in.doc.IsArray() {
		return in, nil, fmt.Errorf("%w: a batch is a JSON array", tribune.ErrInvalid)
	}
	elements := in.doc.Elements()
	if len(elements) == 0 {
		return in, nil, fmt.Errorf("%w: the batch is empty", tribune.ErrInvalid)
	}
	for _, element := range elements {
		if string(element.Raw()) == "null" {
			return in, nil, fmt.Errorf("%w: an item of the batch is null (clause 5.6.7)", tribune.ErrInvalid)
		}
	}
	if len(elements) > maxBatch {
		return in, nil, tribune.Hint(fmt.Errorf("%w: a batch of %d entities", tribune.ErrTooLarge, len(elements)), "Send at most %d at once.", maxBatch)
	}
	return in, elements, nil
}

// batchDelete is POST /entityOperations/delete (clause 6.17.3.1): an array of ids.
func (a *api) batchDelete(w http.ResponseWriter, r *http.Request) error {
	if _, err := readParams(r, "local"); err != nil {
		return err
	}
	ten, err := tenant(r)
	if err != nil {
		return err
	}
	_, elements, err := a.elements(r)
	if err != nil {
		return err
	}
	b := &batch{}
	for _, element := range elements {
		text, _ := element.Text()
		id, err := jsonld.ID(text)
		if err != nil {
			b.fail(a, text, err)
			continue
		}
		m := twin.Mutation{Tenant: ten, Mode: twin.Delete, Source: string(web.CallerOf(r.Context()).Actor)}
		m.Entity.ID = id
		b.ids = append(b.ids, text)
		b.mutations = append(b.mutations, m)
	}
	return a.runBatch(w, r, b)
}

func nameOf(doc jsonld.Document) string {
	for _, member := range []string{"id", "@id"} {
		if id, ok := doc.Member(member); ok {
			text, _ := id.Text()
			return text
		}
	}
	return ""
}

// leftAlone is what became of attributes that were there where noOverwrite was asked for.
func leftAlone(n int) error {
	return tribune.Hint(fmt.Errorf("%w: %d attributes are there already and noOverwrite was asked for; the others are written (clause 5.6.3)", tribune.ErrConflict, n),
		"Leave noOverwrite out to overwrite them.")
}

// fail notes the errors of an entity; done reports whether something of it was changed all the same.
func (b *batch) fail(a *api, id string, err error) (done bool) {
	failures, done := a.errorsOf(id, err)
	b.errors = append(b.errors, failures...)
	return done
}

// runBatch answers 201 with the ids created where nothing failed and something is new, 204 where all was there before,
// else 207 with both lists (clause 5.2.16).
func (a *api) runBatch(w http.ResponseWriter, r *http.Request, b *batch) error {
	var created, done []string
	if len(b.mutations) > 0 {
		for i, res := range a.change(r, b.mutations) {
			id := b.ids[i]
			switch {
			case res.Err != nil:
				if b.fail(a, id, res.Err) {
					done = append(done, id)
				}
				continue
			case len(res.Ignored) > 0 && b.mutations[i].Mode == twin.AppendNew:
				b.fail(a, id, leftAlone(len(res.Ignored)))
				continue
			case res.Created:
				created = append(created, id)
			}
			done = append(done, id)
		}
	}
	switch {
	case len(b.errors) > 0:
		if done == nil {
			done = []string{}
		}
		return sendJSON(w, http.StatusMultiStatus, map[string]any{"success": done, "errors": b.errors})
	case len(created) > 0:
		return sendJSON(w, http.StatusCreated, created)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
