package audit

import (
	"tribune/internal/explain/model"
)

// Explains refuses a model that cannot be explained as the plan says: the target, or a reference.
func (s Subject) Explains(m model.Model, p Plan) error {
	s.Target = m
	_, err := prepare(p.Explanations, p, s, Options{}.filled())
	return err
}
