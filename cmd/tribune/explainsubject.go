package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"tribune"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/model"
	"tribune/internal/explain/model/remote"
	"tribune/internal/explain/price"
	"tribune/internal/explain/recipe"
)

// examined is a model with its records and references, ready to be audited.
type examined struct {
	target  *target
	inputs  []data.Input // how the records were encoded
	scale   data.Scale
	subject audit.Subject
	options audit.Options
	how     recipe.Recipe // of references that are trained here; its kind is "" where they were trained elsewhere
}

// openSubject reads model, records and references, what is soonest read first, and refuses what does not belong together.
func openSubject(ctx context.Context, d *explainFlags, p audit.Plan, log io.Writer) (*examined, error) {
	e := &examined{target: &target{}, options: audit.Options{Program: program(), Now: time.Now, Step: progress(log)}}
	s, t := &e.subject, e.target
	var err error
	if isEndpoint(d.model) {
		if _, err = endpointConfig(d, d.model); err != nil { // before anything is read
			return nil, err
		}
		t.kind = anEndpoint
	} else if t, err = openModel(ctx, d); err != nil {
		return nil, err
	}
	switch {
	case d.references != "" && p.Reference.Kind != "":
		return nil, fmt.Errorf("%w: --references names models, and the plan a stand-in for them; one of them", errUsage)
	case d.references == "":
		if e.how, s.References, err = t.references(p); err != nil {
			return nil, err
		}
		s.Like = func(ctx context.Context, rows data.Set, seed uint64) (model.Model, error) {
			return e.how.Train(ctx, rows, seed, nil)
		}
	}
	if e.scale, err = t.scale(d, p); err != nil {
		return nil, err
	}
	var encoding *data.Encoding
	if s.Train, s.Test, encoding, err = openEncoded(ctx, d, e.scale); err != nil {
		return nil, err
	}
	e.inputs = encoding.Inputs()
	if isEndpoint(d.model) {
		if t, err = openRemote(ctx, d, s.Train); err != nil {
			return nil, err
		}
	}
	e.target, s.Target, s.Model = t, t.Model, t.hash
	if err := t.fits(*s); err != nil {
		return nil, err
	}
	if err := s.Explains(t.Model, p); err != nil {
		return nil, err
	}
	if err := inspect(ctx, s, p, &e.options, log); err != nil {
		return nil, err
	}
	if d.references != "" {
		g, err := openGiven(ctx, d, p, *s)
		if err != nil {
			return nil, err
		}
		s.References, s.Given = g.String(), g.reference
	}
	fmt.Fprintf(log, "%d training and %d test records, %d inputs; %s\n", s.Train.X.Rows, s.Test.X.Rows, s.Train.X.Cols, s.References)
	return e, nil
}

// look asks the model about its own records, before hours are spent on one that is given other numbers than it knows.
func (e *examined) look(ctx context.Context, p audit.Plan, log io.Writer) error {
	k, err := audit.Know(ctx, e.subject, e.lookedAt(), p.Seed)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "the model: %v\n", k)
	found := ""
	if k.Nothing() {
		found = fmt.Sprintf("the model knows nothing of its training records: %v", k)
	} else if found, err = e.rescaled(ctx, p); err != nil {
		return err
	}
	if found == "" {
		return nil
	}
	if !p.Unclean {
		return tribune.Hint(fmt.Errorf("%w: %s", tribune.ErrInvalid, found),
			"most often its inputs were ordered, encoded or scaled another way (--scale): tribune explain export writes them as they are given. unclean = true in the plan measures all the same, and never passes")
	}
	e.options.Unclean = append(e.options.Unclean, found)
	return nil
}

