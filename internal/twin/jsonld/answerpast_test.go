package jsonld_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/jsonld"
	"tribune/internal/twin/model"
)

const toldPast = `{"id":"urn:1","type":"Car","createdAt":"2026-01-01T00:00:00Z","modifiedAt":"2026-01-02T00:00:00Z","deletedAt":"2026-01-09T00:00:00Z","empty":[],
	"speed":[{"type":"Property","value":1,"observedAt":"2026-01-03T00:00:00Z","createdAt":"2026-01-04T00:00:00Z","modifiedAt":"2026-01-05T00:00:00Z","instanceId":"urn:i:1","unitCode":"KMH"},
	{"type":"Property","value":"urn:ngsi-ld:null","deletedAt":"2026-01-06T00:00:00Z","instanceId":"urn:i:2"}],"only":{"type":"Property","value":2,"modifiedAt":"not a time","instanceId":7},"scope":[{"type":"Property","value":"/a"}]}`

// What another broker says of the past is read with the times and names that it made; what is no use is left out.
func TestAnswerEvolution(t *testing.T) {
	c := contexts(t).Core()
	doc, err := jsonld.Read([]byte(toldPast))
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.AnswerEvolution(doc)
	if err != nil {
		t.Fatal(err)
	}
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	name := func(s string) tribune.Name {
		n, _ := c.Expand(s)
		return n
	}
	speed := e.Attrs[name("speed")]
	if len(e.Attrs) != 3 || !e.CreatedAt.Equal(at(1)) || !e.ModifiedAt.Equal(at(2)) || !e.DeletedAt.Equal(at(9)) || len(speed) != 2 {
		t.Fatalf("got %+v", e)
	}
	if a := speed[0]; !a.ObservedAt.Equal(at(3)) || !a.CreatedAt.Equal(at(4)) || !a.ModifiedAt.Equal(at(5)) || a.Rare == nil || a.Rare.Instance != "urn:i:1" {
		t.Errorf("an instance is %+v", a)
	}
	if a := speed[1]; !a.Null() || !a.ModifiedAt.Equal(at(6)) || a.Rare.Instance != "urn:i:2" {
		t.Errorf("a deletion is %+v", a)
	}
	if a := e.Attrs[name("only")]; len(a) != 1 || !a[0].ModifiedAt.IsZero() || a[0].Rare != nil {
		t.Errorf("an instance by itself is %+v", a)
	}
	if a := e.Attrs[model.ScopeName]; len(a) != 1 || string(a[0].Value) != `"/a"` {
		t.Errorf("the scope is %+v", a)
	}
	own, err := c.Evolution(doc, false)
	if err != nil || len(own.Attrs) != 4 || own.Attrs[name("speed")][0].Rare != nil {
		t.Errorf("to a client's body what the system makes is nothing: %+v %v", own, err)
	}
}

func FuzzAnswerEvolution(f *testing.F) {
	f.Add(toldPast)
	f.Add(`{"id":"urn:1","type":"Car","speed":{"type":"Property","values":[[1,"2026-01-01T00:00:00Z"]]}}`)
	f.Add(`{"id":"urn:1","type":"Car","speed":[[]],"scope":[]}`)
	f.Add(`{"id":"urn:1","type":"Car","a":[{"type":"Property","value":null,"instanceId":""}],"deletedAt":{}}`)
	c := contexts(f).Core()
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := jsonld.Read([]byte(text))
		if err != nil {
			return
		}
		e, err := c.AnswerEvolution(doc)
		if err != nil {
			return
		}
		for name, list := range e.Attrs {
			if len(list) == 0 || name == "" {
				t.Fatalf("attribute %q of %+v", name, e)
			}
			for i := range list {
				if list[i].Rare != nil && strings.ContainsAny(list[i].Rare.Instance, " \n") {
					t.Fatalf("instanceId %q", list[i].Rare.Instance)
				}
			}
		}
		if out := c.AppendTemporal(nil, &e, jsonld.View{SysAttrs: true}); !json.Valid(out) {
			t.Fatalf("it is written as %s", out)
		}
	})
}
