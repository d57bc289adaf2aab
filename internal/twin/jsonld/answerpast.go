package jsonld

import (
	"tribune"
	"tribune/internal/twin/model"
)

// AnswerEvolution reads a temporal evolution that another broker has answered with: as Evolution does, and with what its system attributes
// and instanceIds say. An empty array is an attribute whose instances are on other pages (clause 6.3.10). Times that cannot be read are
// left out: they are only a help.
func (c *Context) AnswerEvolution(d Document) (model.Entity, error) {
	r := &evolutionReader{parser: parser{ctx: c}, told: true}
	e, err := r.evolution(d, false)
	if err != nil {
		return e, err
	}
	for name, list := range e.Attrs {
		if len(list) == 0 {
			delete(e.Attrs, name)
		}
	}
	members(d.raw, func(key string, val []byte) error {
		switch key {
		case "createdAt":
			e.CreatedAt = instant(val)
		case "modifiedAt":
			e.ModifiedAt = instant(val)
		case "deletedAt":
			e.DeletedAt = instant(val)
		}
		return nil
	})
	return e, nil
}

// toldTimes reads what the system of another broker has made of an instance. One that records a deletion was modified when it was deleted.
func toldTimes(a *model.Attr, val []byte) {
	systemTimes(a, val)
	if val[0] != '{' {
		return
	}
	var instance tribune.EntityID
	members(val, func(key string, v []byte) error {
		switch key {
		case "deletedAt":
			if t := instant(v); !t.IsZero() && a.Null() {
				a.ModifiedAt = t
			}
		case "instanceId":
			if s, ok := text(v); ok {
				instance, _ = ID(s)
			}
		}
		return nil
	})
	if instance == "" {
		return
	}
	var rare model.Rare
	if a.Rare != nil {
		rare = *a.Rare
	}
	rare.Instance = string(instance)
	a.SetRare(rare)
}

// none reports whether an array is empty.
func none(arr []byte) bool {
	empty := true
	elements(arr, func([]byte) bool {
		empty = false
		return false
	})
	return empty
}
