package provider

import (
	"container/list"
	"time"
)

// table keeps values for a time and up to a number. A full table forgets its oldest value: a flood of new ones then ends
// logins that were begun long ago, and never keeps the next one out. It is not safe for concurrent use.
type table[V any] struct {
	life time.Duration
	most int
	byID map[string]*list.Element // of order
	age  *list.List               // of row[V], oldest first; one life for all, so that the first to come is the first to end
}

type row[V any] struct {
	id    string
	value V
	until time.Time
}

func newTable[V any](life time.Duration, most int) *table[V] {
	return &table[V]{life: life, most: most, byID: map[string]*list.Element{}, age: list.New()}
}

func (t *table[V]) put(id string, v V) {
	t.drop(id)
	t.purge()
	if t.age.Len() >= t.most {
		t.drop(t.age.Front().Value.(row[V]).id)
	}
	t.byID[id] = t.age.PushBack(row[V]{id: id, value: v, until: time.Now().Add(t.life)})
}

func (t *table[V]) get(id string) (v V, ok bool) {
	t.purge()
	e, ok := t.byID[id]
	if !ok {
		return v, false
	}
	return e.Value.(row[V]).value, true
}

// set changes a value and leaves its end where it is.
func (t *table[V]) set(id string, v V) {
	if e, ok := t.byID[id]; ok {
		old := e.Value.(row[V])
		e.Value = row[V]{id: id, value: v, until: old.until}
	}
}

// take gives a value once.
func (t *table[V]) take(id string) (V, bool) {
	v, ok := t.get(id)
	t.drop(id)
	return v, ok
}

func (t *table[V]) drop(id string) {
	if e, ok := t.byID[id]; ok {
		t.age.Remove(e)
		delete(t.byID, id)
	}
}

func (t *table[V]) dropIf(match func(V) bool) {
	for e := t.age.Front(); e != nil; {
		next := e.Next()
		if r := e.Value.(row[V]); match(r.value) {
			t.drop(r.id)
		}
		e = next
	}
}

func (t *table[V]) purge() {
	now := time.Now()
	for e := t.age.Front(); e != nil && !e.Value.(row[V]).until.After(now); e = t.age.Front() {
		t.drop(e.Value.(row[V]).id)
	}
}
