package protocol

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"
)

// accepting are the sets of old guardians (bits by index) whose word together makes a change agreed, and who is lost.
type accepting struct {
	change Change
	set    uint
}

// agreements are all ways in which changes of a group can be agreed with no word too many: ordinary ones of w, and emergencies of
// everybody who is not called lost.
func agreements(t *testing.T, g Group, emergency bool) (all []accepting) {
	t.Helper()
	from, err := GroupDigest(g)
	if err != nil {
		t.Fatal(err)
	}
	for set := uint(0); set < 1<<g.N; set++ {
		c := Change{City: g.City, Epoch: g.Epoch + 1, From: from, Lost: []string{}, T: g.T, W: g.W}
		for i, m := range g.Guardians {
			if set&(1<<i) == 0 && emergency {
				c.Lost = append(c.Lost, m.Name)
			}
		}
		slices.Sort(c.Lost)
		if c.Emergency() != emergency || c.After(g) != nil || !emergency && bits.OnesCount(set) != g.W {
			continue
		}
		yes := func(name string) bool {
			return set&(1<<slices.IndexFunc(g.Guardians, func(m Member) bool { return m.Name == name })) != 0
		}
		if !c.Agreed(g, yes) {
			t.Fatalf("%d of %d, %0*b: the change is not agreed", g.W, g.N, g.N, set)
		}
		all = append(all, accepting{c, set})
	}
	return all
}

// Two changes of one group are both agreed without an honest guardian giving two words exactly where fewer than t accept both (up to t-1 are
// dishonest and accept everything). Which kinds of changes exclude each other is what docs/protocol.md says of them.
func TestWhichChangesExcludeEachOther(t *testing.T) {
	for n := 2; n <= 7; n++ {
		for threshold := 1; 2*threshold-1 <= n; threshold++ {
			for w := (n + threshold + 1) / 2; w <= n; w++ {
				g := Group{City: "city.example", N: n, T: threshold, W: w, Epoch: 1}
				for i := range n {
					g.Guardians = append(g.Guardians, Member{Index: i + 1, Name: fmt.Sprintf("g%d.example", i), Key: fmt.Sprintf("key %d", i)})
				}
				ordinary, emergencies := agreements(t, g, false), agreements(t, g, true)
				exclude := func(a, b accepting) bool { return bits.OnesCount(a.set&b.set) >= threshold }
				for _, a := range ordinary {
					for _, b := range ordinary {
						if !exclude(a, b) {
							t.Fatalf("n %d, t %d, w %d: ordinary changes by %b and %b", n, threshold, w, a.set, b.set)
						}
					}
				}
				for _, a := range emergencies {
					left := bits.OnesCount(a.set)
					for _, b := range emergencies {
						if 2*left >= n+threshold && 2*bits.OnesCount(b.set) >= n+threshold && !exclude(a, b) {
							t.Fatalf("n %d, t %d, w %d: emergencies of half of n+t, by %b and %b", n, threshold, w, a.set, b.set)
						}
					}
					if w+left-n < threshold && !slices.ContainsFunc(ordinary, func(o accepting) bool { return !exclude(a, o) }) {
						t.Fatalf("n %d, t %d, w %d: an emergency by %b and any ordinary change exclude each other, and it is said that they need not", n, threshold, w, a.set)
					}
				}
			}
		}
	}
}
