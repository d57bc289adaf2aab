package senml

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonReader is kept with the pack so that reading allocates nothing.
type jsonReader struct {
	dec *jsontext.Decoder
	buf bytes.Buffer
}

// ParseJSON reads a pack in JSON.
func (p *Pack) ParseJSON(body []byte) error {
	p.reset()
	j := &p.json
	j.buf = *bytes.NewBuffer(body) // read, never written
	if j.dec == nil {
		j.dec = jsontext.NewDecoder(&j.buf)
	} else {
		j.dec.Reset(&j.buf)
	}
	defer func() { // the body is the caller's
		j.buf = bytes.Buffer{}
		j.dec.Reset(&j.buf)
	}()
	if j.dec.PeekKind() != '[' {
		return &Error{0, "not a JSON array"}
	}
	if _, err := j.dec.ReadToken(); err != nil {
		return &Error{0, "not a JSON array"}
	}
	for {
		switch j.dec.PeekKind() {
		case '{':
			if err := p.room(); err != nil {
				return err
			}
			if err := p.jsonRecord(); err != nil {
				return p.fail(err)
			}
		case ']':
			if _, err := j.dec.ReadToken(); err != nil {
				return &Error{0, "not JSON"}
			}
			if _, err := j.dec.ReadToken(); !errors.Is(err, io.EOF) {
				return &Error{0, "text after the pack"}
			}
			if len(p.Records) == 0 {
				return &Error{0, "no records"}
			}
			return nil
		default:
			return p.fail(errJSON)
		}
	}
}

// errJSON stands for what the decoder says, which may quote the input.
var errJSON = errors.New("not a JSON object, or a name in it is there twice")

func (p *Pack) jsonRecord() error {
	dec := p.json.dec
	if _, err := dec.ReadToken(); err != nil {
		return errJSON
	}
	var f fields
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return errJSON
		}
		label := raw[1 : len(raw)-1] // until the next read
		if bytes.IndexByte(label, '\\') >= 0 {
			if label, err = p.unquote(raw); err != nil {
				return err
			}
		}
		bit := bitOf(label)
		if bit == 0 {
			if len(label) > 0 && label[len(label)-1] == '_' {
				return errUnknown
			}
			if dec.SkipValue() != nil {
				return errJSON
			}
			continue
		}
		if err := f.take(bit); err != nil {
			return err
		}
		value, err := dec.ReadValue()
		if err != nil {
			return errJSON
		}
		if err := p.jsonField(&f, bit, value); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return errJSON
	}
	return p.resolve(&f)
}

// bitOf is the field of a label, 0 where it is not known.
func bitOf(label []byte) uint32 {
	switch string(label) {
	case "n":
		return fieldName
	case "v":
		return fieldValue
	case "u":
		return fieldUnit
	case "t":
		return fieldTime
	case "vs":
		return fieldText
	case "vb":
		return fieldBool
	case "vd":
		return fieldData
	case "s":
		return fieldSum
	case "ut":
		return fieldUpdate
	case "bn":
		return fieldBaseName
	case "bt":
		return fieldBaseTime
	case "bu":
		return fieldBaseUnit
	case "bv":
		return fieldBaseValue
	case "bs":
		return fieldBaseSum
	case "bver":
		return fieldVersion
	}
	return 0
}

func (p *Pack) jsonField(f *fields, bit uint32, v jsontext.Value) error {
	switch bit {
	case fieldName, fieldUnit, fieldBaseName, fieldBaseUnit:
		if v[0] != '"' {
			return errType
		}
		text, err := p.unquote(v)
		if err != nil {
			return err
		}
		p.setText(f, bit, text)
	case fieldText:
		if v[0] != '"' {
			return errType
		}
		f.kind, f.json = Text, p.keep(v)
	case fieldBool:
		if v[0] != 't' && v[0] != 'f' {
			return errType
		}
		f.kind, f.json = Bool, p.keep(v)
	case fieldData:
		if v[0] != '"' {
			return errType
		}
		text, err := p.unquote(v)
		if err != nil {
			return err
		}
		if !isBase64URL(text) {
			return errType
		}
		f.kind, f.json = Data, p.quote(text)
	default:
		x, ok := parseNumber(v)
		if !ok {
			if v[0] == '-' || v[0] >= '0' && v[0] <= '9' {
				return errNumber
			}
			return errType
		}
		if bit == fieldValue {
			if len(v) <= maxLiteral {
				f.json = p.keep(v)
			} else {
				f.json = p.number(x)
			}
		}
		return p.setNumber(f, bit, x)
	}
	return nil
}

// unquote reads a JSON string into the pack.
func (p *Pack) unquote(v jsontext.Value) ([]byte, error) {
	if bytes.IndexByte(v, '\\') < 0 {
		return p.keep(v[1 : len(v)-1]), nil
	}
	n := len(p.arena)
	arena, err := jsontext.AppendUnquote(p.arena, v)
	if err != nil {
		return nil, errJSON
	}
	p.arena = arena
	return p.arena[n:len(p.arena):len(p.arena)], nil
}
