package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/temporal"
)

// pastSearch is a query about the past: of which entities, and in what time.
type pastSearch struct {
	search
	time      temporal.Query
	aggregate *twin.Aggregation // nil = instances
	backward  bool              // entities come in descending order of their ids
	named     bool              // attributes are chosen: each must be one that can be aggregated
	one       bool              // it retrieves the one entity of IDs
	words     words             // for context sources
}

// pastQuery reads a query for entities (clause 5.7.4.4).
func (a *api) pastQuery(w http.ResponseWriter, r *http.Request, ctx *jsonld.Context, p params, selectors ...selectorBody) (s *pastSearch, err error) {
	s = &pastSearch{search: search{ctx: ctx}}
	if s.Tenant, err = tenant(r); err != nil {
		return nil, err
	}
	if err := s.read(r, p); err != nil {
		return nil, err
	}
	if s.time.Rel == "" {
		return nil, tribune.Hint(fmt.Errorf("%w: a query about the past has a temporal query (clause 5.7.4.4)", tribune.ErrInvalid), "Add timerel and timeAt.")
	}
	counted := s.Count // by options
	if s.Limit, s.Offset, s.Count, err = p.page(options{"count": counted}); err != nil {
		return nil, err
	}
	if err := s.selected(p, selectors); err != nil {
		return nil, err
	}
	if err := s.conditions(p); err != nil {
		return nil, err
	}
	if s.local, err = p.flag("local"); err != nil {
		return nil, err
	}
	_, said := p["local"]
	s.wide = said && !s.local
	if s.words, err = p.words(selectors); err != nil {
		return nil, err
	}
	if err := s.reach(); err != nil {
		return nil, err
	}
	return s, a.orderedByID(r, s, p["orderBy"], p["collation"])
}

// selected reads which entities are asked for, from the URL or from selectors in a body.
func (s *pastSearch) selected(p params, selectors []selectorBody) error {
	if len(selectors) > 0 {
		return s.entities(selectors)
	}
	var ids []string
	if p["id"] != "" {
		ids = strings.Split(p["id"], ",")
	}
	return s.selector(p["type"], ids, p["idPattern"])
}

// orderedByID reads the order: that of the ids is the only one (clause 5.7.4.4). As with the present, what is held here can be ordered, and
// what comes from several sources cannot.
func (a *api) orderedByID(r *http.Request, s *pastSearch, by, collation string) error {
	if collation != "" {
		if err := (&search{ctx: s.ctx}).order([]string{"id"}, "", nil, collation); err != nil {
			return err
		}
	}
	if by == "" {
		return nil
	}
	for part := range strings.SplitSeq(by, ",") {
		name, direction, _ := strings.Cut(part, ";")
		if name != "id" || direction != "" && direction != "asc" && direction != "desc" {
			return tribune.Hint(fmt.Errorf("%w: evolutions are ordered by id (clause 5.7.4.4)", tribune.ErrInvalid), "Write orderBy=id, or orderBy=id;desc.")
		}
	}
	first, _, _ := strings.Cut(by, ",") // an id said again decides nothing
	s.backward = strings.HasSuffix(first, ";desc")
	if s.wide {
		return ordersHere()
	}
	if !a.distributes(r, s.Tenant) {
		return nil
	}
	need, err := s.needOfPast()
	if err == nil && len(s.concerned(a.match(r, s.Tenant, need))) > 0 {
		err = ordersHere()
	}
	return err
}

// read reads what a query and a retrieval have in common: the time, the attributes, how they are shown.
func (s *pastSearch) read(r *http.Request, p params) (err error) {
	if err := s.format(p); err != nil {
		return err
	}
	if s.view.LD, err = acceptsLD(r); err != nil {
		return err
	}
	if s.view.Attrs, err = p.names(s.ctx, "attrs"); err != nil {
		return err
	}
	if err := p.projections(s.ctx, &s.view); err != nil {
		return err
	}
	if s.view.Pick.Depth() > 0 || s.view.Omit.Depth() > 0 {
		return fmt.Errorf("%w: linked entities have no part in the past (clause 5.7.3.4)", tribune.ErrInvalid)
	}
	if text, ok := p["lang"]; ok {
		if s.view.Lang, err = jsonld.ParseLanguages(text); err != nil {
			return err
		}
	}
	if s.view.Datasets, err = p.datasets(); err != nil {
		return err
	}
	s.Attrs, s.named = s.view.Attrs, len(s.view.Attrs) > 0 || s.view.Pick != nil && len(s.view.Pick.Attrs) > 0
	if _, err := p.flag("local"); err != nil {
		return err
	}
	if s.time, err = p.temporal(); err != nil {
		return err
	}
	if !s.time.Any {
		s.view.Time = s.time.Property
	}
	return nil
}

