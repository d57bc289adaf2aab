package release

import (
	"context"
	"fmt"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/audit"
	"tribune/internal/explain/data"
	"tribune/internal/explain/metric"
	"tribune/internal/explain/model"
)

// Endpoint is a vendor's model that answers, and of which nothing else is known. It is attacked by its probabilities, where it tells any, as an audit attacks
// answers (LiRA, RMIA, the paper's threshold on the loss), and by the classes it tells alone: the gap attack, for which being right is being a member (Yeom
// et al. 2018, 1709.01604), as the base line; and robustness, which asks about disturbed copies of a record too (Choquette-Choo et al. 2021, 2007.14321; Li,
// Zhang 2021, 2007.15528), by a threshold as there, and by LiRA and RMIA on the shares of copies it is right about, which know how robust the record
// is without membership. LiRA is tried in its offline form too: references may be stand-ins, which remember less than the vendor's model.
type Endpoint struct {
	Target     model.Model
	Members    data.Set // that it was trained on
	Others     data.Set // that it was not, encoded alike
	Points     int      // attacked records, half of them members; 0 = all
	References int
	// Like makes reference r, from 1, of these records: a stand-in that is trained here, or one of somebody who has the vendor's recipe.
	Like      func(ctx context.Context, r int, rows data.Set, seed uint64) (model.Model, error)
	Copies    int  // disturbed copies of each record, a multiple of Levels; 0 = attacks by classes ask about records alone
	Confident bool // it must tell probabilities; else it is an error
	Seed      uint64

	Step func(audit.Step) // nil = nobody looks
}

// Levels is how many strengths of disturbance copies are divided among.
const Levels = len(levels)

// Answered is what became known of an endpoint on the way.
type Answered struct {
	LabelsAlone bool    `json:"labels_alone"` // every answer was 1 for one class and 0 for the others
	Members     float64 `json:"right_about_members"`
	Others      float64 `json:"right_about_others"`
	Points      int     `json:"points"`
	Copies      int     `json:"copies"`
	References  int     `json:"references"`
}

// asked is a run of attacks on an endpoint.
type asked struct {
	Endpoint
	pool    data.Set
	scored  []int // of the pool
	at      data.Set
	member  []bool
	disturb *disturber
	done    int
	sheet   *attack.Sheet // probabilities
	robust  *attack.Sheet // classes
	right   [][]bool      // models x points: about the record itself
	halves  [][]bool      // references x pool: whom each was trained on
}

// Attack asks the endpoint and its references, and gives scores of all attacks with the people they are about. Of groupings it adds
// audit.Outliers: the records that references which never saw them expect least.
func (e Endpoint) Attack(ctx context.Context) (People, []Scores, Answered, error) {
	a, err := e.prepare()
	if err != nil {
		return People{}, nil, Answered{}, err
	}
	said := Answered{Points: len(a.scored), Copies: e.Copies, References: e.References}
	alone, err := a.askTarget(ctx)
	if err != nil {
		return People{}, nil, said, err
	}
	if said.LabelsAlone = alone; alone && e.Confident {
		return People{}, nil, said, tribune.Hint(fmt.Errorf("attacking an endpoint by its probabilities: %w: it tells classes alone", tribune.ErrInvalid), "leave --answers out")
	}
	for r := 1; r <= e.References; r++ {
		if err := a.reference(ctx, r); err != nil {
			return People{}, nil, said, err
		}
	}
	said.Members, said.Others = a.accuracy()
	scores, err := a.scores(alone)
	if err != nil {
		return People{}, nil, said, err
	}
	people, err := a.people()
	return people, scores, said, err
}

