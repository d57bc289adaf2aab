package federation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/query"
)

// readDocument reads the members of an object in order. raw is well-formed JSON.
func readDocument(raw json.RawMessage) (d document, err error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%w: the body must be a JSON object", tribune.ErrInvalid)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: the body is not JSON: %w", tribune.ErrInvalid, err)
		}
		var m member
		m.name, _ = name.(string)
		if err := dec.Decode(&m.raw); err != nil {
			return nil, fmt.Errorf("%w: the body is not JSON: %w", tribune.ErrInvalid, err)
		}
		d = append(d, m)
	}
	return d, nil
}

// isNull reports whether the value asks for deletion, in the way of NGSI-LD or of merge patches (clause 5.5.8, RFC 7396).
func isNull(raw json.RawMessage) bool {
	return string(raw) == `"urn:ngsi-ld:null"` || string(raw) == "null"
}

// text is the string that raw is.
func text(raw json.RawMessage) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	return s, json.Unmarshal(raw, &s) == nil
}

func nonEmpty(name string, raw json.RawMessage) (string, error) {
	s, ok := text(raw)
	if !ok || s == "" || len(s) > maxText {
		return "", bad(name, "it must be a text that is not empty")
	}
	return s, nil
}

// texts reads a text or an array of texts.
func texts(name string, raw json.RawMessage) (list []string, err error) {
	if s, ok := text(raw); ok {
		list = []string{s}
	} else if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, bad(name, "it must be an array of texts that is not empty")
	}
	if len(list) > maxList {
		return nil, tooMany(name, maxList)
	}
	for _, s := range list {
		if s == "" || len(s) > maxText {
			return nil, bad(name, "its entries must be texts that are not empty")
		}
	}
	return list, nil
}

func tooMany(name string, most int) error {
	return fmt.Errorf("%w: attribute %q: more than %d entries", tribune.ErrTooLarge, name, most)
}

func uri(name string, raw json.RawMessage) (string, error) {
	s, ok := text(raw)
	if !ok {
		return "", bad(name, "it must be a URI")
	}
	if _, err := jsonld.ID(s); err != nil {
		return "", bad(name, "it must be a URI")
	}
	return s, nil
}

func datasets(raw json.RawMessage) ([]string, error) {
	list, err := texts("datasetId", raw)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if _, err := jsonld.ID(s); err != nil && s != "@none" {
			return nil, bad("datasetId", "its entries are URIs or @none (clause 5.2.9)")
		}
	}
	return list, nil
}

func dateTime(name string, raw json.RawMessage) (time.Time, error) {
	s, _ := text(raw)
	t, ok := jsonld.Time(s)
	if !ok {
		return t, bad(name, "it must be a date and time in UTC like 2027-01-31T12:00:00Z (clause 4.6.3)")
	}
	return t, nil
}

func interval(name string, raw json.RawMessage) (*Interval, error) {
	var in struct {
		StartAt, EndAt json.RawMessage
	}
	if json.Unmarshal(raw, &in) != nil || in.StartAt == nil {
		return nil, bad(name, "it must be an object with startAt (clause 5.2.11)")
	}
	var i Interval
	var err error
	if i.From, err = dateTime(name, in.StartAt); err != nil {
		return nil, err
	}
	if in.EndAt != nil {
		if i.To, err = dateTime(name, in.EndAt); err != nil {
			return nil, err
		}
		if i.To.Before(i.From) {
			return nil, bad(name, "it ends before it starts (clause 5.2.11)")
		}
	}
	return &i, nil
}

// iso8601 is a duration of ISO 8601; weeks stand alone there, and are let through beside the rest.
var iso8601 = regexp.MustCompile(`^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$`)

