package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"tribune"
	"tribune/internal/twin/model"
)

// maxOrders bounds the keys of an order.
const maxOrders = 16

const hintOrder = "write orderBy=name,age;desc or orderBy=location;dist-asc&orderFrom=[8,40]"

// Order says in which order entities are wanted (clause 4.23). It is immutable and safe for concurrent use.
type Order struct {
	keys []orderKey
	tag  language.Tag
	from *Geometry
}

// orderKey is one of the members to order by.
type orderKey struct {
	member   string // id, type or scope; "" = path
	path     Term
	desc     bool
	distance bool
}

// OrderTerms are the words of an order.
type OrderTerms struct {
	By        []string // each a member with its direction
	Collation string   // RFC 6067; "" = root
	From      *Geometry
	Attr      Expand
}

// Parse reads an order.
func (o OrderTerms) Parse() (*Order, error) {
	if len(o.By) == 0 || len(o.By) > maxOrders {
		return nil, fail("orderBy", 0, hintOrder, "want 1 to %d members", maxOrders)
	}
	out := &Order{tag: language.Und, from: o.From}
	if o.Collation != "" {
		tag, err := collation(o.Collation)
		if err != nil {
			return nil, err
		}
		out.tag = tag
	}
	for _, text := range o.By {
		k, err := o.key(strings.TrimSpace(text))
		if err != nil {
			return nil, err
		}
		if k.distance && o.From == nil {
			return nil, fail("orderBy", 0, hintOrder, "a distance is from orderFrom, which is missing")
		}
		out.keys = append(out.keys, k)
	}
	return out, nil
}

// collation reads an ICU collation, as BCP 47 (RFC 6067) or by ICU's name for the root ("und-x-icu").
func collation(text string) (language.Tag, error) {
	tag, err := language.Parse(strings.TrimSuffix(text, "-x-icu"))
	if err != nil || len(text) > 64 {
		return tag, tribune.Hint(fmt.Errorf("%w: collation is not one of RFC 6067", tribune.ErrInvalid), "Like und-u-ks-level2 or de-u-co-phonebk.")
	}
	return tag, nil
}

func (o OrderTerms) key(text string) (orderKey, error) {
	name, direction, said := strings.Cut(text, ";")
	k := orderKey{}
	switch {
	case !said, direction == "asc":
	case direction == "desc":
		k.desc = true
	case direction == "dist-asc":
		k.distance = true
	case direction == "dist-desc":
		k.distance, k.desc = true, true
	default:
		return k, fail("orderBy", len(name)+1, hintOrder, "a direction is asc, desc, dist-asc or dist-desc")
	}
	switch name {
	case "id", "type", "scope":
		k.member = name
		return k, nil
	}
	p := &parser{what: "orderBy", text: name, expand: o.Attr, words: Terms{Attr: o.Attr, Type: o.Attr}}
	if err := p.begin(); err != nil {
		return k, err
	}
	if err := p.dotted(&k.path); err != nil {
		return k, err
	}
	if p.at < len(p.text) {
		return k, p.fail(hintOrder, "unexpected %q", p.rest(12))
	}
	return k, nil
}

// Attrs are the attributes that the order looks at.
func (o *Order) Attrs() (out []tribune.Name) {
	if o == nil {
		return nil
	}
	for i := range o.keys {
		if a := o.keys[i].path.Attr; a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// ByID reports whether the order is that of ids alone, which is how entities are stored.
func (o *Order) ByID() bool {
	return o != nil && o.keys[0].member == "id" && !o.keys[0].desc && !o.keys[0].distance
}

// Sorter makes places of entities in an order; it is for one goroutine.
type Sorter struct {
	order    *Order
	collator *collate.Collator
	buf      collate.Buffer
}

// Sorter begins to sort.
func (o *Order) Sorter() *Sorter {
	options := []collate.Option{collate.OptionsFromTag(o.tag)}
	if o.tag.TypeForKey("ks") == "identic" { // the standard's own example of an order that does not see case
		options = append(options, collate.IgnoreCase)
	}
	return &Sorter{order: o, collator: collate.New(o.tag, options...)}
}

// Place is where an entity stands in an order; Less compares two of one sorter.
type Place struct {
	values []ordered
	id     tribune.EntityID
}

// Place of an entity.
func (s *Sorter) Place(e *model.Entity) Place {
	s.buf.Reset()
	p := Place{id: e.ID, values: make([]ordered, len(s.order.keys))}
	for i := range s.order.keys {
		p.values[i] = s.value(&s.order.keys[i], e)
	}
	return p
}

// Less reports whether a stands before b; entities that are equal stand by their ids.
func (s *Sorter) Less(a, b *Place) bool {
	for i := range s.order.keys {
		if c := a.values[i].compare(&b.values[i], s.order.keys[i].desc); c != 0 {
			return c < 0
		}
	}
	return a.id < b.id
}

func (s *Sorter) value(k *orderKey, e *model.Entity) ordered {
	switch k.member {
	case "id":
		return ordered{rank: rankText, bytes: []byte(e.ID)}
	case "type":
		return s.texts(names(e.Types))
	case "scope":
		return s.texts(e.Scope)
	}
	if k.path.Attr == "" {
		return ofTime(map[string]time.Time{"createdAt": e.CreatedAt, "modifiedAt": e.ModifiedAt, "expiresAt": e.ExpiresAt}[k.path.Member])
	}
	a := instance(e.Attrs[k.path.Attr], k.path.Subs)
	if a == nil {
		return ordered{rank: rankAbsent}
	}
	if k.distance && a.Kind == model.GeoProperty && k.path.Member == "" {
		if g, err := ParseGeometry(a.Value); err == nil {
			return ordered{rank: rankDistance, number: g.Distance(s.order.from)}
		}
	}
	switch k.path.Member {
	case "observedAt":
		return ofTime(a.ObservedAt)
	case "createdAt":
		return ofTime(a.CreatedAt)
	case "modifiedAt":
		return ofTime(a.ModifiedAt)
	case "expiresAt":
		return ofTime(a.Expires())
	case "unitCode":
		if a.UnitCode == "" {
			return ordered{rank: rankAbsent}
		}
		return s.text(a.UnitCode)
	}
	at := descend([]json.RawMessage{a.Value}, k.path.Members)
	if len(at) == 0 {
		return ordered{rank: rankAbsent}
	}
	return s.json(at[0], 0)
}

// instance is the one to order by: the default one, else the first; through sub-attributes.
func instance(all []model.Attr, subs []tribune.Name) *model.Attr {
	var found *model.Attr
	for i := range all {
		if all[i].Sealed == nil && (found == nil || all[i].Dataset == "") {
			found = &all[i]
		}
	}
	if found == nil || len(subs) == 0 {
		return found
	}
	return instance(found.Sub[subs[0]], subs[1:])
}
