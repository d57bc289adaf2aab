package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// plainKey is how keys are spelled. The TOML package matches keys to fields without regard to case, and in random order:
// "id" beside "ID" would give a different law on every load.
var plainKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// tomlPlace is how the TOML package says where a value does not fit.
var tomlPlace = regexp.MustCompile(`^line (\d+) (.*)$`)

// decode reads TOML strictly: an unknown key is an error, since a misspelled restriction restricts nothing.
func decode(file, text string, into any) Problems {
	var bad Problems
	if nested(text) {
		bad.add(file, 0, "write one table below the other", "its brackets nest deeper than %d levels", maxNesting)
		return bad
	}
	md, err := toml.Decode(text, into)
	if err != nil {
		var parse toml.ParseError
		line, what := 0, strings.TrimPrefix(err.Error(), "toml: ")
		if errors.As(err, &parse) && parse.Message != "" {
			line, what = parse.Position.Line, parse.Message
		} else if m := tomlPlace.FindStringSubmatch(what); m != nil {
			line, _ = strconv.Atoi(m[1])
			what = m[2]
		}
		bad.add(file, line, "correct this line; the format is TOML 1.0", "cannot be read: %s", what)
		return bad
	}
	for _, key := range md.Keys() {
		if last := key[len(key)-1]; !plainKey.MatchString(last) {
			bad.add(file, keyLine(text, last), "use lower-case letters, digits and _", "the key %q is not spelled as keys are", short(last))
		}
	}
	for _, key := range md.Undecoded() {
		last := key[len(key)-1]
		bad.add(file, keyLine(text, last), "remove it or correct its spelling", "the key %q means nothing here", short(last))
	}
	return bad
}

// maxNesting is of brackets in a file; the law needs two levels. A parser of TOML takes minutes over thousands of levels, and
// documents of evidence are parsed before it is known who signed them.
const maxNesting = 8

// nested reports whether brackets nest too deep. Those in strings count, too: no text of the law opens so many and closes none.
func nested(text string) bool {
	level := 0
	for _, c := range []byte(text) {
		switch c {
		case '{', '[':
			if level++; level > maxNesting {
				return true
			}
		case '}', ']':
			level = max(level-1, 0)
		}
	}
	return false
}

// short bounds what is quoted back from a file.
func short(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

// keyLine is the line on which key is first set, or 0.
func keyLine(text, key string) int {
	for i, line := range strings.Split(text, "\n") {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), key)
		if ok && strings.HasPrefix(strings.TrimSpace(rest), "=") {
			return i + 1
		}
	}
	return 0
}

// tableLines are the lines of the headers [[name]], in order: entry i of a register starts at tableLines[i].
func tableLines(text, name string) []int {
	var lines []int
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.ReplaceAll(line, " ", ""), "[["+name+"]]") {
			lines = append(lines, i+1)
		}
	}
	return lines
}

// lineAt is lines[i], or 0 where the register was written in another way (inline tables).
func lineAt(lines []int, i int) int {
	if i < len(lines) {
		return lines[i]
	}
	return 0
}

// ended says, in words, when something with this exclusive end ended: "on 2025-12-31" for a whole day.
func ended(until time.Time) string {
	if until.Equal(until.Truncate(24 * time.Hour)) {
		return "on " + until.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
	}
	return "at " + until.UTC().Format(time.RFC3339)
}

// begins says, in words, when something with this inclusive start begins.
func begins(from time.Time) string {
	if from.Equal(from.Truncate(24 * time.Hour)) {
		return "on " + from.UTC().Format(time.DateOnly)
	}
	return "at " + from.UTC().Format(time.RFC3339)
}

// keepFor reads how long something is kept: "30d", "12h", "15m".
var keepFor = regexp.MustCompile(`^([1-9][0-9]{0,4})([dhm])$`)

func parseKeep(s string) (time.Duration, error) {
	m := keepFor.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("want a whole number of days, hours or minutes like 30d, 12h, 15m")
	}
	n := 0
	for _, c := range m[1] {
		n = n*10 + int(c-'0')
	}
	unit := map[string]time.Duration{"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute}[m[2]]
	return time.Duration(n) * unit, nil
}
