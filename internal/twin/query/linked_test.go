package query

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/model"
)

func TestPathsFollowLinks(t *testing.T) {
	rel := func(value string) []model.Attr {
		return []model.Attr{{Kind: model.Relationship, Value: json.RawMessage(value)}}
	}
	p := func(value string) []model.Attr {
		return []model.Attr{{Kind: model.Property, Value: json.RawMessage(value)}}
	}
	all := map[tribune.EntityID]*model.Entity{
		"urn:1": {ID: "urn:1", Types: []tribune.Name{"Device"}, Attrs: map[tribune.Name][]model.Attr{"humidity": p("40"), "in": rel(`"urn:2"`), "plate": {{Sealed: &tribune.Sealed{}}}}},
		"urn:2": {ID: "urn:2", Types: []tribune.Name{"Room"}, Attrs: map[tribune.Name][]model.Attr{"name": p(`{"de":"Küche"}`), "in": rel(`"urn:2"`)}},
	}
	e := &model.Entity{Attrs: map[tribune.Name][]model.Attr{"sensor": rel(`["urn:gone","urn:1"]`), "list": {{Kind: model.ListRelationship, Value: json.RawMessage(`["urn:2","urn:1"]`)}}, "text": p(`"urn:1"`),
		"sealed": {{Sealed: &tribune.Sealed{}}}}}
	look := func(id tribune.EntityID) *model.Entity { return all[id] }
	for q, want := range map[string]bool{
		`sensor{humidity}==40`: true, `sensor{humidity}`: true, `sensor{humidity}!=40`: false, `sensor{none}`: false, `sensor{Device:humidity}==40`: true, `sensor{Room:humidity}==40`: false,
		`sensor{Room,Device:humidity}==40`: true, `sensor{in{name[de]}}=="Küche"`: true, `sensor{in{Room:name[de]}}~=K`: true, `sensor{in{Device:name[de]}}~=K`: false,
		`list{humidity}>39`: true, `text{humidity}==40`: false, `sensor{in{in{in{name}}}}`: true, `sensor{plate}`: false, `sealed{humidity}`: false,
		`sensor{https://x.org/a.b}`: false, `sensor{humidity}==40;sensor==urn:1`: true, `sensor{createdAt}>2020-01-01T00:00:00Z`: false,
	} {
		x, err := Parse(q, same)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := x.MatchLinked(e, look); got != want {
			t.Errorf("%s: got %v, want %v", q, got, want)
		}
		if x.Match(e) && strings.Contains(q, "{") && !strings.Contains(q, ";") {
			t.Errorf("%s holds without a look at what is linked", q)
		}
	}
	x, _ := Parse(`a{T:b{c}}==1;d>1|e{createdAt}`, same)
	if x.Hops() != 2 || len(x.Linked()) != 2 || x.Linked()[0].Types[0] != "T" || len(x.Attrs()) != 3 {
		t.Errorf("hops %d, linked %+v, attrs %v", x.Hops(), x.Linked(), x.Attrs())
	}
}

// A term must not cost more than its bound, whatever the links are.
func TestLinksInACircleEnd(t *testing.T) {
	var uris []string
	all := map[tribune.EntityID]*model.Entity{}
	for i := range 30 {
		uris = append(uris, `"urn:`+string(rune('a'+i))+`"`)
	}
	for _, u := range uris {
		all[tribune.EntityID(strings.Trim(u, `"`))] = &model.Entity{Attrs: map[tribune.Name][]model.Attr{"r": {{Kind: model.Relationship, Value: json.RawMessage("[" + strings.Join(uris, ",") + "]")}}}}
	}
	looked := 0
	look := func(id tribune.EntityID) *model.Entity {
		looked++
		return all[id]
	}
	x, err := Parse("r{r{r{r{r{r{none}}}}}}", same)
	if err != nil {
		t.Fatal(err)
	}
	if x.MatchLinked(all["urn:a"], look) || looked > maxLinked {
		t.Errorf("looked at %d entities", looked)
	}
}

