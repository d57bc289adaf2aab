package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/protocol"
)

// WarrantText writes the text of a warrant, for its court to sign. What MandateText reads of it is m again; days are whole ones, UTC.
func WarrantText(m tribune.Mandate) (string, error) {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s = %s\n", key, value) }
	line("id", strconv.Quote(string(m.ID)))
	if m.Extends != "" {
		line("extends", strconv.Quote(string(m.Extends)))
	}
	line("purpose", strconv.Quote(string(m.Purpose)))
	line("issuer", strconv.Quote(m.Issuer))
	line("basis", basicString(m.Basis))
	line("offices", basicStrings(m.Offices))
	line("classes", basicStrings(m.Classes))
	line("max_subjects", strconv.Itoa(max(m.MaxSubjects, 1)))
	line("from", m.From.UTC().Format(time.DateOnly))
	line("until", m.Until.UTC().Add(-1).Format(time.DateOnly)) // the last day
	b.WriteString("# Whom it concerns learns of it when this quarter is over.\n")
	line("disclose", strconv.Quote(protocol.Quarter(m.Disclose)))
	b.WriteString("# Whom it is about, by salted commitments: they tell nobody who it is.\n")
	line("names", basicStrings(m.Names))
	_, bad := MandateText(string(m.ID)+".toml", b.String())
	return b.String(), bad.err()
}

// basicString is a TOML basic string.
func basicString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func basicStrings[T ~string | tribune.Hash](all []T) string {
	var words []string
	for _, one := range all {
		words = append(words, basicString(fmt.Sprint(one)))
	}
	return "[" + strings.Join(words, ", ") + "]"
}
