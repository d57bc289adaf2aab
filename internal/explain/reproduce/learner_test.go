package reproduce

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"tribune"
	"tribune/internal/explain/attack"
	"tribune/internal/explain/matrix"
	"tribune/internal/explain/model"
)

// glimpse is what a model that knows its members says: their gradients are smaller.
func glimpse(n int, r *rand.Rand) sight {
	s := sight{gradient: matrix.New(2*n, 8), answer: matrix.New(2*n, 2)}
	for i := range 2 * n {
		size := 0.2
		if i >= n {
			size = 1
		}
		for j := range s.gradient.Row(i) {
			s.gradient.Row(i)[j] = float32(size * r.NormFloat64())
		}
		s.member = append(s.member, 1-i/n)
	}
	return s
}

func TestAnAttackNetworkFindsWhatItWasTaughtAndNothingElse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	known, target := glimpse(400, r), glimpse(400, r)
	of := func(known sight) map[string]played {
		out := make(map[string]played)
		all, err := play(t.Context(), known, target, true, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range all {
			out[p.Name] = p
		}
		return out
	}
	found := of(known)
	for _, name := range []string{"the audit's network on the gradient", "the audit's network on answer and gradient", "threshold on the gradient's variance"} {
		if found[name].Right < 0.85 || found[name].Area < 0.9 {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
	if p := found["the audit's network on the answer"]; p.Area < 0.45 || p.Area > 0.55 {
		t.Errorf("answers that say nothing: %+v", p)
	}
	r.Shuffle(len(known.member), func(i, j int) { known.member[i], known.member[j] = known.member[j], known.member[i] })
	if p := of(known)["the audit's network on the gradient"]; p.Right > 0.65 {
		t.Errorf("taught nonsense: %+v", p)
	}
}

// The difference between the two attackers is what they were told: most of the target's own members, or nobody.
func TestThePublishedAttackerIsToldTheTargetsMembersAndTheCorrectedOneNobody(t *testing.T) {
	var both [2]sight
	for m := range both {
		both[m] = sight{gradient: matrix.New(100, 1), answer: matrix.New(100, 1)}
		for i := range 100 {
			both[m].gradient.Data[i] = float32(1_000*m + i)
			both[m].member = append(both[m].member, i%2)
		}
	}
	known, asked := both[0].apart(Published, both[:1], 1)
	all := slices.Sorted(slices.Values(slices.Concat(known.gradient.Data, asked.gradient.Data)))
	if len(known.member) != 70 || !slices.Equal(all, both[0].gradient.Data) {
		t.Errorf("published: %d records are known, %d in all", len(known.member), len(all))
	}
	known, asked = both[0].apart(Corrected, both[:], 1)
	if !slices.Equal(known.gradient.Data, both[1].gradient.Data) || !slices.Equal(asked.gradient.Data, both[0].gradient.Data) {
		t.Error("corrected: the attacker has seen the target's records")
	}
}

// drawer is a shelf in memory, which ends a run when so many things lie in it.
type drawer struct {
	sync.Mutex
	of   map[string][]byte
	full int
	end  func()
}

func (d *drawer) Get(name string) ([]byte, error) {
	d.Lock()
	defer d.Unlock()
	return d.of[name], nil
}

func (d *drawer) Put(name string, b []byte) error {
	d.Lock()
	defer d.Unlock()
	if d.of[name] = b; len(d.of) == d.full {
		d.end()
	}
	return nil
}

func TestARunThatWasInterruptedGoesOnAndComesToTheSame(t *testing.T) {
	r := Request{Quick: true, Features: []int{10, 7}}
	want, err := Synthetic(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	kept := &drawer{of: make(map[string][]byte), full: 1, end: cancel}
	r.Keep = kept
	if _, err := Synthetic(ctx, r); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if n := len(kept.of); n == 0 || n == 4 {
		t.Fatalf("%d of 4 data sets were kept of an interrupted run", n)
	}
	for name := range kept.of { // what was kept is taken, not made again
		kept.of[name] = []byte(`[0.25,0.25]`)
	}
	kept.full = -1
	var told []Row
	r.Row = func(row Row) { told = append(told, row) }
	got, err := Synthetic(t.Context(), r)
	if err != nil || len(got) != len(want) || reflect.DeepEqual(got, want) {
		t.Fatalf("going on: %d rows for %d, the same where a kept figure is another (%v)", len(got), len(want), err)
	}
	if !reflect.DeepEqual(told, got) {
		t.Error("rows that are told on the way are not those that are returned")
	}
	clear(kept.of)
	for range 2 { // made whole, then taken whole
		if got, err = Synthetic(t.Context(), r); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("kept rows differ: %v", err)
		}
	}
	for name := range kept.of {
		kept.of[name] = []byte("{")
	}
	if _, err := Synthetic(t.Context(), r); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
		t.Errorf("a damaged shelf: %v", err)
	}
	if _, err := Synthetic(t.Context(), Request{Features: []int{100_000}}); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("more features than a computer holds: %v", err)
	}
}

