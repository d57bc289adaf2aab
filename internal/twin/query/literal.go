package query

import (
	"encoding/json"
	"strconv"
	"strings"
)

// values reads what a comparison compares with: a value, a list or a range.
func (p *parser) values(t *Term) error {
	v, err := p.value()
	if err != nil {
		return err
	}
	t.Values = []Scalar{v}
	many := t.Op == OpEqual || t.Op == OpUnequal
	switch {
	case many && p.take(".."):
		start := p.at
		end, err := p.value()
		if err != nil {
			return err
		}
		if end.Kind != v.Kind || v.Kind == Bool {
			p.at = start
			return p.fail("both ends of a range are numbers, texts, dates or times of one kind", "a range from %s to %s", v.Kind, end.Kind)
		}
		t.Range, t.Values = true, append(t.Values, end)
	case many:
		for p.take(",") {
			if len(t.Values) >= MaxTerms {
				return p.fail(hintLimits, "more than %d values in a list", MaxTerms)
			}
			if v, err = p.value(); err != nil {
				return err
			}
			t.Values = append(t.Values, v)
		}
	case v.Kind == Bool:
		return p.fail("compare true and false with == or !=", "true and false have no order")
	}
	return nil
}

// value reads one literal.
func (p *parser) value() (Scalar, error) {
	start := p.at
	if p.at < len(p.text) && p.text[p.at] == '"' {
		s, err := p.quoted()
		if err != nil || !p.coerce {
			return Scalar{Kind: Text, Text: s}, err
		}
		return p.expanded(start, s)
	}
	end := p.at + strings.IndexAny(p.text[p.at:]+";", ";|(),\"")
	raw := p.text[p.at:end]
	if i := strings.Index(raw, ".."); i > 0 {
		raw = raw[:i]
	} else if n := commaFraction(p.text[p.at:], len(raw)); n > 0 {
		raw = p.text[p.at : p.at+n]
	}
	s, ok := bare(raw)
	if p.coerce && raw != "" && (!ok || s.Kind == Text) {
		p.at += len(raw)
		return p.expanded(start, raw)
	}
	if !ok {
		return Scalar{}, p.fail(hintValue, "%q is not a value", raw)
	}
	p.at += len(raw)
	return s, nil
}

// expanded is the IRI that a word stands for (expandValues).
func (p *parser) expanded(start int, word string) (Scalar, error) {
	iri, err := p.words.Value(word)
	if err != nil {
		p.at = start
		return Scalar{}, p.fail(hintValue, "%q does not expand", word)
	}
	return Scalar{Kind: Text, Text: string(iri)}, nil
}

// commaFraction is the length of a date-time or time whose fraction follows a comma (clause 4.6.3 forgives it), where n
// bytes of it stand before the comma; else 0.
func commaFraction(s string, n int) int {
	if n < 8 || n >= len(s) || s[n] != ',' || s[n-3] != ':' || s[n-6] != ':' {
		return 0
	}
	digits := len(s[n+1:]) - len(strings.TrimLeft(s[n+1:], "0123456789"))
	if end := n + 1 + digits; digits > 0 && end < len(s) && s[end] == 'Z' {
		return end + 1
	}
	return 0
}

// bare reads an unquoted literal.
func bare(raw string) (Scalar, bool) {
	switch {
	case raw == "":
		return Scalar{}, false
	case raw == "true" || raw == "false":
		return Scalar{Kind: Bool, Bool: raw == "true"}, true
	case json.Valid([]byte(raw)) && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'):
		f, err := strconv.ParseFloat(raw, 64)
		return Scalar{Kind: Number, Number: f}, err == nil
	}
	if t, ok := temporal(raw); ok {
		return t, true
	}
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok || scheme == "" || rest == "" || strings.ContainsAny(raw, " \t\n<>{}^`\\") {
		return Scalar{}, false
	}
	for i, c := range []byte(scheme) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(c))) {
			return Scalar{}, false
		}
	}
	return Scalar{Kind: Text, Text: raw}, true
}

// quoted reads a JSON string.
func (p *parser) quoted() (string, error) {
	for i := p.at + 1; i < len(p.text); i++ {
		switch p.text[i] {
		case '\\':
			i++
		case '"':
			var s string
			if err := json.Unmarshal([]byte(p.text[p.at:i+1]), &s); err != nil {
				return "", p.fail(hintValue, "%s is not a JSON string", p.text[p.at:i+1])
			}
			p.at = i + 1
			return s, nil
		}
	}
	return "", p.fail(hintValue, "a text without its closing quote")
}
