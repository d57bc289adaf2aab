package twin

import (
	"slices"

	"tribune/internal/twin/model"
)

// describe sets what an entity says of itself beside its attributes: types, scope, and when it expires.
func (x *edit) describe(cur *model.Entity, mode Mode, frag *fragment, replace bool) {
	if mode == DeleteAttr || mode == Partial || mode == ReplaceAttr {
		return
	}
	switch {
	case replace && len(frag.types) > 0:
		x.e.Types, x.plain = slices.Clone(frag.types), false
	default: // types are added, never taken away
		for _, typ := range frag.types {
			if !slices.Contains(x.e.Types, typ) {
				x.e.Types, x.plain = append(slices.Clip(x.e.Types), typ), false
			}
		}
	}
	x.retyped = cur != nil && !slices.Equal(cur.Types, x.e.Types)
	x.scope(mode, frag, replace || x.created)
	switch expires := frag.expires(); {
	case replace, !expires.IsZero() && (mode != AppendNew || x.e.ExpiresAt.IsZero()):
		x.e.ExpiresAt = expires.UTC()
	case frag.unsets(model.ExpiresAt):
		x.e.ExpiresAt = expires
	}
}

// scope sets the scopes by the rule of the mode: an update replaces what is there (5.6.2), noOverwrite only adds (5.6.3).
func (x *edit) scope(mode Mode, frag *fragment, whole bool) {
	was := x.e.Scope
	switch {
	case whole:
		x.e.Scope = frag.scope
	case frag.unsets(model.Scope):
		x.e.Scope = nil
	case len(frag.scope) == 0:
		return
	case mode == AppendNew:
		for _, s := range frag.scope {
			if !slices.Contains(x.e.Scope, s) {
				x.e.Scope = append(slices.Clip(x.e.Scope), s)
			}
		}
	case (mode == Update || mode == Upsert) && len(was) == 0:
		x.ignored = append(x.ignored, model.ScopeName)
		return
	default:
		x.e.Scope = frag.scope
	}
	if slices.Equal(was, x.e.Scope) {
		x.e.Scope = was // not the caller's memory
		return
	}
	x.plain, x.touched = false, append(x.touched, model.ScopeName)
}
