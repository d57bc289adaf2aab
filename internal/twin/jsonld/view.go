package jsonld

import (
	"slices"
	"strconv"

	"tribune"
	"tribune/internal/twin/model"
)

// Format is a representation of entities.
type Format int

// The representations of clause 4.5.
const (
	Normalized Format = iota
	Concise
	Simplified     // keyValues
	TemporalValues // of histories: arrays of [value, time]
)

// View says how an entity is shown. The zero View shows all of it, normalized.
type View struct {
	Format   Format
	SysAttrs bool           // createdAt and modifiedAt, of entity and attributes
	Attrs    []tribune.Name // show these only; empty = all
	LD       bool           // with @context, for application/ld+json
	Time     string         // of histories: which time property temporalValues pair values with; "" = observedAt

	Emptied map[tribune.Name]model.Kind // of histories: what attributes are that have no instance on this page

	Pick, Omit *Projection // members to show, members to leave out (clause 4.21); nil = all, none
	Datasets   []string    // show these instances only; "" is the default one; empty = all (clause 4.5.5)
	Lang       Languages   // turn language maps into texts of the best of these; nil = show the maps (clause 4.15)

	// GeoJSON makes features (clause 4.5.16), with the value of Geometry as their geometry ("" = location).
	GeoJSON  bool
	Geometry tribune.Name

	// Join shows what relationships link to, JoinLevel links deep (clause 4.5.23), but for what stands in ContainedBy:
	// whoever asks has it. Inline entities come from Linked.
	Join        Join
	JoinLevel   int
	ContainedBy []tribune.EntityID
	Linked      *Links

	// Amend makes what an earlier version of the standard knows (clause 4.3.6.8); nil = this version's.
	Amend *Amendment

	Changes *Changes // in a notification; nil = the entity as it is
}

// Join is a way to show linked entities.
type Join int

// The ways of clause 4.5.23.
const (
	NoJoin Join = iota
	Inline      // as a member of the relationship
	Flat        // as further entities of an array
)

// Links are the entities that the entities of an answer link to.
type Links struct {
	Entities map[tribune.EntityID]*model.Entity

	// Left is how often one of them may still be written: links cross, and what is inline is written once for each way that
	// leads there. Below zero something has been left out.
	Left int
}

// locationIRI is the property that the geometry of a feature comes from unless the view says otherwise.
const locationIRI tribune.Name = "https://uri.etsi.org/ngsi-ld/location"

// Key names the view among those whose bytes can be kept for the next reader; false where it is made for one request.
func (v *View) Key() (string, bool) {
	if len(v.Attrs) > 0 || v.Pick != nil || v.Omit != nil || len(v.Datasets) > 0 || v.Lang != nil || v.Join != NoJoin || v.Amend != nil || v.Changes != nil || v.Time != "" {
		return "", false
	}
	if v.Format == Normalized && !v.SysAttrs && !v.LD && !v.GeoJSON {
		return "n", true
	}
	key := strconv.Itoa(int(v.Format)) + strconv.FormatBool(v.SysAttrs) + strconv.FormatBool(v.LD)
	if v.GeoJSON {
		key += "geo" + string(v.Geometry) + "\x00"
	}
	return key, true
}

// Shows reports whether the view shows an attribute of the entities that were asked for.
func (v *View) Shows(name tribune.Name) bool {
	if len(v.Attrs) > 0 && !slices.Contains(v.Attrs, name) {
		return false
	}
	if v.Pick != nil && v.Pick.find(name) == nil {
		return false
	}
	if v.Omit != nil {
		if a := v.Omit.find(name); a != nil && a.Linked == nil {
			return false
		}
	}
	return true
}

// Of is the view of the entities that an attribute links to.
func (v View) Of(name tribune.Name) View {
	v.Attrs, v.JoinLevel, v.Changes = nil, v.JoinLevel-1, nil
	v.Pick, v.Omit = v.Pick.linked(name), v.Omit.linked(name)
	return v
}

// linked is what is said of the entities that an attribute links to, nil where nothing is.
func (p *Projection) linked(name tribune.Name) *Projection {
	if p == nil {
		return nil
	}
	if a := p.find(name); a != nil {
		return a.Linked
	}
	return nil
}

// Wants reports whether an instance of this dataset is shown.
func (v *View) Wants(dataset string) bool {
	return len(v.Datasets) == 0 || slices.Contains(v.Datasets, dataset)
}

// member reports whether a member that all entities have is shown; of says which.
func (v *View) member(of func(*Projection) bool) bool {
	return (v.Pick == nil || of(v.Pick)) && (v.Omit == nil || !of(v.Omit))
}

func ofID(p *Projection) bool    { return p.ID }
func ofType(p *Projection) bool  { return p.Type }
func ofScope(p *Projection) bool { return p.Scope }

// Shown reports whether anything of the entity is left to show: a member that all entities have, or an attribute that is
// not sealed.
func Shown(e *model.Entity, v View) bool {
	if v.member(ofID) || v.member(ofType) || len(e.Scope) > 0 && v.member(ofScope) {
		return true
	}
	for name, all := range e.Attrs {
		if v.Shows(name) && slices.ContainsFunc(all, func(a model.Attr) bool { return a.Sealed == nil && v.Wants(a.Dataset) }) {
			return true
		}
	}
	return false
}

// Withheld is how many attributes a view does not show because they are sealed.
func Withheld(e *model.Entity, v View) int {
	n := 0
	for name, all := range e.Attrs {
		if !v.Shows(name) {
			continue
		}
		for i := range all {
			if all[i].Sealed != nil && v.Wants(all[i].Dataset) {
				n++
				break
			}
		}
	}
	return n
}
