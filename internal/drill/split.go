package drill

import (
	"bytes"
	"context"
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"tribune/verify"
)

// playSplitView: whoever has the log's key grows two trees from one, and shows each to another half of the honest guardians first;
// the dishonest ones sign both. For every choice of t-1 dishonest guardians and every way to divide the others.
func playSplitView(ctx context.Context, p *play) error {
	s, err := p.splitter(ctx)
	if err != nil {
		return err
	}
	n, t := s.hub.group.N, s.hub.group.T
	worst := 0
	both, one, tried := 0, 0, 0
	for bad := uint(0); bad < 1<<n; bad++ {
		if bits.OnesCount(bad) != t-1 {
			continue
		}
		for half := uint(0); half < 1<<n && tried < p.few(1<<n*n); half++ {
			if half&bad != 0 {
				continue // the dishonest are on both sides
			}
			a, b, err := s.try(ctx, bad, half)
			if err != nil {
				return err
			}
			tried++
			worst = max(worst, min(a.signed, b.signed))
			if a.stands && b.stands {
				both++
			}
			if a.stands || b.stands {
				one++
			}
		}
	}
	p.times(tried, both == 0, fmt.Sprintf("show two trees to every two halves of %d honest guardians, while every choice of %d dishonest signs both (n=%d, t=%d, w=%d)", n-t+1, t-1, n, t, s.hub.group.W),
		"never two conflicting checkpoints that verify", "%d with two, %d with one; the smaller side had at most %d co-signatures", both, one, worst)
	p.control(one > 0, "the same, counting checkpoints that verify at all", "some do: a tree that w guardians are shown is co-signed", "%d of %d", one, tried)

	// With t dishonest guardians the bound is passed; the same attack must then succeed, or it proves nothing.
	both, tried = 0, 0
	for bad := uint(0); bad < 1<<n && tried < p.few(1<<n); bad++ {
		if bits.OnesCount(bad) != t {
			continue
		}
		honest := slices.DeleteFunc([]int{0, 1, 2, 3}, func(i int) bool { return bad&(1<<i) != 0 })
		a, b, err := s.try(ctx, bad, 1<<honest[0])
		if err != nil {
			return err
		}
		tried++
		if a.stands && b.stands {
			both++
		}
	}
	p.control(both == tried && tried > 0, fmt.Sprintf("the same with t=%d dishonest guardians, whom the protocol does not withstand", t), "two conflicting checkpoints verify each time", "%d of %d", both, tried)
	return nil
}

// splitter is a stolen hub with guardians whose folders can be set back to the moment before a try.
type splitter struct {
	*wide
	trust *verify.Trust
	kept  string // copies of the guardians' folders
}

func (p *play) splitter(ctx context.Context) (*splitter, error) {
	w, err := p.stealHub(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.honest(ctx); err != nil {
		return nil, err
	}
	s := &splitter{wide: w, kept: p.scratch("kept")}
	if s.trust, err = w.city.trust(); err != nil {
		return nil, err
	}
	for i := range w.hub.group.Guardians {
		w.hub.procs[i].kill()
		if err := copyDir(w.city.path("guardians", strconv.Itoa(i+1)), s.copyOf(i)); err != nil {
			return nil, fmt.Errorf("copying a guardian's folder: %w", err)
		}
	}
	return s, nil
}

func (s *splitter) copyOf(i int) string { return s.kept + "/" + strconv.Itoa(i+1) }

// reset puts an honest guardian back to before.
func (s *splitter) reset(ctx context.Context, i int) error {
	s.hub.procs[i].kill()
	dir := s.city.path("guardians", strconv.Itoa(i+1))
	if err := replaceDir(s.copyOf(i), dir); err != nil {
		return err
	}
	return s.hub.startGuardian(ctx, s.city, i)
}

// side is one of two trees.
type side struct {
	tree       *stolenHub
	checkpoint []byte
	signed     int  // co-signatures
	stands     bool // it verifies under the city's trust file
}

// try shows tree A first to the honest guardians in half, tree B first to the others, then each tree to everybody.
func (s *splitter) try(ctx context.Context, bad, half uint) (a, b side, err error) {
	h := s.hub
	sides := [2]*side{&a, &b}
	for i, x := range sides {
		x.tree = h.twin(len(h.leaves))
		if err := x.tree.append([]byte(fmt.Sprintf("the last leaf of face %d", i+1))); err != nil {
			return a, b, err
		}
		if x.checkpoint, err = x.tree.checkpoint(); err != nil {
			return a, b, err
		}
	}
	lines := [2][][]byte{}
	for i := range h.group.Guardians {
		if bad&(1<<i) != 0 {
			key, err := s.city.cosigner(i + 1)
			if err != nil {
				return a, b, err
			}
			for j, x := range sides {
				line, err := lineOf(x.checkpoint, key)
				if err != nil {
					return a, b, err
				}
				lines[j] = append(lines[j], line)
			}
			continue
		}
		if err := s.reset(ctx, i); err != nil {
			return a, b, err
		}
		order := []int{0, 1}
		if half&(1<<i) == 0 {
			order = []int{1, 0}
		}
		for _, j := range order {
			x := sides[j]
			h.face(x.tree)
			x.tree.sizes[h.group.Guardians[i].Name] = uint64(len(h.leaves))
			line, err := x.tree.ask(ctx, h.group.Guardians[i], x.checkpoint)
			if err != nil {
				return a, b, err
			}
			if line != nil {
				lines[j] = append(lines[j], line)
			}
		}
	}
	for j, x := range sides {
		x.signed = len(lines[j])
		_, err := s.trust.Checkpoint(append(bytes.Clone(x.checkpoint), bytes.Join(lines[j], nil)...))
		x.stands = err == nil
		if x.stands != (x.signed >= h.group.W) {
			return a, b, fmt.Errorf("%w: %d co-signatures, and the verifier says %v", errDrill, x.signed, err)
		}
	}
	return a, b, nil
}
