package device

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tribune"
)

const vocabulary = "https://uri.etsi.org/ngsi-ld/default-context/"

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// complete is a document with every answer, a line each.
var complete = []string{
	`id = "air-001"`, `title = "Air"`, `kind = "sensor"`, `owner = "City Council"`, `contact = "air@city.example"`,
	`place = { name = "High Street", longitude = -1.89, latitude = 52.48 }`, `need = "To know the air."`,
	`alternative = "Nothing is sensed of anybody."`, `cost = "200 pounds"`, `fallback = "A paper filter."`,
	`cannot_sense = ["faces"]`, `from = 2026-11-22`, `until = 2027-11-22`,
	`token_sha256 = "` + strings.Repeat("ab", 32) + `"`,
	"[[senses]]\ntitle = \"Dust\"\nname = \"pm25\"\nentity = \"urn:x:1\"\ntype = \"" + vocabulary + "T\"\nattribute = \"" + vocabulary + "pm25\"\nunit = \"ug/m3\"",
}

// text is the complete document with some lines replaced: the key up to " =" says which; extra lines stand before senses.
func text(lines ...string) string {
	out := append([]string(nil), complete[:len(complete)-1]...)
	senses := complete[len(complete)-1]
	for _, l := range lines {
		key, _, _ := strings.Cut(l, " =")
		found := false
		for i := range out {
			if strings.HasPrefix(out[i], key+" =") {
				out[i], found = l, true
			}
		}
		switch {
		case strings.HasPrefix(l, "[[senses]]"):
			senses = l
		case !found:
			out = append(out, l)
		}
	}
	return strings.Join(append(out, senses), "\n") + "\n"
}

func TestACompleteDocumentIsRead(t *testing.T) {
	d, err := Parse(text())
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case d.ID != "air-001", d.Place.Longitude != -1.89, d.PerMinute != DefaultPerMinute, len(d.Topics) != 1 || d.Topics[0] != "devices/air-001/#":
		t.Errorf("got %+v", d)
	case !d.Until.Equal(time.Date(2027, 11, 23, 0, 0, 0, 0, time.UTC)):
		t.Errorf("the last day is not included: %v", d.Until)
	case d.Senses[0].UnitCode != "GQ":
		t.Errorf("unit code %q", d.Senses[0].UnitCode)
	}
}

func TestEveryMissingAnswerIsRefusedByName(t *testing.T) {
	for i, line := range complete {
		key, _, _ := strings.Cut(strings.TrimPrefix(line, "[["), " =")
		key, _, _ = strings.Cut(key, "]]")
		lines := append(append([]string(nil), complete[:i]...), complete[i+1:]...)
		_, err := Parse(strings.Join(lines, "\n") + "\n")
		if err == nil || !strings.Contains(err.Error(), key+" is missing (") || !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("without %s: %v", key, err)
		}
		if n := strings.Count(fmt.Sprint(err), "is missing"); n != 1 {
			t.Errorf("without %s: %d answers are called missing", key, n)
		}
	}
	for _, nothing := range []string{" ", "-", "...", "\u200b", "\u2800\u00a0"} {
		if _, err := Parse(text(fmt.Sprintf("need = %q", nothing))); err == nil || !strings.Contains(err.Error(), "need is missing") {
			t.Errorf("an answer that says nothing, %q: %v", nothing, err)
		}
	}
	_, err := Parse("")
	if n := strings.Count(fmt.Sprint(err), "is missing"); n != len(complete) {
		t.Errorf("an empty document: %d answers are called missing, want %d: %v", n, len(complete), err)
	}
	for _, answer := range []string{"title", "name", "entity", "type", "attribute"} {
		sense := "[[senses]]\n"
		for _, l := range strings.Split(complete[len(complete)-1], "\n")[1:] {
			if !strings.HasPrefix(l, answer+" ") {
				sense += l + "\n"
			}
		}
		if _, err := Parse(text(sense)); err == nil || !strings.Contains(err.Error(), answer+" is missing") {
			t.Errorf("a sense without %s: %v", answer, err)
		}
	}
}

func TestDocumentsThatMeanTwoThingsAreRefused(t *testing.T) {
	sense := func(name, entity, extra string) string {
		return fmt.Sprintf("[[senses]]\ntitle = \"x\"\nname = %q\nentity = %q\ntype = \"x:T\"\nattribute = \"x:a\"\n%s", name, entity, extra)
	}
	for name, c := range map[string]struct{ line, want string }{
		"no end in sight":       {`until = 2031-11-24`, "5 years"},
		"ends before it begins": {`until = 2026-11-21`, "before"},
		"local time":            {`from = 2026-11-22T10:00:00`, "zone"},
		"a misspelled answer":   {`neeed = "x"`, "means nothing"},
		"two spellings":         {`Need = "x"`, "spelled"},
		"unknown kind":          {`kind = "camera"`, "kind"},
		"id as a path":          {`id = "../x"`, "id:"},
		"token in the clear":    {`token_sha256 = "secret"`, "token_sha256"},
		"token hash in capital": {`token_sha256 = "` + strings.Repeat("AB", 32) + `"`, "token_sha256"},
		"short signing key":     {`signing_key = "AAAA"`, "signing_key"},
		"filter of anything":    {`topics = ["a#"]`, "filter"},
		"off the earth":         {`place = { name = "x", longitude = 181.0, latitude = 0.0 }`, "longitude"},
		"NaN":                   {`place = { name = "x", longitude = nan, latitude = 0.0 }`, "longitude"},
		"no rate":               {`per_minute = 0`, "per_minute"},
		"part of a segment":     {sense("a*/b", "x:{1}", ""), "segment"},
		"two stars":             {sense("*/*", "x:{1}", ""), "one *"},
		"star without a place":  {sense("*/b", "x:y", ""), "{1}"},
		"place without a star":  {sense("a/b", "x:{1}", ""), "{1}"},
		"time":                  {sense("time", "x:y", ""), "time"},
		"not an IRI":            {sense("a", "x y", ""), "IRI"},
		"type with a hole":      {"[[senses]]\ntitle = \"x\"\nname = \"*/a\"\nentity = \"x:{1}\"\ntype = \"x:{1}\"\nattribute = \"x:a\"\n", "IRI"},
		"upside down":           {sense("a", "x:y", "minimum = 2\nmaximum = 1"), "above"},
		"infinite":              {sense("a", "x:y", "minimum = -inf"), "finite"},
		"a name twice":          {sense("a", "x:y", "") + sense("a", "x:z", ""), "same name"},
		"an empty fear":         {`cannot_sense = [" "]`, "empty"},
	} {
		if _, err := Parse(text(c.line)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one about %q", name, err, c.want)
		}
	}
}