// format reads the representation (clause 6.3.12): format says it, else options, which is the old way.
func (s *pastSearch) format(p params) error {
	word, aggregated := strings.TrimSpace(p["format"]), false
	for option := range strings.SplitSeq(p["options"], ",") {
		switch option = strings.TrimSpace(option); option {
		case "":
		case "sysAttrs":
			s.view.SysAttrs = true
		case "count":
			s.Count = true
		case "normalized", "temporalValues", "simplified", "aggregatedValues":
			if p["format"] != "" {
				continue
			}
			if word != "" && word != option {
				return fmt.Errorf("%w: options ask for more than one representation (clause 6.3.12)", errInvalidRequest)
			}
			word = option
		default:
			return tribune.Hint(fmt.Errorf("%w: options has a word that is not known here (clause 6.3.12)", errInvalidRequest), "Known are: temporalValues, aggregatedValues, sysAttrs, count.")
		}
	}
	switch word {
	case "", "normalized":
	case "temporalValues", "simplified":
		s.view.Format = jsonld.TemporalValues
	case "aggregatedValues":
		aggregated = true
	default:
		return tribune.Hint(fmt.Errorf("%w: format is one word (clause 6.3.12)", errInvalidRequest), "Known are: temporalValues, aggregatedValues.")
	}
	if !aggregated {
		return nil
	}
	s.aggregate = &twin.Aggregation{}
	text, ok := p["aggrMethods"]
	if !ok {
		return tribune.Hint(fmt.Errorf("%w: aggregatedValues without aggrMethods (clause 6.18.3.2)", tribune.ErrInvalid), "Add aggrMethods=avg.")
	}
	var err error
	if s.aggregate.Methods, err = temporal.ParseMethods(text); err != nil {
		return err
	}
	if text, ok := p["aggrPeriodDuration"]; ok {
		s.aggregate.Every, err = temporal.ParseDuration(text)
	}
	return err
}

func (s *pastSearch) methods() temporal.Methods {
	if s.aggregate == nil {
		return 0
	}
	return s.aggregate.Methods
}

// applies refuses to aggregate attributes that were asked for by name and that none of the methods can be applied to, and
// leaves out others like that (clause 5.7.4.4).
func (s *pastSearch) applies(e *twin.Evolution) error {
	for name, all := range e.Aggregates {
		if !s.view.Shows(name) || slices.ContainsFunc(all, func(g temporal.Aggregated) bool {
			return slices.ContainsFunc(g.Periods, func(x temporal.Sums) bool { return x.Applies(s.aggregate.Methods) })
		}) {
			continue
		}
		if s.named {
			return tribune.Hint(fmt.Errorf("%w: none of the aggrMethods can be applied to attribute %q (clause 4.5.19.1)", errInvalidRequest, s.ctx.Compact(name)),
				"Ask for totalCount or distinctCount, or for other attributes.")
		}
		delete(e.Aggregates, name)
	}
	return nil
}

// temporal reads a temporal query (clause 4.11). Without any there is no question about time.
func (p params) temporal() (q temporal.Query, err error) {
	property, timed := p["timeproperty"]
	q.Property, q.Rel = property, p["timerel"]
	if _, ok := p["lastN"]; ok {
		if q.LastN, err = p.number("lastN", 0, 1, maxLast); err != nil {
			return q, err
		}
	}
	at, hasAt, err := p.time("timeAt")
	if err != nil {
		return q, err
	}
	end, hasEnd, err := p.time("endTimeAt")
	if err != nil {
		return q, err
	}
	switch {
	case q.Rel == "" && (hasAt || hasEnd):
		return q, fmt.Errorf("%w: timeAt and endTimeAt go with timerel (clause 4.11)", tribune.ErrInvalid)
	case q.Rel != "" && !hasAt:
		return q, fmt.Errorf("%w: timerel goes with timeAt (clause 4.11)", tribune.ErrInvalid)
	case q.Rel == temporal.Between && (!hasEnd || !at.Before(end)):
		return q, fmt.Errorf("%w: timerel between goes with timeAt and a later endTimeAt (clause 4.11)", tribune.ErrInvalid)
	case q.Rel != temporal.Between && hasEnd:
		return q, fmt.Errorf("%w: endTimeAt goes with timerel between alone (clause 4.11)", tribune.ErrInvalid)
	}
	q.At, q.End, q.Any = at, end, !timed && q.Rel == "" && q.LastN == 0
	return q, q.Check()
}

// maxLast bounds lastN; an answer has pages anyway.
const maxLast = 1_000_000

func (p params) time(name string) (time.Time, bool, error) {
	text, ok := p[name]
	if !ok {
		return time.Time{}, false, nil
	}
	t, valid := jsonld.Time(text)
	if !valid {
		return t, false, fmt.Errorf("%w: %s must be a date and time in UTC, like 2026-01-02T03:04:05Z", tribune.ErrInvalid, name)
	}
	return t, true, nil
}

// tooComplex is a refusal of the twin to look at more.
func tooComplex(err error) error {
	if errors.Is(err, tribune.ErrTooLarge) {
		return tribune.Hint(fmt.Errorf("%w: %w", errTooComplex, err), "%s", tribune.HintOf(err))
	}
	return err
}
