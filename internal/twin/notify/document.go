package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// document is a subscription's JSON by member. As it is kept its names are expanded, so that each reader sees them in the
// reader's own context; q stays as it was written, with the context that it was written in.
type document map[string]json.RawMessage

// Bounds of a subscription, with their reasons.
const (
	maxDocument  = 256 << 10 // bytes
	maxSelectors = 100       // each is an entry of the index
	maxNames     = 200
)

// isMember reports whether table 5.2.12-1 has a member of this name. What else a subscriber says means nothing, is not kept and not shown:
// members that the hub makes (tables 5.2.12-2 and 5.2.14.2-1) among it.
func isMember(name string) bool {
	switch name {
	case "id", "type", "subscriptionName", "description", "entities", "watchedAttributes", "notificationTrigger", "timeInterval", "q", "geoQ", "scopeQ", "temporalQ", "csf",
		"isActive", "notification", "expiresAt", "throttling", "datasetId", "expandValues", "jsonKeys", "jsonldContext", "lang", "localOnly", "splitEntities", "ngsildConformance":
		return true
	}
	return false
}

// isOutcome reports whether a member of notification is the hub's to make (table 5.2.14.2-1).
func isOutcome(name string) bool {
	switch name {
	case "status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure":
		return true
	}
	return false
}

const nullText = `"urn:ngsi-ld:null"`

// read takes a body apart. A null is told from a value: in a fragment it takes a member away.
func read(body jsonld.Document) (document, error) {
	if !body.IsObject() || len(body.Raw()) > maxDocument {
		return nil, fmt.Errorf("%w: a subscription is a JSON object of at most %d bytes (clause 5.2.12)", tribune.ErrInvalid, maxDocument)
	}
	var d document
	if err := json.Unmarshal(body.Raw(), &d); err != nil {
		return nil, fmt.Errorf("%w: a subscription is a JSON object", tribune.ErrInvalid)
	}
	maps.DeleteFunc(d, func(name string, _ json.RawMessage) bool { return !isMember(name) })
	if raw, ok := d["notification"]; ok && len(raw) > 0 && raw[0] == '{' {
		params := document{}
		if json.Unmarshal(raw, &params) == nil {
			maps.DeleteFunc(params, func(name string, _ json.RawMessage) bool { return isOutcome(name) })
			d["notification"] = params.bytes()
		}
	}
	return d, nil
}

// bytes is the document as JSON; its values are JSON that has been read, so that it cannot fail.
func (d document) bytes() json.RawMessage {
	names := make([]string, 0, len(d))
	for name := range d {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if first := rank(a) - rank(b); first != 0 {
			return first
		}
		return strings.Compare(a, b)
	})
	out := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(append(out, quoted(name)...), ':'), d[name]...)
	}
	return append(out, '}')
}

// only is the document with the members that are meant alone.
func (d document) only(meant func(name string) bool) document {
	out := maps.Clone(d)
	maps.DeleteFunc(out, func(name string, _ json.RawMessage) bool { return !meant(name) })
	return out
}

// rank puts first what names the thing.
func rank(name string) int {
	switch name {
	case "id":
		return 0
	case "type":
		return 1
	}
	return 2
}

func quoted(s string) json.RawMessage {
	b, _ := json.Marshal(s) // a string always can be
	return b
}

// isNull reports whether a member of a fragment is to be taken away (clause 5.5.8).
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return string(raw) == "null" || string(raw) == nullText
}

// patched is the document with a fragment's members in place of its own (clause 5.5.8).
func (d document) patched(fragment document) document {
	out := document{}
	for name, raw := range d {
		out[name] = raw
	}
	for name, raw := range fragment {
		if isNull(raw) {
			delete(out, name)
		} else {
			out[name] = raw
		}
	}
	return out
}

// term maps a name: to its IRI, or to what a reader's context calls it.
type term func(name string) (string, error)

// names are the two maps of a document: types, and attributes.
type names struct{ typ, attr term }

