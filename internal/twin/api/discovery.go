package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/jsonld"
)

func (a *api) discoveryRoutes() table {
	return table{
		"/types":               {"GET": a.listTypes},
		"/types/{type}":        {"GET": a.describeType},
		"/attributes":          {"GET": a.listAttributes},
		"/attributes/{attrId}": {"GET": a.describeAttribute},
	}
}

// Catalogue is what discovery needs of the twin: which types and attributes there are (clauses 5.7.5 to 5.7.11). What is
// sealed is not in it.
type Catalogue interface {
	Types(ctx context.Context, tenant tribune.Tenant) ([]tribune.Name, error)
	TypeAttrs(ctx context.Context, tenant tribune.Tenant) ([]twin.TypeInfo, error)
	Type(ctx context.Context, tenant tribune.Tenant, typ tribune.Name) (twin.TypeInfo, error)
	Attr(ctx context.Context, tenant tribune.Tenant, name tribune.Name) (twin.AttrInfo, error)
}

// Answers of discovery: EntityTypeList, EntityType, EntityTypeInfo, AttributeList and Attribute (clauses 5.2.24 to 5.2.28).
type (
	entityTypeList struct {
		ID       string          `json:"id"`
		Type     string          `json:"type"`
		TypeList []string        `json:"typeList"`
		Context  json.RawMessage `json:"@context,omitempty"`
	}
	entityType struct {
		ID             string          `json:"id"`
		Type           string          `json:"type"`
		TypeName       string          `json:"typeName"`
		AttributeNames []string        `json:"attributeNames"`
		Context        json.RawMessage `json:"@context,omitempty"`
	}
	entityTypeInfo struct {
		ID               string          `json:"id"`
		Type             string          `json:"type"`
		TypeName         string          `json:"typeName"`
		EntityCount      int             `json:"entityCount"`
		AttributeDetails []attribute     `json:"attributeDetails"`
		Context          json.RawMessage `json:"@context,omitempty"`
	}
	attributeList struct {
		ID            string          `json:"id"`
		Type          string          `json:"type"`
		AttributeList []string        `json:"attributeList"`
		Context       json.RawMessage `json:"@context,omitempty"`
	}
	attribute struct {
		ID             string          `json:"id"`
		Type           string          `json:"type"`
		AttributeName  string          `json:"attributeName"`
		AttributeCount int             `json:"attributeCount,omitempty"`
		AttributeTypes []string        `json:"attributeTypes,omitempty"`
		TypeNames      []string        `json:"typeNames,omitempty"`
		Context        json.RawMessage `json:"@context,omitempty"`
	}
)

// discovery is what the requests of discovery have in common.
type discovery struct {
	tenant  tribune.Tenant
	ctx     *jsonld.Context
	ld      bool
	details bool
}

func (a *api) discovery(w http.ResponseWriter, r *http.Request, known ...string) (d discovery, err error) {
	if d.tenant, err = tenant(r); err != nil {
		return d, err
	}
	p, err := readParams(r, append(known, "local")...)
	if err != nil {
		return d, err
	}
	for name, into := range map[string]*bool{"details": &d.details, "local": new(bool)} {
		if *into, err = p.flag(name); err != nil {
			return d, err
		}
	}
	if d.ctx, err = a.linkedContext(r); err != nil {
		return d, err
	}
	d.ld, err = acceptsLD(r)
	return d, err
}

// inside is the @context of an answer's elements, where it stands in the body.
func (d *discovery) inside() json.RawMessage {
	if d.ld {
		return d.ctx.JSON()
	}
	return nil
}

// answer sends what was discovered.
func (d *discovery) answer(w http.ResponseWriter, r *http.Request, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("writing an answer of discovery: %w", err)
	}
	send(w, r, d.ctx, d.ld, 0, text)
	return nil
}

// compacted are names as the reader's context writes them, in order.
func (d *discovery) compacted(names []tribune.Name) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = d.ctx.Compact(name)
	}
	slices.Sort(out)
	return out
}

// listID names a list by what is in it, so that equal lists have equal ids.
func listID(kind string, names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return "urn:ngsi-ld:" + kind + ":" + hex.EncodeToString(sum[:16])
}

