package web

import (
	"fmt"
	"io"
	"net/http"
	"unicode/utf8"

	"tribune"
)

// Body reads a whole request body; Wrap has bounded it.
func Body(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	size := r.ContentLength
	if size < 0 || size > MaxBody {
		size = 512
	}
	b := make([]byte, 0, size+1) // +1: the read that sees the end needs a place
	for {
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading body: %w", err)
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// CheckJSON refuses what would be dear or ambiguous to parse: bytes that are not UTF-8, a byte-order mark, nesting
// deeper than depth. It does not check the grammar.
func CheckJSON(b []byte, depth int) error {
	if !utf8.Valid(b) {
		return fmt.Errorf("%w: the body is not UTF-8", tribune.ErrInvalid)
	}
	level, inString, escaped := 0, false, false
	for _, c := range b {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped = c == '\\'
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if level++; level > depth {
				return fmt.Errorf("%w: the body nests deeper than %d levels", tribune.ErrInvalid, depth)
			}
		case c == '}' || c == ']':
			level--
		}
	}
	return nil
}