// expanding maps terms of a context to IRIs.
func expanding(ctx *jsonld.Context) names {
	return names{
		func(s string) (string, error) { n, err := ctx.Expand(s); return string(n), err },
		func(s string) (string, error) { n, err := ctx.Attr(s); return string(n), err },
	}
}

// compacting maps IRIs to terms of a context.
func compacting(ctx *jsonld.Context) names {
	short := func(s string) (string, error) { return ctx.Compact(tribune.Name(s)), nil }
	return names{short, short}
}

// renamed is the document with all its names mapped. What has not the right form is left as it is: compile refuses it.
func (d document) renamed(n names) (document, error) {
	out := document{}
	for name, raw := range d {
		out[name] = raw
	}
	r := renaming{names: n}
	r.text(out, "expandValues", list(n.attr))
	r.text(out, "jsonKeys", list(n.attr))
	r.array(out, "watchedAttributes", n.attr)
	r.objects(out, "entities", func(e document) { r.text(e, "type", n.types) })
	r.object(out, "geoQ", func(g document) { r.text(g, "geoproperty", n.attr) })
	r.object(out, "notification", func(p document) {
		r.array(p, "attributes", n.attr)
		r.array(p, "pick", n.projection)
		r.array(p, "omit", n.projection)
	})
	return out, r.err
}

// renaming keeps the first error of a walk.
type renaming struct {
	names
	err error
}

func (r *renaming) apply(member, s string, t term) string {
	out, err := t(s)
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("attribute %q: %w", member, err)
	}
	return out
}

func (r *renaming) text(d document, member string, t term) {
	var s string
	if raw, ok := d[member]; ok && json.Unmarshal(raw, &s) == nil && s != "" && !isNull(raw) {
		d[member] = quoted(r.apply(member, s, t))
	}
}

func (r *renaming) array(d document, member string, t term) {
	var all []string
	if raw, ok := d[member]; !ok || json.Unmarshal(raw, &all) != nil || all == nil || len(all) > maxNames {
		return
	}
	for i := range all {
		all[i] = r.apply(member, all[i], t)
	}
	d[member], _ = json.Marshal(all)
}

func (r *renaming) object(d document, member string, f func(document)) {
	var o document
	if raw, ok := d[member]; ok && json.Unmarshal(raw, &o) == nil && o != nil {
		f(o)
		d[member] = o.bytes()
	}
}

func (r *renaming) objects(d document, member string, f func(document)) {
	var all []document
	if raw, ok := d[member]; !ok || json.Unmarshal(raw, &all) != nil || len(all) > maxSelectors {
		return
	}
	out := []byte{'['}
	for i, o := range all {
		if i > 0 {
			out = append(out, ',')
		}
		f(o)
		out = append(out, o.bytes()...)
	}
	if len(all) > 0 {
		d[member] = append(out, ']')
	}
}

// types maps the names of a type expression (clause 4.17).
func (n names) types(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	return words(s, ",;|()", n.typ)
}

// projection maps the names of a projection (clause 4.21), but for members that all entities have.
func (n names) projection(s string) (string, error) {
	return words(s, ",|{}", func(w string) (string, error) {
		switch w {
		case "id", "type", "scope", "@id", "@type":
			return w, nil
		}
		return n.attr(w)
	})
}

func list(t term) term { return func(s string) (string, error) { return words(s, ",", t) } }

// words maps what stands between separators.
func words(s, separators string, t term) (string, error) {
	var out strings.Builder
	for s != "" {
		end := strings.IndexAny(s, separators)
		if end < 0 {
			end = len(s)
		}
		if w := strings.TrimSpace(s[:end]); w != "" {
			mapped, err := t(w)
			if err != nil {
				return "", err
			}
			out.WriteString(mapped)
		}
		if end == len(s) {
			break
		}
		out.WriteByte(s[end])
		s = s[end+1:]
	}
	return out.String(), nil
}