// listTypes is GET /types (clauses 5.7.5 and 5.7.6).
func (a *api) listTypes(w http.ResponseWriter, r *http.Request) error {
	d, err := a.discovery(w, r, "details")
	if err != nil {
		return err
	}
	if !d.details {
		types, err := a.catalogue(r, d.tenant).Types(r.Context(), d.tenant)
		if err != nil {
			return err
		}
		names := d.compacted(types)
		return d.answer(w, r, entityTypeList{listID("EntityTypeList", names), "EntityTypeList", names, d.inside()})
	}
	all, err := a.catalogue(r, d.tenant).TypeAttrs(r.Context(), d.tenant)
	if err != nil {
		return err
	}
	list := make([]entityType, len(all))
	for i, t := range all {
		names := make([]tribune.Name, len(t.Attrs))
		for j := range t.Attrs {
			names[j] = t.Attrs[j].Name
		}
		list[i] = entityType{string(t.Name), "EntityType", d.ctx.Compact(t.Name), d.compacted(names), d.inside()}
	}
	return d.answer(w, r, list)
}

// describeType is GET /types/{type} (clause 5.7.7).
func (a *api) describeType(w http.ResponseWriter, r *http.Request) error {
	d, err := a.discovery(w, r)
	if err != nil {
		return err
	}
	name, err := d.ctx.Expand(r.PathValue("type"))
	if err != nil {
		return err
	}
	t, err := a.catalogue(r, d.tenant).Type(r.Context(), d.tenant, name)
	if err != nil {
		return err
	}
	info := entityTypeInfo{string(name), "EntityTypeInfo", d.ctx.Compact(name), t.Entities, []attribute{}, d.inside()}
	for _, at := range t.Attrs {
		one := d.attribute(at)
		one.AttributeCount, one.TypeNames = 0, nil
		info.AttributeDetails = append(info.AttributeDetails, one)
	}
	return d.answer(w, r, info)
}

func (d *discovery) attribute(at twin.AttrInfo) attribute {
	out := attribute{ID: string(at.Name), Type: "Attribute", AttributeName: d.ctx.Compact(at.Name), AttributeCount: at.Count, TypeNames: d.compacted(at.Types)}
	for _, kind := range at.Kinds {
		out.AttributeTypes = append(out.AttributeTypes, string(kind))
	}
	return out
}

// listAttributes is GET /attributes (clauses 5.7.8 and 5.7.9).
func (a *api) listAttributes(w http.ResponseWriter, r *http.Request) error {
	d, err := a.discovery(w, r, "details")
	if err != nil {
		return err
	}
	all, err := a.catalogue(r, d.tenant).TypeAttrs(r.Context(), d.tenant)
	if err != nil {
		return err
	}
	types := map[tribune.Name][]tribune.Name{}
	var order []tribune.Name
	for _, t := range all {
		for _, at := range t.Attrs {
			if types[at.Name] == nil {
				order = append(order, at.Name)
			}
			types[at.Name] = append(types[at.Name], t.Name)
		}
	}
	if !d.details {
		names := d.compacted(order)
		return d.answer(w, r, attributeList{listID("AttributeList", names), "AttributeList", names, d.inside()})
	}
	slices.Sort(order)
	list := make([]attribute, len(order))
	for i, name := range order {
		list[i] = attribute{ID: string(name), Type: "Attribute", AttributeName: d.ctx.Compact(name), TypeNames: d.compacted(types[name]), Context: d.inside()}
	}
	return d.answer(w, r, list)
}

// describeAttribute is GET /attributes/{attrId} (clause 5.7.10).
func (a *api) describeAttribute(w http.ResponseWriter, r *http.Request) error {
	d, err := a.discovery(w, r)
	if err != nil {
		return err
	}
	name, err := d.ctx.Expand(r.PathValue("attrId"))
	if err != nil {
		return err
	}
	at, err := a.catalogue(r, d.tenant).Attr(r.Context(), d.tenant, name)
	if err != nil {
		return err
	}
	out := d.attribute(at)
	out.Context = d.inside()
	return d.answer(w, r, out)
}
