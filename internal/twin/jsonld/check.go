package jsonld

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tribune"
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
	for _, r := range s {
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
		if r <= ' ' || r == 0x7f || r == utf8.RuneError || strings.ContainsRune("\"<>\\^`{|}", r) || unicode.IsSpace(r) || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// ID checks an entity id.
func ID(s string) (tribune.EntityID, error) {
	if !isURI(s) {
		return "", tribune.Hint(fmt.Errorf("%w: attribute \"id\": an entity id must be a URI (clause 4.5.1)", tribune.ErrInvalid), "Write it like urn:ngsi-ld:TYPE:NAME.")
	}
	return tribune.EntityID(s), nil
}

// Time reads a date and time as clause 4.6.3 wants it: UTC, with a trailing Z.
func Time(s string) (time.Time, bool) {
	if !strings.HasSuffix(s, "Z") {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || strings.Contains(s, ",") || t.Year() < 1 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// appendTime writes t as clause 4.6.3 wants it, with as many digits of the second as it has.
func appendTime(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.999999999Z07:00")
}
