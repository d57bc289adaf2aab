package api

import (
	"fmt"
	"net/http"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// viewParams are the parameters that say how entities are shown (clauses 6.3.7, 6.3.11, 6.4.3.2, 6.5.3.1).
var viewParams = []string{"attrs", "options", "format", "pick", "omit", "lang", "datasetId", "geometryProperty", "join", "joinLevel", "containedBy"}

// Bounds of views.
const (
	maxJoinLevel = 10 // links followed; what is fetched on the way is bounded by maxLinked
	maxDatasets  = 100
)

// entityView is how entities are shown: what the parameters, Accept and Prefer say together.
func (p params) entityView(r *http.Request, ctx *jsonld.Context, o options) (v jsonld.View, err error) {
	if v.GeoJSON = acceptsGeo(r); v.GeoJSON {
		v.LD = prefers(r, "body") != "json"
	} else if v.LD, err = acceptsLD(r); err != nil {
		return v, err
	}
	if version := prefers(r, "ngsi-ld"); version != "" && !v.GeoJSON {
		if v.Amend, err = jsonld.ParseAmendment(version); err != nil {
			return v, err
		}
	}
	v.SysAttrs = o["sysAttrs"]
	if v.Format, err = p.format(o); err != nil || len(p) == 0 {
		return v, err
	}
	if v.Attrs, err = p.names(ctx, "attrs"); err != nil {
		return v, err
	}
	if err := p.projections(ctx, &v); err != nil {
		return v, err
	}
	if text, ok := p["lang"]; ok {
		if v.Lang, err = jsonld.ParseLanguages(text); err != nil {
			return v, err
		}
	}
	if v.Datasets, err = p.datasets(); err != nil {
		return v, err
	}
	if err := p.geometry(ctx, &v); err != nil {
		return v, err
	}
	return v, p.joins(&v)
}

// formats are the representations by what format and options call them.
var formats = map[string]jsonld.Format{"normalized": jsonld.Normalized, "concise": jsonld.Concise, "simplified": jsonld.Simplified, "keyValues": jsonld.Simplified}

// format is the representation: format says it, else options, which is the old way (clause 6.3.7).
func (p params) format(o options) (jsonld.Format, error) {
	if word := strings.TrimSpace(p["format"]); word != "" {
		f, ok := formats[word]
		if !ok {
			return f, tribune.Hint(fmt.Errorf("%w: format is one word (clause 6.3.7)", errInvalidRequest), "Known are: normalized, concise, simplified, keyValues.")
		}
		return f, nil
	}
	found, said := jsonld.Normalized, false
	if len(o) == 0 {
		return found, nil
	}
	for word, f := range formats {
		if !o[word] {
			continue
		}
		if said && f != found {
			return f, fmt.Errorf("%w: options ask for more than one representation (clause 6.3.7)", errInvalidRequest)
		}
		found, said = f, true
	}
	return found, nil
}

// projections reads pick and omit (clause 4.21). attrs is their older form and cannot be mixed with them.
func (p params) projections(ctx *jsonld.Context, v *jsonld.View) (err error) {
	pick, picked := p["pick"]
	omit, omitted := p["omit"]
	if !picked && !omitted {
		return nil
	}
	if _, both := p["attrs"]; both {
		return tribune.Hint(fmt.Errorf("%w: attrs beside pick or omit", tribune.ErrInvalid), "attrs is the older form: use pick alone.")
	}
	if picked {
		if v.Pick, err = ctx.Projection(pick); err != nil {
			return fmt.Errorf("reading pick: %w", err)
		}
	}
	if omitted {
		if v.Omit, err = ctx.Projection(omit); err != nil {
			return fmt.Errorf("reading omit: %w", err)
		}
	}
	if jsonld.Overlap(v.Pick, v.Omit) {
		return fmt.Errorf("%w: a member of the entity is both picked and omitted (clause 4.21)", tribune.ErrInvalid)
	}
	return nil
}

// datasets reads which instances are wanted; "@none" is the default one (clause 4.5.5).
func (p params) datasets() (out []string, err error) {
	text, ok := p["datasetId"]
	if !ok {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "@none" {
			one = ""
		} else if _, err := jsonld.ID(one); err != nil {
			return nil, tribune.Hint(fmt.Errorf("%w: datasetId is a list of URIs (clause 4.5.5)", tribune.ErrInvalid), "@none is the default instance.")
		}
		if out = append(out, one); len(out) > maxDatasets {
			return nil, fmt.Errorf("%w: datasetId names more than %d", tribune.ErrTooLarge, maxDatasets)
		}
	}
	return out, nil
}

// geometry reads which GeoProperty makes the geometry of features (clause 4.5.16.1).
func (p params) geometry(ctx *jsonld.Context, v *jsonld.View) (err error) {
	term, ok := p["geometryProperty"]
	if !ok {
		return nil
	}
	if !v.GeoJSON {
		return tribune.Hint(fmt.Errorf("%w: geometryProperty is for answers in GeoJSON (clause 5.7.1.4)", tribune.ErrInvalid), "Set Accept: %s.", typeGeoJSON)
	}
	if v.Geometry, err = ctx.Attr(term); err != nil {
		return fmt.Errorf("reading geometryProperty: %w", err)
	}
	return nil
}

// joins reads how linked entities are shown, and holds the projections against it (clause 4.5.23).
func (p params) joins(v *jsonld.View) (err error) {
	switch p["join"] {
	case "", "@none":
	case "inline":
		v.Join = jsonld.Inline
	case "flat":
		v.Join = jsonld.Flat
	default:
		return fmt.Errorf("%w: join is inline, flat or @none (clause 4.5.23)", tribune.ErrInvalid)
	}
	if v.Join == jsonld.NoJoin {
		for _, name := range []string{"joinLevel", "containedBy"} {
			if _, ok := p[name]; ok && p["join"] == "" {
				return fmt.Errorf("%w: %s is for requests with join (clause 6.4.3.2)", tribune.ErrInvalid, name)
			}
		}
	} else {
		if v.JoinLevel, err = p.number("joinLevel", 1, 1, maxJoinLevel); err != nil {
			return err
		}
		if v.ContainedBy, err = p.entityIDs("containedBy"); err != nil {
			return err
		}
	}
	if depth := max(v.Pick.Depth(), v.Omit.Depth()); depth > v.JoinLevel {
		return tribune.Hint(fmt.Errorf("%w: a projection reaches into linked entities deeper than they are joined (clause 5.7.1.4)", tribune.ErrInvalid),
			"Add join=inline or flat, and joinLevel=%d.", depth)
	}
	return nil
}

// entityIDs reads a list of entity ids.
func (p params) entityIDs(name string) (out []tribune.EntityID, err error) {
	text, ok := p[name]
	if !ok {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		id, err := jsonld.ID(strings.TrimSpace(one))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		if out = append(out, id); len(out) > maxNames {
			return nil, fmt.Errorf("%w: %s names more than %d", tribune.ErrTooLarge, name, maxNames)
		}
	}
	return out, nil
}
