package federation

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"tribune"
)

// request is how a change of one entity is written in HTTP (clauses 6.4 to 6.7, and 6.18 to 6.22 for its past).
type request struct {
	method string
	path   string // below the entity
	one    bool   // about one attribute
	past   bool   // of the temporal evolution
	new    bool   // the entity's id stands in the body alone
}

// asHTTP is the request of an operation; ok is false for those that are not about one entity.
func asHTTP(op string) (q request, ok bool) {
	switch op {
	case "createEntity":
		return request{method: http.MethodPost, new: true}, true
	case "deleteEntity":
		return request{method: http.MethodDelete}, true
	case "replaceEntity":
		return request{method: http.MethodPut}, true
	case "mergeEntity":
		return request{method: http.MethodPatch}, true
	case "appendAttrs":
		return request{method: http.MethodPost, path: "/attrs"}, true
	case "updateEntity":
		return request{method: http.MethodPatch, path: "/attrs"}, true
	case "updateAttrs":
		return request{method: http.MethodPatch, path: "/attrs/", one: true}, true
	case "replaceAttrs":
		return request{method: http.MethodPut, path: "/attrs/", one: true}, true
	case "deleteAttrs":
		return request{method: http.MethodDelete, path: "/attrs/", one: true}, true
	}
	return pastAsHTTP(op)
}

// Change has a source change one entity.
func (s *Sources) Change(ctx context.Context, r *Registration, c *Writing, item Item) Outcome {
	h, ok := asHTTP(c.Op)
	if !ok {
		return Outcome{Err: &Failure{Source: r.ID, Err: ErrMode}}
	}
	f, err := s.form(ctx, r, c, item.Context, true)
	if err != nil {
		return Outcome{Err: &Failure{Source: r.ID, Err: ErrSource, Detail: "the @context that it asks for is not available"}}
	}
	call := Call{Method: h.method, Path: "/entities", Query: f.query(c.Query), Link: f.link, Cause: c.Cause}
	if h.past {
		call.Path = "/temporal/entities"
	}
	if !h.new {
		call.Path += "/" + url.PathEscape(string(item.ID)) + h.path
	}
	if h.one {
		call.Path += url.PathEscape(f.attribute(item.Attrs))
	}
	if item.Instance != "" {
		call.Path += "/" + url.PathEscape(item.Instance)
	}
	if len(item.Doc.Raw()) > 0 {
		call.Type = f.media()
		if h.past && h.one {
			call.Body = f.instance(&item)
		} else if h.one {
			call.Body = f.copier(&item).Attribute(nil, item.Doc)
		} else {
			call.Body = f.copier(&item).Entity(nil, item.Doc)
		}
	}
	reply, err := s.Do(ctx, r, call)
	if err != nil {
		return Outcome{Err: err}
	}
	out := Outcome{Created: reply.Status == http.StatusCreated}
	if reply.Status == http.StatusMultiStatus {
		out.Ignored, out.Err = f.half(r, reply)
	}
	return out
}

// half reads an answer 207 to a change of one entity: an UpdateResult or a BatchOperationResult.
func (f *form) half(r *Registration, reply Reply) (ignored []tribune.Name, err error) {
	var s said
	if json.Unmarshal(reply.Body, &s) != nil || len(s.Errors)+len(s.NotUpdated) == 0 {
		return nil, partly(r)
	}
	for _, n := range s.NotUpdated {
		if name, err := f.to.Attr(n.AttributeName); err == nil {
			ignored = append(ignored, name)
		}
	}
	if len(s.Errors) > 0 {
		err = s.Errors[0].failure(r)
	}
	return ignored, err
}
