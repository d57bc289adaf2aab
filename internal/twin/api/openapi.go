package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The description of this API for tools (OpenAPI 3.0.3), made from the table in openapitable.go and the routes that there are:
// what is not served is not described. A test holds that everything served is.

// OpenAPIPath is where it stands.
const OpenAPIPath = "/openapi"

// tokens says that writing takes a bearer token: in a city, not in a laboratory.
func (a *api) openAPI(tokens bool) ([]byte, error) {
	paths := map[string]map[string]any{}
	used := map[string]bool{}
	for _, t := range a.tables() {
		for path, methods := range t {
			for method := range methods {
				op, ok := described(method, path)
				if !ok {
					continue
				}
				if paths[Prefix+path] == nil {
					paths[Prefix+path] = map[string]any{}
				}
				paths[Prefix+path][strings.ToLower(method)] = op.document(path, tokens)
				used[op.tag] = true
			}
		}
	}
	var tags []any
	for _, t := range groups() {
		if used[t[0]] {
			tags = append(tags, map[string]any{"name": t[0], "description": t[1]})
		}
	}
	components := map[string]any{"parameters": parameterComponents(), "schemas": schemas()}
	if tokens {
		components["securitySchemes"] = map[string]any{"bearer": map[string]any{"type": "http", "scheme": "bearer"}}
	}
	body, err := json.MarshalIndent(map[string]any{
		"openapi": "3.0.3",
		"info": map[string]any{
			"title": "NGSI-LD", "version": "1.8.1",
			"description": "The NGSI-LD API (ETSI GS CIM 009 V1.8.1, with additions of V1.9.1) as this hub serves it.",
			"license":     map[string]any{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"tags": tags, "paths": paths, "components": components,
	}, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing the description of the API: %w", err)
	}
	return body, nil
}

// serveOpenAPI serves the description, made when somebody first asks for it.
func (a *api) serveOpenAPI(tokens bool) http.HandlerFunc {
	made := sync.OnceValues(func() ([]byte, error) { return a.openAPI(tokens) })
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := made()
		if err != nil {
			a.fail(w, r, err)
			return
		}
		h := w.Header()
		h["Content-Type"] = jsonHeader
		h.Set("Access-Control-Allow-Origin", "*") // it is public, and tools on other hosts show it
		h.Set("Cache-Control", "no-cache")
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		w.Write(body)
	}
}

// offer is one line of the table.
type offer struct {
	method, path string // a name in braces stands for any
	tag          string
	clause       string
	title        string
	params       string // of the query, separated by spaces
	body         string // schema of the request's body; "[]" before it = an array
	ok           int    // status where all goes well
	answer       string // schema of the answer's body
}

var braces = regexp.MustCompile(`\{[^}]+\}`)

// described is the line for a route; what its parts are called does not matter.
func described(method, path string) (offer, bool) {
	bare := braces.ReplaceAllString(path, "{}")
	for _, op := range offers() {
		if op.method == method && braces.ReplaceAllString(op.path, "{}") == bare {
			return op, true
		}
	}
	return offer{}, false
}

func (op offer) document(path string, tokens bool) map[string]any {
	var params []any
	for _, name := range braces.FindAllString(path, -1) {
		params = append(params, map[string]any{"name": strings.Trim(name, "{}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
	}
	for name := range strings.FieldsSeq(op.params) {
		params = append(params, map[string]any{"$ref": "#/components/parameters/" + name})
	}
	for _, name := range []string{"tenantHeader", "linkHeader"} {
		params = append(params, map[string]any{"$ref": "#/components/parameters/" + name})
	}
	success := map[string]any{"description": http.StatusText(op.ok)}
	if op.answer != "" {
		success["content"] = content(op.answer, answerTypes(op))
	}
	doc := map[string]any{
		"tags": []string{op.tag}, "summary": op.title, "description": "Clause " + op.clause + ".",
		"operationId": strings.ToLower(op.method) + strings.Map(letters, strings.ReplaceAll(braces.ReplaceAllString(path, "/One"), "/", " ")),
		"parameters":  params,
		"responses": map[string]any{strconv.Itoa(op.ok): success, "default": map[string]any{
			"description": "What went wrong, why, and what to do (problem details, clause 5.5.3)", "content": content("Problem", []string{typeJSON}),
		}},
	}
	if op.ok == http.StatusNoContent && op.answer == "" && op.body != "" {
		doc["responses"].(map[string]any)["207"] = map[string]any{"description": "Only a part could be done", "content": content("PartialResult", []string{typeJSON})}
	}
	if op.body != "" {
		types := []string{typeJSON, typeLD}
		if op.method == http.MethodPatch {
			types = append(types, typeMerge)
		}
		doc["requestBody"] = map[string]any{"required": true, "content": content(op.body, types)}
	}
	if tokens && op.writes() {
		doc["security"] = []any{map[string]any{"bearer": []string{}}}
	}
	return doc
}

// writes: everything does but what asks.
func (op offer) writes() bool {
	return op.method != http.MethodGet && !strings.HasSuffix(op.path, "/query")
}

func answerTypes(op offer) []string {
	switch {
	case strings.HasPrefix(op.tag, "@"), op.writes() && op.answer == "BatchResult", op.answer == "StoredContext":
		return []string{typeJSON}
	case strings.HasSuffix(op.answer, "Entity") && !strings.Contains(op.path, "temporal"):
		return []string{typeJSON, typeLD, "application/geo+json"}
	}
	return []string{typeJSON, typeLD}
}

func content(schema string, types []string) map[string]any {
	ref := map[string]any{"$ref": "#/components/schemas/" + strings.TrimPrefix(schema, "[]")}
	if strings.HasPrefix(schema, "[]") {
		ref = map[string]any{"type": "array", "items": ref}
	}
	out := map[string]any{}
	for _, t := range types {
		out[t] = map[string]any{"schema": ref}
	}
	return out
}

// letters keeps those of an identifier.
func letters(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return c
	}
	return -1
}

func parameterComponents() map[string]any {
	out := map[string]any{
		"tenantHeader": map[string]any{"name": tenantHeader, "in": "header", "description": "The tenant; without it the default one.", "schema": map[string]any{"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}},
		"linkHeader":   map[string]any{"name": "Link", "in": "header", "description": "The @context of a request without JSON-LD in its body: <URL>; rel=\"" + contextRel + "\"; type=\"" + typeLD + "\".", "schema": map[string]any{"type": "string"}},
	}
	for name, p := range parameters() {
		schema := map[string]any{"type": p[0]}
		if p[0] == "integer" {
			schema["minimum"] = 0
		}
		out[name] = map[string]any{"name": name, "in": "query", "description": p[1], "schema": schema}
	}
	return out
}

// schemas say what is sure: names beside these are an entity's own.
func schemas() map[string]any {
	object := func(text string, required []string, members map[string]string) map[string]any {
		properties := map[string]any{}
		for name, kind := range members {
			properties[name] = map[string]any{"type": kind}
			if kind == "array" {
				properties[name].(map[string]any)["items"] = map[string]any{}
			}
			if kind == "" {
				properties[name] = map[string]any{}
			}
		}
		out := map[string]any{"type": "object", "description": text, "properties": properties, "additionalProperties": true}
		if len(required) > 0 {
			slices.Sort(required)
			out["required"] = required
		}
		return out
	}
	return map[string]any{
		"Entity":         object("Clause 5.2.4. Further members are attributes.", []string{"id", "type"}, map[string]string{"id": "string", "type": "", "scope": "", "@context": ""}),
		"Fragment":       object("A part of an entity, or of another resource: what it does not name stays.", nil, map[string]string{"@context": ""}),
		"TemporalEntity": object("Clause 5.2.20: each attribute with its instances in time.", []string{"id", "type"}, map[string]string{"id": "string", "type": "", "@context": ""}),
		"Query":          object("Clause 5.2.23.", nil, map[string]string{"type": "string", "entities": "array", "attrs": "array", "q": "string", "geoQ": "object", "temporalQ": "object", "scopeQ": "string"}),
		"Subscription":   object("Clause 5.2.12.", []string{"type", "notification"}, map[string]string{"id": "string", "type": "string", "entities": "array", "watchedAttributes": "array", "notification": "object", "q": "string", "geoQ": "object"}),
		"Registration":   object("Clause 5.2.9.", []string{"type", "information", "endpoint"}, map[string]string{"id": "string", "type": "string", "information": "array", "endpoint": "string", "mode": "string", "operations": "array"}),
		"TypeList":       object("Clauses 5.2.24 to 5.2.26.", nil, map[string]string{"id": "string", "type": "string"}),
		"AttributeList":  object("Clauses 5.2.27 and 5.2.28.", nil, map[string]string{"id": "string", "type": "string"}),
		"SourceIdentity": object("Clause 5.2.40.", nil, map[string]string{"id": "string", "type": "string"}),
		"EntityMap":      object("Clause 5.2.39.", nil, map[string]string{"id": "string", "type": "string"}),
		"Snapshot":       object("Clause 5.2.41.", nil, map[string]string{"id": "string", "type": "string"}),
		"Context":        object("A JSON-LD local context.", []string{"@context"}, map[string]string{"@context": ""}),
		"StoredContext":  map[string]any{"description": "A URL or, with details=true, clause 5.13.3.5.", "anyOf": []any{map[string]any{"type": "string"}, object("What is known of a stored context.", []string{"URL", "localId", "kind", "createdAt"}, map[string]string{"URL": "string", "localId": "string", "kind": "string", "createdAt": "string"})}},
		"Identifier":     map[string]any{"type": "string", "format": "uri"},
		"BatchResult":    object("Clause 5.2.16: what succeeded, and what did not, and why.", nil, map[string]string{"success": "array", "errors": "array"}),
		"PartialResult":  object("Clauses 5.2.16 and 5.2.18.", nil, map[string]string{"success": "array", "errors": "array", "updated": "array", "notUpdated": "array"}),
		"Problem":        object("Clause 5.5.3.", []string{"type", "title", "status"}, map[string]string{"type": "string", "title": "string", "status": "integer", "detail": "string", "hint": "string", "request": "string"}),
	}
}
