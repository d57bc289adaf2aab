package federation

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
	"tribune/internal/twin/temporal"
)

// Bounds of a question about the past.
const (
	MaxInstances = 100_000 // attribute instances that a question gathers from all sources

	pastPageSize  = 50      // entities of a page; where their instances are too many, their ids go back to the source
	maxPastAnswer = 8 << 20 // bytes of an answer: a page of 10,000 instances of 800
)

// canAsk reports whether a source offers an operation that answers the question.
func (q *Question) canAsk(r *Registration) bool {
	switch {
	case q.Past == nil:
		return CanAsk(r, q.One != "")
	case q.One != "":
		return r.Offers("retrieveTemporal")
	}
	return r.Offers("queryTemporal")
}

// answer reads an entity of an answer to the question.
func (q *Question) answer(c *jsonld.Context, d jsonld.Document) (model.Entity, error) {
	if q.Past != nil {
		return c.AnswerEvolution(d)
	}
	return c.Answer(d)
}

// past reads what a source knows of the past of the entities that sel selects: page after page of entities, and for each page of entities
// page after page of their instances. Instances are asked for one by one whatever representation the request wants: those of several
// sources become one series before there is anything to aggregate or to count (clause 5.7.4.4).
func (s *Sources) past(ctx context.Context, m *Match, q *Question, sel selector, attrs []tribune.Name, t *tongue, left *allowance, out *Answer) error {
	p := &pastReading{Sources: s, m: m, q: q, attrs: attrs, t: t, left: left, out: out}
	if q.One != "" {
		return p.pages(ctx, sel, func(when temporal.Query) Call { return p.retrieval(when) })
	}
	if sel.pattern != "" {
		p.pattern, _ = query.Regexp(sel.pattern)
	}
	for offset := 0; ; offset += pastPageSize {
		if left.spent() {
			out.More = true
			return nil
		}
		err := p.pages(ctx, sel, func(when temporal.Query) Call { return p.query(sel, when, offset) })
		if err != nil || p.fresh < pastPageSize {
			return err
		}
	}
}

// pastReading is a question about the past under way at one source.
type pastReading struct {
	*Sources
	m       *Match
	q       *Question
	pattern *regexp.Regexp
	attrs   []tribune.Name
	t       *tongue
	left    *allowance
	out     *Answer

	fresh       int                // entities of the first page of instances
	ids         []tribune.EntityID // of those that belong there
	when        temporal.Query     // of the page under way
	first, last time.Time          // of its instances
	timeless    bool               // an instance of it has no time: no later page can be told from it
}

// pages reads a page of entities, as many pages of instances as it has (clause 6.3.10).
func (p *pastReading) pages(ctx context.Context, sel selector, call func(temporal.Query) Call) error {
	p.when = *p.q.Past
	for first := true; ; first = false {
		reply, err := p.Do(ctx, p.m.Registration, call(p.when))
		if err != nil || reply.Status == http.StatusNotFound {
			if first {
				p.fresh = 0
			}
			return err
		}
		n, err := p.page(ctx, sel, reply, first)
		if err != nil {
			return err
		}
		if first {
			p.fresh = n
		}
		if reply.Status != http.StatusPartialContent {
			return nil
		}
		next, ok := p.when.Rest(p.first, p.last)
		if !ok || p.left.spent() || p.timeless {
			p.out.More = p.out.More || ok || p.when.LastN == 0 || p.first.IsZero()
			return nil
		}
		if p.when = next; len(p.ids) == 0 {
			return nil
		}
		if p.q.One == "" && first { // entities without later instances must not move the others to another page
			of := selector{ids: p.ids, types: sel.types}
			call = func(when temporal.Query) Call { return p.query(of, when, -1) }
		}
	}
}

// page takes the entities of an answer.
func (p *pastReading) page(ctx context.Context, sel selector, reply Reply, first bool) (int, error) {
	p.first, p.last, p.timeless = time.Time{}, time.Time{}, false
	if first {
		p.ids = p.ids[:0:0]
	}
	most := pastPageSize
	if p.q.One != "" {
		most = 1
	}
	return p.read(ctx, p.m, p.q, sel, p.pattern, p.t, reply, most, p.left, p.out, func(e *model.Entity) {
		if first && p.q.allowed(p.m, sel, p.pattern, e.ID, e.Types) {
			p.ids = append(p.ids, e.ID)
		}
		for _, list := range e.Attrs {
			p.left.instances.Add(-int64(len(list)))
			for i := range list {
				p.note(&list[i])
			}
		}
	})
}