func (e Endpoint) prepare() (*asked, error) {
	if e.Members.X.Cols != e.Target.Inputs() || e.Others.X.Cols != e.Target.Inputs() || len(e.Members.Y) == 0 || len(e.Others.Y) == 0 {
		return nil, fmt.Errorf("attacking an endpoint: %w: it takes %d numbers; %d members have %d, %d others %d", tribune.ErrInvalid, e.Target.Inputs(), len(e.Members.Y), e.Members.X.Cols, len(e.Others.Y), e.Others.X.Cols)
	}
	if e.Target.Classes() != len(e.Members.Classes) {
		return nil, fmt.Errorf("attacking an endpoint: %w: it tells %d classes, the records have %d", tribune.ErrInvalid, e.Target.Classes(), len(e.Members.Classes))
	}
	if e.Points < 0 || e.Points == 1 {
		return nil, fmt.Errorf("attacking an endpoint: %w: %d attacked records; 0 for all, or two and more", tribune.ErrInvalid, e.Points)
	}
	if e.References < 2 || e.Copies < 0 || e.Copies%Levels != 0 || e.Copies/Levels > 1<<15 {
		return nil, fmt.Errorf("attacking an endpoint: %w: %d references, %d copies (0, or a multiple of %d)", tribune.ErrInvalid, e.References, e.Copies, Levels)
	}
	pool, err := data.Join(e.Members, e.Others)
	if err != nil {
		return nil, err
	}
	a := &asked{Endpoint: e, pool: pool}
	n := len(e.Members.Y)
	a.scored = append(audit.Drawn(0, n, e.Points/2, e.Seed, 1), audit.Drawn(n, len(pool.Y), e.Points/2, e.Seed, 2)...)
	a.at = pool.Pick(a.scored)
	for _, row := range a.scored {
		a.member = append(a.member, row < n)
	}
	a.disturb = newDisturber(pool.X, pool.Features, e.Copies/Levels, e.Seed)
	a.sheet = attack.NewSheet(1+e.References, len(a.scored), attack.PredictionWidth)
	a.robust = attack.NewSheet(1+e.References, len(a.scored), robustWidth)
	a.right = make([][]bool, 1+e.References)
	a.halves = audit.Plan{References: e.References, Seed: e.Seed}.Halves(len(pool.Y))
	return a, nil
}

// reference trains one on a half of the pool and has it answer as the target did.
func (a *asked) reference(ctx context.Context, r int) error {
	in, rows := a.halves[r-1], chosen(a.halves[r-1])
	for i, row := range a.scored {
		a.sheet.Member[r*len(a.scored)+i], a.robust.Member[r*len(a.scored)+i] = in[row], in[row]
	}
	m, err := a.Like(ctx, r, a.pool.Pick(rows), a.Seed+uint64(r))
	if err != nil {
		return fmt.Errorf("reference %d of %d: %w", r, a.References, err)
	}
	if err := a.watch(ctx, r, m); err != nil {
		return err
	}
	a.step(fmt.Sprintf("reference %d of %d", r, a.References))
	return nil
}

// scores are what all attacks say.
func (a *asked) scores(alone bool) (out []Scores, err error) {
	if !alone {
		if out, err = scored(a.sheet, "confidences", attack.LiRA{}, attack.OneSided{}, attack.RMIA{}, attack.Threshold{Of: "loss"}); err != nil {
			return nil, err
		}
	}
	gap := Scores{"labels gap", make([]float64, len(a.scored))}
	for i, right := range a.right[0] {
		if right {
			gap.Of[i] = 1
		}
	}
	out = append(out, gap)
	if a.Copies == 0 {
		return out, nil
	}
	robust, err := scored(a.robust, "labels", attack.Threshold{Of: "robustness"}, attack.LiRA{}, attack.OneSided{}, attack.RMIA{})
	return append(out, robust...), err
}

// people are who was attacked, with the outliers among them.
func (a *asked) people() (People, error) {
	odd, err := metric.Outliers(audit.Unexpected(a.sheet), audit.OutlierShare)
	if err != nil {
		return People{}, err
	}
	g := data.Grouping{Name: audit.Outliers, Values: []string{audit.Unusual}, Of: make([]int, len(a.scored))}
	for i := range g.Of {
		g.Of[i] = -1
	}
	for _, i := range odd {
		g.Of[i] = 0
	}
	p := People{At: a.at, Member: a.member}
	p.At.Groups = append(append([]data.Grouping{}, a.at.Groups...), g)
	return p, nil
}

// accuracy is how often the target is right about members and about others.
func (a *asked) accuracy() (members, others float64) {
	var right, of [2]float64
	for i, is := range a.right[0] {
		side := 0
		if a.member[i] {
			side = 1
		}
		of[side]++
		if is {
			right[side]++
		}
	}
	return right[1] / max(of[1], 1), right[0] / max(of[0], 1)
}
