package federation

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// maxAtOnce bounds the requests to one source at a time, where it has no batch operations.
const maxAtOnce = 8

// Batch has a source change many entities: by the batch operation where it offers it, else one by one (clauses 5.6.7 to 5.6.10 and
// 5.6.20). Outcomes are in the order of the items.
func (s *Sources) Batch(ctx context.Context, r *Registration, c *Writing, items []Item) []Outcome {
	if r.Offers(c.Op) {
		return s.together(ctx, r, c, items)
	}
	ctx, cancel := context.WithTimeout(ctx, MaxTimeout) // however many they are
	defer cancel()
	ops := oneByOne(c)
	ops = ops.offered(r)
	out := make([]Outcome, len(items))
	slots := make(chan struct{}, maxAtOnce)
	var all sync.WaitGroup
	for i := range items {
		if ops == nil {
			out[i].Err = &Failure{Source: r.ID, Err: ErrMode}
			continue
		}
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			out[i] = s.single(ctx, r, c, ops, items[i])
		})
	}
	all.Wait()
	return out
}

// CanBatch reports whether a source offers what a batch operation needs.
func CanBatch(r *Registration, c *Writing) bool {
	return r.Offers(c.Op) || oneByOne(c).offered(r) != nil
}

// chain are operations on one entity, one tried where the one before finds that the entity exists already.
type chain []Writing

// oneByOne is what does the same to one entity as a batch operation does to many.
func oneByOne(c *Writing) chain {
	has := func(word string) bool { return strings.Contains(c.Query, word) }
	one := func(op, query string) Writing { return Writing{Cause: c.Cause, Op: op, LD: c.LD, Query: query} }
	plain := ""
	if simplified(c.Query) {
		plain = "options=keyValues"
	}
	switch c.Op {
	case "createBatch":
		return chain{one("createEntity", plain)}
	case "upsertBatch":
		if has("update") {
			return chain{one("createEntity", plain), one("updateEntity", plain)}
		}
		return chain{one("createEntity", plain), one("replaceEntity", plain)}
	case "updateBatch":
		if has("noOverwrite") {
			return chain{one("appendAttrs", strings.TrimSuffix("options=noOverwrite,"+strings.TrimPrefix(plain, "options="), ","))}
		}
		return chain{one("updateEntity", plain)}
	case "mergeBatch":
		return chain{one("mergeEntity", c.Query)}
	case "deleteBatch":
		return chain{one("deleteEntity", "")}
	}
	return nil
}

func (c chain) offered(r *Registration) chain {
	var out chain
	for _, one := range c {
		if r.Offers(one.Op) {
			out = append(out, one)
		}
	}
	return out
}

func (s *Sources) single(ctx context.Context, r *Registration, c *Writing, ops chain, item Item) (out Outcome) {
	for i := range ops {
		out = s.Change(ctx, r, &ops[i], item)
		if !errors.Is(out.Err, tribune.ErrConflict) {
			return out
		}
	}
	if c.Op == "upsertBatch" { // it exists there, and nothing that is offered changes it
		out.Err = &Failure{Source: r.ID, Err: tribune.ErrUnsupported, Detail: "the entity exists there, and the source offers no operation to change it"}
	}
	return out
}

// together sends one request for all items.
func (s *Sources) together(ctx context.Context, r *Registration, c *Writing, items []Item) []Outcome {
	out := make([]Outcome, len(items))
	all := func(err error) []Outcome {
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	call := Call{Method: http.MethodPost, Path: "/entityOperations/" + strings.TrimSuffix(c.Op, "Batch"), Query: c.Query, Cause: c.Cause, Type: typeJSON}
	if c.Op == "deleteBatch" {
		ids := make([]tribune.EntityID, len(items))
		for i := range items {
			ids[i] = items[i].ID
		}
		call.Body, _ = json.Marshal(ids)
	} else {
		common := items[0].Context
		for i := range items {
			if items[i].Context != common {
				common = nil
			}
		}
		call.Body = []byte{'['}
		for i := range items {
			f, err := s.formOf(ctx, r, c, items[i].Context, common != nil)
			if err != nil {
				return all(&Failure{Source: r.ID, Err: ErrSource, Detail: "the @context that it asks for is not available"})
			}
			if i > 0 {
				call.Body = append(call.Body, ',')
			}
			call.Body = f.copier(&items[i]).Entity(call.Body, items[i].Doc)
			call.Type, call.Link = f.media(), f.link
		}
		call.Body = append(call.Body, ']')
	}
	reply, err := s.Do(ctx, r, call)
	if err != nil {
		return all(err)
	}
	settle(r, c, reply, items, out)
	return out
}

// formOf is form, for a request whose documents must all be in one context where a Link header names it.
func (s *Sources) formOf(ctx context.Context, r *Registration, c *Writing, from *jsonld.Context, one bool) (form, error) {
	f, err := s.form(ctx, r, c, from, one)
	if err == nil && !f.ld && !one && r.Info("jsonldContext") == "" {
		f.tongue = tongue{from, s.cfg.Contexts.Core(), ""}
	}
	return f, err
}

// settle reads what became of each item.
func settle(r *Registration, c *Writing, reply Reply, items []Item, out []Outcome) {
	switch reply.Status {
	case http.StatusCreated:
		var ids []string
		told := json.Unmarshal(reply.Body, &ids) == nil
		created := map[string]bool{}
		for _, id := range ids {
			created[id] = true
		}
		for i := range items {
			out[i].Created = !told || created[string(items[i].ID)]
		}
	case http.StatusMultiStatus:
		var s said
		if json.Unmarshal(reply.Body, &s) != nil || len(s.Errors) == 0 {
			for i := range out {
				out[i].Err = partly(r)
			}
			return
		}
		failed := map[string]error{}
		for i := range s.Errors {
			failed[s.Errors[i].EntityID] = s.Errors[i].failure(r)
		}
		done := map[string]bool{}
		for _, id := range s.Success {
			done[id] = true
		}
		for i := range items {
			id := string(items[i].ID)
			out[i].Err, out[i].Created = failed[id], c.Op == "createBatch" && done[id]
		}
	}
}