func (p *pastReading) note(a *model.Attr) {
	at := p.when.Time(a)
	if at.IsZero() || p.when.Any && a.ObservedAt.IsZero() {
		p.timeless = true
		return
	}
	if !p.when.Holds(at) { // a scope that was valid before
		return
	}
	if p.first.IsZero() || at.Before(p.first) {
		p.first = at
	}
	if at.After(p.last) {
		p.last = at
	}
}

func (p *pastReading) retrieval(when temporal.Query) Call {
	var v values
	v.add("attrs", strings.Join(p.t.names(p.attrs), ","))
	v.add("datasetId", strings.Join(p.q.Datasets, ","))
	timed(&v, when)
	v.add("options", "sysAttrs")
	return Call{Method: http.MethodGet, Path: "/temporal/entities/" + url.PathEscape(string(p.q.One)), Query: string(v), Link: p.t.link, Cause: p.q.Cause, Maps: p.q.Maps, Most: maxPastAnswer}
}

// query asks for a page of entities; offset -1: for the ones that sel names, whose values have been looked at before.
func (p *pastReading) query(sel selector, when temporal.Query, offset int) Call {
	q := *p.q
	if offset < 0 {
		q.Q, q.Georel, q.Geometry, q.Coordinates, q.GeoProperty, offset = "", "", "", "", "", 0
	}
	var v, page values
	q.pick(&v, sel, p.t)
	v.add("attrs", strings.Join(p.t.names(p.attrs), ","))
	v.add("datasetId", strings.Join(q.Datasets, ","))
	timed(&v, when)
	page.add("options", "sysAttrs")
	page.add("limit", strconv.Itoa(pastPageSize))
	if offset > 0 {
		page.add("offset", strconv.Itoa(offset))
	}
	call := Call{Method: http.MethodGet, Path: "/temporal/entities", Query: string(v) + "&" + string(page), Link: p.t.link, Cause: q.Cause, Maps: q.Maps, Most: maxPastAnswer}
	if len(call.Query) > maxURL {
		if body := q.pastBody(sel, p.attrs, p.t, when); body != nil {
			call.Method, call.Path, call.Query, call.Body, call.Type = http.MethodPost, "/temporal/entityOperations/query", string(page), body, typeJSON
		}
	}
	return call
}

// timed are the parameters of a temporal query (clause 4.11).
func timed(v *values, when temporal.Query) {
	for _, one := range asked(when) {
		v.add(one[0], one[1])
	}
	if when.LastN > 0 {
		v.add("lastN", strconv.Itoa(when.LastN))
	}
}

// asked are the members of a temporal query that are texts.
func asked(when temporal.Query) (out [][2]string) {
	if when.Rel != "" {
		out = append(out, [2]string{"timerel", when.Rel}, [2]string{"timeAt", jsonld.FormatTime(when.At)})
	}
	if when.Rel == temporal.Between {
		out = append(out, [2]string{"endTimeAt", jsonld.FormatTime(when.End)})
	}
	if when.Property != "" && when.Property != temporal.ObservedAt {
		out = append(out, [2]string{"timeproperty", when.Property})
	}
	return out
}

// pastBody is a Query about the past (clause 5.2.23); nil where it cannot be one.
func (q *Question) pastBody(sel selector, attrs []tribune.Name, t *tongue, when temporal.Query) []byte {
	body := q.body(sel, attrs, t)
	if body == nil {
		return nil
	}
	var all map[string]any
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	past := map[string]any{}
	for _, one := range asked(when) {
		past[one[0]] = one[1]
	}
	if when.LastN > 0 {
		past["lastN"] = when.LastN
	}
	all["temporalQ"] = past
	body, err := json.Marshal(all)
	if err != nil {
		return nil
	}
	return body
}
