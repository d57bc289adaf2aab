package federation

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// Bounds of one registration.
const (
	MaxDocument = 256 << 10 // bytes
	maxEntities = 1000      // entity elements of all its information
	maxNames    = 1000      // attribute names of all its information
	maxList     = 100       // entries of operations, contextSourceInfo, datasetId, scope
	maxText     = 8 << 10   // bytes of a value of contextSourceInfo
)

// Names expands and compacts names; *jsonld.Context is one.
type Names interface {
	Expand(term string) (tribune.Name, error)
	Compact(name tribune.Name) string
}

// readOnly are members that this broker alone makes (clause 5.2.9, table 2). Whoever sends them is not heard.
var readOnly = []string{"status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "createdAt", "modifiedAt", "@context"}

// Parse reads a registration (clause 5.2.9) of names under one context. Its tenant, and its ID where it names none, are the
// caller's to set. Errors name the member and the clause, and quote no value.
func Parse(doc jsonld.Document, names Names) (*Registration, error) {
	d, err := read(doc, names)
	if err != nil {
		return nil, err
	}
	return d.registration()
}

// Patched is the registration changed by a fragment (clauses 5.9.3 and 5.5.8); its ID and its tenant stay.
func (r *Registration) Patched(fragment jsonld.Document, names Names) (*Registration, error) {
	f, err := read(fragment, names)
	if err != nil {
		return nil, err
	}
	d, err := r.doc.patched(f, r.ID)
	if err != nil {
		return nil, err
	}
	next, err := d.registration()
	if err != nil {
		return nil, err
	}
	next.Tenant, next.status = r.Tenant, r.status
	return next, nil
}

// patched is the document with the members of a fragment in the place of its own; null takes one away.
func (d document) patched(fragment document, id string) (document, error) {
	out := slices.Clone(d)
	for _, m := range fragment {
		if m.name == "id" {
			if s, ok := text(m.raw); !ok || s != id {
				return nil, bad("id", "it is not the one of the path, and cannot be changed")
			}
			continue
		}
		if isNull(m.raw) {
			out = slices.DeleteFunc(out, func(o member) bool { return o.name == m.name })
			continue
		}
		out.set(m.name, m.raw)
	}
	return out, nil
}

// read is the document with expanded names, less what is read-only.
func read(doc jsonld.Document, names Names) (document, error) {
	if !doc.IsObject() {
		return nil, fmt.Errorf("%w: the body must be a JSON object", tribune.ErrInvalid)
	}
	if len(doc.Raw()) > MaxDocument {
		return nil, fmt.Errorf("%w: at most %d bytes", tribune.ErrTooLarge, MaxDocument)
	}
	sent, err := readDocument(doc.Raw())
	if err != nil {
		return nil, err
	}
	var d document
	for _, m := range sent {
		name := short(m.name)
		if slices.Contains(readOnly, name) {
			continue
		}
		val := m.raw
		switch {
		case name == "information" && !isNull(val): // only fragments may say null, see registration and patched
			val, err = expandInformation(val, names)
		case !isMember(name): // a context source property (clause 4.9)
			var full tribune.Name
			if full, err = names.Expand(name); err == nil {
				name = string(full)
			}
		}
		if err != nil {
			return nil, err
		}
		if d.get(name) != nil {
			return nil, bad(name, "it stands there under two names")
		}
		d = append(d, member{name, val})
	}
	return d, nil
}

// members of a registration, which the core context defines. Any other is a property of the context source.
var members = [...]string{
	"id", "type", "registrationName", "description", "information", "endpoint", "mode", "operations", "contextSourceInfo", "contextSourceAlias", "tenant", "management", "localOnly", "refreshRate",
	"location", "observationSpace", "operationSpace", "observationInterval", "managementInterval", "scope", "datasetId", "expiresAt",
}

func isMember(name string) bool { return slices.Contains(members[:], name) }

// short is the term of the core context for a member, however it was written.
func short(name string) string {
	switch name {
	case "@id":
		return "id"
	case "@type":
		return "type"
	}
	for _, prefix := range []string{"https://uri.etsi.org/ngsi-ld/", "ngsi-ld:"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && isMember(rest) {
			return rest
		}
	}
	return name
}

// registration reads what the document says.
func (d document) registration() (*Registration, error) {
	r := &Registration{Mode: Inclusive, operations: federationOps, doc: d, status: &status{}}
	for _, need := range []string{"type", "endpoint", "information"} {
		if d.get(need) == nil {
			return nil, bad(need, "it is missing (clause 5.2.9)")
		}
	}
	for _, m := range d {
		if isNull(m.raw) {
			return nil, bad(m.name, "null stands for deletion, in updates only (clause 5.5.4)")
		}
		if err := r.member(m.name, m.raw); err != nil {
			return nil, err
		}
	}
	return r, r.consistent()
}

// member reads one member.
func (r *Registration) member(name string, raw json.RawMessage) (err error) {
	switch name {
	case "id":
		r.ID, err = uri(name, raw)
	case "type":
		if s, _ := text(raw); s != "ContextSourceRegistration" {
			err = bad(name, "it must be ContextSourceRegistration (clause 5.2.9)")
		}
	case "endpoint":
		r.Endpoint, err = endpoint(raw)
	case "information":
		r.Information, err = readInformation(raw)
	case "mode":
		r.Mode, err = readMode(raw)
	case "operations":
		var list []string
		if list, err = texts(name, raw); err == nil {
			r.operations, err = readOperations(list)
		}
	case "contextSourceInfo":
		r.ContextSourceInfo, err = readInfo(raw)
	case "contextSourceAlias":
		if r.Alias, err = nonEmpty(name, raw); err == nil && !isToken(r.Alias) {
			err = bad(name, "it must be a pseudonym as in a Via header (RFC 7230)")
		}
	case "tenant":
		if r.RemoteTenant, err = nonEmpty(name, raw); err == nil && !isTenant(r.RemoteTenant) {
			err = bad(name, "letters, digits, _ and -, at most 64")
		}
	case "registrationName", "description":
		_, err = nonEmpty(name, raw)
	case "datasetId":
		r.Datasets, err = datasets(raw)
	case "scope":
		r.Scope, err = texts(name, raw)
	case "refreshRate":
		_, err = duration(name, raw)
	case "localOnly": // as brokers before V1.6 wrote it
		if json.Unmarshal(raw, &r.Management.LocalOnly) != nil {
			err = bad(name, "it is true or false")
		}
	case "management":
		err = r.Management.read(raw)
	case "expiresAt":
		r.Expires, err = dateTime(name, raw)
	default:
		err = r.extent(name, raw)
	}
	return err
}

// extent reads where and when the source has something.
func (r *Registration) extent(name string, raw json.RawMessage) (err error) {
	switch name {
	case "location":
		r.Location, err = geometry(name, raw)
	case "observationSpace":
		r.ObservationSpace, err = geometry(name, raw)
	case "operationSpace":
		r.OperationSpace, err = geometry(name, raw)
	case "observationInterval":
		r.Observation, err = interval(name, raw)
	case "managementInterval":
		r.Managed, err = interval(name, raw)
	}
	return err
}

// consistent holds the members against each other (clauses 4.3.6.3 and 5.9.2.4).
func (r *Registration) consistent() error {
	switch r.Mode {
	case Exclusive:
		for i := range r.Information {
			info := &r.Information[i]
			if !info.named() || len(info.Entities) == 0 || slices.ContainsFunc(info.Entities, func(e EntityInfo) bool { return e.ID == "" }) {
				return bad("information", "an exclusive registration names entities by id, and attributes (clause 4.3.6.3)")
			}
		}
	case Auxiliary:
		// Clause 5.9.2.4 names what operations may say; where they are not there clause 4.3.6.2 holds, by which auxiliary registrations
		// are always accepted: clients leave them out (docs/decisions/0018).
		if r.doc.get("operations") == nil {
			r.operations = retrieveOps
		}
		if r.operations&^retrieveOps != 0 {
			return bad("operations", "an auxiliary registration offers retrieveOps, retrieveEntity or queryEntity, nothing else (clause 5.9.2.4)")
		}
	}
	r.temporalReads()
	return nil
}

// endpoint is the base URI of a source. Some write the path of the API with it, which every request has anyway.
func endpoint(raw json.RawMessage) (string, error) {
	s, err := uri("endpoint", raw)
	if err != nil {
		return "", err
	}
	u, err := endpointURL(s)
	if err == nil && u.User != nil { // registrations are shown to everybody
		return "", tribune.Hint(bad("endpoint", "it must not carry a name or password"), "Put what opens the source into contextSourceInfo, as Authorization: it is shown only to those who may write.")
	}
	if err != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", tribune.Hint(bad("endpoint", "it must be an http or https URI that can be dereferenced (clause 5.2.9)"), "Write like https://broker.example.org:1026, without /ngsi-ld/v1.")
	}
	return strings.TrimSuffix(strings.TrimRight(s, "/"), "/ngsi-ld/v1"), nil
}

// endpointURL is an absolute http or https URL. Errors of url.Parse quote it, so they are not passed on.
func endpointURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%w: not an http or https URL", tribune.ErrInvalid)
	}
	return u, nil
}

func readMode(raw json.RawMessage) (Mode, error) {
	s, _ := text(raw)
	if i := slices.Index(modeNames[:], s); i >= 0 {
		return Mode(i), nil
	}
	return 0, bad("mode", "it is inclusive, exclusive, redirect or auxiliary (clause 5.2.9)")
}

// due refuses a registration that has ended already (clause 5.9.2.4).
func (r *Registration) due(now time.Time) error {
	if r.expired(now) {
		return bad("expiresAt", "it is in the past (clause 5.9.2.4)")
	}
	return nil
}

func bad(member, rule string) error {
	return fmt.Errorf("%w: attribute %q: %s", tribune.ErrInvalid, member, rule)
}
