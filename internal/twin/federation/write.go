package federation

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

const (
	typeJSON = "application/json"
	typeLD   = "application/ld+json"
)

// Item is one entity, fragment or attribute of a change, as the request wrote it.
type Item struct {
	ID      tribune.EntityID
	Doc     jsonld.Document // the zero document where there is none: a deletion
	Context *jsonld.Context // that Doc, and the names in the URL, are in
	Attrs   []tribune.Name  // of Doc that the source gets; for changes of one attribute that one

	Instance string // of a change of one instance in the past: its instanceId
}

// Writing is what a request changes.
type Writing struct {
	Cause *http.Request
	Op    string // a name of clause 4.20
	LD    bool   // Doc has its @context in it (application/ld+json)
	Query string // of the request, without local
}

// Outcome is what a source has made of an item.
type Outcome struct {
	Created bool           // the entity is new there
	Ignored []tribune.Name // attributes that it has left alone
	Err     error          // a *Failure; nil = done
}

// form is how one source gets documents: in which words, and where their context stands.
type form struct {
	tongue
	ld   bool
	read jsonld.Form // how the request's documents were read

	amend *jsonld.Amendment // for a source that knows an earlier version of the standard; nil = as they are
}

// form decides by what the registration asks for (clause 4.3.6.6), else as the request has it; but a context that is one URL goes into a
// Link header, as every source reads that, and the body stays plain. one: all documents of the request are in this context.
func (s *Sources) form(ctx context.Context, r *Registration, c *Writing, from *jsonld.Context, one bool) (form, error) {
	f := form{ld: c.LD && (!one || from.Link() == ""), read: c.form()}
	if version := r.Info("ngsildConformance"); version != "" {
		f.amend, _ = jsonld.ParseAmendment(version) // it was read when it was registered
	}
	own := r.Info("jsonldContext")
	switch wanted := r.Info("contentType"); {
	case own != "":
		f.ld = false
	case wanted == typeJSON:
		f.ld = false
	case wanted == typeLD:
		f.ld = true
	}
	if f.ld {
		f.tongue = tongue{from, from, ""}
		return f, nil
	}
	var err error
	f.tongue, err = s.tongue(ctx, r, from)
	return f, err
}

// form is what the documents of the change may be (clause 5.6).
func (c *Writing) form() jsonld.Form {
	f := jsonld.Form{Simplified: simplified(c.Query)}
	switch c.Op {
	case "mergeEntity", "mergeBatch":
		f.Merge = true
	case "updateAttrs":
		f.Fragment = true
	case "updateEntity":
		f.Part, f.Nulls = true, true
	case "createEntity", "createBatch", "upsertBatch":
	default:
		f.Part = true
	}
	return f
}

func simplified(query string) bool {
	for part := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(part, "="); name == "options" || name == "format" {
			if strings.Contains(value, "keyValues") || strings.Contains(value, "simplified") {
				return true
			}
		}
	}
	return false
}

// copier copies documents for one source. Where the context stands in the body, it is the one that stood there.
func (f *form) copier(item *Item) *jsonld.Copy {
	c := &jsonld.Copy{From: f.from, To: f.to, Form: f.read, Amend: f.amend}
	if f.ld {
		c.Context = item.Context.JSON()
		if raw, ok := item.Doc.Member("@context"); ok {
			c.Context = raw.Raw()
		}
	}
	keep := make(map[tribune.Name]bool, len(item.Attrs))
	for _, n := range item.Attrs {
		keep[n] = true
	}
	c.Keep = func(n tribune.Name) bool { return keep[n] }
	return c
}

func (f *form) media() string {
	if f.ld {
		return typeLD
	}
	return typeJSON
}

// query is the query of the request in the source's words.
func (f *form) query(text string) string {
	if f.same() || !strings.Contains(text, "type=") {
		return text
	}
	parts := strings.Split(text, "&")
	for i, part := range parts {
		if value, ok := strings.CutPrefix(part, "type="); ok {
			if plain, err := url.QueryUnescape(value); err == nil {
				var v values
				v.add("type", f.types(plain))
				parts[i] = string(v)
			}
		}
	}
	return strings.Join(parts, "&")
}

// said is what an answer to a change can say (clauses 5.2.16 to 5.2.19).
type said struct {
	Success    []string
	Errors     []saidError
	Updated    []string
	NotUpdated []struct{ AttributeName, Reason string }
}

type saidError struct {
	EntityID string
	Error    json.RawMessage
}

// failure is the error of one entity that a source reports.
func (e *saidError) failure(r *Registration) error {
	status := http.StatusBadGateway
	var p struct{ Status int }
	if json.Unmarshal(e.Error, &p) == nil && p.Status >= 400 && p.Status < 600 {
		status = p.Status
	}
	return refusal(r, Reply{Status: status, Body: e.Error})
}

// partly is an answer 207 that does not say which parts went wrong.
func partly(r *Registration) error {
	return &Failure{Source: r.ID, Err: ErrSource, Status: http.StatusMultiStatus, Detail: "it has done only a part of it, and does not say which"}
}
