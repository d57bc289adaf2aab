package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// Bounds of one question to one source.
const (
	MaxEntities = 10_000 // that a question gathers from all sources
	maxGathered = 64 << 20
	pageSize    = 100 // of a question; every broker allows as many
	maxURL      = 4 << 10
)

// Answer is what a source knows.
type Answer struct {
	Entities []model.Entity // each once asked for and registered; names expanded
	Stale    bool           // from an earlier answer
	More     bool           // there are more entities than were read

	excess excess // what was left out, as the source is not registered for it
	warned warned // what the source itself warned of
}

// Ask puts a question to one source, as far as the allowance goes. Nothing in the answer is trusted: entities that were not asked for or are not
// registered are left out, attributes that are not registered too.
//
// All pages together take as long as one request may: a source that drips must not keep whoever asks.
func (s *Sources) Ask(ctx context.Context, m Match, q *Question, left *allowance) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout(m.Registration))
	defer cancel()
	t, err := s.tongue(ctx, m.Registration, q.Context)
	if err != nil {
		return Answer{}, &Failure{Source: m.ID, Err: ErrSource, Detail: "the @context that it asks for is not available"}
	}
	if !q.sayable(&t) {
		return Answer{}, &Failure{Source: m.ID, Err: ErrSource, Detail: "q has a path that cannot be written in the @context that it asks for"}
	}
	attrs, ok := q.attrs(&m)
	if !ok {
		return Answer{}, nil
	}
	var out Answer
	for _, sel := range q.selectors(&m, &t) {
		var err error
		if q.Past != nil {
			err = s.past(ctx, &m, q, sel, attrs, &t, left, &out)
		} else if q.One != "" && m.Offers("retrieveEntity") {
			err = s.retrieve(ctx, &m, q, sel, attrs, &t, left, &out)
		} else {
			err = s.query(ctx, &m, q, sel, attrs, &t, left, &out)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// CanAsk reports whether a source offers an operation that answers the question: a query serves where no retrieval does.
func CanAsk(r *Registration, one bool) bool {
	return one && r.Offers("retrieveEntity") || r.Offers("queryEntity") || r.Offers("queryBatch")
}

// tongue chooses the context of a request to a source: its own where it names one, else the caller's where a Link header can name it, else
// the core context with names written out.
func (s *Sources) tongue(ctx context.Context, r *Registration, from *jsonld.Context) (tongue, error) {
	if own := r.Info("jsonldContext"); own != "" {
		to, err := s.cfg.Contexts.URL(ctx, own)
		return tongue{from, to, own}, err
	}
	core := s.cfg.Contexts.Core()
	if from == core {
		return tongue{core, core, ""}, nil
	}
	if link := from.Link(); link != "" {
		return tongue{from, from, link}, nil
	}
	return tongue{from, core, ""}, nil
}

func (s *Sources) retrieve(ctx context.Context, m *Match, q *Question, sel selector, attrs []tribune.Name, t *tongue, left *allowance, out *Answer) error {
	var v values
	v.add("attrs", strings.Join(t.names(attrs), ","))
	v.add("options", "sysAttrs")
	reply, err := s.Do(ctx, m.Registration, Call{Method: http.MethodGet, Path: "/entities/" + url.PathEscape(string(q.One)), Query: string(v), Link: t.link, Cause: q.Cause, Maps: q.Maps})
	if err != nil || reply.Status == http.StatusNotFound {
		out.warned |= warningsOf(reply.Header)
		return err
	}
	_, err = s.read(ctx, m, q, sel, nil, t, reply, 1, left, out, nil)
	return err
}

// query reads page after page.
func (s *Sources) query(ctx context.Context, m *Match, q *Question, sel selector, attrs []tribune.Name, t *tongue, left *allowance, out *Answer) error {
	var pattern *regexp.Regexp
	if sel.pattern != "" {
		pattern, _ = query.Regexp(sel.pattern)
	}
	for offset := 0; ; offset += pageSize {
		if left.spent() {
			out.More = true
			return nil
		}
		call := Call{Method: http.MethodGet, Path: "/entities", Query: q.url(sel, attrs, t, pageSize, offset), Link: t.link, Cause: q.Cause, Maps: q.Maps}
		if m.Offers("queryBatch") && (!m.Offers("queryEntity") || len(call.Query) > maxURL) {
			if call.Body = q.body(sel, attrs, t); call.Body != nil {
				var v values
				v.add("options", "sysAttrs")
				v.add("limit", fmt.Sprint(pageSize))
				if offset > 0 {
					v.add("offset", fmt.Sprint(offset))
				}
				call.Method, call.Path, call.Query, call.Type = http.MethodPost, "/entityOperations/query", string(v), "application/json"
			}
		}
		reply, err := s.Do(ctx, m.Registration, call)
		if err != nil || reply.Status == http.StatusNotFound {
			return err
		}
		fresh, err := s.read(ctx, m, q, sel, pattern, t, reply, pageSize, left, out, nil)
		if err != nil || fresh < pageSize {
			return err
		}
	}
}

// body is a Query (clause 5.2.23); nil where the source would have to guess the type.
func (q *Question) body(s selector, attrs []tribune.Name, t *tongue) []byte {
	if s.types == "" {
		return nil
	}
	body := map[string]any{"type": "Query"}
	var entities []map[string]string
	for _, id := range s.ids {
		entities = append(entities, map[string]string{"type": s.types, "id": string(id)})
	}
	if entities == nil {
		one := map[string]string{"type": s.types}
		if s.pattern != "" {
			one["idPattern"] = s.pattern
		}
		entities = append(entities, one)
	}
	body["entities"] = entities
	if len(attrs) > 0 {
		body["attrs"] = t.names(attrs)
	}
	if len(q.Datasets) > 0 {
		body["datasetId"] = q.Datasets
	}
	if !q.Split {
		if q.Q != "" {
			body["q"], _ = t.q(q.Q)
		}
		if q.ScopeQ != "" {
			body["scopeQ"] = q.ScopeQ
		}
		if q.Georel != "" {
			geo := map[string]any{"georel": q.Georel, "geometry": q.Geometry, "coordinates": json.RawMessage(q.Coordinates)}
			if q.GeoProperty != "" {
				geo["geoproperty"] = t.word(q.GeoProperty)
			}
			body["geoQ"] = geo
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	return b
}

// read takes the entities of an answer that belong there; fresh counts all that came, and came, where it is not nil, is shown each of them.
func (s *Sources) read(ctx context.Context, m *Match, q *Question, sel selector, pattern *regexp.Regexp, t *tongue, reply Reply, most int, left *allowance, out *Answer, came func(*model.Entity)) (fresh int, err error) {
	invalid := func(what string) (int, error) {
		return 0, &Failure{Source: m.ID, Err: ErrAnswer, Status: reply.Status, Detail: what}
	}
	doc, err := jsonld.Read(reply.Body)
	if err != nil || !doc.IsArray() && !doc.IsObject() {
		return invalid("it is not JSON")
	}
	elements := doc.Elements()
	if len(elements) > most {
		return invalid(fmt.Sprintf("it holds more than the %d entities asked for", most))
	}
	ctxOf, err := s.answeredIn(ctx, reply, t)
	if err != nil {
		return invalid("its @context is not available")
	}
	out.Stale = out.Stale || reply.Stale
	out.warned |= warningsOf(reply.Header)
	left.take(len(reply.Body), len(elements))
	for _, element := range elements {
		c, err := ctxOf(element)
		if err != nil {
			return invalid("its @context is not available")
		}
		e, err := q.answer(c, element)
		if err != nil {
			return invalid("an entity in it is not valid NGSI-LD")
		}
		if came != nil {
			came(&e)
		}
		if !q.allowed(m, sel, pattern, e.ID, e.Types) {
			if !m.covers(e.ID, e.Types) {
				out.excess.entities++
			}
			continue
		}
		if m.Info.named() {
			for name := range e.Attrs {
				if m.Info.names(name) || name == model.ScopeName {
					continue
				}
				if delete(e.Attrs, name); !m.may(e.ID, e.Types, name) {
					out.excess.attrs++
				}
			}
		}
		out.Entities = append(out.Entities, e)
	}
	return len(elements), nil
}

// answeredIn finds the context that an answer is written in: its own for JSON-LD, else what its Link header names, else the one it was
// asked in.
func (s *Sources) answeredIn(ctx context.Context, reply Reply, t *tongue) (func(jsonld.Document) (*jsonld.Context, error), error) {
	media, _, _ := mime.ParseMediaType(reply.Header.Get("Content-Type"))
	if media == "application/ld+json" {
		return func(d jsonld.Document) (*jsonld.Context, error) {
			raw, ok := d.Member("@context")
			if !ok {
				return t.to, nil
			}
			return s.cfg.Contexts.Of(ctx, raw.Raw())
		}, nil
	}
	c := t.to
	if link := linkOf(reply.Header); link != "" && link != t.link {
		var err error
		if c, err = s.cfg.Contexts.URL(ctx, link); err != nil {
			return nil, err
		}
	}
	return func(d jsonld.Document) (*jsonld.Context, error) {
		if raw, ok := d.Member("@context"); ok { // not as the standard has it, and plain enough
			return s.cfg.Contexts.Of(ctx, raw.Raw())
		}
		return c, nil
	}, nil
}

// linkOf is the URL of the @context that a Link header names.
func linkOf(h http.Header) string {
	for _, line := range h.Values("Link") {
		for part := range strings.SplitSeq(line, ",") {
			target, params, ok := strings.Cut(part, ">")
			if ok && strings.Contains(params, contextRel) {
				return strings.TrimPrefix(strings.TrimSpace(target), "<")
			}
		}
	}
	return ""
}