func TestWordsOfCoercedAttributesAreExpanded(t *testing.T) {
	terms := Terms{Attr: same, Coerce: []tribune.Name{"gender"}, Value: func(s string) (tribune.Name, error) {
		if strings.Contains(s, " ") {
			return "", errors.New("no term")
		}
		return tribune.Name("http://example.org/" + s), nil
	}}
	e := &model.Entity{Attrs: map[tribune.Name][]model.Attr{"gender": {{Kind: model.VocabProperty, Value: json.RawMessage(`"http://example.org/Male"`)}}, "other": {{Kind: model.Property, Value: json.RawMessage(`"Male"`)}}}}
	for q, want := range map[string]bool{`gender==Male`: true, `gender=="Male"`: true, `gender==Female,Male`: true, `gender!=Male`: false, `gender==Female`: false, `other=="Male"`: true} {
		x, err := terms.Parse(q)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := x.Match(e); got != want {
			t.Errorf("%s: got %v, want %v", q, got, want)
		}
	}
	for _, q := range []string{`other==Male`, `gender=="a b"`} {
		if _, err := terms.Parse(q); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", q, err)
		}
	}
}

func TestValuesOfEveryKindCompare(t *testing.T) {
	a := func(kind model.Kind, value string) []model.Attr {
		return []model.Attr{{Kind: kind, Value: json.RawMessage(value)}}
	}
	e := &model.Entity{Attrs: map[tribune.Name][]model.Attr{
		"color": a(model.LanguageProperty, `{"fr":["chat","rouge"],"en":"red"}`), "list": a(model.ListProperty, `[1,"a",[5]]`), "json": a(model.JSONProperty, `{"id":"x","value":"Overstay 60 minutes","none":null}`),
		"rel": a(model.Relationship, `["urn:1","urn:2"]`), "vocab": a(model.VocabProperty, `"http://e.org/red"`), "day": a(model.Property, `"2026-01-02"`), "at": a(model.Property, `{"@type":"Time","@value":"12:00:00.5Z"}`),
		"n": a(model.Property, "5"), "obj": a(model.Property, `{"a":{"b":[{"c":1},{"c":2}]},"s":"x"}`),
	}}
	for q, want := range map[string]bool{
		`color=="red"`: true, `color=="rouge"`: true, `color=="x"`: false, `color!="red"`: false, `color!="x"`: true, `color[en]=="red"`: true, `color[EN]=="red"`: true, `color[en]=="rouge"`: false,
		`color[fr]=="chat"`: true, `color[fr]!="chat"`: false, `color[*]=="chat"`: true, `color[*]!="chat"`: false, `color[*]!="x"`: true, `color[de]`: false, `color[de]!="x"`: false, `color~=^ro`: true,
		`list==1`: true, `list=="a"`: true, `list==5`: false, `list!="a"`: false, `json[value]=="Overstay 60 minutes"`: true, `json[none]`: false, `json[none]!=1`: false, `json`: true,
		`rel==urn:2`: true, `rel!=urn:2`: false, `rel!="urn:3"`: true, `rel>"urn:0"`: false, `rel~=urn`: false, `rel!~=x`: false, `rel=="urn:1".."urn:3"`: true, `vocab==http://e.org/red`: true, `vocab=="red"`: false,
		`day==2026-01-02`: true, `day>2026-01-01`: true, `day>"2026-01-01"`: true, `day==2026-01-01..2026-01-03`: true, `day<2026-01-02`: false, `at>12:00:00Z`: true, `at<12:00:01Z`: true, `at==12:00:00,500Z`: true,
		`n!~=x`: false, `n~=5`: false, `n!="x"`: true, `obj[a.b.c]==2`: true, `obj[a.b.c]!=2`: false, `obj[a.b.c]!=3`: true, `obj[a.none]!=3`: false, `obj[s]~=x`: true, `obj[a.b]==1`: false, `obj!="x"`: true,
		`n==1,5`: true, `n!=4..6`: false, `n!=6..7`: true,
	} {
		x, err := Parse(q, same)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		if got := x.Match(e); got != want {
			t.Errorf("%s: got %v, want %v", q, got, want)
		}
	}
	for _, q := range []string{`n>4..5`, `n>1,2`, `day==2026-01-01..5`, `at>12:00`} {
		if _, err := Parse(q, same); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", q, err)
		}
	}
}

// An index is asked for the terms of Cover: were a match in none of them, the query would not find it.
func TestCoverCoversEveryMatch(t *testing.T) {
	for q, want := range map[string]int{`a==1`: 1, `a==1;b>2`: 1, `b>2;a==1`: 1, `a==1|b==2`: 2, `a==1|createdAt>2020-01-01T00:00:00Z`: 0, `(a==1|b==2);c>1`: 2, `c>1;(a==1|b!=2)`: 1, `a`: 1, `a{b}==1`: 1, `createdAt>2020-01-01T00:00:00Z`: 0} {
		x, err := Parse(q, same)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Cover(); len(got) != want {
			t.Errorf("%s: got %d terms, want %d", q, len(got), want)
		}
	}
}