func TestTheBetterAttackIsChosenWithoutLookingAtTheTarget(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	s := attack.NewSheet(9, 200, 2)
	for i := range s.Member {
		s.Member[i] = r.IntN(2) == 0
	}
	for i := range s.Values {
		s.Values[i] = r.NormFloat64()
		if s.Member[i/2] && i%2 == 0 {
			s.Values[i] += 3
		}
	}
	of := func(s *attack.Sheet) map[string]scored {
		return map[string]scored{"lira": {by: attack.LiRA{}, sheet: s}, "rmia": {by: attack.RMIA{}, sheet: s}}
	}
	want, err := better(of(s))
	if err != nil || len(want) != 1+len(rates) {
		t.Fatalf("%v, %v", want, err)
	}
	for i := range s.Points {
		s.Member[i] = !s.Member[i]
		s.Values[2*i] = 100 * r.NormFloat64()
	}
	got, err := better(of(s))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("another target, another choice: %v, %v (%v)", got, want, err)
	}
	turn, member := turned(s, 3)
	if turn.Models != 8 || !slices.Equal(turn.At(0, 5), s.At(3, 5)) || !slices.Equal(turn.At(3, 5), s.At(4, 5)) || !slices.Equal(turn.At(1, 5), s.At(1, 5)) || member[7] != s.In(3, 7) {
		t.Error("a reference that plays the target is not itself, or the target is among the references")
	}
}

func TestAModelIsFollowedThroughItsTraining(t *testing.T) {
	there, _, err := Request{Datasets: []string{"adult"}}.opened(t.Context(), func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	o := there[0]
	o.network, o.training = mlp(32), training{10, 10, model.Adam, .01}
	rows, err := o.epochs(t.Context(), Request{Quick: true}, Corrected)
	if err != nil {
		t.Fatal(err)
	}
	early := pick(t, rows, "adult", "all", "gradient variance after 5 epochs, share of members whose class the model says", Corrected)
	late := pick(t, rows, "adult", "all", "gradient variance after 10 epochs, share of members whose class the model says", Corrected)
	if !(*late.Ours > *early.Ours) {
		t.Errorf("right after 5 epochs %v, after 10 %v", *early.Ours, *late.Ours)
	}
	if rows, err = SmoothGrad(t.Context(), Request{Quick: true, Datasets: []string{"adult"}}); err != nil {
		t.Fatal(err)
	}
	plain := pick(t, rows, "adult", "all", "variance of SmoothGrad, no noise: the gradient, area", Corrected)
	little := pick(t, rows, "adult", "all", "variance of SmoothGrad, noise 0.05, 64 copies, area", Corrected)
	if d := *plain.Ours - *little.Ours; d < -0.05 || d > 0.05 {
		t.Errorf("a little noise on the record makes another explanation: area %v for %v", *little.Ours, *plain.Ours)
	}
}

func TestAttackNetworksReplay(t *testing.T) {
	r := Request{Quick: true, Seeds: 1, Datasets: []string{"adult"}}
	var got [2]string
	for i := range got {
		rows, err := Learned(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(rows)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = string(raw)
	}
	if got[0] != got[1] || !strings.Contains(got[0], "the paper's network on the gradient, accuracy") {
		t.Errorf("%s\n%s", got[0], got[1])
	}
}
