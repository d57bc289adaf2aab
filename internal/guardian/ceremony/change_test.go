package ceremony

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"tribune"
	"tribune/protocol"
)

func TestEveryChangeKeepsTheKeysAndRenewsTheShares(t *testing.T) {
	tb := foundedCircle(t, 4, 2, 3)
	was := tb.present()
	a := was.Guardians
	old, _ := tb.at[0].Shares()
	for _, step := range []struct {
		name string
		next func() protocol.Change
	}{
		{"refresh", func() protocol.Change { return tb.successor(2, 3, nil, a...) }},
		{"replace", func() protocol.Change { return tb.successor(2, 3, nil, a[0], a[1], a[2], tb.join("library.example")) }},
		{"add, with a higher threshold", func() protocol.Change {
			return tb.successor(3, 4, nil, append(tb.present().Guardians, tb.join("bar.example"))...)
		}},
		{"retire one and move the others", func() protocol.Change {
			g := tb.present().Guardians
			return tb.successor(2, 3, nil, g[4], g[1], g[2], g[3])
		}},
		{"come back", func() protocol.Change {
			return tb.successor(3, 4, nil, append(tb.present().Guardians, a[0])...)
		}},
		{"nine", func() protocol.Change {
			g := tb.present().Guardians
			for i := len(g); i < 9; i++ {
				g = append(g, tb.join(fmt.Sprintf("new-%d.example", i)))
			}
			return tb.successor(5, 7, nil, g...)
		}},
	} {
		before := tb.present()
		c := step.next()
		tb.reshare(c)
		tb.holds(before, c)
		if t.Failed() {
			t.Fatal(step.name)
		}
		for i := range tb.at { // and all of it is read back
			tb.restart(i)
		}
		tb.settle()
		tb.holds(before, c)
	}
	// The shares of before are worth nothing beside those of now.
	now, _ := tb.at[1].Shares()
	g := tb.present()
	mixed := map[int][]byte{old.Index: old.Seal, now.Index: now.Seal}
	if bytes.Equal(combine(mixed, []int{old.Index, now.Index}), g.Seal.Key) {
		t.Error("an old and a new share make the key")
	}
}

// n-w may be gone: an ordinary change replaces them. Fewer than w but t: the emergency. Fewer than t: nothing helps.
func TestChangeWithSomeGuardiansGone(t *testing.T) {
	for _, p := range []struct {
		n, t, w, gone int
		lost          bool
		fails         error
	}{
		{4, 2, 3, 1, false, nil}, {5, 3, 4, 1, false, nil}, {4, 2, 3, 2, true, nil}, {5, 3, 4, 2, true, nil}, {9, 5, 7, 4, true, nil},
		{4, 2, 3, 3, true, tribune.ErrNoQuorum}, {5, 3, 4, 3, true, tribune.ErrNoQuorum},
	} {
		tb := foundedCircle(t, p.n, p.t, p.w)
		before := tb.present()
		members := slices.Clone(before.Guardians[:p.n-p.gone])
		var lost []string
		for i := p.n - p.gone; i < p.n; i++ {
			tb.dead[i] = true
			if p.lost {
				lost = append(lost, tb.cfgs[i].Self)
			}
			members = append(members, tb.join(fmt.Sprintf("new-%d.example", i)))
		}
		c := tb.successor(p.t, p.w, lost, members...)
		if err := c.After(before); p.fails != nil {
			if !errors.Is(err, p.fails) {
				t.Errorf("%v: got %v, want a clear end", p, err)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if p.lost { // calling nobody lost is no way round the quorum
			ordinary := tb.successor(p.t, p.w, nil, members...)
			tb.propose(ordinary)
			tb.settle()
			for i, at := range tb.at {
				if at.act != nil {
					t.Errorf("%v: guardian %d sits down for an ordinary change with too few", p, i)
				}
			}
		}
		tb.reshare(c)
		tb.holds(before, c)
	}
}

func TestRestartAtEveryStepOfAChangeGoesOn(t *testing.T) {
	for step := range 8 {
		tb := foundedCircle(t, 4, 2, 3)
		before := tb.present()
		c := tb.successor(2, 3, nil, before.Guardians[0], before.Guardians[1], before.Guardians[2], tb.join("library.example"))
		tb.propose(c)
		for range step {
			for i := range tb.at {
				tb.catchUp(i)
				if i%2 == 0 {
					tb.post(i)
				}
				tb.restart(i)
				tb.catchUp(i)
				tb.post(i)
			}
		}
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.append(tb.closing(c))
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.confirm()
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.holds(before, c)
	}
}
