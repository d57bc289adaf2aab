package device

import (
	"math"
	"strings"
	"sync"

	"tribune"
)

// maxSegment bounds what may stand for a *.
const maxSegment = 128

// wildcard is what stands for the * of a name in its entity.
const wildcard = "{1}"

// maxTargets bounds the names of one device that are remembered with what their * stood for.
const maxTargets = 8192

// Target is where readings of one name go.
type Target struct {
	*Sense
	Entity tribune.EntityID // {1} filled in
	Types  []tribune.Name   // the sense's type, as a list; do not change it
}

// targets remembers the targets of names that a * covers: filling in costs more than looking up.
type targets struct {
	mu     sync.RWMutex
	byName map[string]Target // guarded by mu; emptied when full
}

// Target finds what a device reports under a name: the sense of that very name, else the first whose * covers it. What
// stands for a * is one segment of letters, digits, -, ., _ and ~, so that it cannot name an entity of another form.
func (d *Device) Target(name []byte) (Target, bool) {
	if i, ok := d.senseByName[string(name)]; ok {
		s := &d.Senses[i]
		return Target{s, s.Entity, s.types}, true
	}
	if len(d.senseByShape) == 0 || len(name) > maxNameLen {
		return Target{}, false
	}
	d.targets.mu.RLock()
	t, ok := d.targets.byName[string(name)]
	d.targets.mu.RUnlock()
	if ok {
		return t, true
	}
	if t, ok = d.fill(name); ok {
		d.targets.mu.Lock()
		defer d.targets.mu.Unlock()
		if d.targets.byName == nil || len(d.targets.byName) >= maxTargets {
			d.targets.byName = make(map[string]Target)
		}
		d.targets.byName[string(name)] = t
	}
	return t, ok
}

// fill finds the first sense whose * covers a name.
func (d *Document) fill(name []byte) (Target, bool) {
	for _, i := range d.senseByShape {
		s := &d.Senses[i]
		before, after, _ := strings.Cut(s.Name, "*")
		if len(name) <= len(before)+len(after) || string(name[:len(before)]) != before || string(name[len(name)-len(after):]) != after {
			continue
		}
		part := name[len(before) : len(name)-len(after)]
		if !unreserved(part) {
			continue
		}
		return Target{s, tribune.EntityID(strings.Replace(string(s.Entity), wildcard, string(part), 1)), s.types}, true
	}
	return Target{}, false
}

func unreserved(part []byte) bool {
	if len(part) > maxSegment {
		return false
	}
	for _, c := range part {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// senses reads the list of senses.
func (f *file) senses(d *Document, bad *Problems) {
	if len(f.Senses) > maxSenses {
		bad.add("senses: %d of them, at most %d", len(f.Senses), maxSenses)
		return
	}
	d.senseByName = make(map[string]int, len(f.Senses))
	shapes := map[string]bool{}
	for i, s := range f.Senses {
		n := i + 1
		for _, a := range [...]struct{ value, key, why string }{
			{s.Title, "title", "what it is, in plain words"},
			{s.Name, "name", "what messages call it"},
			{s.Entity, "entity", "what in the city it is about"},
			{s.Type, "type", "the entity's type, an IRI"},
			{s.Attribute, "attribute", "the entity's attribute, an IRI"},
		} {
			if !given(a.value) {
				bad.add("sense %d: %s is missing (%s)", n, a.key, a.why)
			}
		}
		s.check(n, bad)
		if stars := strings.Count(s.Name, "*"); stars == 0 {
			if _, twice := d.senseByName[s.Name]; twice {
				bad.add("sense %d: another has the same name", n)
			}
			d.senseByName[s.Name] = i
		} else {
			if shapes[s.Name] {
				bad.add("sense %d: another has the same name", n)
			}
			shapes[s.Name] = true
			d.senseByShape = append(d.senseByShape, i)
		}
		d.Senses = append(d.Senses, Sense{Title: s.Title, Name: s.Name, Entity: tribune.EntityID(s.Entity), Type: tribune.Name(s.Type),
			Attribute: tribune.Name(s.Attribute), Unit: s.Unit, Minimum: s.Minimum, Maximum: s.Maximum,
			UnitCode: UnitCode(s.Unit), types: []tribune.Name{tribune.Name(s.Type)}})
	}
}

func (s *fileSense) check(n int, bad *Problems) {
	if len(s.Name) > maxNameLen || strings.ContainsFunc(s.Name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		bad.add("sense %d: name: at most %d bytes without spaces", n, maxNameLen)
	}
	if s.Name == "time" {
		bad.add(`sense %d: name: "time" is the time of a JSON message`, n)
	}
	if len(s.Title) > maxText || len(s.Unit) > maxUnit {
		bad.add("sense %d: title or unit is too long", n)
	}
	stars, holes := 0, strings.Count(s.Entity, wildcard)
	for _, segment := range strings.Split(s.Name, "/") {
		if strings.Contains(segment, "*") {
			stars++
			if segment != "*" {
				stars = 2
			}
		}
	}
	switch {
	case stars > 1:
		bad.add("sense %d: name: one * at most, as a whole path segment", n)
	case stars != holes:
		bad.add("sense %d: entity: {1} stands in it once where the name has a *, and nowhere else", n)
	}
	iri := func(key, v string) {
		if v != "" && (len(v) > maxIRI-maxSegment || !strings.Contains(v, ":") || strings.ContainsAny(v, " \t\r\n\x00\"<>\\^`{|}")) {
			bad.add("sense %d: %s: write a full IRI of at most %d bytes without spaces", n, key, maxIRI-maxSegment)
		}
	}
	iri("entity", strings.Replace(s.Entity, wildcard, "", 1))
	iri("type", s.Type)
	iri("attribute", s.Attribute)
	for _, limit := range [...]*float64{s.Minimum, s.Maximum} {
		if limit != nil && (math.IsNaN(*limit) || math.IsInf(*limit, 0)) {
			bad.add("sense %d: minimum and maximum are finite numbers", n)
		}
	}
	if s.Minimum != nil && s.Maximum != nil && *s.Minimum > *s.Maximum {
		bad.add("sense %d: the minimum is above the maximum", n)
	}
}
