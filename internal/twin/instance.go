package twin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

// An attribute instance as JSON is one normalized NGSI-LD attribute with expanded names:
//
//	{"type":"Property","value":...,"unitCode":"...","observedAt":"...","<IRI of a sub-attribute>":{...}}
//
// It is the clear text of a sealed instance and the Value of a tribune.Change. createdAt, modifiedAt and datasetId stay
// outside of it; the times of sub-attributes are not kept. A sub-attribute that is a bare text stands there as one.

// valueMember is where the kind keeps its value.
func valueMember(k model.Kind) string {
	switch k {
	case model.LanguageProperty:
		return "languageMap"
	case model.VocabProperty:
		return "vocab"
	case model.JSONProperty:
		return "json"
	case model.ListProperty:
		return "valueList"
	case model.Relationship:
		return "object"
	case model.ListRelationship:
		return "objectList"
	}
	return "value"
}

// ClearAttr encodes an instance as it is sealed and as the Value of a change. OpenAttr reads it back.
func ClearAttr(a model.Attr) []byte { return appendInstance(nil, &a, false) }

func appendInstance(b []byte, a *model.Attr, sub bool) []byte {
	if a.Plain() {
		return append(b, a.Value...)
	}
	b = appendMember(append(b, '{'), "type", string(a.Kind))
	b = append(b, ',', '"')
	b = append(b, valueMember(a.Kind)...)
	b = append(b, '"', ':')
	b = append(b, a.Value...)
	if len(a.ObjectType) > 0 {
		b = append(b, `,"objectType":`...)
		b = appendJSON(b, a.ObjectType)
	}
	if a.UnitCode != "" {
		b = appendMember(append(b, ','), "unitCode", a.UnitCode)
	}
	if !a.ObservedAt.IsZero() {
		b = appendMember(append(b, ','), "observedAt", stamp(a.ObservedAt))
	}
	if t := a.Expires(); !t.IsZero() {
		b = appendMember(append(b, ','), "expiresAt", stamp(t))
	}
	if t := a.ValueType(); t != "" {
		b = appendMember(append(b, ','), "valueType", string(t))
	}
	if sub {
		if a.Dataset != "" {
			b = appendMember(append(b, ','), "datasetId", a.Dataset)
		}
	}
	for _, name := range sortedNames(a.Sub) {
		b = appendJSON(append(b, ','), string(name))
		b = append(b, ':')
		list := a.Sub[name]
		if len(list) != 1 {
			b = append(b, '[')
		}
		for i := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendInstance(b, &list[i], true)
		}
		if len(list) != 1 {
			b = append(b, ']')
		}
	}
	return append(b, '}')
}

func appendMember(b []byte, name, text string) []byte {
	b = append(append(append(b, '"'), name...), '"', ':')
	return appendJSON(b, text)
}

func appendJSON(b []byte, v any) []byte {
	if s, ok := v.(string); ok && isPlain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("twin: encoding text: " + err.Error()) // strings and lists of strings always encode
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// stamp writes a time as values carry it.
func stamp(t time.Time) string { return string(model.AppendMoment(nil, t)) }

// OpenAttr reads the clear text of a sealed instance, or the Value of a change. The caller adds what stays outside:
// Dataset, CreatedAt and ModifiedAt. Where "type" is missing it follows from the member that holds the value. Errors name
// members, never values: what they are about may be personal.
func OpenAttr(clear []byte) (model.Attr, error) {
	if a, ok := openPlain(clear); ok {
		return a, nil
	}
	a, err := parseInstance(clear, 0)
	a.Dataset = ""
	return a, err
}

func badInstance(format string, args ...any) error {
	return tribune.Hint(fmt.Errorf("%w: attribute: %s", tribune.ErrInvalid, fmt.Sprintf(format, args...)),
		`write one normalized attribute with expanded names, like {"type":"Property","value":12}`)
}

func parseInstance(raw []byte, depth int) (a model.Attr, err error) {
	var in map[string]json.RawMessage
	var plain string
	switch {
	case depth > 0 && json.Unmarshal(raw, &plain) == nil:
		return model.Attr{Kind: model.Property, Value: raw, Rare: &model.Rare{Plain: true}}, nil
	case depth > maxSubDepth:
		return a, badInstance("more than %d levels of sub-attributes", maxSubDepth)
	case json.Unmarshal(raw, &in) != nil || in == nil:
		return a, badInstance("not a JSON object")
	}
	text := func(member string) (s string) {
		if v, ok := in[member]; ok && err == nil && json.Unmarshal(v, &s) != nil {
			err = badInstance("%s is not text", member)
		}
		return s
	}
	moment := func(member string) (t time.Time) {
		if s := text(member); s != "" && err == nil {
			if t, err = model.ParseMoment(s); err != nil {
				err = badInstance("%s is not a date-time", member)
			}
		}
		return t
	}
	a.Kind, a.UnitCode, a.Dataset = model.Kind(text("type")), text("unitCode"), text("datasetId")
	a.ObservedAt = moment("observedAt")
	a.SetRare(model.Rare{ExpiresAt: moment("expiresAt"), ValueType: tribune.Name(text("valueType"))})
	if v, ok := in["objectType"]; ok {
		var one tribune.Name
		if json.Unmarshal(v, &one) == nil {
			a.ObjectType = []tribune.Name{one}
		} else if json.Unmarshal(v, &a.ObjectType) != nil {
			return a, badInstance("objectType is not text")
		}
	}
	if err != nil {
		return a, err
	}
	if a.Kind == "" {
		a.Kind = impliedKind(in)
	}
	if kindCode(a.Kind) < 0 {
		return a, badInstance("type is none of the standard's attribute types")
	}
	var ok bool
	if a.Value, ok = in[valueMember(a.Kind)]; !ok {
		return a, badInstance("a %s needs %s", a.Kind, valueMember(a.Kind))
	}
	for _, m := range [...]string{"type", "unitCode", "datasetId", "observedAt", "createdAt", "modifiedAt", "expiresAt", "valueType", "objectType", valueMember(a.Kind)} {
		delete(in, m)
	}
	for name, v := range in {
		var list []json.RawMessage
		if json.Unmarshal(v, &list) != nil {
			list = []json.RawMessage{v}
		}
		for _, one := range list {
			s, err := parseInstance(one, depth+1)
			if err != nil {
				return a, fmt.Errorf("sub-attribute %.200s: %w", name, err)
			}
			if a.Sub == nil {
				a.Sub = make(map[tribune.Name][]model.Attr)
			}
			a.Sub[tribune.Name(name)] = append(a.Sub[tribune.Name(name)], s)
		}
	}
	return a, nil
}

func impliedKind(in map[string]json.RawMessage) model.Kind {
	for _, k := range kinds {
		if v, ok := in[valueMember(k)]; ok {
			if k == model.Property && bytes.Contains(v, []byte(`"coordinates"`)) {
				return model.GeoProperty
			}
			return k
		}
	}
	return ""
}

// kindCode is the kind's number in documents, or -1.
func kindCode(k model.Kind) int {
	for i := range kinds {
		if kinds[i] == k {
			return i
		}
	}
	return -1
}
