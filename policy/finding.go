package policy

import (
	"fmt"
	"strings"

	"tribune"
)

// Level says how much a finding matters.
type Level string

// Levels, most serious first.
const (
	LevelError   Level = "error"   // the law cannot be used like this
	LevelWarning Level = "warning" // it can be used, but probably does not do what was meant
	LevelNote    Level = "note"    // what a file says, in plain words
)

// Finding is one remark about one place in the law's files: what is there, and what its steward can do.
type Finding struct {
	File  string `json:"file"`
	Line  int    `json:"line,omitempty"` // 0 = the file as a whole
	Level Level  `json:"level"`
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	fmt.Fprintf(&b, ": %s: %s", f.Level, f.What)
	if f.Do != "" {
		fmt.Fprintf(&b, " (%s)", f.Do)
	}
	return b.String()
}

// Problems is the error of a set that cannot be loaded: every place that has to be mended. It matches
// tribune.ErrInvalid.
type Problems []Finding

// maxShown bounds an error's text; Check shows the rest.
const maxShown = 8

func (p Problems) Error() string {
	shown := make([]string, 0, maxShown+1)
	for i, f := range p {
		if i == maxShown {
			shown = append(shown, fmt.Sprintf("and %d more", len(p)-maxShown))
			break
		}
		shown = append(shown, f.String())
	}
	return strings.Join(shown, "; ")
}

func (p Problems) Unwrap() error { return tribune.ErrInvalid }

func (p *Problems) add(file string, line int, do, format string, args ...any) {
	*p = append(*p, Finding{File: file, Line: line, Level: LevelError, What: fmt.Sprintf(format, args...), Do: do})
}

// err is p as an error with a hint, nil where there is no problem.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return tribune.Hint(p, "%s", "Mend the files named, sign them again, and run: tribune check DIR")
}
