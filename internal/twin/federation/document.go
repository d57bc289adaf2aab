package federation

import (
	"encoding/json"
	"fmt"
	"strings"
)

// document is a registration or subscription as JSON: its members in order.
type document []member

type member struct {
	name string
	raw  json.RawMessage
}

// get is the value of a member, nil where there is none.
func (d document) get(name string) json.RawMessage {
	for i := range d {
		if d[i].name == name {
			return d[i].raw
		}
	}
	return nil
}

// set changes a member, or adds it. The document must not be shared.
func (d *document) set(name string, raw json.RawMessage) {
	for i := range *d {
		if (*d)[i].name == name {
			(*d)[i].raw = raw
			return
		}
	}
	*d = append(*d, member{name, raw})
}

// json writes the document, followed by more members.
func (d document) json(more document) (json.RawMessage, error) {
	b := []byte{'{'}
	for _, part := range []document{d, more} {
		for _, m := range part {
			name, err := json.Marshal(m.name)
			if err != nil {
				return nil, fmt.Errorf("writing a document: %w", err)
			}
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(append(b, name...), ':')
			b = append(b, m.raw...)
		}
	}
	return append(b, '}'), nil
}

func equalFold(a, b string) bool { return strings.EqualFold(a, b) }
