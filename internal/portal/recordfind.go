package portal

import (
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
)

// Bounds of a search.
const (
	perPage  = 50
	maxPage  = 500 // entries of one JSON or CSV answer
	maxQuery = 100 // bytes of a search text
	maxTerms = 6   // words of it
)

// search is what a reader asks of the record. It is written to and read from a query string in one spelling, so that a
// page of results is a permalink.
type search struct {
	Kind, Office, Purpose, Mandate, Policy string
	Standing                               string // a standing act: it and its deliveries
	Outcome                                string // "permitted", "denied" or ""
	From, Until                            string // days, both included
	Text                                   string // words, all of which occur
	House                                  bool   // show the hub's own bookkeeping too
	Before                                 uint64 // entries older than this one; 0 = the newest

	from, until int64 // milliseconds; until exclusive
}

// bookkeeping are the kinds of act that are bookkeeping of the hub: there are many, and each only prepares what people do.
func bookkeeping(k tribune.ActKind) bool {
	return k == tribune.ActEnrol || k == tribune.ActCeremony || k == tribune.ActAppoint || k == tribune.ActDevice || k == tribune.ActIndex || k == tribune.ActVitalKeys
}

// readSearch refuses what it does not understand: a filter that is silently ignored answers another question.
func readSearch(q url.Values) (s search, err error) {
	s = search{
		Kind: q.Get("kind"), Office: q.Get("office"), Purpose: q.Get("purpose"), Mandate: q.Get("mandate"), Policy: q.Get("policy"), Standing: q.Get("standing"), Outcome: q.Get("outcome"),
		From: q.Get("from"), Until: q.Get("until"), Text: strings.TrimSpace(q.Get("q")), House: q.Get("all") != "",
	}
	for _, v := range []string{s.Kind, s.Office, s.Purpose, s.Mandate, s.Policy, s.Standing} {
		if len(v) > 256 {
			return s, fmt.Errorf("%w: a filter of %d bytes, at most 256", tribune.ErrInvalid, len(v))
		}
	}
	if len(s.Text) > maxQuery {
		return s, tribune.Hint(fmt.Errorf("%w: a search text of %d bytes, at most %d", tribune.ErrInvalid, len(s.Text), maxQuery), "Search for fewer words.")
	}
	if s.Outcome != "" && s.Outcome != "permitted" && s.Outcome != "denied" {
		return s, fmt.Errorf("%w: outcome is permitted or denied", tribune.ErrInvalid)
	}
	if s.from, err = day(s.From, 0); err != nil {
		return s, err
	}
	if s.until, err = day(s.Until, 1); err != nil {
		return s, err
	}
	if b := q.Get("before"); b != "" {
		if s.Before, err = strconv.ParseUint(b, 10, 63); err != nil {
			return s, fmt.Errorf("%w: %q is not the number of an entry", tribune.ErrInvalid, clipText(b, 40))
		}
	}
	return s, nil
}

func day(s string, later int) (int64, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, tribune.Hint(fmt.Errorf("%w: %q is not a day", tribune.ErrInvalid, clipText(s, 40)), "Write a day as 2026-12-31.")
	}
	return t.AddDate(0, 0, later).UnixMilli(), nil
}

// query is the search's query string without "?", with another place in the list; 0 = the newest page.
func (s search) query(before uint64) string {
	v := url.Values{}
	for key, value := range map[string]string{
		"kind": s.Kind, "office": s.Office, "purpose": s.Purpose, "mandate": s.Mandate, "policy": s.Policy, "standing": s.Standing, "outcome": s.Outcome, "from": s.From, "until": s.Until, "q": s.Text,
	} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if s.House {
		v.Set("all", "1")
	}
	if before > 0 {
		v.Set("before", strconv.FormatUint(before, 10))
	}
	return v.Encode()
}

// Narrow reports whether anything is asked for in particular.
func (s search) Narrow() bool { s.House, s.Before = false, 0; return s.query(0) != "" }

// Page is the search at another page.
func (s search) Page(before uint64) template.URL { return template.URL(s.query(before)) }

// With is the search from its newest page on, bookkeeping shown or not.
func (s search) With(house bool) template.URL { s.House = house; return s.Page(0) }

// match is a search prepared for one index: which numbers of each table fit.
type match struct {
	s                                      search
	kind, office, purpose, mandate, policy []bool // nil = any
	standing                               []bool // nil = any
	terms                                  []fits // all of them
}

// fits says, for one word, in which texts it occurs.
type fits struct{ kind, office, purpose, mandate, rules, missing []bool }

