package record

import (
	"context"
	"errors"
	"math"
	"slices"
)

// Answer is what an attacker sees of one query: the probability of class 0, and of the most influential record its number and its influence on that
// probability.
type Answer struct {
	Probability float64
	Record      int
	Influence   float64
}

// ErrBudget ends an attack whose queries are spent.
var ErrBudget = errors.New("query budget spent")

// Recovered is what Hyperplanes found.
type Recovered struct {
	Records []int     // whose hyperplanes were computed, in the order found: the paper's count
	After   []int     // queries spent when each was
	Errors  []float64 // the largest difference of each from the true leave-one-out model's parameters
	Queries int       // spent in all
	Ended   string    // why it ended
}

// Hyperplanes is the paper's algorithm 1 (section 6.1): an attacker who is told, with each answer, its most influential record and how much the answer
// would change without it, recovers first the model, then one leave-one-out model after the other. The models' values at neighbouring queries give a
// hyperplane (finite differences of their logits); the next query is the shortest at which all records found have no influence, so that another one must
// explain it. It ends when the hyperplanes no longer are independent, at the latest after as many as there are inputs; each costs a query per input. The
// paper counts every record found; far from the data probabilities round to 0 and 1, and what is computed there can be far from the true model: Errors
// tells.
func (e *Explainer) Hyperplanes(ctx context.Context, budget int) (Recovered, error) {
	a := &attacker{ctx: ctx, e: e, budget: budget}
	err := a.run()
	if ctx.Err() != nil {
		return Recovered{}, ctx.Err()
	}
	if err != nil { // the budget, or arithmetic: an attack ends, the measurement does not fail
		a.found.Ended = err.Error()
	}
	a.found.Queries = a.spent
	return a.found, nil
}

var (
	errDependent = errors.New("the hyperplanes found are no longer independent")
	errFar       = errors.New("the next query lies where probabilities have no digits left")
)

type attacker struct {
	ctx       context.Context
	e         *Explainer
	budget    int
	spent     int
	influence []float64
	found     Recovered
	w         []float64 // of the model, as recovered
	b         float64
	normals   subspace // of the hyperplanes, to see whether they are independent
	system    subspace // of the equations for the next query
}

// ask counts; it is the attacker's only way to the model.
func (a *attacker) ask(query []float64) (Answer, error) {
	if a.ctx.Err() != nil {
		return Answer{}, a.ctx.Err()
	}
	if a.spent >= a.budget {
		return Answer{}, ErrBudget
	}
	a.spent++
	a.influence = a.e.Influences(query, a.influence)
	first := top(a.influence, 1)[0]
	return Answer{Probability: sigmoid(-a.e.value(query)), Record: first, Influence: -a.influence[first]}, nil
}

func (a *attacker) run() error {
	if err := a.model(); err != nil {
		return err
	}
	inputs := a.e.Inputs()
	if !a.normals.add(a.w, 0) {
		return errDependent
	}
	a.system.add(a.w, -a.b/2)
	query := make([]float64, inputs)
	for range inputs {
		coefficient, intercept, err := a.hyperplane(query)
		if err != nil {
			return err
		}
		if !a.normals.add(coefficient, 0) {
			return errDependent
		}
		difference := make([]float64, inputs)
		for j := range difference {
			difference[j] = a.w[j] - coefficient[j]
		}
		if !a.system.add(difference, intercept-a.b) {
			return errDependent
		}
		if query = a.system.shortest(); largest(query) > 1e8 {
			return errFar
		}
	}
	a.found.Ended = "as many hyperplanes as inputs"
	return nil
}

// model recovers the regression from its answers at the origin and one step along each axis.
func (a *attacker) model() error {
	query := make([]float64, a.e.Inputs())
	at, err := a.ask(query)
	if err != nil {
		return err
	}
	a.b = logit(at.Probability)
	for j := range query {
		query[j] = 1
		at, err := a.ask(query)
		if err != nil {
			return err
		}
		query[j] = 0
		a.w = append(a.w, logit(at.Probability)-a.b)
	}
	return nil
}

// logit of class 1 by the probability of class 0.
func logit(p float64) float64 { return math.Log(1/p - 1) }

const (
	firstStep = 1e-4 // the authors'
	lastStep  = 1e-9
)

// hyperplane recovers the leave-one-out model of the record that explains a query, from steps along each axis small enough that it still does.
func (a *attacker) hyperplane(query []float64) (coefficient []float64, intercept float64, err error) {
	here, err := a.ask(query)
	if err != nil {
		return nil, 0, err
	}
	value := logit(here.Probability + here.Influence)
	coefficient = make([]float64, len(query))
steps:
	for step := firstStep; ; step /= 2 {
		if step < lastStep {
			return nil, 0, errFar
		}
		beside := slices.Clone(query)
		for j := range query {
			beside[j] = query[j] + step
			there, err := a.ask(beside)
			if err != nil {
				return nil, 0, err
			}
			moved := beside[j] - query[j] // what the step came to in floating point
			beside[j] = query[j]
			if there.Record != here.Record {
				continue steps
			}
			coefficient[j] = (logit(there.Probability+there.Influence) - value) / moved
		}
		break
	}
	intercept = value - dot(coefficient, query)
	if math.IsNaN(intercept) || math.IsInf(intercept, 0) || math.IsNaN(norm(coefficient)) || math.IsInf(norm(coefficient), 0) {
		return nil, 0, errFar
	}
	a.note(here.Record, coefficient, intercept)
	return coefficient, intercept, nil
}

// note keeps the books: the truth is compared with, never used.
func (a *attacker) note(record int, coefficient []float64, intercept float64) {
	truth := a.e.Without(record)
	worst := math.Abs(truth[len(coefficient)] - intercept)
	for j, v := range coefficient {
		worst = max(worst, math.Abs(truth[j]-v))
	}
	if !slices.Contains(a.found.Records, record) {
		a.found.Records, a.found.After = append(a.found.Records, record), append(a.found.After, a.spent)
		a.found.Errors = append(a.found.Errors, worst)
	}
}

// subspace is a growing system of linear equations, orthogonalized as it grows.
type subspace struct {
	basis  [][]float64 // orthonormal
	values []float64   // the right-hand side of each, in the basis
}

// independent is the share of a vector that must be new.
const independent = 1e-9

// add takes the equation row·x = value; false says that the rows before imply its left-hand side.
func (s *subspace) add(row []float64, value float64) bool {
	rest := slices.Clone(row)
	for range 2 { // once more against rounding: "twice is enough" (Giraud, Langou, Rozložník 2005)
		for i, b := range s.basis {
			c := dot(b, rest)
			value -= c * s.values[i]
			for j, v := range b {
				rest[j] -= float64(c * v)
			}
		}
	}
	size := norm(rest)
	if !(size > independent*norm(row)) {
		return false
	}
	for j := range rest {
		rest[j] /= size
	}
	s.basis, s.values = append(s.basis, rest), append(s.values, value/size)
	return true
}

// shortest is the shortest solution of all equations.
func (s *subspace) shortest() []float64 {
	out := make([]float64, len(s.basis[0]))
	for i, b := range s.basis {
		for j, v := range b {
			out[j] += float64(s.values[i] * v)
		}
	}
	return out
}
