package protocol

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"tribune"
)

func sampleRepresentation() Representation {
	return Representation{
		Adult: "2031-05-04", Basis: BasisParent, City: "city.example", From: "2026-11-22T00:00:00.000Z", ID: strings.Repeat("0b", 16), Until: "2031-05-04T00:00:00.000Z", Version: 1,
		Representative: RepresentParty{Called: "Paul Parent", Name: "paul.parent", Type: "person"}, Ward: RepresentParty{Called: "Kim", Name: "ab12 cde", Type: "plate"},
		Scope: []string{"access", ScopeKey, ScopeLook},
	}
}

// Every power has an end; nobody represents themselves; a child's ends when they come of age, whatever until says.
func TestARepresentationIsBounded(t *testing.T) {
	if err := sampleRepresentation().Validate(); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*Representation){
		"no end":                       func(r *Representation) { r.Until = "" },
		"no beginning":                 func(r *Representation) { r.From = "" },
		"over before it begins":        func(r *Representation) { r.From = r.Until },
		"beyond the coming of age":     func(r *Representation) { r.Until = "2031-05-04T00:00:00.001Z" },
		"a child without a birthday":   func(r *Representation) { r.Adult = "" },
		"a birthday in another shape":  func(r *Representation) { r.Adult = "2031-5-4" },
		"an adult's birthday":          func(r *Representation) { r.Basis = BasisCourt },
		"longer than a court may":      func(r *Representation) { r.Basis, r.Adult, r.Until = BasisCourt, "", "2034-01-01T00:00:00.000Z" },
		"longer than a childhood":      func(r *Representation) { r.Adult, r.Until = "2099-01-01", "2099-01-01T00:00:00.000Z" },
		"another basis":                func(r *Representation) { r.Basis = "friend" },
		"themselves":                   func(r *Representation) { r.Representative = RepresentParty{"Kim", "AB12-CDE", "plate"} },
		"an empty scope":               func(r *Representation) { r.Scope = nil },
		"a scope that is not sorted":   func(r *Representation) { r.Scope = []string{ScopeLook, "access"} },
		"a word twice":                 func(r *Representation) { r.Scope = []string{"access", "access"} },
		"a word that nobody knows":     func(r *Representation) { r.Scope = []string{"everything"} },
		"nobody as ward":               func(r *Representation) { r.Ward.Name = "" },
		"a ward without letters":       func(r *Representation) { r.Ward.Name = "--" },
		"a name that hides characters": func(r *Representation) { r.Representative.Called = "Paul\u202e" },
		"an id that can be guessed":    func(r *Representation) { r.ID = "1" },
		"another version":              func(r *Representation) { r.Version = 2 },
		"no city":                      func(r *Representation) { r.City = "" },
	} {
		r := sampleRepresentation()
		spoil(&r)
		if _, err := r.Text(); err == nil {
			t.Errorf("%s: it passes", what)
		}
	}
	r := sampleRepresentation()
	for at, want := range map[string]bool{"2026-11-21T23:59:59.999Z": false, "2026-11-22T00:00:00.000Z": true, "2031-05-03T23:59:59.999Z": true, "2031-05-04T00:00:00.000Z": false} {
		when, err := ParseTime(at)
		if err != nil || r.InForce(when) != want {
			t.Errorf("in force at %s: %v, want %v (%v)", at, r.InForce(when), want, err)
		}
	}
	if (Representation{}).InForce(time.Now()) {
		t.Error("an empty one is in force")
	}
}

func TestRepresentationVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/represent.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ Text, Mark, End, Note string }
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	text, err := sampleRepresentation().Text()
	if err != nil || text != v.Text {
		t.Errorf("text %q, want %q (%v)", text, v.Text, err)
	}
	mark := RepresentationMark(text)
	if mark.String() != v.Mark {
		t.Errorf("mark %s, want %s", mark, v.Mark)
	}
	if end, err := (RepresentationEnd{City: "city.example", Mark: mark, Version: 1}).Text(); err != nil || end != v.End {
		t.Errorf("end %q, want %q (%v)", end, v.End, err)
	}
	recipient := HashRecipient(bytes.Repeat([]byte{7}, 32))
	if note, err := JCS(RepresentNote{Deed: DeedKey, Mark: mark, Recipient: &recipient}); err != nil || string(note) != v.Note {
		t.Errorf("note %s, want %s (%v)", note, v.Note, err)
	}
}

// A leaf says one thing in one form: deeds that tell which belong together are grant and end alone.
func TestALeafOfARepresentativeHasOneForm(t *testing.T) {
	mark := tribune.Hash{1}
	leaf := func(public string, count int) Leaf {
		return Leaf{Act: Act{Kind: tribune.ActRepresent, Count: count}, Decision: tribune.Decision{Permit: true}, Public: json.RawMessage(public), Tags: make([]tribune.Tag, count)}
	}
	for public, want := range map[string]bool{
		`{"by":"court","deed":"grant","mark":"` + mark.String() + `"}`: true,
		`{"by":"court","deed":"end","mark":"` + mark.String() + `"}`:   true,
		`{"deed":"look"}`:  true,
		`{"deed":"key"}`:   true,
		`{"deed":"grant"}`: false,
		`{"deed":"look","mark":"` + mark.String() + `"}`: false,
		`{"by":"court","deed":"look"}`:                   false,
		`{"deed":"steal"}`:                               false,
		`{"deed":"look"} `:                               false,
		``:                                               false,
	} {
		if _, err := RepresentedOf(leaf(public, 2)); (err == nil) != want {
			t.Errorf("%s: %v, want %v", public, err, want)
		}
	}
	if _, err := RepresentedOf(leaf(`{"deed":"look"}`, 1)); err == nil {
		t.Error("a deed that marks one alone passes")
	}
	denied := leaf(`{"deed":"look"}`, 2)
	denied.Decision.Permit = false
	if _, err := RepresentedOf(denied); err == nil {
		t.Error("what was denied counts")
	}
}

// FuzzRepresentation: whatever is read is bounded, has one spelling, and ends.
func FuzzRepresentation(f *testing.F) {
	text, err := sampleRepresentation().Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(strings.Replace(text, "parent", "court", 1))
	f.Add(representEndHead + `{"city":"x","mark":"` + strings.Repeat("0", 64) + `","version":1}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := ParseRepresentation(text); err == nil {
			again, err := r.Text()
			from, until := r.Span()
			if err != nil || again != text || !until.After(from) || until.Sub(from) > maxChildhood {
				t.Errorf("%q is read as %+v (%v)", text, r, err)
			}
		}
		if e, err := ParseRepresentationEnd(text); err == nil {
			if again, err := e.Text(); err != nil || again != text {
				t.Errorf("%q has two spellings (%v)", text, err)
			}
		}
	})
}
