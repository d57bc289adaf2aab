package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/query"
	"tribune/internal/web"
)

// A sealed attribute whose class lets it be looked up for the caller's purpose (tribune.Class.Equality) is found by one equality: the
// gate decides first, the guardians then name the value, and the token finds the entities. What is learned by that is the same as if
// the attribute had been opened, so it is one of the act's attributes; whoever is found is a subject of the act even where nothing
// of them is shown; and "nobody" is an act, too.

// lookUp turns the equality on an attribute into a look-up.
func (a *api) lookUp(r *http.Request, caller tribune.Caller, s *search, f *found, class tribune.Class, attr tribune.Name) error {
	switch {
	case !s.inBody:
		return tribune.Hint(fmt.Errorf("%w: a URL may not say what is looked up in personal data: it ends in logs", tribune.ErrInvalid), "Send the query by POST to %s/entityOperations/query.", Prefix)
	case s.Count:
		return tribune.Hint(fmt.Errorf("%w: a number of matches would be about people whom the act does not touch", tribune.ErrInvalid), "Ask without count, page by page.")
	}
	for _, typ := range s.types {
		if a.ClassOf([]tribune.Name{typ}, attr).ID != class.ID {
			return tribune.Hint(fmt.Errorf("%w: attribute %q belongs to different classes of data for the types asked for", tribune.ErrInvalid, s.ctx.Compact(attr)), "Ask for one type at a time.")
		}
	}
	value, rest, ok := s.Q.TakeEquality(attr)
	if !ok {
		return a.incomparable(s, class, attr, caller.Purpose)
	}
	f.class, f.lookUp, s.Q = class.ID, attr, rest
	window := a.window(class.ID, nil, a.Now().UTC())
	var err error
	if f.act, err = a.Way.May(r.Context(), tribune.Reading{Caller: caller, Class: class.ID, Attrs: a.asked(f, nil), Window: window, LookUp: attr}); err != nil {
		return fmt.Errorf("preparing the act: %w", err)
	}
	idtype, digest := twin.LookUpOf(caller.Purpose, class.ID, attr, value)
	p, err := a.Names.Pseudonyms(r.Context(), idtype, []string{digest})
	if err != nil {
		return fmt.Errorf("finding by a value: %w", err)
	}
	s.LookUp = &twin.LookUp{Class: class.ID, Attr: attr, Purpose: caller.Purpose, Token: p[0], From: window.From}
	s.Attrs = nil // attrs choose what is shown: sealed ones could not be matched
	return nil
}

// mayLookUp reports whether the law lets an attribute be looked up for a purpose.
func mayLookUp(class tribune.Class, attr tribune.Name, purpose tribune.PurposeID) bool {
	return slices.Contains(class.LookUps(attr), purpose)
}

// meet notes whom a look-up has found: they are subjects of the act, whatever of them is shown.
func (f *found) meet(l *twin.LookUp) {
	if l == nil {
		return
	}
	for i := range f.entities {
		for _, p := range l.Found(&f.entities[i].Entity) {
			if !slices.Contains(f.subjects, p) {
				f.subjects = append(f.subjects, p)
			}
		}
	}
}

// byValue is the attribute by whose value people are looked up; a name that they are known by is none.
func (f *found) byValue() tribune.Name {
	if f.named {
		return ""
	}
	return f.lookUp
}

// names reports whether a request names people, or something that finds them: then what it finds is an act, and so is nothing.
func (f *found) names() bool { return f.lookUp != "" }

// incomparable refuses a comparison of what is sealed, and says what can be asked instead. It repeats no value.
func (a *api) incomparable(s *search, class tribune.Class, attr tribune.Name, purpose tribune.PurposeID) error {
	return tribune.Hint(fmt.Errorf("%w: attribute %q is personal and sealed: it cannot be compared", tribune.ErrInvalid, s.ctx.Compact(attr)), "%s", whatCanBeAsked(s, class, purpose))
}

// whatCanBeAsked of a class, for a purpose.
func whatCanBeAsked(s *search, class tribune.Class, purpose tribune.PurposeID) string {
	var names []string
	if class.Subject != "" {
		names = append(names, s.ctx.Compact(class.Subject))
	}
	var elsewhere []string
	for _, e := range class.Equality {
		if slices.Contains(e.Purposes, purpose) {
			names = append(names, s.ctx.Compact(e.Attr))
			continue
		}
		for _, p := range e.Purposes {
			elsewhere = append(elsewhere, fmt.Sprintf("%s for purpose %s", s.ctx.Compact(e.Attr), p))
		}
	}
	words := "Ask for the entity by its id."
	if len(names) > 0 {
		words = fmt.Sprintf("Ask with q by POST: %s, one equality with one value, joined to the rest by ;", strings.Join(each(names, `=="..."`), " or "))
	}
	if len(elsewhere) > 0 {
		words += fmt.Sprintf(" The law lets be looked up besides: %s.", strings.Join(elsewhere, ", "))
	}
	return words
}

func each(names []string, after string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n + after
	}
	return out
}

// noMap refuses an entity map for a request with a purpose, whether it makes one or names one: it would outlive the act, or answer
// without one.
func noMap(r *http.Request) error {
	if web.CallerOf(r.Context()).Purpose == "" {
		return nil
	}
	return tribune.Hint(fmt.Errorf("%w: an entity map of a request with a purpose would outlive the act", tribune.ErrInvalid), "Ask without %s, or page with offset.", entityMapHeader)
}

// once reports whether an attribute stands in an expression in one equality and nowhere else.
func once(q *query.Expr, attr tribune.Name) bool {
	_, _, ok := q.TakeEquality(attr)
	return ok
}
