package jsonld

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"tribune"
	"tribune/internal/web"
)

// Document is one JSON value that is known to be well formed: valid UTF-8, no member twice, not nested too deep. Only
// Read makes one, so that everything below can walk it without checking again.
type Document struct{ raw json.RawMessage }

// Read checks data and keeps it; the caller must not change it afterwards.
func Read(data []byte) (Document, error) {
	data = bytes.TrimSpace(data)
	if err := web.CheckJSON(data, web.MaxDepth); err != nil {
		return Document{}, err
	}
	if !jsontext.Value(data).IsValid() {
		return Document{}, whyNot(data)
	}
	return Document{raw: data}, nil
}

// whyNot says where data stops being JSON, without quoting it.
func whyNot(data []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(data))
	if err := dec.SkipValue(); err == nil {
		return fmt.Errorf("%w: the body has something after its end, at byte %d", tribune.ErrInvalid, dec.InputOffset())
	}
	return tribune.Hint(fmt.Errorf("%w: the body is not JSON (RFC 8259), or names a member twice, near byte %d", tribune.ErrInvalid, dec.InputOffset()),
		"Check the body with a JSON parser that refuses repeated members.")
}

// Raw is the document's text.
func (d Document) Raw() json.RawMessage { return d.raw }

// IsArray reports whether the document is an array.
func (d Document) IsArray() bool { return len(d.raw) > 0 && d.raw[0] == '[' }

// IsObject reports whether the document is an object.
func (d Document) IsObject() bool { return len(d.raw) > 0 && d.raw[0] == '{' }

// Elements of an array, or the document itself.
func (d Document) Elements() []Document {
	if !d.IsArray() {
		return []Document{d}
	}
	var out []Document
	elements(d.raw, func(e []byte) bool {
		out = append(out, Document{raw: e})
		return true
	})
	return out
}

// Member of an object, or false.
func (d Document) Member(name string) (Document, bool) {
	if !d.IsObject() {
		return Document{}, false
	}
	var found []byte
	members(d.raw, func(key string, val []byte) error {
		if key == name {
			found = val
		}
		return nil
	})
	return Document{raw: found}, found != nil
}

// Text is the string the document is, or false.
func (d Document) Text() (string, bool) { return text(d.raw) }

// members walks the members of a well-formed object, in order; it stops at the first error.
func members(obj []byte, f func(key string, val []byte) error) error {
	i := space(obj, 1)
	for i < len(obj) && obj[i] == '"' {
		end := skip(obj, i)
		key, _ := text(obj[i:end])
		i = space(obj, end)
		i = space(obj, i+1) // the colon
		end = skip(obj, i)
		if err := f(key, obj[i:end]); err != nil {
			return err
		}
		if i = space(obj, end); i < len(obj) && obj[i] == ',' {
			i = space(obj, i+1)
		}
	}
	return nil
}

// elements walks the elements of a well-formed array until f returns false.
func elements(arr []byte, f func(val []byte) bool) {
	i := space(arr, 1)
	for i < len(arr) && arr[i] != ']' {
		end := skip(arr, i)
		if !f(arr[i:end]) {
			return
		}
		if i = space(arr, end); i < len(arr) && arr[i] == ',' {
			i = space(arr, i+1)
		}
	}
}

// skip is where the value that begins at i ends, in well-formed JSON.
func skip(b []byte, i int) int {
	switch b[i] {
	case '"':
		for i++; b[i] != '"'; i++ {
			if b[i] == '\\' {
				i++
			}
		}
		return i + 1
	case '{', '[':
		for depth := 0; ; i++ {
			switch b[i] {
			case '"':
				i = skip(b, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	default:
		for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
			i++
		}
		return i
	}
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// text is the string that val is, or false.
func text(val []byte) (string, bool) {
	if len(val) < 2 || val[0] != '"' {
		return "", false
	}
	if inner := val[1 : len(val)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	s, err := jsontext.AppendUnquote(nil, val)
	return string(s), err == nil
}

// compact copies well-formed JSON without the white space between its tokens.
func compact(val []byte) json.RawMessage {
	out := make([]byte, 0, len(val))
	for i := 0; i < len(val); i++ {
		switch c := val[i]; c {
		case ' ', '\t', '\n', '\r':
		case '"':
			end := skip(val, i)
			out = append(out, val[i:end]...)
			i = end - 1
		default:
			out = append(out, c)
		}
	}
	return out
}

func isNull(val []byte) bool { return len(val) > 0 && val[0] == 'n' }
