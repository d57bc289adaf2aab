package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
	"tribune/internal/explain/model/remote"
	"tribune/internal/explain/recipe"
	"tribune/internal/explain/release"
)

// What --answers takes; left out, whatever the endpoint tells is attacked.
const (
	asConfidences = "confidences"
	asLabels      = "labels"
)

// fewestCopies of a record tell whether a model is sure of it: two at each strength.
const fewestCopies = 2 * release.Levels

// attackEndpoint attacks a model that is known by its answers alone.
func attackEndpoint(ctx context.Context, d *explainFlags, groups []string, r *release.Result, log io.Writer) (work *shelf, err error) {
	f := &d.release
	if f.answers != "" && f.answers != asConfidences && f.answers != asLabels {
		return nil, tribune.Hint(fmt.Errorf("%w: --answers %q", errUsage, f.answers), "confidences or labels; left out, whatever the endpoint tells is attacked")
	}
	if f.points < 0 || f.points == 1 {
		return nil, fmt.Errorf("%w: --points %d: half of them are members; 0 is all", errUsage, f.points)
	}
	how, err := standIn(d)
	if err != nil {
		return nil, err
	}
	plan := audit.Plan{Seed: d.seed, References: f.standIns}
	if d.references != "" { // whose halves a plan has drawn
		if plan, err = openPlan(d); err != nil {
			return nil, err
		}
	}
	scale, err := how.Encoding()
	if err != nil {
		return nil, err
	}
	members, others, err := openSides(ctx, d, scale)
	if err != nil {
		return nil, err
	}
	if others, err = cleaned(ctx, members, others, log); err != nil {
		return nil, err
	}
	e := release.Endpoint{Members: members, Others: others, Points: f.points, References: plan.References, Confident: f.answers == asConfidences, Seed: plan.Seed, Step: progress(log)}
	like := "stand-ins, " + how.String() + "; an attacker whose models are closer to the vendor's may find more"
	e.Like = func(ctx context.Context, _ int, rows data.Set, seed uint64) (model.Model, error) {
		return how.Train(ctx, rows, seed, nil)
	}
	if d.references != "" {
		g, err := openGiven(ctx, d, plan, audit.Subject{Train: members, Test: others})
		if err != nil {
			return nil, err
		}
		like = g.String()
		e.Like = func(ctx context.Context, r int, rows data.Set, _ uint64) (model.Model, error) {
			return g.reference(ctx, r, rows)
		}
	}
	if e.Copies, err = copiesWithin(d, attackedOf(f.points, members, others)); err != nil {
		return nil, err
	}
	m, err := openAnswers(ctx, d, members)
	if err != nil {
		return nil, err
	}
	if work, err = endpointShelf(d, m, members.Classes); err != nil {
		return nil, err
	}
	if err := m.Keep(filepath.Join(work.dir, answersFile)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	e.Target = m
	if f.answers == asLabels {
		e.Target = labels{m}
	}
	people, scores, said, err := e.Attack(ctx)
	if errors.Is(err, context.Canceled) {
		return nil, tribune.Hint(errors.New("the attack was interrupted"), "The same command goes on where it was; what was sent stays counted.")
	}
	if err != nil {
		return nil, err
	}
	r.Endpoint = &release.Asked{Answered: said, Address: f.released[0], Output: m.Output(), ByMetadata: m.LabelsAlone(), ByChoice: f.answers == asLabels, Sent: m.Queries(), Budget: d.budget, Like: like}
	r.Figures, err = release.Measure(people, scores, append(groups, release.Outliers), releaseConfidence)
	return work, err
}

// standIn says how references are trained: nothing says how the vendor's model was.
func standIn(d *explainFlags) (recipe.Recipe, error) {
	r := d.recipe
	r.Kind, r.Scale = d.release.standIn, d.scale
	for _, n := range atCommas(d.hidden) {
		size, err := strconv.Atoi(n)
		if err != nil {
			return r, fmt.Errorf("%w: --hidden takes sizes, as 64,32", errUsage)
		}
		r.Hidden = append(r.Hidden, size)
	}
	return r.Fill()
}

// attackedOf is how many records are attacked where points are asked for.
func attackedOf(points int, members, others data.Set) int {
	if points == 0 {
		return len(members.Y) + len(others.Y)
	}
	return min(points/2, len(members.Y)) + min(points/2, len(others.Y))
}

// copiesWithin is how many copies of each record the budget lets be asked about: a fiftieth of it is kept for requests that are sent again.
func copiesWithin(d *explainFlags, points int) (int, error) {
	least, most := int64(points), int64(0)
	if d.release.answers != asConfidences {
		least, most = int64(points*(1+fewestCopies)), int64(max(d.release.copies, fewestCopies))
	}
	usable := d.budget - d.budget/50
	if usable < least {
		return 0, tribune.Hint(fmt.Errorf("%w: %d records are attacked, which takes %d to be sent; the budget is %d", errUsage, points, least+least/49+1, d.budget),
			"a higher --budget, fewer --points, or --answers confidences, which sends each record once")
	}
	n := int(min(most, usable/int64(points)-1))
	return max(0, n-n%release.Levels), nil
}

// openAnswers opens the endpoint.
func openAnswers(ctx context.Context, d *explainFlags, like data.Set) (*remote.Remote, error) {
	cfg, err := endpointConfig(d, d.release.released[0])
	if err != nil {
		return nil, err
	}
	cfg.Inputs, cfg.Names = like.X.Cols, like.Classes
	m, err := remote.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("asking the endpoint: %w", err)
	}
	return m, nil
}

// cleaned leaves out the others who stand among the members, or nearly: recognising the member would count as a false alarm.
func cleaned(ctx context.Context, members, others data.Set, log io.Writer) (data.Set, error) {
	h, err := data.Inspect(ctx, members, others, data.InspectOptions{})
	if err != nil || h.Err() == nil {
		return others, err
	}
	clean := h.Clean(others)
	if len(clean.Y) == 0 {
		return others, h.Err()
	}
	if h, err = data.Inspect(ctx, members, clean, data.InspectOptions{}); err != nil {
		return others, err
	}
	fmt.Fprintf(log, "%d of the others stand among the members, or nearly: left out\n", len(others.Y)-len(clean.Y))
	return clean, h.Err()
}

// labels tells of each answer the class alone: an endpoint as it will be.
type labels struct{ model.Model }

// answersFile keeps what the endpoint has said, so that an attack which was interrupted neither asks nor spends again.
const answersFile = "answers"

// endpointShelf is a folder in OUT/work of this endpoint's and this output's own; what it said was understood by the classes, in their order.
func endpointShelf(d *explainFlags, m *remote.Remote, classes []string) (*shelf, error) {
	h := sha256.New()
	fmt.Fprintf(h, "tribune/explain/release/endpoint\n%q %q %t %q\n", d.release.released[0], m.Output(), d.release.logits, classes)
	return openShelf(d.out, filepath.Join(d.out, workFolder, hex.EncodeToString(h.Sum(nil)[:8])))
}

// Predict gives 1 for the class with the highest probability.
func (l labels) Predict(ctx context.Context, x matrix.Matrix) (matrix.Matrix, error) {
	p, err := l.Model.Predict(ctx, x)
	if err != nil {
		return p, err
	}
	return release.Classes(p), nil
}
