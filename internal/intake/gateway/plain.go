package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"tribune/internal/intake"
)

// A plain JSON message is an object {"name": value, ..., "time"?: RFC 3339} with each name once; time counts for all of its
// readings. An array of these is one message too.

// What is wrong with a plain message, in words that quote nothing of it.
var (
	errPlain = errors.New("neither a JSON object with each name once nor an array of such objects")
	errTime  = errors.New(`"time" is not a time like 2026-11-22T10:00:00Z`)
	errNone  = errors.New("no readings")
	errMany  = fmt.Errorf("more than %d readings", intake.MaxReadings)
)

// plain reads one message or an array of them.
func plain(body []byte) ([]intake.Reading, error) {
	p := plainReader{dec: jsontext.NewDecoder(bytes.NewReader(body))}
	if p.dec.PeekKind() != '[' {
		if err := p.object(); err != nil {
			return nil, err
		}
		return p.end()
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, errPlain
	}
	for p.dec.PeekKind() == '{' {
		if err := p.object(); err != nil {
			return nil, err
		}
	}
	if token, err := p.dec.ReadToken(); err != nil || token.Kind() != ']' {
		return nil, errPlain
	}
	return p.end()
}

type plainReader struct {
	dec  *jsontext.Decoder
	list []intake.Reading
}

func (p *plainReader) object() error {
	if token, err := p.dec.ReadToken(); err != nil || token.Kind() != '{' {
		return errPlain
	}
	begin := len(p.list)
	var at json.RawMessage
	for p.dec.PeekKind() != '}' {
		token, err := p.dec.ReadToken()
		if err != nil || token.Kind() != '"' {
			return errPlain
		}
		name := token.String()
		value, err := p.dec.ReadValue()
		if err != nil {
			return errPlain
		}
		if name == "time" {
			at = json.RawMessage(value.Clone())
			continue
		}
		if len(p.list) == intake.MaxReadings {
			return errMany
		}
		p.list = append(p.list, intake.Reading{Name: name, Value: json.RawMessage(value.Clone())})
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return errPlain
	}
	if at == nil {
		return nil
	}
	when, ok := plainTime(at)
	if !ok {
		return errTime
	}
	for i := begin; i < len(p.list); i++ {
		p.list[i].At = when
	}
	return nil
}

func (p *plainReader) end() ([]intake.Reading, error) {
	if _, err := p.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errPlain
	}
	if len(p.list) == 0 {
		return nil, errNone
	}
	return p.list, nil
}
