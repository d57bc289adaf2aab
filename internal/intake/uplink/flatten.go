package uplink

import (
	"bytes"
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"

	"tribune/internal/intake/uplink/payload"
)

// flatten lists the values of an object by their paths, joined with dots. null stands for no value. An array is a value.
func flatten(object jsontext.Value) ([]payload.Field, error) {
	f := flattener{dec: jsontext.NewDecoder(bytes.NewReader(object)), seen: map[string]bool{}}
	if err := f.object("", 0); err != nil {
		return nil, err
	}
	return f.fields, nil
}

type flattener struct {
	dec    *jsontext.Decoder
	fields []payload.Field
	seen   map[string]bool
}

var errObject = bad("what the network server has decoded is not JSON, or names a value twice")

func (f *flattener) object(prefix string, depth int) error {
	if depth == maxDepth {
		return bad("what the network server has decoded nests deeper than %d levels", maxDepth)
	}
	if _, err := f.dec.ReadToken(); err != nil {
		return errObject
	}
	var latitude, longitude json.RawMessage
	for f.dec.PeekKind() != '}' {
		token, err := f.dec.ReadToken()
		if err != nil || token.Kind() != '"' {
			return errObject
		}
		member := token.String()
		path := prefix + member
		if len(path) > maxPath {
			return bad("a field's name of more than %d bytes", maxPath)
		}
		if f.dec.PeekKind() == '{' {
			if err := f.object(path+".", depth+1); err != nil {
				return err
			}
			continue
		}
		value, err := f.dec.ReadValue()
		if err != nil {
			return errObject
		}
		if value.Kind() == '0' {
			switch member {
			case "latitude":
				latitude = json.RawMessage(value.Clone())
			case "longitude":
				longitude = json.RawMessage(value.Clone())
			}
		}
		if err := f.add(path, value); err != nil {
			return err
		}
	}
	if _, err := f.dec.ReadToken(); err != nil {
		return errObject
	}
	if latitude == nil || longitude == nil {
		return nil
	}
	path := rootPosition
	if prefix != "" {
		path = prefix[:len(prefix)-1]
	} else if f.seen[path] {
		return nil
	}
	return f.add(path, jsontext.Value(payload.Point(longitude, latitude)))
}

// rootPosition is the name of the Point where latitude and longitude stand in the object itself.
const rootPosition = "position"

// add keeps a value. {"a.b": 1} and {"a": {"b": 1}} have one path; both together have no meaning.
func (f *flattener) add(path string, value jsontext.Value) error {
	if value.Kind() == 'n' {
		return nil
	}
	if f.seen[path] {
		return errObject
	}
	if len(f.fields) == maxFields {
		return bad("more than %d values", maxFields)
	}
	f.seen[path] = true
	f.fields = append(f.fields, payload.Field{Name: path, Value: json.RawMessage(value.Clone())})
	return nil
}
