package api

import (
	"fmt"
	"strings"

	"tribune"
)

// contextRel is the link relation that names a JSON-LD context (JSON-LD 1.1, 6.1).
const contextRel = "http://www.w3.org/ns/json-ld#context"

// maxLink bounds Link headers in bytes.
const maxLink = 8 << 10

// contextLink is the URL that Link headers name as the JSON-LD context, "" where none does. More than one is an error
// (clause 6.3.5).
//
// The header is that of RFC 8288: "<" URI ">" *( ";" name [ "=" token or quoted string ] ), separated by commas.
func contextLink(headers []string) (string, error) {
	found := ""
	for _, h := range headers {
		if len(h) > maxLink {
			return "", fmt.Errorf("%w: a Link header of %d bytes", tribune.ErrTooLarge, len(h))
		}
		for rest := h; ; {
			rest = strings.TrimLeft(rest, " \t,")
			if rest == "" {
				break
			}
			var uri, rel string
			var err error
			if uri, rel, rest, err = cutLink(rest); err != nil {
				return "", err
			}
			for word := range strings.FieldsSeq(rel) {
				if word != contextRel {
					continue
				}
				if found != "" {
					return "", fmt.Errorf("%w: Link headers name more than one @context (clause 6.3.5)", tribune.ErrInvalid)
				}
				found = uri
			}
		}
	}
	return found, nil
}

// cutLink reads one link value and what comes after it.
func cutLink(s string) (uri, rel, rest string, err error) {
	bad := fmt.Errorf("%w: a Link header does not follow RFC 8288", tribune.ErrInvalid)
	if s[0] != '<' {
		return "", "", "", bad
	}
	uri, rest, ok := strings.Cut(s[1:], ">")
	if !ok {
		return "", "", "", bad
	}
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == ',' {
			return uri, rel, rest, nil
		}
		if rest[0] != ';' {
			return "", "", "", bad
		}
		rest = strings.TrimLeft(rest[1:], " \t")
		end := strings.IndexAny(rest, "=;, \t")
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		rest = strings.TrimLeft(rest[end:], " \t")
		value := ""
		if strings.HasPrefix(rest, "=") {
			if value, rest, ok = cutValue(strings.TrimLeft(rest[1:], " \t")); !ok {
				return "", "", "", bad
			}
		}
		if strings.EqualFold(name, "rel") && rel == "" { // the first counts (RFC 8288, 3.3)
			rel = value
		}
	}
}

// cutValue reads a token or quoted string.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";, \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
