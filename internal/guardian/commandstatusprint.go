package guardian

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"tribune"
)

// print writes a status for people: a word for each line, and what it says.
func (s State) print(w io.Writer, now time.Time) error {
	var b strings.Builder
	line := func(word, text string, args ...any) { fmt.Fprintf(&b, "%-10s %s\n", word, fmt.Sprintf(text, args...)) }
	line(s.Name, "a guardian of %s", s.City)
	if s.Demo {
		line("demo", "one machine plays all guardians: they are not independent")
	}
	line("holds", "%d leaves, root %s", s.Size, s.Root)
	switch {
	case s.Cosigned > 0:
		line("co-signed", "%s", ago(s.Cosigned, now))
	default:
		line("co-signed", "nothing since it started")
	}
	if p := s.Published; p != nil {
		var who []string
		for _, name := range slices.Sorted(maps.Keys(p.Cosigned)) {
			who = append(who, name+" "+ago(p.Cosigned[name], now))
		}
		line("published", "%d leaves, co-signed by %d of %d, %d are needed: %s", p.Size, len(who), s.n, s.w, strings.Join(who, ", "))
	} else if s.dir != "" {
		line("published", "the hub shows no checkpoint that verifies, or is not reached")
	}
	if s.Epoch > 0 {
		line("share", "of epoch %d; %d of %d shares open", s.Epoch, s.t, s.n)
	} else {
		line("share", "none yet")
	}
	line("ceremony", "%s", s.Ceremony)
	line("since", "%s: %d acts released, %d refused or vetoed", time.Unix(s.Since, 0).UTC().Format(time.DateTime), s.Released, s.Refused)
	s.printClocks(line)
	s.printLaw(line)
	for _, v := range s.Vetoes {
		line("veto", "%s", v)
	}
	if s.Disk > 0 {
		each := ""
		if s.Size > 0 {
			each = fmt.Sprintf("; the mirror takes %d bytes a leaf", s.MirrorDisk/int64(s.Size))
		}
		line("disk", "%s in %s%s", size(s.Disk), s.dir, each)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s State) printClocks(line func(string, string, ...any)) {
	var peers []string
	for _, name := range slices.Sorted(maps.Keys(s.Clocks)) {
		peers = append(peers, fmt.Sprintf("%s %+d ms", name, s.Clocks[name]))
	}
	if len(peers) == 0 {
		peers = []string{"no other guardian is seen"}
	}
	line("clocks", "%s", strings.Join(peers, ", "))
}

func (s State) printLaw(line func(string, string, ...any)) {
	if s.Law == nil || s.Law.InForce == (tribune.Hash{}) {
		line("law", "none in force")
		return
	}
	line("law", "%s is in force", s.Law.InForce)
	for _, p := range s.Law.Pending {
		line("pending", "%s, announced in leaf %d, from %s on; look at it: guardian approve", p.Set, p.Leaf, time.Unix(p.From, 0).UTC().Format(time.DateTime))
	}
}

// ago is a moment as people say it.
func ago(unix int64, now time.Time) string {
	d := now.Sub(time.Unix(unix, 0)).Round(time.Second)
	switch {
	case d < 0:
		return (-d).String() + " ahead of this clock"
	case d < 48*time.Hour:
		return d.String() + " ago"
	}
	return time.Unix(unix, 0).UTC().Format(time.DateTime)
}

// size is a number of bytes as people say it.
func size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	}
	return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
}
