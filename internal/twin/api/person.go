package api

import (
	"fmt"
	"net/http"
	"slices"

	"tribune"
	"tribune/internal/twin/query"
)

// person turns an equality on the attribute that names a class's subject into a look-up of that person, and refuses
// every other condition on a personal attribute: what is sealed cannot be compared, and pretending that nothing fits
// would be a wrong answer to someone who has a purpose. Other attributes are looked up where their class says so (lookup.go).
func (a *api) person(r *http.Request, caller tribune.Caller, s *search, f *found) error {
	if err := a.mayAsk(caller); err != nil {
		return err
	}
	var subject tribune.Class
	var sought tribune.Name // by which people are named: that attribute, or one that can be looked up
	for _, attr := range s.Q.Attrs() {
		class, personal := a.personal(s.types, attr)
		if !personal {
			continue
		}
		if len(s.types) == 0 {
			return tribune.Hint(fmt.Errorf("%w: attribute %q: without a type nobody can say which law is its law", tribune.ErrInvalid, s.ctx.Compact(attr)), "Name the type.")
		}
		named := class.Subject == attr && equalities(s.Q, attr) == 1
		if !named && !(mayLookUp(class, attr, caller.Purpose) && once(s.Q, attr)) {
			return a.incomparable(s, class, attr, caller.Purpose)
		}
		if subject.ID != "" {
			return fmt.Errorf("%w: q names people by two attributes; one act is about one", tribune.ErrInvalid)
		}
		subject, sought = class, attr
	}
	if err := a.notPersonal(s); err != nil {
		return err
	}
	if subject.ID == "" {
		return nil
	}
	if sought != subject.Subject {
		return a.lookUp(r, caller, s, f, subject, sought)
	}
	if !s.inBody {
		return tribune.Hint(fmt.Errorf("%w: a URL may not name a person: it ends in logs", tribune.ErrInvalid), "Send the query by POST to %s/entityOperations/query.", Prefix)
	}
	name, _ := s.Q.Equal(subject.Subject)
	if s.Q = s.Q.Without(subject.Subject); s.Q != nil && slices.Contains(s.Q.Attrs(), subject.Subject) {
		return tribune.Hint(fmt.Errorf("%w: attribute %q stands in q a second time", tribune.ErrInvalid, s.ctx.Compact(subject.Subject)), "Name one person.")
	}
	f.class, f.lookUp, f.named = subject.ID, sought, true
	var err error
	if f.act, err = a.Way.May(r.Context(), tribune.Reading{Caller: caller, Class: f.class, Attrs: a.asked(f, nil), Window: a.window(f.class, nil, a.Now().UTC())}); err != nil {
		return fmt.Errorf("preparing the act: %w", err)
	}
	p, err := a.Names.Pseudonyms(r.Context(), subject.SubjectType, []string{name})
	if err != nil {
		return fmt.Errorf("finding a pseudonym: %w", err)
	}
	s.Subject, s.Class = &p[0], subject.ID
	s.Attrs = nil // attrs choose what is shown: sealed ones could not be matched
	f.subjects = p
	return nil
}

// notPersonal refuses geo queries about personal places, and keeps attrs from selecting entities by what is sealed.
func (a *api) notPersonal(s *search) error {
	if s.Geo != nil {
		if _, personal := a.personal(s.types, s.Geo.Property); personal {
			return tribune.Hint(fmt.Errorf("%w: attribute %q is personal and sealed: no distance to it can be had", tribune.ErrInvalid, s.ctx.Compact(s.Geo.Property)), "Name the type, or another geoproperty.")
		}
	}
	for _, attr := range s.Order.Attrs() {
		if _, personal := a.personal(s.types, attr); personal {
			return tribune.Hint(fmt.Errorf("%w: attribute %q is personal and sealed: nothing can be ordered by it", tribune.ErrInvalid, s.ctx.Compact(attr)), "Name the type, or order by another attribute.")
		}
	}
	for _, to := range s.Q.Linked() {
		if _, personal := a.personal(to.Types, to.Attr); personal && len(to.Types) > 0 {
			return tribune.Hint(fmt.Errorf("%w: attribute %q of linked entities is personal and sealed: it cannot be compared", tribune.ErrInvalid, s.ctx.Compact(to.Attr)), "Ask for the linked entities themselves.")
		}
	}
	for _, attr := range s.Attrs {
		if _, personal := a.personal(s.types, attr); personal {
			if len(s.types) == 0 && len(s.IDs) == 0 {
				return tribune.Hint(fmt.Errorf("%w: attribute %q is personal: attrs alone cannot select entities by it", tribune.ErrInvalid, s.ctx.Compact(attr)), "Name the type.")
			}
			s.Attrs = nil
			break
		}
	}
	return nil
}

// personal is the class of an attribute where it is personal for any of the types that are asked for.
func (a *api) personal(types []tribune.Name, attr tribune.Name) (tribune.Class, bool) {
	if len(types) == 0 {
		types = []tribune.Name{""} // any: no class covers it
	}
	for i := range types {
		if class := a.ClassOf(types[i:i+1], attr); class.Personal || class.ID == tribune.ClassUnclassified {
			return class, true
		}
	}
	return tribune.Class{}, false
}

// equalities counts the terms that every match fulfils and that are about attr.
func equalities(q *query.Expr, attr tribune.Name) (n int) {
	for _, t := range q.Conjuncts() {
		if t.Attr == attr {
			n++
		}
	}
	if _, ok := q.Equal(attr); !ok {
		return 0
	}
	return n
}
