package court

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/ibe"
	"tribune/internal/client"
	"tribune/policy"
	"tribune/protocol"
)

const testCity = "city.example"

// nameKey is a NAME key that one share holds whole.
func nameKey(t *testing.T) (*ibe.NameShare, protocol.Group) {
	t.Helper()
	share, err := ibe.NewNameShare(append(make([]byte, 31), 7))
	if err != nil {
		t.Fatal(err)
	}
	return share, protocol.Group{City: testCity, Name: protocol.PublicKey{Key: share.Public()}}
}

func output(t *testing.T, share *ibe.NameShare, city, idtype, name string) []byte {
	t.Helper()
	point, err := ibe.NamePoint(protocol.NameInput(city, idtype, name))
	if err != nil {
		t.Fatal(err)
	}
	y, err := ibe.EvaluateBlinded(share, point)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// A hub that answers with somebody else would have the court order the investigation of that person.
func TestCourtFindsOutAHubThatAnswersForAnotherName(t *testing.T) {
	share, group := nameKey(t)
	stranger, err := ibe.NewNameShare(append(make([]byte, 31), 8))
	if err != nil {
		t.Fatal(err)
	}
	name := protocol.PersonName{Type: "plate", Name: "AB12 CDE"}
	right := output(t, share, testCity, name.Type, name.Name)
	for what, c := range map[string]struct {
		y    []byte
		good bool
	}{
		"the right one":         {right, true},
		"somebody else's":       {output(t, share, testCity, "plate", "ZZ99 ZZZ"), false},
		"of another type":       {output(t, share, testCity, "card", name.Name), false},
		"of another city":       {output(t, share, "other.example", name.Type, name.Name), false},
		"under another key":     {output(t, stranger, testCity, name.Type, name.Name), false},
		"nothing":               {nil, false},
		"the point at infinity": {append([]byte{0xc0}, make([]byte, 47)...), false},
	} {
		hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct {
				Act     protocol.Act
				Private []byte
				Name    protocol.PersonName
				Salt    []byte `json:"nameSalt"`
			}
			private := protocol.Private{}
			if err := json.NewDecoder(r.Body).Decode(&body); err == nil {
				private, err = protocol.DecodePrivate(body.Private)
				if err != nil || r.URL.Path != "/warrants/names" || body.Name != name || private.Inputs.Note != protocol.NamingNote(name, body.Salt) || strings.Contains(private.Inputs.Note, "AB12") || len(body.Salt) != protocol.SaltSize || body.Act.Count != 0 || body.Act.Kind != tribune.ActDecide {
					t.Errorf("asked is %s, %+v, %+v (%v)", r.URL.Path, body, private, err)
				}
			}
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string][]byte{"y": c.y})
		}))
		_, key, _ := ed25519.GenerateKey(nil)
		p, _, err := Find(t.Context(), &client.Client{Base: hub.URL, Key: key, Actor: "clerk", Office: "court", Purpose: "investigate", Mandate: "naming"}, group, name)
		hub.Close()
		if (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
		if want := protocol.PseudonymOf("plate", right); c.good && p.Pseudonym != want {
			t.Errorf("%s: pseudonym %s, want %s", what, p.Pseudonym, want)
		}
	}
}

func TestWarrantCommitsToItsPeopleAndShowsNobody(t *testing.T) {
	skey, _, err := protocol.NewKey(testCity + "/court")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	people := []Person{{protocol.PersonName{Type: "plate", Name: "AB12 CDE"}, tribune.Pseudonym{1}}, {protocol.PersonName{Type: "plate", Name: "XY34 ZZZ"}, tribune.Pseudonym{2}}}
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	m := tribune.Mandate{ID: "warrant-1", Purpose: "investigate", Basis: "A law", Offices: []tribune.OfficeID{"investigator"}, MaxSubjects: 1, From: from, Until: from.AddDate(0, 1, 0), Disclose: protocol.QuarterOf(from)}
	for what, extends := range map[string]tribune.MandateID{"a warrant": "", "one that extends": "warrant-0"} {
		m.Extends = extends
		doc, opening, err := Issue(m, testCity, m.Disclose-1, signer, people...)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := protocol.SplitDocument(doc)
		got, bad := policy.MandateText("warrant-1.toml", text)
		var o protocol.WarrantOpening
		if err := json.Unmarshal(opening, &o); err != nil || len(bad) > 0 || got.Issuer != signer.Name() || len(got.Names) != 2 || len(o.Names) != 2 {
			t.Fatalf("%s: %v, %v, %+v", what, err, bad, got)
		}
		for i, p := range people {
			want := protocol.WarrantName(testCity, m.ID, o.Names[i].Salt, p.Pseudonym)
			if extends != "" {
				want = protocol.WarrantChain(testCity, m.ID, o.Names[i].Salt, protocol.HiddenChain(testCity, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: p.Pseudonym, Quarter: m.Disclose - 1}))
			}
			if got.Names[i] != want {
				t.Errorf("%s: name %d is not opened by its salt", what, i)
			}
			if bytes.Contains(doc, []byte(p.Name.Name)) || strings.Contains(text, p.Pseudonym.String()) {
				t.Errorf("%s shows whom it is about", what)
			}
			if salts := o.For(protocol.PersonName{Type: "plate", Name: strings.ToLower(p.Name.Name)}); len(salts) != 1 || !bytes.Equal(salts[0], o.Names[i].Salt) {
				t.Errorf("%s: %d salts for one name", what, len(salts))
			}
		}
	}
	if _, _, err := Issue(m, testCity, 0, signer); err == nil {
		t.Error("a warrant about nobody")
	}
	if _, _, err := Issue(m, testCity, 0, signer, make([]Person, protocol.MaxNamed+1)...); err == nil {
		t.Error("a warrant about everybody")
	}
}
