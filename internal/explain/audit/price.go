package audit

import (
	"fmt"

	"tribune"
)

// Price is what a plan says of defences: which are tried on the explanations while an audit has them in hand, and by which rule one is recommended (package price). It is told, not judged; what
// the rule allows is fixed before the run, as the limits are.
type Price struct {
	Defences      []string `toml:"defences" json:"defences"`             // as package price reads them; none = no comparison
	Points        int      `toml:"points" json:"points"`                 // records attacked under each, half of them members, and small groups besides; 0 = the explanation's
	Records       int      `toml:"records" json:"records"`               // test records on which fidelity and stability are measured, and small groups besides
	MostLoss      float64  `toml:"most_loss" json:"most_loss"`           // of accuracy, that a recommended defence may cost the model
	LeastFidelity float64  `toml:"least_fidelity" json:"least_fidelity"` // mean cosine with the undefended explanation that it must leave
}

const (
	maxRecords = 100_000
	maxDefence = 512 // bytes
)

// DefaultPrice is what holds where a plan says nothing: defences whose strength means the same to every method, since they are of an explanation brought to length 1 first.
func DefaultPrice() Price {
	return Price{
		Defences: []string{"unit", "top:10", "unit+round:0.1", "unit+noise:0.1", "unit+top:10+round:0.1"},
		Points:   6000, Records: 600, MostLoss: 0.02, LeastFidelity: 0.5,
	}
}

// Pricing is what the plan says, or the default.
func (p Plan) Pricing() Price {
	if p.Price == nil {
		return DefaultPrice()
	}
	return *p.Price
}

// fill sets what [price] leaves out.
func (p *Price) fill(said func(key ...string) bool) {
	d := DefaultPrice()
	for name, set := range map[string]func(){
		"defences": func() { p.Defences = d.Defences }, "points": func() { p.Points = d.Points }, "records": func() { p.Records = d.Records },
		"most_loss": func() { p.MostLoss = d.MostLoss }, "least_fidelity": func() { p.LeastFidelity = d.LeastFidelity },
	} {
		if !said("price", name) {
			set()
		}
	}
}

func (p Price) check() error {
	invalid := func(format string, args ...any) error {
		return fmt.Errorf("%w: the plan's [price] "+format, append([]any{tribune.ErrInvalid}, args...)...)
	}
	switch {
	case len(p.Defences) > maxList:
		return invalid("names %d defences; give at most %d", len(p.Defences), maxList)
	case p.Points < 0 || p.Points > maxPoints:
		return invalid("attacks %d records; give 0 (all) to %d", p.Points, maxPoints)
	case len(p.Defences) > 0 && (p.Records < 1 || p.Records > maxRecords):
		return invalid("looks at %d records; give 1 to %d", p.Records, maxRecords)
	case !(p.MostLoss >= 0 && p.MostLoss <= 1):
		return invalid("allows a loss of accuracy of %v; give 0 to 1", p.MostLoss)
	case !(p.LeastFidelity >= -1 && p.LeastFidelity <= 1):
		return invalid("asks for a fidelity of %v; give -1 to 1", p.LeastFidelity)
	}
	if name, is := twice(p.Defences); is {
		return invalid("names the defence %q twice or not at all", name)
	}
	for _, d := range p.Defences {
		if len(d) > maxDefence {
			return invalid("has a defence of %d bytes; give at most %d", len(d), maxDefence)
		}
	}
	return nil
}
