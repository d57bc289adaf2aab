package federation

import (
	"slices"
	"strings"

	"tribune"
)

// index is the registrations of one tenant. A list holds a registration once.
type index struct {
	byID   map[string]*Registration
	weight int // of all, in bytes

	byType  map[tribune.Name][]*Registration // that an entity element names
	anyType []*Registration                  // with an element for entities of every type

	byEntity  map[tribune.EntityID][]*Registration // that an entity element names
	anyEntity []*Registration                      // with an element that does not name its entities
}

func newIndex() *index {
	return &index{byID: map[string]*Registration{}, byType: map[tribune.Name][]*Registration{}, byEntity: map[tribune.EntityID][]*Registration{}}
}

// put adds a registration, in the place of the one with its ID.
func (x *index) put(r *Registration) {
	if old := x.byID[r.ID]; old != nil {
		x.remove(old)
	}
	x.byID[r.ID] = r
	x.weight += r.weight()
	x.each(r, func(list *[]*Registration) { *list = append(*list, r) })
}

func (x *index) remove(r *Registration) {
	delete(x.byID, r.ID)
	x.weight -= r.weight()
	x.each(r, func(list *[]*Registration) {
		*list = slices.DeleteFunc(*list, func(o *Registration) bool { return o == r })
	})
}

// each visits every list that r belongs to, once.
func (x *index) each(r *Registration, visit func(*[]*Registration)) {
	types, ids := map[tribune.Name]bool{}, map[tribune.EntityID]bool{}
	for i := range r.Information {
		entities := r.Information[i].Entities
		if len(entities) == 0 {
			types[""], ids[""] = true, true
		}
		for j := range entities {
			ids[entities[j].ID] = true // "" where it names none
			for _, t := range entities[j].Types {
				types[t] = true
			}
			if len(entities[j].Types) == 0 {
				types[""] = true
			}
		}
	}
	for t := range types {
		visitIn(x.byType, t, &x.anyType, visit)
	}
	for id := range ids {
		visitIn(x.byEntity, id, &x.anyEntity, visit)
	}
}

// visitIn visits the list of key, or otherwise where there is none; an empty list leaves the map.
func visitIn[K ~string](lists map[K][]*Registration, key K, otherwise *[]*Registration, visit func(*[]*Registration)) {
	if key == "" {
		visit(otherwise)
		return
	}
	list := lists[key]
	visit(&list)
	if len(list) == 0 {
		delete(lists, key)
		return
	}
	lists[key] = list
}

// candidates are registrations of which all that fulfil the need are some, each once.
func (x *index) candidates(n *Need) []*Registration {
	byType, typed := pick(x.byType, n.Types.Candidates(), x.anyType)
	byEntity, named := pick(x.byEntity, n.IDs, x.anyEntity)
	named = named && n.Pattern == nil
	switch {
	case named && (!typed || len(byEntity) < len(byType)):
		return byEntity
	case typed:
		return byType
	}
	return x.all()
}

// pick are the registrations in the lists of keys and in rest; ok is false where there are no keys.
func pick[K ~string](lists map[K][]*Registration, keys []K, rest []*Registration) (out []*Registration, ok bool) {
	switch len(keys) {
	case 0:
		return nil, false
	case 1:
		if len(lists[keys[0]]) == 0 {
			return rest, true
		}
	}
	out = slices.Clone(rest)
	for _, k := range keys {
		out = append(out, lists[k]...)
	}
	slices.SortFunc(out, byID)
	return slices.Compact(out), true
}

// all registrations, by ID.
func (x *index) all() []*Registration {
	out := make([]*Registration, 0, len(x.byID))
	for _, r := range x.byID {
		out = append(out, r)
	}
	slices.SortFunc(out, byID)
	return out
}

func byID(a, b *Registration) int { return strings.Compare(a.ID, b.ID) }
