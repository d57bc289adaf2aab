package portal

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tribune"
	"tribune/internal/intake/device"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/query"
)

// entityData is the page of one entity.
type entityData struct {
	ID, Name string
	Types    []named
	Where    string // in words
	Drawn    bool   // the position is made up
	Created  time.Time
	Modified time.Time
	Attrs    []attribute
	Sealed   int
	Devices  []*device.Device // that report it
	History  *history         // nil where no attribute is a number
}

// named is a name in short and in full.
type named struct{ Local, Full string }

// attribute is one attribute instance as people read it.
type attribute struct {
	named
	Dataset  string // "" = the default instance
	Value    string
	Unit     string
	Observed time.Time
	Since    time.Time // when it was first reported
	Numeric  bool
	Class    *tribune.Class // of a sealed one
}

// entityOf is the entity that a path names.
func (p *Portal) entityOf(r *http.Request) (twin.View, error) {
	id := r.PathValue("id")
	if _, err := url.Parse(id); err != nil || id == "" || len(id) > 512 {
		return twin.View{}, fmt.Errorf("entity %q: %w", clipText(id, 80), tribune.ErrNotFound)
	}
	v, err := p.cfg.Twin.Get(r.Context(), "", tribune.EntityID(id))
	if err != nil {
		return twin.View{}, fmt.Errorf("reading an entity: %w", err)
	}
	return v, nil
}

func (p *Portal) showEntity(r *http.Request) (view, error) {
	v, err := p.entityOf(r)
	if err != nil {
		return view{}, err
	}
	w, e := wordsOf(r), &v.Entity
	d := entityData{ID: string(e.ID), Name: titleOf(e), Created: e.CreatedAt, Modified: e.ModifiedAt, Devices: p.reporters(e.ID)}
	place, drawn := placeOf(e)
	d.Where, d.Drawn = w.where(place), drawn
	for _, t := range e.Types {
		d.Types = append(d.Types, named{localName(t), string(t)})
	}
	d.Attrs = p.attributes(w, e)
	for _, a := range d.Attrs {
		if a.Class != nil {
			d.Sealed++
		}
	}
	if d.History, err = p.historyOf(r, e); err != nil {
		return view{}, err
	}
	return view{Name: "entity", Title: d.Name, Data: d, Scripts: []string{"entity"}}, nil
}

// attributes in the order of their labels: the name first, then what is observed.
func (p *Portal) attributes(w *words, e *model.Entity) (all []attribute) {
	for name, list := range e.Attrs {
		for i := range list {
			a := &list[i]
			row := attribute{named: named{localName(name), string(name)}, Dataset: a.Dataset, Since: a.CreatedAt}
			if a.Sealed != nil {
				row.Class = &tribune.Class{ID: a.Sealed.Class, Title: p.naming(w).class(string(a.Sealed.Class))}
			} else {
				row.Value, row.Unit, row.Observed = w.value(a), unit(a.UnitCode), a.ObservedAt
				_, row.Numeric = numeric(a)
			}
			all = append(all, row)
		}
	}
	slices.SortFunc(all, func(a, b attribute) int {
		first := func(x attribute) int {
			switch {
			case x.Local == "name":
				return 0
			case !x.Observed.IsZero():
				return 1
			}
			return 2
		}
		return cmp.Or(first(a)-first(b), strings.Compare(w.attribute(a.Local), w.attribute(b.Local)), strings.Compare(a.Full, b.Full), strings.Compare(a.Dataset, b.Dataset))
	})
	return all
}

// reporters are the devices in force whose documents name the entity.
func (p *Portal) reporters(id tribune.EntityID) (all []*device.Device) {
	if p.cfg.Devices == nil {
		return nil
	}
	for _, d := range p.cfg.Devices.List() {
		if d.InForce(p.cfg.Now()) && slices.ContainsFunc(d.Senses, func(s device.Sense) bool { return covers(string(s.Entity), string(id)) }) {
			all = append(all, d)
		}
	}
	return all
}

// covers reports whether the entity of a sense, in which {1} stands for a part of the message's name, can be id.
func covers(entity, id string) bool {
	before, after, any := strings.Cut(entity, "{1}")
	if !any {
		return entity == id
	}
	return len(id) > len(before)+len(after) && strings.HasPrefix(id, before) && strings.HasSuffix(id, after)
}

// perType is how many entities a page of one type lists.
const perType = 100

// typeData is the list of entities of one type.
type typeData struct {
	Local        string
	Rows         []thing
	Count        int
	First        int // number of the first row, from 1
	Older, Newer int // pages; 0 = there is none
}

type thing struct {
	ID, Name string
	Modified time.Time
	Place    *position
}

func (p *Portal) showType(r *http.Request) (view, error) {
	local := r.PathValue("type")
	types := p.typesNamed(local)
	if len(types) == 0 {
		return view{}, fmt.Errorf("type %q: %w", clipText(local, 80), tribune.ErrNotFound)
	}
	page := 1
	if s := r.URL.Query().Get("page"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > twin.MaxOffset/perType {
			return view{}, fmt.Errorf("%w: %q is not a page", tribune.ErrInvalid, clipText(s, 40))
		}
		page = n
	}
	found, err := p.cfg.Twin.Find(r.Context(), twin.Query{Types: query.Type(types...), Limit: perType, Offset: (page - 1) * perType, Count: true})
	if err != nil {
		return view{}, fmt.Errorf("finding %s: %w", local, err)
	}
	d := typeData{Local: local, Count: found.Count, First: (page-1)*perType + 1}
	for i := range found.Views {
		e := &found.Views[i].Entity
		t := thing{ID: string(e.ID), Name: titleOf(e), Modified: e.ModifiedAt}
		t.Place, _ = placeOf(e)
		d.Rows = append(d.Rows, t)
	}
	if page*perType < found.Count {
		d.Older = page + 1
	}
	d.Newer = page - 1
	return view{Name: "type", Title: wordsOf(r).thing(local), Data: d}, nil
}
