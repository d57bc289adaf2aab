package price

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"tribune/internal/explain/audit"
)

// copies of a record, slightly changed, on which steadiness is measured beside an audit.
const copies = 2

// Audit audits as package audit does and, in the same run, prices the defences that the plan names: what the audit explains is defended in each way while it is in hand, so that neither
// references nor explanations are made again. A scheme that trains again is audited by itself, on the comparison's records. The second result is nil where the plan wants no comparison.
func Audit(ctx context.Context, s Subject, p audit.Plan, o audit.Options) (*audit.Result, *Result, error) {
	terms := p.Pricing()
	if len(terms.Defences) == 0 {
		r, err := audit.Run(ctx, s.Subject, p, o)
		return r, nil, err
	}
	if err := p.Validate(); err != nil {
		return nil, nil, err
	}
	schemes, err := ParseSchemes(strings.Join(terms.Defences, "\n"))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the plan's [price]: %w", err)
	}
	if schemes, err = published(p, schemes); err != nil {
		return nil, nil, fmt.Errorf("reading the plan: %w", err)
	}
	c, err := compare(s, p, schemes, Options{Audit: o, Records: terms.Records, Copies: copies, Rule: Rule{terms.MostLoss, terms.LeastFidelity}})
	if err != nil {
		return nil, nil, err
	}
	c.judged = &p
	for i, m := range c.methods {
		c.methods[i].Points = fewer(terms.Points, fewer(m.Points, p.Points))
	}
	r, err := c.run(ctx)
	return c.audited, r, err
}

// Asked is about how many records the comparison beside an audit has the model answer, besides the audit itself (audit.Asked): undefended explanations of the records looked at and of their copies.
func Asked(ctx context.Context, s Subject, p audit.Plan, o audit.Options) (int64, error) {
	terms := p.Pricing()
	if len(terms.Defences) == 0 {
		return 0, nil
	}
	schemes, err := ParseSchemes(strings.Join(terms.Defences, "\n"))
	if err != nil {
		return 0, fmt.Errorf("reading the plan's [price]: %w", err)
	}
	c, err := compare(s, p, schemes, Options{Audit: o, Records: terms.Records})
	if err != nil {
		return 0, err
	}
	p.Explanations, p.Points, p.Queries = c.methods, 2*len(c.eye.rows), 1
	for i := range p.Explanations {
		p.Explanations[i].Points = len(c.eye.rows)
	}
	each, err := audit.Asked(ctx, s.Subject, p, o)
	return each * (1 + copies), err
}

// published adds what the plan itself does to its explanations.
func published(p audit.Plan, schemes []Scheme) ([]Scheme, error) {
	for _, e := range p.Explanations {
		if e.Defence == "" || slices.ContainsFunc(schemes, func(s Scheme) bool { return s.Text == e.Defence }) {
			continue
		}
		s, err := parse(e.Defence)
		if err != nil {
			return nil, err
		}
		schemes = append(schemes, s)
	}
	return schemes, nil
}

// fewer records of two numbers, of which 0 means all.
func fewer(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
