package drill

import (
	"bytes"
	"context"
	"fmt"
	"os"
)

// fooled: guardians whose folders were set back, before a hub that has two trees. How many it takes is the bound that the protocol
// states: t-1 of them are harmless, t are not.
func (p *play) fooled(ctx context.Context) error {
	inner := &play{cfg: p.cfg} // whose hub is stolen: a city of its own
	inner.cfg.Dir = p.scratch("fooled")
	if err := os.MkdirAll(inner.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("making room for a second city: %w", err)
	}
	p.onEnd(inner.end)
	s, err := inner.splitter(ctx)
	p.report.Steps = append(p.report.Steps, inner.report.Steps...)
	if err != nil {
		return err
	}
	h := s.hub
	n, w := h.group.N, h.group.W
	for back := 1; back <= h.group.T; back++ {
		tried, forks, most := 0, 0, 0
		for first := range p.few(n) {
			signed, stands, err := s.fork(ctx, first, back)
			if err != nil {
				return err
			}
			tried++
			most = max(most, signed)
			if stands {
				forks++
			}
		}
		seen := "a second history got at most %d of %d co-signatures; it stood %d of %d times"
		if back < h.group.T {
			p.times(tried, forks == 0, fmt.Sprintf("publish under %d guardians, keep the other in the dark, set %d of the %d back, and show a second history to all", w, back, w), "the rolled-back guardian signs it, the others do not: it never has a quorum", seen, most, w, forks, tried)
			continue
		}
		p.control(forks == tried, fmt.Sprintf("the same with %d set back: the bound", back), "a second history is co-signed by a quorum, each time", seen, most, w, forks, tried)
	}
	return nil
}

// fork publishes tree A under w guardians, sets back of them back, and asks all for tree B.
func (s *splitter) fork(ctx context.Context, dark, back int) (signed int, stands bool, err error) {
	h := s.hub
	var faces [2]*stolenHub
	var checkpoints [2][]byte
	for i := range faces {
		faces[i] = h.twin(len(h.leaves))
		if err := faces[i].append([]byte(fmt.Sprintf("history %d", i+1))); err != nil {
			return 0, false, err
		}
		if checkpoints[i], err = faces[i].checkpoint(); err != nil {
			return 0, false, err
		}
	}
	for i := range h.group.Guardians {
		if err := s.reset(ctx, i); err != nil {
			return 0, false, err
		}
	}
	before := map[string]uint64{}
	for _, m := range h.group.Guardians {
		before[m.Name] = h.sizes[m.Name]
	}
	h.face(faces[0])
	told := 0
	for i, m := range h.group.Guardians {
		if i == dark {
			continue
		}
		faces[0].sizes[m.Name] = before[m.Name]
		line, err := faces[0].ask(ctx, m, checkpoints[0])
		if err != nil {
			return 0, false, err
		}
		if line == nil {
			return 0, false, fmt.Errorf("%w: %s does not co-sign the first history", errDrill, m.Name)
		}
		told++
	}
	h.face(faces[1])
	for i := range back {
		if err := s.reset(ctx, (dark+1+i)%len(h.group.Guardians)); err != nil {
			return 0, false, err
		}
	}
	var lines [][]byte
	for _, m := range h.group.Guardians {
		faces[1].sizes[m.Name] = before[m.Name]
		line, err := faces[1].ask(ctx, m, checkpoints[1])
		if err != nil {
			return 0, false, err
		}
		if line != nil {
			lines = append(lines, line)
		}
	}
	_, bad := s.trust.Checkpoint(append(bytes.Clone(checkpoints[1]), bytes.Join(lines, nil)...))
	return len(lines), bad == nil, nil
}
