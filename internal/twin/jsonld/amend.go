package jsonld

import (
	"fmt"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/model"
)

// Amendment says for which version of the standard an answer is written (clause 4.3.6.8).
type Amendment struct {
	Version string // as "1.5"
	Altered bool   // set by rendering: something was written otherwise, or left out

	version version
}

// version is a version of the standard, major and minor.
type version [2]int

// ParseAmendment reads a version, major.minor.
func ParseAmendment(text string) (*Amendment, error) {
	major, minor, ok := strings.Cut(text, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if !ok || err1 != nil || err2 != nil || a < 1 || b < 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: a version of the standard is major.minor (clause 4.3.6.8)", tribune.ErrInvalid), "Like Prefer: ngsi-ld=1.5.")
	}
	return &Amendment{Version: text, version: version{a, b}}, nil
}

// Conforms is the version that the answer conforms to: the one asked for, or the latest that is written.
func (a *Amendment) Conforms() string {
	if latest := (version{1, 9}); latest.before(a.version) {
		return "1.9"
	}
	return a.Version
}

func (v version) before(o version) bool { return v[0] < o[0] || v[0] == o[0] && v[1] < o[1] }

// knows reports whether whoever reads the answer knows what came with a version; what is asked for and not known is
// noted as altered.
func (w *writer) knows(came version) bool {
	m := w.view.Amend
	if m == nil || !m.version.before(came) {
		return true
	}
	m.Altered = true
	return false
}

// typesOf are the types of an entity; before 1.3 it had one.
func (w *writer) typesOf(e *model.Entity) []tribune.Name {
	if len(e.Types) > 1 && !w.knows(version{1, 3}) {
		return e.Types[:1]
	}
	return e.Types
}

// single leaves one of several instances to readers who know no datasetId: the default one where there is one.
func (w *writer) single(all []model.Attr) []model.Attr {
	if len(all) < 2 || w.view.Amend == nil || w.knows(version{1, 3}) {
		return all
	}
	for i := range all {
		if all[i].Dataset == "" {
			return all[i : i+1]
		}
	}
	return all[:1]
}

// amended is the attribute as an earlier version knows it.
func (w *writer) amended(a *model.Attr) *model.Attr {
	if w.view.Amend == nil {
		return a
	}
	c := *a
	switch a.Kind {
	case model.LanguageProperty:
		if !w.knows(version{1, 4}) {
			c.Kind = model.Property
		}
	case model.JSONProperty, model.ListProperty:
		if !w.knows(version{1, 8}) {
			c.Kind = model.Property
		}
	case model.VocabProperty:
		if !w.knows(version{1, 8}) {
			c.Kind = model.Property
			names := writer{ctx: w.ctx}
			names.vocab(a.Value)
			c.Value = names.b
		}
	case model.ListRelationship:
		if !w.knows(version{1, 8}) {
			c.Kind = model.Relationship
		}
	}
	if len(c.ObjectType) > 0 && !w.knows(version{1, 8}) {
		c.ObjectType = nil
	}
	if (c.Dataset != "" || c.UnitCode != "" || !c.ObservedAt.IsZero()) && !w.knows(version{1, 3}) {
		c.Dataset, c.UnitCode, c.ObservedAt = "", "", model.Attr{}.ObservedAt
	}
	if c.Rare != nil && !c.Plain() && !w.knows(version{1, 9}) {
		c.Rare = nil
	}
	return &c
}
