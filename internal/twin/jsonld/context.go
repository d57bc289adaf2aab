package jsonld

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/piprate/json-gold/ld"

	"tribune"
)

// Context is one processed context: an immutable map between terms and IRIs.
type Context struct {
	iris     map[string]string // term -> IRI; "" = the context sets the term to null
	terms    map[string]string // IRI -> the term it is written as
	prefixes []prefix          // longest IRI first
	vocab    string

	url  string          // where it is a single URL: what a Link header names
	show json.RawMessage // what answers carry as @context
	key  string          // names it and this version of it

	cached string   // its key in the cache
	parts  []*entry // stored contexts that it is made of
}

type prefix struct{ term, iri string }

// newContext keeps what entities need; core says whether raw itself draws in the core context.
func newContext(active *ld.Context, raw json.RawMessage, core bool) *Context {
	c := &Context{iris: map[string]string{}, terms: map[string]string{}, vocab: *active.Values.Vocab}
	for term, def := range active.TermDefinitions {
		if def == nil || def.ID == "" {
			c.iris[term] = ""
			continue
		}
		if def.Reverse {
			continue // NGSI-LD has no reverse properties: the term means nothing here
		}
		c.iris[term] = def.ID
		if strings.HasPrefix(def.ID, "@") {
			continue
		}
		// The inverse context of JSON-LD 1.1: the shortest, then the least term.
		if old, ok := c.terms[def.ID]; !ok || len(term) < len(old) || len(term) == len(old) && term < old {
			c.terms[def.ID] = term
		}
		if def.Prefix != nil && *def.Prefix && !strings.Contains(term, ":") {
			c.prefixes = append(c.prefixes, prefix{term, def.ID})
		}
	}
	slices.SortFunc(c.prefixes, func(a, b prefix) int {
		return cmp.Or(cmp.Compare(len(b.iri), len(a.iri)), cmp.Compare(len(a.term), len(b.term)), cmp.Compare(a.term, b.term))
	})
	c.url, c.show = shown(raw, core)
	return c
}

// shown is how answers name the context: as it came, with the core context at its end (clause 4.4), unless it is one that
// draws in the core context by itself.
func shown(raw json.RawMessage, core bool) (url string, show json.RawMessage) {
	coreText, _ := jsontext.AppendQuote(nil, CoreURL)
	var all []json.RawMessage
	switch {
	case len(raw) == 0:
		return CoreURL, coreText
	case raw[0] == '[':
		if json.Unmarshal(raw, &all) != nil {
			return "", coreText
		}
	default:
		all = []json.RawMessage{raw}
	}
	last := ""
	if len(all) > 0 {
		json.Unmarshal(all[len(all)-1], &last)
	}
	if len(all) == 1 && last != "" {
		url = last
	}
	if !isCore(last) && !(core && len(all) == 1) {
		all = append(all, coreText)
	} else if len(all) == 2 { // the core context is last in any case: the other alone means the same
		json.Unmarshal(all[0], &url)
	}
	if len(all) == 1 {
		return url, all[0]
	}
	show = append(show, '[')
	for i, one := range all {
		if i > 0 {
			show = append(show, ',')
		}
		show = append(show, compact(one)...)
	}
	return url, append(show, ']')
}

// Link is the URL a Link header can name; "" where the context is more than one URL.
func (c *Context) Link() string { return c.url }

// At is the same context, known by that URL.
func (c *Context) At(url string) *Context {
	named := *c
	named.url = url
	return &named
}

// JSON is the context as answers carry it.
func (c *Context) JSON() json.RawMessage { return c.show }

// Key names the context among all that are processed: equal keys mean equal contexts.
func (c *Context) Key() string { return c.key }

// Expand gives the IRI of a term, a compact IRI or an IRI, as for an attribute or a type. Keywords come back as they
// are ("@id", "@type").
func (c *Context) Expand(term string) (tribune.Name, error) {
	if iri, ok := c.iris[term]; ok {
		if iri == "" {
			return "", fmt.Errorf("%w: the @context maps %q to nothing", tribune.ErrInvalid, short(term))
		}
		return tribune.Name(iri), nil
	}
	if err := checkName(term); err != nil {
		return "", err
	}
	pre, suffix, ok := strings.Cut(term, ":")
	if !ok {
		if strings.IndexByte(term, '%') >= 0 { // only IRIs have it
			return "", fmt.Errorf("%w: name %q holds a character that names may not have (clause 4.6.2)", tribune.ErrInvalid, short(term))
		}
		return tribune.Name(c.vocab + term), nil
	}
	if !strings.HasPrefix(suffix, "//") {
		for _, p := range c.prefixes {
			if p.term == pre {
				return tribune.Name(p.iri + suffix), nil
			}
		}
	}
	if !isURI(term) {
		return "", fmt.Errorf("%w: %q is neither a term, a compact IRI nor an IRI", tribune.ErrInvalid, short(term))
	}
	return tribune.Name(term), nil
}

// Compact is the shortest way this context writes an IRI: a term, a name in the default vocabulary, a compact IRI, or
// the IRI itself. Expand gives the IRI back.
func (c *Context) Compact(iri tribune.Name) string {
	s := string(iri)
	if term, ok := c.terms[s]; ok {
		return term
	}
	if rest, ok := strings.CutPrefix(s, c.vocab); ok && rest != "" && !strings.ContainsAny(rest, ":%") && checkName(rest) == nil {
		if _, taken := c.iris[rest]; !taken {
			return rest
		}
	}
	for _, p := range c.prefixes {
		rest, ok := strings.CutPrefix(s, p.iri)
		if !ok || rest == "" || strings.HasPrefix(rest, "//") {
			continue
		}
		curie := p.term + ":" + rest
		if _, taken := c.iris[curie]; !taken {
			return curie
		}
	}
	return s
}