// prepare looks through the tables, not through the entries: a search costs what there are different texts, and then a few
// comparisons an entry. There are no patterns: a word is found as it stands, without regard to case. The caller holds
// x.mu. also gives further words by which a kind, office or purpose is known to readers.
func (x *index) prepare(s search, also naming) *match {
	m := &match{s: s}
	equal := func(t *texts, v string) []bool {
		if v == "" {
			return nil
		}
		return mark(t.list, func(s string) bool { return s == v })
	}
	m.office, m.purpose, m.mandate = equal(&x.office, s.Office), equal(&x.purp, s.Purpose), equal(&x.mand, s.Mandate)
	m.standing = equal(&x.stand, s.Standing)
	if s.Policy != "" {
		m.policy = mark(x.rules.list, func(list string) bool { return slices.Contains(strings.Split(list, separator), s.Policy) })
	}
	if s.Kind != "" || !s.House {
		m.kind = mark(x.kinds, func(k tribune.ActKind) bool {
			if s.Kind != "" {
				return string(k) == s.Kind
			}
			return !bookkeeping(k)
		})
	}
	words := strings.Fields(strings.ToLower(s.Text))
	for _, word := range words[:min(len(words), maxTerms)] {
		in := func(text string) bool { return strings.Contains(strings.ToLower(text), word) }
		m.terms = append(m.terms, fits{
			kind:    mark(x.kinds, func(k tribune.ActKind) bool { return in(string(k)) || in(also.kind(k)) }),
			office:  mark(x.office.list, func(s string) bool { return in(s) || in(also.office(s)) }),
			purpose: mark(x.purp.list, func(s string) bool { return in(s) || in(also.purpose(s)) }),
			mandate: mark(x.mand.list, func(s string) bool { return in(s) || in(also.mandate(s)) }),
			rules:   mark(x.rules.list, in), missing: mark(x.miss.list, in),
		})
	}
	return m
}

func mark[T any](list []T, fit func(T) bool) []bool {
	out := make([]bool, len(list))
	for i, v := range list {
		out[i] = fit(v)
	}
	return out
}

func marked[N uint8 | uint16](marks []bool, n N) bool { return int(n) < len(marks) && marks[n] }

func (m *match) row(r row) bool {
	s := &m.s
	switch {
	case m.kind != nil && !marked(m.kind, r.kind), m.office != nil && !marked(m.office, r.office), m.purpose != nil && !marked(m.purpose, r.purpose),
		m.mandate != nil && !marked(m.mandate, r.mandate), m.policy != nil && !marked(m.policy, r.rules),
		m.standing != nil && (r.flags&flagStanding == 0 || !marked(m.standing, r.missing)),
		s.Outcome == "permitted" && r.flags&flagPermit == 0, s.Outcome == "denied" && r.flags&(flagPermit|flagBroken) != 0,
		s.From != "" && r.at < s.from, s.Until != "" && r.at >= s.until:
		return false
	}
	for i := range m.terms {
		t := &m.terms[i]
		if !marked(t.kind, r.kind) && !marked(t.office, r.office) && !marked(t.purpose, r.purpose) && !marked(t.mandate, r.mandate) && !marked(t.rules, r.rules) && (r.flags&flagStanding != 0 || !marked(t.missing, r.missing)) {
			return false
		}
	}
	return true
}

// found is one page of entries, newest first.
type found struct {
	Entries      []entry
	Count        uint64 // of entries that match, within reach
	First, Next  uint64 // the reach: from First to before Next
	Older, Newer uint64 // Before of the neighbouring pages; 0 = there is none
	Newest       bool   // the page before this one is the newest: it needs no Before
	Hidden       uint64 // entries of bookkeeping that would match if they were shown
}

// entry is one line of the record, as numbers have been turned into texts.
type entry struct {
	Index                    uint64
	At                       time.Time
	Kind                     tribune.ActKind
	Office, Purpose, Mandate string
	Policies, Missing        []string
	Set                      string
	Standing                 string // the act of a subscription: of itself, and of what was told under it
	Count                    int
	Permit, Broken           bool
}

// find answers one page. What is older than an index reaches can be found in another.
func (x *index) find(s search, limit int, also naming) found {
	x.mu.RLock()
	defer x.mu.RUnlock()
	m := x.prepare(s, also)
	all := s
	all.House = true
	hidden := m
	if s.Kind == "" && !s.House {
		hidden = x.prepare(all, also)
	}
	f := found{First: x.first, Next: x.next, Newest: true}
	before := x.next
	if s.Before > 0 {
		before = min(s.Before, x.next)
	}
	if !s.Narrow() {
		x.browse(&f, m, before, limit)
		return f
	}
	var newer []uint64 // the last limit matches seen, while still at or after before
	for i := x.next; i > x.first; i-- {
		r := x.at(i - 1)
		if !m.row(r) {
			if hidden != m && hidden.row(r) {
				f.Hidden++
			}
			continue
		}
		f.Count++
		switch {
		case i > before:
			if newer = append(newer, i); len(newer) > limit {
				newer, f.Newest = newer[1:], false
			}
		case len(f.Entries) < limit:
			f.Entries = append(f.Entries, x.entry(i-1, r))
		default:
			if f.Older == 0 && limit > 0 {
				f.Older = f.Entries[limit-1].Index
			}
		}
	}
	if len(newer) > 0 {
		f.Newer = newer[0]
	}
	return f
}

func (x *index) entry(i uint64, r row) entry {
	e := entry{
		Index: i, Kind: x.kindText(r.kind), Office: x.office.text(r.office), Purpose: x.purp.text(r.purpose), Mandate: x.mand.text(r.mandate),
		Policies: list(x.rules.text(r.rules)), Missing: []string{}, Set: x.sets.text(r.set), Count: int(r.count),
		Permit: r.flags&flagPermit != 0, Broken: r.flags&flagBroken != 0,
	}
	if r.flags&flagStanding != 0 {
		e.Standing = x.stand.text(r.missing)
	} else {
		e.Missing = list(x.miss.text(r.missing))
	}
	if !e.Broken {
		e.At = time.UnixMilli(r.at).UTC()
	}
	return e
}

func list(joined string) []string {
	if joined == "" {
		return []string{}
	}
	return strings.Split(joined, separator)
}
