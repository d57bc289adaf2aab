package portal

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"tribune/policy"
	"tribune/protocol"
)

// Bounds of a comparison: what is longer is shown as removed and added, for whoever downloads both.
const (
	maxDiffBytes = 256 << 10 // of one file
	maxDiffLines = 3000      // shown of one file
	diffContext  = 3         // unchanged lines around a change
)

// fileChange is one file that differs between two sets.
type fileChange struct {
	Name string
	How  string // "added" | "removed" | "changed" | "signature": the text is the same
	Add  int    // lines
	Del  int
	Hunk []diffHunk
	Long bool // too long to be shown here
}

type diffHunk struct {
	From, To int // first line in the old and in the new text
	Lines    []diffLine
}

// diffLine is one line: Sign is "+", "-" or " ".
type diffLine struct{ Sign, Text string }

// changedFiles lists what differs, by name.
func changedFiles(old, new *policy.Set) (out []fileChange) {
	if old == nil || new == nil {
		return nil
	}
	before, after := old.Files(), new.Files()
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, inOld := before[name]
		b, inNew := after[name]
		was, _ := protocol.SplitDocument(a)
		is, _ := protocol.SplitDocument(b)
		switch {
		case !inOld:
			out = append(out, fileChange{Name: name, How: "added"})
		case !inNew:
			out = append(out, fileChange{Name: name, How: "removed"})
		case was != is:
			out = append(out, fileChange{Name: name, How: "changed"})
		case string(a) != string(b):
			out = append(out, fileChange{Name: name, How: "signature"})
		}
	}
	return out
}

// lines fills in what changed, line by line.
func (c *fileChange) lines(old, new *policy.Set) error {
	was, _ := protocol.SplitDocument(old.Files()[c.Name])
	is, _ := protocol.SplitDocument(new.Files()[c.Name])
	if len(was) > maxDiffBytes || len(is) > maxDiffBytes {
		c.Long = true
		return nil
	}
	diff, err := udiff.ToUnifiedDiff("", "", was, udiff.Strings(was, is), diffContext)
	if err != nil {
		return fmt.Errorf("comparing %s: %w", c.Name, err)
	}
	shown := 0
	for _, h := range diff.Hunks {
		hunk := diffHunk{From: h.FromLine, To: h.ToLine}
		for _, l := range h.Lines {
			sign := " "
			switch l.Kind {
			case udiff.Insert:
				sign = "+"
				c.Add++
			case udiff.Delete:
				sign = "-"
				c.Del++
			}
			if shown++; shown <= maxDiffLines {
				hunk.Lines = append(hunk.Lines, diffLine{sign, strings.TrimSuffix(l.Content, "\n")})
			}
		}
		c.Hunk = append(c.Hunk, hunk)
	}
	c.Long = shown > maxDiffLines
	return nil
}
