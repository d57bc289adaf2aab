package reproduce

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/record"
)

// subject is a table under one draw.
type subject struct {
	table    *data.Table
	draw     Draw
	distinct func() []int                   // rows, once
	whole    func() (*data.Encoding, error) // fitted on all rows, once
}

func newSubject(t *data.Table, d Draw) *subject {
	s := &subject{table: t, draw: d, distinct: sync.OnceValue(t.Distinct)}
	s.whole = sync.OnceValues(func() (*data.Encoding, error) { return s.fit(t.All()) })
	return s
}

func (s *subject) fit(rows []int) (*data.Encoding, error) {
	return data.Fit(s.table, rows, data.FitOptions{Scale: s.scale(), Constant: true})
}

// sample is one run's data: the training records, and how an attacker's queries are drawn.
type sample struct {
	*subject
	seed     int
	train    data.Set
	test     data.Set
	encoding *data.Encoding
	outside  []int // rows an attacker may ask with
}

func (s *subject) sample(size, seed int) (*sample, error) {
	split, err := s.split(size, seed)
	if err != nil {
		return nil, err
	}
	out := &sample{subject: s, seed: seed, outside: s.askable(split)}
	if s.draw == Published { // the authors scale by the whole file
		out.encoding, err = s.whole()
	} else {
		out.encoding, err = s.fit(split.Train)
	}
	if err != nil {
		return nil, err
	}
	if out.train, err = out.encoding.Apply(s.table, split.Train); err != nil {
		return nil, err
	}
	out.test, err = out.encoding.Apply(s.table, split.Test)
	return out, err
}

func (s *subject) scale() data.Scale {
	if s.table.Name == "adult" {
		return data.HalfMean
	}
	return data.Raw
}

func (s *subject) split(size, seed int) (data.Split, error) {
	adult := s.table.Name == "adult"
	switch s.draw {
	case Published:
		if adult {
			return data.PaperAdult(s.table.Rows, size, uint32(seed))
		}
		return data.PaperHospital(s.table.Labels(), size, uint32(seed))
	case Corrected:
		rows := s.distinct()
		if adult {
			return data.ByRow(rows, size, size, uint64(seed))
		}
		rows = data.OncePerPerson(rows, s.table.Persons(), uint64(seed))
		return data.Balanced(rows, s.table.Labels(), 2, size, size, uint64(seed))
	case Replacement:
		return s.replaced(size, seed)
	}
	return data.Split{}, fmt.Errorf("no draw %q", s.draw)
}

// replaced draws with replacement from a pool of the split's own size, so that as large a share is drawn twice as in the authors' threshold experiments,
// which draw from nearly all they have.
func (s *subject) replaced(size, seed int) (data.Split, error) {
	var pool data.Split
	var err error
	if s.table.Name == "adult" {
		pool, err = data.ByRow(s.table.All(), 2*size, 0, uint64(seed))
	} else {
		pool, err = data.Balanced(s.table.All(), s.table.Labels(), 2, 2*size, 0, uint64(seed))
	}
	if err != nil {
		return data.Split{}, err
	}
	return data.WithReplacement(pool.Train, size, size, uint64(seed))
}

// askable are the rows a query may be: the authors take any, the corrected attacker has records of nobody in the training data.
func (s *subject) askable(split data.Split) []int {
	if s.draw != Corrected {
		return s.table.All()
	}
	inside, persons := make(map[int]bool), s.table.Persons()
	known := make(map[uint64]bool)
	for _, r := range split.Train {
		inside[r] = true
		if persons != nil {
			known[persons[r]] = true
		}
	}
	var out []int
	for _, r := range s.distinct() {
		if !inside[r] && (persons == nil || !known[persons[r]]) {
			out = append(out, r)
		}
	}
	return out
}

// pool encodes n rows drawn from those an attacker may ask with.
func (s *sample) pool(n int, r *rand.Rand) (matrix.Matrix, error) {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = s.outside[r.IntN(len(s.outside))]
	}
	set, err := s.encoding.Apply(s.table, rows)
	return set.X, err
}

// Purposes of random streams: a seed's draws for one do not move another's.
const (
	purposeReal = iota + 1
	purposeMarginal
	purposeUniform
	purposeCrawl
)

func (s *sample) random(purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(s.seed), purpose))
}

func (s *sample) explainer(ctx context.Context) (*record.Explainer, error) {
	return record.LeaveOneOut(ctx, s.train.X, s.train.Y, record.Options{})
}
