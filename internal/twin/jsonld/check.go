package jsonld

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tribune"
	"tribune/internal/twin/model"
)

const (
	maxName = 512  // bytes of a term or IRI of a name; IRIs are parts of keys in the store
	maxURI  = 1024 // bytes of an entity id or other URI
)

// fault is a refusal that names the attribute and the rule it breaks. It quotes names and types, never values.
func fault(attr, rule string, args ...any) error {
	return fmt.Errorf("%w: attribute %q: %s", tribune.ErrInvalid, short(attr), fmt.Sprintf(rule, args...))
}

// short keeps a name in an error readable.
func short(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// checkName holds a name against clause 4.6.2, more leniently: real models use dots and hyphens ("PM2.5"). Spaces,
// control characters, quotes and brackets are refused: no query could name the attribute.
func checkName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("%w: a name is empty", tribune.ErrInvalid)
	case len(s) > maxName:
		return fmt.Errorf("%w: name %q is longer than %d bytes", tribune.ErrInvalid, short(s), maxName)
	case s[0] == '@':
		return fmt.Errorf("%w: %q looks like a JSON-LD keyword", tribune.ErrInvalid, short(s))
	}
	for i, r := range s {
		if i == 0 && unicode.IsNumber(r) {
			return fmt.Errorf("%w: name %q begins with a digit (clause 4.6.2)", tribune.ErrInvalid, short(s))
		}
		if r <= ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune("\"'<>()[]{}\\^`|;", r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return fmt.Errorf("%w: name %q holds a character that names may not have (clause 4.6.2)", tribune.ErrInvalid, short(s))
		}
	}
	return nil
}

// isURI is the generic syntax of RFC 3986 as far as it matters: a scheme, a colon, a rest without spaces, control
// characters or brackets that delimit URIs elsewhere. Characters beyond ASCII are those of IRIs.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || len(s) > maxURI || scheme == "" || !letter(scheme[0]) {
		return false
	}
	for i := range len(scheme) {
		c := scheme[i]
		if !letter(c) && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	for _, r := range rest {
		if r <= ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune("\"<>\\^`{|}", r) || r > 0x7f && unseen(r) {
			return false
		}
	}
	return true
}

// unseen are characters that would let one id look like another: no IRI has them (RFC 3987).
func unseen(r rune) bool {
	switch {
	case unicode.IsSpace(r), unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r),
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), r == 0x2800, // fillers and a blank
		r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return true
	}
	return false
}

// isScope holds a scope against the grammar of clause 4.18: levels of letters, digits and underscores, which begin with a letter.
func isScope(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for level := range strings.SplitSeq(strings.TrimPrefix(s, "/"), "/") {
		for i, r := range level {
			if !unicode.IsLetter(r) && (i == 0 || !unicode.IsNumber(r) && r != '_') {
				return false
			}
		}
		if level == "" {
			return false
		}
	}
	return true
}

// URI reports whether s is a URI as far as it matters here.
func URI(s string) bool { return isURI(s) }

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// ID checks an entity id.
func ID(s string) (tribune.EntityID, error) {
	if !isURI(s) || s == model.NullURI {
		return "", tribune.Hint(fmt.Errorf("%w: attribute \"id\": an entity id must be a URI (clause 4.5.1)", tribune.ErrInvalid), "Write it like urn:ngsi-ld:TYPE:NAME.")
	}
	return tribune.EntityID(s), nil
}

// Time reads a date and time as clause 4.6.3 wants it: UTC, with a trailing Z. How many digits it was written with is forgotten.
func Time(s string) (time.Time, bool) {
	t, ok := written(s)
	return t.UTC(), ok
}

// written reads a date and time that is written again as it was.
func written(s string) (time.Time, bool) {
	if !strings.HasSuffix(s, "Z") {
		return time.Time{}, false
	}
	const whole = len("2026-01-02T03:04:05Z")
	if len(s) < whole || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	if s[whole-1] == ',' { // forgiven in requests
		s = s[:whole-1] + "." + s[whole:]
	}
	t, err := model.ParseMoment(s)
	if err != nil || t.Year() < 1 {
		return time.Time{}, false
	}
	return t, true
}
