package watch

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune/verify"
)

// sighting is one checkpoint that somebody has shown, signed by the log.
type sighting struct {
	from string
	src  *source // nil where only the checkpoint is known
	at   time.Time
	cp   *verify.Checkpoint
}

// merge joins what is known of the tree that most speaks for: of all sightings of one size and root, every guardian's newest
// co-signature. Guardians show their own co-signature only; together they make a quorum where the hub is away.
func merge(trust *verify.Trust, seen []sighting) (best *verify.Checkpoint, ok bool) {
	groups := map[string][]sighting{}
	for _, s := range seen {
		key := fmt.Sprintf("%d %s", s.cp.Size, s.cp.Root)
		groups[key] = append(groups[key], s)
	}
	for _, g := range groups {
		cp, err := trust.Checkpoint(join(g))
		if err != nil {
			continue
		}
		if best == nil || cp.Size > best.Size || cp.Size == best.Size && cosigned(cp).After(cosigned(best)) {
			best = cp
		}
	}
	return best, best != nil
}

// join writes one note of several that sign the same text.
func join(group []sighting) []byte {
	type line struct {
		text string
		at   uint64
	}
	lines := map[string]line{} // by name and key hash
	for _, s := range group {
		_, sigs, _ := bytes.Cut(s.cp.Note, []byte("\n\n"))
		for _, l := range strings.Split(strings.TrimSuffix(string(sigs), "\n"), "\n") {
			f := strings.Fields(l)
			if len(f) != 3 {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(f[2])
			if err != nil || len(raw) < 4 {
				continue
			}
			next := line{text: l}
			if len(raw) == 4+8+64 { // key hash, time, signature: a co-signature
				next.at = binary.BigEndian.Uint64(raw[4:])
			}
			key := f[1] + " " + string(raw[:4])
			if have, known := lines[key]; !known || next.at > have.at {
				lines[key] = next
			}
		}
	}
	text, _, _ := bytes.Cut(group[0].cp.Note, []byte("\n\n"))
	out := string(text) + "\n\n"
	all := make([]line, 0, len(lines))
	for _, l := range lines {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b line) int { // the log's own line has no time and comes first
		if c := cmp.Compare(min(a.at, 1), min(b.at, 1)); c != 0 {
			return c
		}
		return cmp.Compare(a.text, b.text)
	})
	for _, l := range all {
		out += l.text + "\n"
	}
	return []byte(out)
}

// cosigned is the median of the times at which guardians signed: neither the oldest nor a clock that runs ahead decides.
func cosigned(cp *verify.Checkpoint) time.Time {
	times := make([]time.Time, 0, len(cp.Cosignatures))
	for _, c := range cp.Cosignatures {
		times = append(times, c.Time)
	}
	if len(times) == 0 {
		return time.Time{}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[(len(times)-1)/2]
}
