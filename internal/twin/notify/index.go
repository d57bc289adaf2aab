package notify

import (
	"slices"

	"tribune"
)

// index finds the subscriptions that a change of an attribute may concern: by the entity's id where they name ids, else by type
// and attribute. The empty name stands for any. So a change costs what matches it, not how many subscriptions there are.
type index struct {
	all    map[string]*subscription // by id
	byID   map[idKey][]*subscription
	byType map[typeKey][]*subscription

	standing []*subscription // those that are standing acts, in a slice that is never changed
}

type idKey struct {
	id   tribune.EntityID
	attr tribune.Name
}

type typeKey struct{ typ, attr tribune.Name }

func newIndex() *index {
	return &index{all: map[string]*subscription{}, byID: map[idKey][]*subscription{}, byType: map[typeKey][]*subscription{}}
}

// keys visits where a subscription stands; one that is periodic stands nowhere.
func (x *index) keys(s *subscription, visit func(*[]*subscription)) {
	if s.interval > 0 {
		return
	}
	attrs := s.watched
	if len(attrs) == 0 {
		attrs = []tribune.Name{""}
	}
	at := func(id tribune.EntityID, typ tribune.Name) {
		for _, attr := range attrs {
			if id != "" {
				list := x.byID[idKey{id, attr}]
				visit(&list)
				put(x.byID, idKey{id, attr}, list)
				continue
			}
			list := x.byType[typeKey{typ, attr}]
			visit(&list)
			put(x.byType, typeKey{typ, attr}, list)
		}
	}
	if len(s.selectors) == 0 {
		at("", "")
	}
	for i := range s.selectors {
		sel := &s.selectors[i]
		for _, id := range sel.ids {
			at(id, "")
		}
		if len(sel.ids) > 0 {
			continue
		}
		types := sel.types.Candidates()
		if len(types) == 0 {
			types = []tribune.Name{""}
		}
		for _, typ := range types {
			at("", typ)
		}
	}
}

func put[K comparable](m map[K][]*subscription, key K, list []*subscription) {
	if len(list) == 0 {
		delete(m, key)
	} else {
		m[key] = list
	}
}

func (x *index) add(s *subscription) {
	if old := x.all[s.id]; old != nil {
		x.remove(old)
	}
	x.all[s.id] = s
	if s.standing != nil {
		x.standing = append(slices.Clone(x.standing), s)
	}
	x.keys(s, func(list *[]*subscription) {
		if n := len(*list); n == 0 || (*list)[n-1] != s { // two selectors may lead here
			*list = append(*list, s)
		}
	})
}

func (x *index) remove(s *subscription) {
	delete(x.all, s.id)
	x.standing = slices.DeleteFunc(slices.Clone(x.standing), func(o *subscription) bool { return o == s })
	x.keys(s, func(list *[]*subscription) {
		*list = slices.DeleteFunc(*list, func(o *subscription) bool { return o == s })
	})
}

// candidates are the subscriptions that a change of attrs may concern, each once.
func (x *index) candidates(id tribune.EntityID, types []tribune.Name, attrs []change) []*subscription {
	var out []*subscription
	lists := 0
	collect := func(list []*subscription) {
		if len(list) > 0 {
			lists++
			out = append(out, list...)
		}
	}
	at := func(attr tribune.Name) {
		collect(x.byID[idKey{id, attr}])
		collect(x.byType[typeKey{"", attr}])
		for _, typ := range types {
			collect(x.byType[typeKey{typ, attr}])
		}
	}
	at("")
	for i := range attrs {
		at(attrs[i].name)
	}
	if lists < 2 {
		return out
	}
	seen := make(map[*subscription]bool, len(out))
	return slices.DeleteFunc(out, func(s *subscription) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}
