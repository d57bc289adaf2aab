package verify

import (
	"fmt"
	"strings"

	"tribune"
)

// MergeCheckpoints makes of checkpoints with single co-signatures, as each guardian serves its own head, one that a quorum has signed: the
// largest tree of which there is such a one. It fails with ErrNoQuorum where they are of too many sizes: ask again.
func (t *Trust) MergeCheckpoints(notes [][]byte) ([]byte, error) {
	type tree struct {
		size  uint64
		text  string
		lines []string
	}
	var trees []*tree
	err := fmt.Errorf("%w: no checkpoint among %d", tribune.ErrNoQuorum, len(notes))
	for _, msg := range notes {
		c, bad := t.OpenCheckpoint(msg)
		if bad != nil { // whoever serves that spoils nobody else's
			err = bad
			continue
		}
		text, rest, _ := strings.Cut(string(msg), "\n\n")
		var one *tree
		for _, other := range trees {
			if other.text == text {
				one = other
			}
		}
		if one == nil {
			one = &tree{size: c.Size, text: text}
			trees = append(trees, one)
		}
		for line := range strings.Lines(rest) {
			if !contains(one.lines, line) {
				one.lines = append(one.lines, line)
			}
		}
	}
	var best []byte
	var size uint64
	for _, one := range trees {
		merged := []byte(one.text + "\n\n" + strings.Join(one.lines, ""))
		if _, e := t.Checkpoint(merged); e != nil {
			err = e
		} else if best == nil || one.size > size {
			best, size = merged, one.size
		}
	}
	if best == nil {
		return nil, err
	}
	return best, nil
}

// contains reports whether a line by the same key is there: a guardian that signed twice, at two times, counts once.
func contains(lines []string, line string) bool {
	name := func(l string) string { l, _, _ = strings.Cut(strings.TrimPrefix(l, "\u2014 "), " "); return l }
	for _, l := range lines {
		if name(l) == name(line) {
			return true
		}
	}
	return false
}
