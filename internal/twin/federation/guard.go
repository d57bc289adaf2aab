package federation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tribune"
)

// Guard is what no context source may tell, whatever it is registered for. The zero Guard lets everything pass.
type Guard struct {
	// Withhold reports whether an attribute of an entity of these types must not be taken from a source; nil = all may. Who
	// says what an entity is are the source, which may lie, and everybody else who knows the entity.
	Withhold func(types []tribune.Name, attr tribune.Name) bool

	// Here are the types of an entity that this broker holds; none = it holds none of this ID. Nil = it cannot be asked.
	Here func(ctx context.Context, id tribune.EntityID) []tribune.Name
}

// known are the types that an entity has by what is here: a source cannot call what this broker knows something else, also
// where the request asks only for what the source calls it.
func (g *Guard) known(ctx context.Context, id tribune.EntityID) []tribune.Name {
	if g.Withhold == nil || g.Here == nil {
		return nil
	}
	return g.Here(ctx, id)
}

// personalWarning says how much a Guard has kept back.
func personalWarning(n int) string {
	return fmt.Sprintf(`199 tribune "%d personal attributes that context sources told are left out"`, n)
}

// covers reports whether an entity is one that the registration is about.
func (r *Registration) covers(id tribune.EntityID, types []tribune.Name) bool {
	return slices.ContainsFunc(r.Information, func(i Information) bool { return i.Covers(id, types) })
}

// may reports whether the registration is about this attribute of an entity that it covers.
func (r *Registration) may(id tribune.EntityID, types []tribune.Name, attr tribune.Name) bool {
	return slices.ContainsFunc(r.Information, func(i Information) bool {
		return (!i.named() || i.names(attr)) && i.Covers(id, types)
	})
}

// excess counts what a source has told beyond its registration: entities of other types or IDs, and attributes of others. What is
// registered and was only not asked for is not counted: many sources cannot narrow a query as far as this broker does.
type excess struct{ entities, attrs int }

func (x excess) any() bool { return x.entities+x.attrs > 0 }

// excessWarning says what of a source's answer has been left out.
func excessWarning(r *Registration, x excess) string {
	return fmt.Sprintf(`199 tribune "registration %s: %d entities and %d attributes that its source told are left out: it is not registered for them"`, strings.Map(quotable, r.ID), x.entities, x.attrs)
}