// duration reads a duration of ISO 8601. A year is taken for 365 days and a month for 30, as nothing here depends on it.
func duration(name string, raw json.RawMessage) (time.Duration, error) {
	s, _ := text(raw)
	parts := iso8601.FindStringSubmatch(s)
	if parts == nil || strings.HasSuffix(s, "T") || s == "P" || len(s) > 64 {
		return 0, bad(name, "it must be a duration of ISO 8601 like PT30S")
	}
	const day = 24 * time.Hour
	var sum float64
	for i, unit := range []time.Duration{365 * day, 30 * day, 7 * day, day, time.Hour, time.Minute, time.Second} {
		if parts[i+1] != "" {
			var n float64
			fmt.Sscanf(strings.Replace(parts[i+1], ",", ".", 1), "%g", &n)
			sum += n * float64(unit)
		}
	}
	return time.Duration(min(sum, float64(100*365*day))), nil
}

// read reads clause 5.2.34.
func (m *Management) read(raw json.RawMessage) (err error) {
	var in struct {
		CacheDuration     json.RawMessage
		LocalOnly         *bool
		Cooldown, Timeout *float64
	}
	if json.Unmarshal(raw, &in) != nil {
		return bad("management", "it must be an object of localOnly, cacheDuration, cooldown and timeout (clause 5.2.34)")
	}
	if in.CacheDuration != nil {
		if m.CacheDuration, err = duration("management", in.CacheDuration); err != nil {
			return err
		}
	}
	if in.LocalOnly != nil {
		m.LocalOnly = *in.LocalOnly
	}
	for from, to := range map[*float64]*time.Duration{in.Cooldown: &m.Cooldown, in.Timeout: &m.Timeout} {
		if from == nil {
			continue
		}
		if !(*from > 0) {
			return bad("management", "cooldown and timeout are milliseconds greater than 0 (clause 5.2.34)")
		}
		*to = time.Duration(min(*from, float64(24*time.Hour/time.Millisecond)) * float64(time.Millisecond))
	}
	return nil
}

// readInfo reads contextSourceInfo with the rules of clause 4.3.6.6. Keys and values become headers.
func readInfo(raw json.RawMessage) ([]KeyValue, error) {
	const name = "contextSourceInfo"
	var pairs []struct{ Key, Value *string }
	if json.Unmarshal(raw, &pairs) != nil || slices.ContainsFunc(pairs, func(p struct{ Key, Value *string }) bool { return p.Key == nil || p.Value == nil }) {
		return nil, bad(name, `it must be an array of {"key": text, "value": text} (clause 5.2.22)`)
	}
	if len(pairs) > maxList {
		return nil, tooMany(name, maxList)
	}
	var list []KeyValue
	for _, p := range pairs {
		kv := KeyValue{*p.Key, *p.Value}
		if !isToken(kv.Key) || !isFieldValue(kv.Value) || len(kv.Key)+len(kv.Value) > maxText {
			return nil, bad(name, "keys and values must be valid as HTTP headers (clause 4.3.6.5)")
		}
		ok := true
		switch strings.ToLower(kv.Key) {
		case "accept", "contenttype":
			ok = kv.Value == "application/json" || kv.Value == "application/ld+json" || kv.Value == FromRequest
		case "jsonldcontext":
			_, err := endpointURL(kv.Value)
			ok = err == nil
		case "ngsildconformance":
			ok = conformance.MatchString(kv.Value)
		}
		if !ok {
			return nil, bad(name, "accept, contentType, jsonldContext and ngsildConformance have values of their own (clause 4.3.6.6)")
		}
		list = append(list, kv)
	}
	return list, nil
}

var conformance = regexp.MustCompile(`^\d{1,3}\.\d{1,3}$`)

// pattern reads an idPattern.
func pattern(s string) (*regexp.Regexp, error) {
	p, err := query.Regexp(s)
	if err != nil {
		return nil, bad("idPattern", fmt.Sprintf("it must be a regular expression (RE2) of at most %d bytes (clause 5.2.8)", query.MaxRegexp))
	}
	return p, nil
}

func isToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }

func isFieldValue(s string) bool { return httpguts.ValidHeaderFieldValue(s) }

func isTenant(s string) bool {
	return len(s) <= 64 && isToken(strings.ReplaceAll(s, ":", "")) && !strings.ContainsAny(s, "!#$%&'*+^`|~")
}
