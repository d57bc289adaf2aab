package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"tribune"
)

// Reach is what a policy can be about, for those who explain the law: what its head and the purposes in its conditions
// name. nil means that nothing of that sort is named, so that it is about all. It decides nothing: conditions may narrow
// a policy further.
type Reach struct {
	Offices  []tribune.OfficeID
	Kinds    []tribune.ActKind
	Classes  []tribune.ClassID
	Purposes []tribune.PurposeID
}

// Reach reads the policy's own text.
func (r *Rule) Reach() Reach {
	p := r.ast()
	return Reach{
		Offices: named[tribune.OfficeID](p.Principal, "Office"), Kinds: named[tribune.ActKind](p.Action, "Action"),
		Classes: named[tribune.ClassID](p.Resource, "Class"), Purposes: r.comparedPurposes(),
	}
}

// named lists the entities of one type in a scope. A scope that names only others (City::"x" for a resource) is about
// none: an empty list, not nil.
func named[T ~string](scope any, kind cedar.EntityType) []T {
	var all []cedar.EntityUID
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		all = []cedar.EntityUID{s.Entity}
	case ast.ScopeTypeIn:
		all = []cedar.EntityUID{s.Entity}
	case ast.ScopeTypeIsIn:
		all = []cedar.EntityUID{s.Entity}
	case ast.ScopeTypeInSet:
		all = s.Entities
	default:
		return nil
	}
	out := []T{}
	for _, e := range all {
		if e.Type == kind && !slices.Contains(out, T(e.ID)) {
			out = append(out, T(e.ID))
		}
	}
	return out
}

// Covers reports whether v is among what is named, or nothing is.
func Covers[T comparable](named []T, v T) bool { return named == nil || slices.Contains(named, v) }
