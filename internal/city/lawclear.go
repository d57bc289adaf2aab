package city

import (
	"context"
	"fmt"
	"strings"

	"tribune"
	"tribune/policy"
)

// A law can make personal what was public. What arrived before lies in the open, with its history: it was sealed for nobody, and no key
// keeps it from anybody. The hub therefore does not announce such a change while it holds clear values of what it would seal. They have
// to be deleted first, with their history, by whoever may write them; what of them others have copied no law takes back.

// maxClear is how many attributes the refusal names.
const maxClear = 5

// staysClear says, in words, which attributes would become personal though the twin holds clear values of them; "" = none.
func (h *Hub) staysClear(ctx context.Context, old, new *policy.Set) (string, error) {
	tenants, err := h.twin.Named(ctx, "")
	if err != nil {
		return "", fmt.Errorf("looking for what a change of law would leave in the open: %w", err)
	}
	open := func(s *policy.Set, typ, attr tribune.Name) bool {
		class := s.ClassOf([]tribune.Name{typ}, attr)
		return !class.Personal && class.ID != tribune.ClassUnclassified
	}
	var found []string
	for _, tenant := range tenants {
		types, err := h.twin.TypeAttrs(ctx, tenant)
		if err != nil {
			return "", fmt.Errorf("looking for what a change of law would leave in the open: %w", err)
		}
		for _, t := range types {
			for _, a := range t.Attrs {
				if open(old, t.Name, a.Name) && !open(new, t.Name, a.Name) {
					found = append(found, fmt.Sprintf("%s of %s", a.Name, t.Name))
				}
			}
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	more := ""
	if n := len(found) - maxClear; n > 0 {
		found, more = found[:maxClear], fmt.Sprintf(" and %d more", n)
	}
	return "it would make personal what lies in the open: " + strings.Join(found, ", ") + more +
		". Stop what feeds these attributes and delete them with their history (DELETE /ngsi-ld/v1/entities/ID/attrs/NAME and /ngsi-ld/v1/temporal/entities/ID/attrs/NAME), then reload", nil
}
