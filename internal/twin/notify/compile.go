package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// faulty says what is wrong with a member, and quotes no value: q may name a person, an endpoint a secret.
func faulty(member, format string, args ...any) error {
	return fmt.Errorf("%w: attribute %q: %s", tribune.ErrInvalid, member, fmt.Sprintf(format, args...))
}

// reader reads members of a document and keeps the first error.
type reader struct {
	d   document
	err error
}

func (r *reader) fail(member, format string, args ...any) {
	if r.err == nil {
		r.err = faulty(member, format, args...)
	}
}

func (r *reader) keep(member string, err error) {
	if err != nil && r.err == nil {
		r.err = tribune.Hint(faulty(member, "%v", bare(err)), "%s", tribune.HintOf(err))
	}
}

// into reads a member as JSON of one type; false where it is not there.
func (r *reader) into(member string, v any, want string) bool {
	raw, ok := r.d[member]
	if !ok {
		return false
	}
	if string(bytes.TrimSpace(raw)) == "null" || json.Unmarshal(raw, v) != nil {
		r.fail(member, "it must be %s (clause 5.2.12)", want)
		return false
	}
	return true
}

func (r *reader) text(member string) string {
	var s string
	if r.into(member, &s, "a text that is not empty") && s == "" {
		r.fail(member, "it must be a text that is not empty")
	}
	return s
}

func (r *reader) flag(member string, otherwise bool) bool {
	b := otherwise
	r.into(member, &b, "true or false")
	return b
}

// texts reads an array of texts; it may not be empty.
func (r *reader) texts(member string) []string {
	var all []string
	if r.into(member, &all, "an array of texts") && (len(all) == 0 || len(all) > maxNames || slices.Contains(all, "")) {
		r.fail(member, "it must be an array of 1 to %d texts that are not empty", maxNames)
	}
	return all
}

// seconds reads a time in seconds, with fractions.
func (r *reader) seconds(member string) time.Duration {
	var s float64
	if !r.into(member, &s, "a number of seconds") {
		return 0
	}
	if !(s > 0) || s > math.MaxInt32 {
		r.fail(member, "it must be a number of seconds greater than 0 (clause 5.2.12)")
		return 0
	}
	return max(time.Duration(s*float64(time.Second)), time.Millisecond)
}

func (r *reader) time(member string) time.Time {
	var s string
	if !r.into(member, &s, "a date and time") {
		return time.Time{}
	}
	t, ok := jsonld.Time(s)
	if !ok {
		r.fail(member, "it must be a date and time in UTC, like 2026-01-02T03:04:05Z (clause 4.6.3)")
	}
	return t
}

// names reads an array of IRIs.
func (r *reader) names(member string) []tribune.Name {
	var out []tribune.Name
	for _, s := range r.texts(member) {
		out = append(out, tribune.Name(s))
	}
	return out
}

// identity stands for a context where names are expanded already.
func identity(s string) (tribune.Name, error) { return tribune.Name(s), nil }

// compile reads a document whose names are expanded (clauses 5.2.12 to 5.2.15). writtenIn is the context of q, sentIn that of
// notifications.
func compile(d document, writtenIn, sentIn *jsonld.Context) (*subscription, error) {
	s := &subscription{doc: d, ctx: sentIn, writtenIn: writtenIn.JSON(), sentIn: sentIn.JSON()}
	r := &reader{d: d}
	if s.id = r.text("id"); r.err == nil {
		if _, err := jsonld.ID(s.id); err != nil {
			r.fail("id", "it must be a URI (clause 5.2.12)")
		}
	}
	if r.text("type") != "Subscription" {
		r.fail("type", `it must be "Subscription" (clause 5.2.12)`)
	}
	s.entities(r)
	s.watching(r)
	s.conditions = readConditions(r, writtenIn)
	s.expires, s.active = r.time("expiresAt"), r.flag("isActive", true)
	for _, member := range []string{"description", "subscriptionName", "expandValues", "jsonKeys", "csf"} {
		r.text(member)
	}
	r.flag("splitEntities", false)
	s.notification(r)
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

func (s *subscription) entities(r *reader) {
	var all []document
	if r.into("entities", &all, "an array of entity selectors") && (len(all) == 0 || len(all) > maxSelectors) {
		r.fail("entities", "it must be an array of 1 to %d entity selectors (clause 5.2.12)", maxSelectors)
	}
	for _, d := range all {
		e := &reader{d: d}
		sel := selector{}
		types := e.text("type")
		if types == "" {
			e.fail("type", `each entity selector names a type, or "*" (clause 5.2.33)`)
		}
		if types != "*" && e.err == nil {
			var err error
			sel.types, err = query.ParseTypes(types, identity)
			e.keep("type", err)
		}
		sel.ids = e.ids()
		if pattern := e.text("idPattern"); pattern != "" {
			p, err := query.Regexp(pattern)
			if err != nil {
				e.fail("idPattern", "it must be a regular expression (RE2) of at most %d bytes (clause 5.2.33)", query.MaxRegexp)
			}
			if len(sel.ids) == 0 { // id takes precedence
				sel.pattern = p
			}
		}
		if e.err != nil && r.err == nil {
			r.err = fmt.Errorf("reading entities: %w", e.err)
		}
		s.selectors = append(s.selectors, sel)
	}
}

// ids is the member id: a URI or an array of URIs.
func (r *reader) ids() (out []tribune.EntityID) {
	raw, ok := r.d["id"]
	if !ok {
		return nil
	}
	var one string
	all := []string{}
	if json.Unmarshal(raw, &one) == nil && one != "" {
		all = []string{one}
	} else if json.Unmarshal(raw, &all) != nil || len(all) == 0 || len(all) > maxNames {
		r.fail("id", "it must be a URI, or an array of 1 to %d URIs (clause 5.2.33)", maxNames)
	}
	for _, text := range all {
		id, err := jsonld.ID(text)
		if err != nil {
			r.fail("id", "it must be a URI (clause 5.2.33)")
		}
		out = append(out, id)
	}
	return out
}

// watching reads when notifications are sent.
func (s *subscription) watching(r *reader) {
	s.watched = r.names("watchedAttributes")
	slices.Sort(s.watched)
	s.watched = slices.Compact(s.watched)
	s.on = attributeCreated | attributeUpdated
	if all := r.texts("notificationTrigger"); all != nil {
		s.on = 0
		for _, name := range all {
			t, ok := triggers(name)
			if !ok {
				r.fail("notificationTrigger", "it holds what is no trigger (clause 5.2.12)")
			}
			s.on |= t
		}
	}
	s.throttling, s.interval = r.seconds("throttling"), r.seconds("timeInterval")
	local := r.flag("localOnly", false)
	switch {
	case s.interval > 0 && s.watched != nil:
		r.fail("watchedAttributes", "it cannot stand beside timeInterval (clause 5.2.12)")
	case s.interval > 0 && s.throttling > 0:
		r.fail("throttling", "it cannot stand beside timeInterval (clause 5.2.12)")
	case s.interval > 0 && s.selectors == nil && !local:
		r.fail("entities", "timeInterval needs it, unless localOnly is true (clause 5.2.12)")
	case s.selectors == nil && s.watched == nil && !local:
		r.fail("entities", "a subscription names entities, watchedAttributes or both, unless localOnly is true (clause 5.2.12)")
	}
}
