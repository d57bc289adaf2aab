package audit

import (
	"context"
	"fmt"
	"slices"

	"tribune"
	"tribune/internal/explain/attack"
)

// attacker is an attack that plans may name.
type attacker struct {
	name   string
	sights []Sight       // what it looks at; only one that sees both can say what the explanation adds
	sheet  attack.Attack // by numbers made of what was seen; nil: the attack network, by all of it
}

var everything = []Sight{OnPrediction, OnExplanation, OnBoth}

// attackers are all there are. The paper's thresholds are each on one number of one sight.
func attackers() []attacker {
	out := []attacker{{"lira", everything, attack.LiRA{}}, {"rmia", everything, attack.RMIA{}}, {"network", everything, nil}}
	threshold := func(sight Sight, names ...string) {
		for i, of := range names {
			if of == "" {
				continue
			}
			a := attack.Threshold{Of: of, Number: i}
			out = append(out, attacker{a.Name(), []Sight{sight}, a})
		}
	}
	threshold(OnPrediction, "loss", "prediction-variance")
	threshold(OnExplanation, "explanation-variance", "explanation-1-norm", "explanation-2-norm", "explanation-largest")
	return out
}

// Attacks are the names that plans may use.
func Attacks() (names []string) {
	for _, a := range attackers() {
		names = append(names, a.name)
	}
	return names
}

// NetworkAttack is the name of the attack that needs whole explanations.
const NetworkAttack = "network"

func byName(names []string) (out []attacker, err error) {
	all := attackers()
	for _, name := range names {
		i := slices.IndexFunc(all, func(a attacker) bool { return a.name == name })
		if i < 0 {
			return nil, tribune.Hint(fmt.Errorf("%w: the plan names the attack %q", tribune.ErrInvalid, name), "one of %q", Attacks())
		}
		out = append(out, all[i])
	}
	return out, nil
}

func (a attacker) sees(s Sight) bool { return slices.Contains(a.sights, s) }

func (a attacker) score(ctx context.Context, seed uint64, sheet *attack.Sheet, whole func() attack.Whole) (scores []float64, err error) {
	if a.sheet != nil {
		scores, err = a.sheet.Score(sheet)
	} else {
		scores, err = attack.Network{Seed: seed}.Score(ctx, whole())
	}
	if err != nil {
		return nil, fmt.Errorf("attacking by %s: %w", a.name, err)
	}
	return scores, nil
}