func TestTopicsOfOtherDevicesAreNotCovered(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"devices/a/#", "devices/a/x/y", true}, {"devices/a/#", "devices/a", true}, {"devices/a/#", "devices/ab/x", false},
		{"devices/a/#", "devices/a/+", false}, {"devices/a/#", "devices/b/#", false}, {"devices/a/#", "", false},
		{"devices/a/#", "/devices/a/x", false}, {"devices/+/x", "devices/b/x", true}, {"devices/+/x", "devices/b/c/x", false},
		{"devices/+", "devices", false}, {"devices/+", "devices/", true}, {"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true},
		{"a/b", "a/b", true}, {"a/b", "a/b/", false}, {"a/b", "a", false}, {"#", "a\x00b", false},
	} {
		d := &Device{Document: Document{Topics: []string{c.filter}}}
		if got := d.MayPublish(c.topic); got != c.want {
			t.Errorf("%s covers %q: %v, want %v", c.filter, c.topic, got, c.want)
		}
	}
}

func TestAStarNamesNoOtherKindOfEntity(t *testing.T) {
	doc, err := Parse(text("[[senses]]\ntitle = \"x\"\nname = \"s/*/t\"\nentity = \"urn:x:{1}\"\ntype = \"x:T\"\nattribute = \"x:a\"\n" +
		"[[senses]]\ntitle = \"x\"\nname = \"s/own/t\"\nentity = \"urn:x:special\"\ntype = \"x:T\"\nattribute = \"x:a\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{Document: doc}
	for range 2 { // the second time remembered
		for _, c := range []struct{ name, entity string }{
			{"s/a-1/t", "urn:x:a-1"}, {"s/own/t", "urn:x:special"}, {"s//t", ""}, {"s/a/b/t", ""}, {"s/a:b/t", ""}, {"s/a%3Ab/t", ""}, {"s/{1}/t", ""},
			{"s/\xff/t", ""}, {"s/a", ""}, {"s/t", ""}, {"s/" + strings.Repeat("a", maxSegment+1) + "/t", ""},
		} {
			got, ok := d.Target([]byte(c.name))
			if string(got.Entity) != c.entity || ok != (c.entity != "") {
				t.Errorf("%q goes to %q, want %q", c.name, got.Entity, c.entity)
			}
		}
	}
	for i := range 3 * maxTargets {
		d.Target(fmt.Appendf(nil, "s/%d/t", i))
	}
	if n := len(d.targets.byName); n > maxTargets {
		t.Errorf("%d names are remembered", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(text())
	f.Add(text(`signing_key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`, `topics = ["a/+/#"]`, "[[senses]]\ntitle = \"x\"\nname = \"*/t\"\nentity = \"urn:x:{1}\"\ntype = \"x:T\"\nattribute = \"x:a\"\n"))
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			if !errors.Is(err, tribune.ErrInvalid) {
				t.Fatalf("%v does not match ErrInvalid", err)
			}
			return
		}
		if !idShape.MatchString(d.ID) || d.Need == "" || len(d.Senses) == 0 || !d.Until.After(d.From) || d.PerMinute < 1 || len(d.CannotSense) == 0 {
			t.Fatalf("an incomplete document is taken: %+v", d)
		}
		dev := &Device{Document: d}
		for _, s := range d.Senses {
			name := strings.Replace(s.Name, "*", "seg", 1)
			if target, ok := dev.Target([]byte(name)); !ok || strings.Contains(string(target.Entity), "{1}") || len(target.Entity) > maxIRI {
				t.Fatalf("sense %q goes nowhere: %v %q", s.Name, ok, target.Entity)
			}
		}
		dev.MayPublish("a/b")
	})
}

func FuzzCovers(f *testing.F) {
	f.Add("a/+/#", "a/b/c")
	f.Add("#", "$SYS")
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if !validFilter(filter) {
			return
		}
		d := &Device{Document: Document{Topics: []string{filter}}}
		if d.MayPublish(topic) && !strings.ContainsAny(filter, "+#") && filter != topic {
			t.Fatalf("%q covers %q", filter, topic)
		}
	})
}
