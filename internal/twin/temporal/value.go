package temporal

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"tribune/internal/twin/model"
)

// class is what a value is to an aggregation.
type class uint8

const (
	other class = iota // objects, URIs, null: they can be counted only
	number
	boolean
	text // dates and times with a date among them: they order as they are written
	clock
	array
)

// value is what a value is, with the number or text that stands for it.
type value struct {
	class  class
	number float64
	text   string
}

// valueOf looks at an instance's value. Relationships and language maps can be counted only; names of a vocabulary are URIs.
func valueOf(a *model.Attr) value {
	switch a.Kind {
	case model.Property, model.JSONProperty, model.ListProperty:
		return jsonValue(a.Value, string(a.ValueType()))
	}
	return value{}
}

func jsonValue(raw json.RawMessage, datatype string) value {
	if len(raw) == 0 {
		return value{}
	}
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return value{}
		}
		return textValue(s, datatype)
	case 't', 'f':
		x := 0.0
		if raw[0] == 't' {
			x = 1
		}
		return value{class: boolean, number: x}
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return value{}
		}
		return value{class: array, number: float64(len(list))}
	case '{':
		var typed struct {
			Type  string           `json:"@type"`
			Value *json.RawMessage `json:"@value"`
		}
		if json.Unmarshal(raw, &typed) != nil || typed.Value == nil || len(*typed.Value) == 0 || (*typed.Value)[0] == '{' {
			return value{}
		}
		return jsonValue(*typed.Value, typed.Type)
	case 'n':
		return value{}
	}
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return value{}
	}
	return value{class: number, number: x}
}

func textValue(s, datatype string) value {
	datatype = datatype[strings.LastIndexAny(datatype, "/#")+1:]
	switch datatype {
	case "URI", "@id":
		return value{}
	case "Time":
		if t, err := time.Parse("15:04:05.999999999Z", s); err == nil {
			return value{class: clock, number: t.Sub(t.Truncate(24 * time.Hour)).Seconds(), text: s}
		}
	}
	return value{class: text, text: s}
}

// canonical is a value without the white space between its tokens.
func canonical(raw json.RawMessage) string {
	if !bytes.ContainsAny(raw, " \t\r\n") {
		return string(raw)
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}
