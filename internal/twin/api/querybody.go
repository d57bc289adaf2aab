package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// queryBody is a Query as clause 5.2.23 writes it. What has a parameter of the same name in a URL is kept as that.
type queryBody struct {
	params   params
	Entities []selectorBody
	Ordering orderingBody
}

// selectorBody is an EntitySelector (clause 5.2.33).
type selectorBody struct {
	Type      string
	ID        textList
	IDPattern string
}

// pattern is the id pattern; ids take precedence over it.
func (b *selectorBody) pattern() string {
	if len(b.ID) > 0 {
		return ""
	}
	return b.IDPattern
}

// orderingBody are the OrderingParams (clause 5.2.43).
type orderingBody struct {
	OrderBy     textList
	Geometry    string
	Coordinates json.RawMessage
	Collation   string
}

// textList is a text or an array of texts.
type textList []string

// UnmarshalJSON reads either form.
func (l *textList) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(raw, []byte(`"`)) {
		*l = textList{""}
		return json.Unmarshal(raw, &(*l)[0])
	}
	var all []string
	if err := json.Unmarshal(raw, &all); err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("%w: an empty list", tribune.ErrInvalid)
	}
	*l = all
	return nil
}

// How the members of a Query are written.
var (
	textMembers   = []string{"q", "scopeQ", "csf", "lang", "join", "entityMapLifetime", "geometryProperty"}
	listMembers   = []string{"attrs", "pick", "omit", "containedBy", "datasetId", "expandValues", "jsonKeys"}
	flagMembers   = []string{"entityMap", "splitEntities"}
	numberMembers = []string{"joinLevel"}
)

// readQuery reads a Query strictly: a member that is not known would change the answer.
func readQuery(doc jsonld.Document) (q queryBody, err error) {
	q.params = params{}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(doc.Raw(), &raw); err != nil {
		return q, fmt.Errorf("%w: a query is a JSON object", tribune.ErrInvalid)
	}
	if string(raw["type"]) != `"Query"` {
		return q, fmt.Errorf(`%w: attribute "type": it must be "Query" (clause 5.2.23)`, tribune.ErrInvalid)
	}
	for name, val := range raw {
		if err := q.member(name, val); err != nil {
			return q, err
		}
	}
	if len(q.Entities) > maxSelectors {
		return q, fmt.Errorf("%w: at most %d entity selectors", tribune.ErrTooLarge, maxSelectors)
	}
	for i := range q.Entities {
		if q.Entities[i].Type == "" {
			return q, fmt.Errorf(`%w: attribute "entities": each must name a type (clause 5.2.33)`, tribune.ErrInvalid)
		}
	}
	return q, nil
}

func (q *queryBody) member(name string, val json.RawMessage) error {
	var err error
	switch name {
	case "@context", "type":
		return nil
	case "entities":
		if err = strictly(val, &q.Entities); err == nil && len(q.Entities) == 0 {
			err = tribune.ErrInvalid
		}
	case "geoQ":
		err = q.geo(val)
	case "ordering":
		err = strictly(val, &q.Ordering)
		if c := q.Ordering.Coordinates; err == nil && (len(q.Ordering.OrderBy) == 0 || len(c) > 0 && c[0] != '[') {
			err = tribune.ErrInvalid
		}
	case "temporalQ", "aggrParams":
		return tribune.Hint(fmt.Errorf("%w: attribute %q: it is for queries of the temporal evolution (clause 5.2.23)", tribune.ErrInvalid, name),
			"POST it to %s/temporal/entityOperations/query.", Prefix)
	default:
		var text string
		var known bool
		if text, known, err = plainMember(name, val); !known {
			return fmt.Errorf("%w: a member of the query is not known (clause 5.2.23)", tribune.ErrInvalid)
		}
		q.params[name] = text
	}
	if err != nil {
		return fmt.Errorf("%w: attribute %q: it is not as clause 5.2.23 wants it", tribune.ErrInvalid, name)
	}
	return nil
}

// plainMember is a member as the parameter of its name.
func plainMember(name string, val json.RawMessage) (text string, known bool, err error) {
	switch {
	case slices.Contains(textMembers, name):
		if err = json.Unmarshal(val, &text); err == nil && text == "" {
			err = tribune.ErrInvalid
		}
	case slices.Contains(listMembers, name):
		var list textList
		err = list.UnmarshalJSON(val)
		text = strings.Join(list, ",")
	case slices.Contains(flagMembers, name):
		var yes bool
		err = json.Unmarshal(val, &yes)
		text = strconv.FormatBool(yes)
	case slices.Contains(numberMembers, name):
		var n int
		err = json.Unmarshal(val, &n)
		text = strconv.Itoa(n)
	default:
		return "", false, nil
	}
	return text, true, err
}

// geo reads a GeoQuery (clause 5.2.13); coordinates may be written as a text (clause 4.7.2).
func (q *queryBody) geo(val json.RawMessage) error {
	var g struct {
		Georel, Geometry, Geoproperty string
		Coordinates                   json.RawMessage
	}
	if err := strictly(val, &g); err != nil {
		return err
	}
	coordinates := string(g.Coordinates)
	if strings.HasPrefix(coordinates, `"`) {
		if err := json.Unmarshal(g.Coordinates, &coordinates); err != nil {
			return err
		}
	}
	if g.Georel == "" || g.Geometry == "" || coordinates == "" {
		return tribune.ErrInvalid
	}
	q.params["georel"], q.params["geometry"], q.params["coordinates"] = g.Georel, g.Geometry, coordinates
	if g.Geoproperty != "" {
		q.params["geoproperty"] = g.Geoproperty
	}
	return nil
}

// strictly decodes a member; what it has besides is not ignored.
func strictly(val json.RawMessage, into any) error {
	d := json.NewDecoder(bytes.NewReader(val))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
