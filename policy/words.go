package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"

	"tribune"
)

// What a policy speaks of, read from its syntax tree.

// entities lists the entities a policy names, in its head and in its conditions.
func (r *Rule) entities() []cedar.EntityUID {
	var out []cedar.EntityUID
	p := r.ast()
	for _, scope := range []any{p.Principal, p.Resource} {
		switch s := scope.(type) {
		case ast.ScopeTypeEq:
			out = append(out, s.Entity)
		case ast.ScopeTypeIn:
			out = append(out, s.Entity)
		case ast.ScopeTypeIsIn:
			out = append(out, s.Entity)
		}
	}
	r.inspect(func(n ast.IsNode) {
		if v, ok := n.(ast.NodeValue); ok {
			if e, ok := v.Value.(cedar.EntityUID); ok {
				out = append(out, e)
			}
		}
	})
	return out
}

// inspect calls look for every node of the conditions.
func (r *Rule) inspect(look func(ast.IsNode)) {
	for _, c := range r.ast().Conditions {
		ast.Inspect(ast.NewNode(c.Body), func(n ast.IsNode) bool { look(n); return true })
	}
}

// comparedPurposes lists the string literals that a policy compares context.purpose with: one that is not in the register makes
// a permit that never applies or, worse, a forbid that never does.
func (r *Rule) comparedPurposes() []tribune.PurposeID {
	var out []tribune.PurposeID
	purpose := func(n ast.IsNode) bool {
		a, ok := n.(ast.NodeTypeAccess)
		if !ok || a.Value != "purpose" {
			return false
		}
		v, ok := a.Arg.(ast.NodeTypeVariable)
		return ok && v.Name == "context"
	}
	literals := func(n ast.IsNode) {
		ast.Inspect(ast.NewNode(n), func(n ast.IsNode) bool {
			if v, ok := n.(ast.NodeValue); ok {
				if s, ok := v.Value.(cedar.String); ok {
					out = append(out, tribune.PurposeID(s))
				}
			}
			return true
		})
	}
	pair := func(b ast.BinaryNode) {
		if purpose(b.Left) {
			literals(b.Right)
		}
		if purpose(b.Right) {
			literals(b.Left)
		}
	}
	r.inspect(func(n ast.IsNode) {
		switch n := n.(type) {
		case ast.NodeTypeEquals:
			pair(n.BinaryNode)
		case ast.NodeTypeNotEquals:
			pair(n.BinaryNode)
		case ast.NodeTypeContains:
			pair(n.BinaryNode)
		}
	})
	return out
}

// mayErr reports whether evaluation can fail although the policy is well typed: arithmetic overflows, extension
// functions parse.
func (r *Rule) mayErr() bool {
	found := false
	r.inspect(func(n ast.IsNode) {
		switch n.(type) {
		case ast.NodeTypeAdd, ast.NodeTypeSub, ast.NodeTypeMult, ast.NodeTypeNegate, ast.NodeTypeExtensionCall:
			found = true
		}
	})
	return found
}

// speaksOf reports whether the policy may look at an attribute of the context: by name, or by using the context whole.
func (r *Rule) speaksOf(attr cedar.String) bool {
	named, whole := false, 0
	isContext := func(n ast.IsNode) bool { v, ok := n.(ast.NodeTypeVariable); return ok && v.Name == "context" }
	member := func(n ast.StrOpNode) {
		named = named || n.Value == attr
		if isContext(n.Arg) {
			whole--
		}
	}
	r.inspect(func(n ast.IsNode) {
		switch n := n.(type) {
		case ast.NodeTypeAccess:
			member(n.StrOpNode)
		case ast.NodeTypeHas:
			member(n.StrOpNode)
		case ast.NodeTypeVariable:
			if isContext(n) {
				whole++
			}
		}
	})
	return named || whole > 0
}

// office is the one office a policy is for, "" where its head names none.
func (r *Rule) office() tribune.OfficeID {
	if eq, ok := r.ast().Principal.(ast.ScopeTypeEq); ok && eq.Entity.Type == "Office" {
		return tribune.OfficeID(eq.Entity.ID)
	}
	return ""
}

// class is the one that a policy is about; "" where it is about several or none.
func (r *Rule) class() tribune.ClassID {
	if eq, ok := r.ast().Resource.(ast.ScopeTypeEq); ok && eq.Entity.Type == "Class" {
		return tribune.ClassID(eq.Entity.ID)
	}
	return ""
}

// publishesOnly reports whether a policy is about nothing but kinds of act that need no mandate.
func (r *Rule) publishesOnly() bool {
	var kinds []cedar.EntityUID
	switch s := r.ast().Action.(type) {
	case ast.ScopeTypeEq:
		kinds = []cedar.EntityUID{s.Entity}
	case ast.ScopeTypeInSet:
		kinds = s.Entities
	}
	return len(kinds) > 0 && !slices.ContainsFunc(kinds, func(e cedar.EntityUID) bool { return !publishes(tribune.ActKind(e.ID)) })
}
