package portal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tribune"
)

// Bounds of a rendered answer; the API has the rest.
const (
	maxColumns = 40
	maxCell    = 500 // bytes
)

// deskAnswer is an answer as tables, one a type of entity.
type deskAnswer struct {
	Tables  []deskTable
	Count   int
	More    bool // as many as one answer holds: there may be more
	Receipt uint64
	OnLeaf  bool
}

type deskTable struct {
	Type    string
	Columns []string
	Rows    []deskRow
}

type deskRow struct {
	ID    string
	Cells []string // in the order of the columns
}

// readAnswer reads a list of entities as key and value, and says in words what they are. Columns come in the order of the
// class's attributes.
func readAnswer(w *words, a *Answer, order []tribune.Name) (*deskAnswer, error) {
	var entities []map[string]json.RawMessage
	if err := json.Unmarshal(a.Body, &entities); err != nil {
		return nil, fmt.Errorf("reading the API's answer: it is no list of entities")
	}
	out := &deskAnswer{Count: len(entities), More: len(entities) == maxAnswer, Receipt: a.Receipt, OnLeaf: a.OnLeaf}
	for _, e := range entities {
		kind := cell(e["type"])
		i := slices.IndexFunc(out.Tables, func(t deskTable) bool { return t.Type == kind })
		if i < 0 {
			i = len(out.Tables)
			out.Tables = append(out.Tables, deskTable{Type: kind})
		}
		t := &out.Tables[i]
		for name := range e {
			if name != "id" && name != "type" && name != "@context" && !slices.Contains(t.Columns, name) {
				t.Columns = append(t.Columns, name)
			}
		}
	}
	for i := range out.Tables {
		t := &out.Tables[i]
		slices.SortFunc(t.Columns, func(a, b string) int {
			place := func(name string) int {
				if i := slices.IndexFunc(order, func(n tribune.Name) bool { return localName(n) == localName(tribune.Name(name)) }); i >= 0 {
					return i
				}
				return len(order)
			}
			return cmp.Or(place(a)-place(b), strings.Compare(a, b))
		})
		t.Columns = t.Columns[:min(len(t.Columns), maxColumns)]
		for _, e := range entities {
			if cell(e["type"]) != t.Type {
				continue
			}
			row := deskRow{ID: cell(e["id"])}
			for _, name := range t.Columns {
				row.Cells = append(row.Cells, w.cell(e[name]))
			}
			t.Rows = append(t.Rows, row)
		}
	}
	for i := range out.Tables {
		t := &out.Tables[i]
		t.Type = w.thing(localName(tribune.Name(t.Type)))
		for j, name := range t.Columns {
			t.Columns[j] = w.attribute(localName(tribune.Name(name)))
		}
	}
	return out, nil
}

// cell is a value as people read it: a time and a truth in words, or what cell says.
func (w *words) cell(raw json.RawMessage) string {
	var moment struct {
		Value time.Time `json:"@value"`
	}
	if json.Unmarshal(raw, &moment) == nil && !moment.Value.IsZero() {
		return w.Time(moment.Value)
	}
	switch string(raw) {
	case "true":
		return w.T("yes")
	case "false":
		return w.T("no")
	}
	return cell(raw)
}

// cell is a value as it stands: text without quotes, several texts with commas, anything else as its JSON.
func cell(raw json.RawMessage) string {
	if raw == nil {
		return "–"
	}
	var s string
	var list []string
	var typed struct { // a JSON-LD value, such as a time
		Value *string `json:"@value"`
	}
	switch {
	case json.Unmarshal(raw, &s) == nil:
	case json.Unmarshal(raw, &list) == nil:
		s = strings.Join(list, ", ")
	case json.Unmarshal(raw, &typed) == nil && typed.Value != nil:
		s = *typed.Value
	default:
		s = string(raw)
	}
	if len(s) > maxCell {
		s = strings.ToValidUTF8(s[:maxCell], "") + "…"
	}
	return s
}
