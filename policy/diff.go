package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"

	"tribune/protocol"
)

// Diff is what differs between the texts of two sets, as a unified diff, for those who read changes in a terminal. A file whose words
// are the same and whose signature is another is named. Files of any length that a set may have are compared: what is padded is to be
// seen, too, and the longest take less than a second each.
func Diff(old, new *Set) string {
	var b strings.Builder
	names := maps.Clone(old.files)
	maps.Copy(names, new.files)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, _ := protocol.SplitDocument(old.files[name])
		is, _ := protocol.SplitDocument(new.files[name])
		switch {
		case was != is:
			b.WriteString(udiff.Unified(name+" (in force)", name+" (new)", was, is))
		case string(old.files[name]) != string(new.files[name]):
			fmt.Fprintf(&b, "%s: the same words, signed anew\n", name)
		}
	}
	return plain(b.String())
}

// plain keeps control characters, and those that are not seen or turn the order of letters, from reaching a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r == 0x061c || r == 0xfeff || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}
