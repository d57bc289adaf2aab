package query

import (
	"encoding/json"
	"unicode/utf8"
)

// Stored values are well-formed JSON; what walks them here still ends on anything: q and coordinates come from outside.

// blank is the first position at or after i that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// past is where the value that begins at i ends, at most len(b).
func past(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		for i++; i < len(b) && b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		return min(i+1, len(b))
	case '{', '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				i = past(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return len(b)
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	if i == start { // a stray separator: get past it
		i++
	}
	return i
}

// eachElement walks the elements of an array until visit returns false.
func eachElement(b []byte, visit func(val []byte) bool) {
	i := blank(b, 0)
	if i >= len(b) || b[i] != '[' {
		return
	}
	for i = blank(b, i+1); i < len(b) && b[i] != ']'; {
		end := past(b, i)
		if !visit(b[i:end]) {
			return
		}
		if i = blank(b, end); i < len(b) && b[i] == ',' {
			i = blank(b, i+1)
		}
	}
}

// eachMember walks the members of an object until visit returns false. The name comes quoted.
func eachMember(b []byte, visit func(name, val []byte) bool) {
	i := blank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return
	}
	for i = blank(b, i+1); i < len(b) && b[i] == '"'; {
		end := past(b, i)
		name := b[i:end]
		i = blank(b, end)
		i = blank(b, i+1) // past the colon
		end = past(b, i)
		if i >= end || !visit(name, b[i:end]) {
			return
		}
		if i = blank(b, end); i < len(b) && b[i] == ',' {
			i = blank(b, i+1)
		}
	}
}

// named reports whether a quoted name is this one.
func named(quoted []byte, name string) bool {
	if len(quoted) == len(name)+2 && string(quoted[1:len(quoted)-1]) == name {
		return true
	}
	for _, c := range quoted {
		if c == '\\' {
			s, ok := unquote(quoted)
			return ok && s == name
		}
	}
	return false
}

// unquote is the text of a JSON string.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	plain := true
	for _, c := range raw {
		plain = plain && c != '\\'
	}
	if plain {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	return s, utf8.Valid(raw) && json.Unmarshal(raw, &s) == nil
}