// rescaled tries a network from elsewhere on training records that are scaled another way: the way in which it answers most of them rightly is the one that
// it was trained on. Trees were held against their splits before, what was trained here carries its scale, and each question to an endpoint is paid for.
func (e *examined) rescaled(ctx context.Context, p audit.Plan) (found string, err error) {
	if _, network := e.target.Model.(model.Differentiable); !network || e.target.settings != nil {
		return "", nil
	}
	s := audit.Sample(e.subject.Train, rescaledRows, p.Seed)
	own, err := accuracy(ctx, e.target, s)
	if err != nil {
		return "", err
	}
	best := own
	for _, name := range recipe.Scales() {
		scale, err := recipe.Recipe{Scale: name}.Encoding()
		if err != nil || scale == e.scale {
			continue
		}
		other := s
		other.X = data.Rescaled(s.X, e.inputs, scale)
		right, err := accuracy(ctx, e.target, other)
		if err != nil {
			continue // numbers that the network answers with no number are not its own
		}
		if right > best && right > own+rescaledMargin {
			best = right
			found = fmt.Sprintf("the model answers %.4f of its training records rightly, and %.4f where numbers are scaled by %s: it was trained on those", own, right, name)
		}
	}
	return found, nil
}

const (
	rescaledRows   = 4000
	rescaledMargin = 0.01 // by chance nothing gains so much: the records are the same
)

// lookedAt is how many records of either side look asks about; 0 is all.
func (e *examined) lookedAt() int {
	if e.target.endpoint != nil {
		return 1000 // each is paid for
	}
	return 0
}

// reachAll is reach for what an audit by the plan will ask.
func (e *examined) reachAll(ctx context.Context, d *explainFlags, p audit.Plan, dir string, log io.Writer) (stop func(), err error) {
	var need int64
	if e.target.endpoint != nil {
		if need, err = audit.Asked(ctx, e.subject, p, e.options); err != nil {
			return nil, err
		}
		beside, err := price.Asked(ctx, e.priced(), p, e.options)
		if err != nil {
			return nil, err
		}
		need += beside
	}
	return e.reach(ctx, d, need, dir, log)
}

// The endpoint's answers lie with an audit's work.
const endpointFile = "endpoint"

// sayEvery is how often is told how far an endpoint is.
const sayEvery = 15 * time.Second

// reach sees to it that an endpoint is not asked in vain: more than its budget is refused before the first question, answers of an interrupted run are taken up,
// and somebody is told how far it is until stop is called. need is what will be asked; 0 is not known.
func (e *examined) reach(ctx context.Context, d *explainFlags, need int64, dir string, log io.Writer) (stop func(), err error) {
	r := e.target.endpoint
	if r == nil {
		return func() {}, nil
	}
	if need > 0 {
		need += int64(min(e.lookedAt(), e.subject.Train.X.Rows) + min(e.lookedAt(), e.subject.Test.X.Rows))
	}
	if need > d.budget {
		return nil, tribune.Hint(fmt.Errorf("%w: the plan takes about %d records, and %d may be sent", remote.ErrBudget, need, d.budget),
			"a higher --budget, if whoever runs the endpoint agrees; or fewer points, samples and background records of kernel-shap and counterfactual in the plan; or defences = [] in its [price], which tries none")
	}
	if err := r.Keep(filepath.Join(dir, endpointFile)); err != nil {
		return nil, err
	}
	before := r.Queries()
	left := max(need-before, 0)
	fmt.Fprintf(log, "the endpoint: about %d records to send, of which %d were sent before; %s at %g requests a second, or longer\n", need, before, pace(left, d.rate), d.rate)
	ended := make(chan struct{})
	go func() {
		tick := time.NewTicker(sayEvery)
		defer tick.Stop()
		for last := before; ; {
			select {
			case <-ended:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if now := r.Queries(); now != last {
				last = now
				fmt.Fprintf(log, "the endpoint: %d of about %d records\n", now, max(need, now))
			}
		}
	}()
	return func() { close(ended); _ = r.Close() }, nil
}

// pace is how long so many records take at least.
func pace(records int64, rate float64) time.Duration {
	return (time.Duration(float64(records) / float64(endpointBatch) / rate * float64(time.Second))).Round(time.Second)
}
