package twin

import (
	"bytes"
	"encoding/json"

	"tribune/internal/twin/model"
)

// openPlain reads the instance that nearly every device sends, as programs write it: a Property without white space,
//
//	{"type":"Property","value":<number, boolean or plain text>,"unitCode":"<plain text>","observedAt":"<plain text>"}
//
// in any order, the last two optional; plain text is printable ASCII without escapes. ok is false for everything else, also for what is
// wrong: then parseInstance decides.
func openPlain(b []byte) (a model.Attr, ok bool) {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return a, false
	}
	kind, units, observed := false, false, false
	for rest := b[1:]; ; rest = rest[1:] {
		name, r, ok := plainText(rest)
		if !ok || len(r) == 0 || r[0] != ':' {
			return a, false
		}
		rest = r[1:]
		var text []byte
		if string(name) == "value" {
			if len(a.Value) > 0 {
				return a, false
			}
			if a.Value, rest, ok = plainValue(rest); !ok {
				return a, false
			}
		} else if text, rest, ok = plainText(rest); !ok {
			return a, false
		}
		switch string(name) {
		case "value":
		case "type":
			if kind || string(text) != string(model.Property) {
				return a, false
			}
			kind, a.Kind = true, model.Property
		case "unitCode":
			if units {
				return a, false
			}
			units, a.UnitCode = true, string(text)
		case "observedAt":
			t, err := model.ParseMoment(string(text))
			if observed || err != nil {
				return a, false
			}
			observed, a.ObservedAt = true, t
		default:
			return a, false
		}
		switch {
		case len(rest) == 1: // the brace at the end
			return a, kind && len(a.Value) > 0
		case len(rest) == 0 || rest[0] != ',':
			return a, false
		}
	}
}

// plainText reads a JSON string that is plain.
func plainText(b []byte) (text, rest []byte, ok bool) {
	if len(b) < 2 || b[0] != '"' {
		return nil, nil, false
	}
	n := bytes.IndexByte(b[1:], '"')
	if n < 0 || !isPlain(b[1:1+n]) {
		return nil, nil, false
	}
	return b[1 : 1+n], b[2+n:], true
}

// plainValue reads a value up to the comma or brace after it.
func plainValue(b []byte) (v, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '"' {
		_, rest, ok = plainText(b)
		return b[: len(b)-len(rest) : len(b)-len(rest)], rest, ok
	}
	n := bytes.IndexAny(b, ",}")
	if n <= 0 {
		return nil, nil, false
	}
	v = b[:n:n]
	if c := v[0]; c != '-' && (c < '0' || c > '9') && string(v) != "true" && string(v) != "false" {
		return nil, nil, false
	}
	return v, b[n:], v[n-1] > ' ' && json.Valid(v)
}

// isPlain reports whether text is printable ASCII that JSON writes as it is.
func isPlain[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
