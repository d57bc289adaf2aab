package jsonld

import (
	"time"

	"tribune/internal/twin/model"
)

// Answer reads an entity that another broker has answered with: as Entity does, and with the times that its system attributes say
// (clause 4.8), by which versions of several brokers are compared. Times that cannot be read are left out: they are only a help.
func (c *Context) Answer(d Document) (model.Entity, error) {
	e, err := c.Entity(d, Form{})
	if err != nil {
		return e, err
	}
	members(d.raw, func(key string, val []byte) error {
		switch key {
		case "createdAt":
			e.CreatedAt = instant(val)
		case "modifiedAt":
			e.ModifiedAt = instant(val)
		}
		name, err := c.attrName(key)
		if err != nil || len(e.Attrs[name]) == 0 {
			return nil
		}
		list, i := e.Attrs[name], 0
		if val[0] != '[' || len(list) == 1 && !instances(val) {
			systemTimes(&list[0], val)
			return nil
		}
		elements(val, func(v []byte) bool {
			if i < len(list) {
				systemTimes(&list[i], v)
			}
			i++
			return i < len(list)
		})
		return nil
	})
	return e, nil
}

func systemTimes(a *model.Attr, val []byte) {
	if val[0] != '{' {
		return
	}
	members(val, func(key string, v []byte) error {
		switch key {
		case "createdAt":
			a.CreatedAt = instant(v)
		case "modifiedAt":
			a.ModifiedAt = instant(v)
		}
		return nil
	})
}

func instant(val []byte) time.Time {
	s, _ := text(val)
	t, _ := Time(s)
	return t
}
