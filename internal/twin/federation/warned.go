package federation

import (
	"net/http"
	"regexp"
	"strings"
)

// warnings are what a source's own warnings say of its answer (table 6.3.17-1), by code. Whoever asked this broker has to know that what it
// tells is not all there is; the words of others are not repeated.
var warnings = [...]struct{ code, text string }{
	{"110", "its source has used earlier answers of others"},
	{"111", "its source could not read what others answered it"},
	{"199", "its source has not heard from all that it asks, or is asked by those whom it asks: there is a loop"},
	{"299", "its source was refused an answer by others"},
}

var warningCode = regexp.MustCompile(`(?:^|, ?)(\d{3}) `)

// warned is a set of warnings: a bit for each.
type warned uint8

// warningsOf are the warnings that came with an answer.
func warningsOf(h http.Header) (set warned) {
	for _, line := range h.Values("NGSILD-Warning") {
		for _, found := range warningCode.FindAllStringSubmatch(line[:min(len(line), maxSourceText)], -1) {
			for i := range warnings {
				if warnings[i].code == found[1] {
					set |= 1 << i
				}
			}
		}
	}
	return set
}

// of are the warnings as those of this broker.
func (w warned) of(r *Registration) (out []string) {
	for i := range warnings {
		if w&(1<<i) != 0 {
			out = append(out, warnings[i].code+` tribune "registration `+strings.Map(quotable, r.ID)+`: `+warnings[i].text+`"`)
		}
	}
	return out
}
