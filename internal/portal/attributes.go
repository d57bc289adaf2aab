package portal

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

// localName is the last part of an expanded name: what people know it by, whichever vocabulary it comes from.
func localName(name tribune.Name) string {
	s := string(name)
	return s[strings.LastIndexAny(s, "/#")+1:]
}

// attr is the first public attribute of an entity with one of these local names.
func attr(e *model.Entity, names ...string) *model.Attr {
	for _, want := range names {
		if a := e.Instance(tribune.Name(vocabulary+want), ""); a != nil && a.Sealed == nil {
			return a
		}
		for name := range e.Attrs {
			if localName(name) == want {
				if a := e.Instance(name, ""); a != nil && a.Sealed == nil {
					return a
				}
			}
		}
	}
	return nil
}

// text of an attribute; a text in several languages gives the first of English, none and any.
func text(a *model.Attr) string {
	if a == nil {
		return ""
	}
	var s string
	if json.Unmarshal(a.Value, &s) == nil {
		return s
	}
	var many map[string]string
	if a.Kind == model.LanguageProperty && json.Unmarshal(a.Value, &many) == nil {
		for _, tag := range []string{"en", "@none"} {
			if many[tag] != "" {
				return many[tag]
			}
		}
	}
	return ""
}

// titleOf is what to call an entity.
func titleOf(e *model.Entity) string {
	for _, name := range []string{"name", "title"} {
		if s := strings.TrimSpace(text(attr(e, name))); s != "" {
			return s
		}
	}
	return string(e.ID)
}

// number of an attribute, nil where there is none.
func number(e *model.Entity, names ...string) *float64 {
	n, ok := numeric(attr(e, names...))
	if !ok {
		return nil
	}
	return &n
}

// numeric reports whether a value is one number.
func numeric(a *model.Attr) (float64, bool) {
	var n *float64
	if a == nil || a.Sealed != nil || a.Kind != model.Property && a.Kind != "" || json.Unmarshal(a.Value, &n) != nil || n == nil {
		return 0, false
	}
	return *n, !math.IsInf(*n, 0)
}

func whole(e *model.Entity, names ...string) int {
	if n := number(e, names...); n != nil && math.Abs(*n) < 1e9 {
		return int(*n)
	}
	return 0
}

func observed(e *model.Entity, names ...string) (latest time.Time) {
	for _, name := range names {
		if a := attr(e, name); a != nil && a.ObservedAt.After(latest) {
			latest = a.ObservedAt
		}
	}
	return latest
}

// placeOf is where an entity is, and whether that is made up.
func placeOf(e *model.Entity) (at *position, drawn bool) {
	a := e.Instance(twin.LocationIRI, "")
	if a == nil {
		a = attr(e, "location")
	}
	if a == nil || a.Sealed != nil {
		return nil, false
	}
	var point struct {
		Type        string
		Coordinates []float64
	}
	if json.Unmarshal(a.Value, &point) != nil || point.Type != "Point" || len(point.Coordinates) < 2 {
		return nil, false
	}
	at = &position{point.Coordinates[0], point.Coordinates[1]}
	if math.Abs(at.Longitude) > 180 || math.Abs(at.Latitude) > 90 {
		return nil, false
	}
	for name, list := range a.Sub {
		if localName(name) == "positionIsIllustrative" && len(list) > 0 {
			drawn = string(list[0].Value) == "true"
		}
	}
	return at, drawn
}
