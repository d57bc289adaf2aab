package protocol

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tribune"
)

// The vectors were computed by other hands, from the specification's words.
func TestVectorsOfAWarrantsNames(t *testing.T) {
	raw, err := os.ReadFile("testdata/warrant.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		City, Salt, Header string
		Pseudonym          tribune.Pseudonym
		Quarter            uint32
		Warrant, Further   tribune.MandateID
		Name               tribune.Hash
		Chain, ChainName   tribune.Hash
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	salt, err := hex.DecodeString(v.Salt)
	if err != nil {
		t.Fatal(err)
	}
	if got := WarrantName(v.City, v.Warrant, salt, v.Pseudonym); got != v.Name {
		t.Errorf("name: %s, want %s", got, v.Name)
	}
	chain := HiddenChain(v.City, tribune.Identity{Kind: tribune.IdentityHidden, Pseudonym: v.Pseudonym, Quarter: v.Quarter})
	if chain != v.Chain {
		t.Errorf("chain: %s, want %s", chain, v.Chain)
	}
	if got := WarrantChain(v.City, v.Further, salt, chain); got != v.ChainName {
		t.Errorf("name of a chain: %s, want %s", got, v.ChainName)
	}
	if got := SaltsText([][]byte{salt}); got != v.Header {
		t.Errorf("header: %s, want %s", got, v.Header)
	}
	if got := WarrantName(v.City, v.Warrant, salt[:31], v.Pseudonym); got != (tribune.Hash{}) {
		t.Errorf("a short salt makes a name: %s", got)
	}
}

func TestNamingShowsNoSaltThatIsNotNeeded(t *testing.T) {
	a, b, c := tribune.Pseudonym{1}, tribune.Pseudonym{2}, tribune.Pseudonym{3}
	salts := [][]byte{NewSalt(), NewSalt()}
	names := []tribune.Hash{WarrantName("x", "w", salts[0], a), WarrantName("x", "w", salts[1], b)}
	of := func(p tribune.Pseudonym) func([]byte) tribune.Hash {
		return func(salt []byte) tribune.Hash { return WarrantName("x", "w", salt, p) }
	}
	shown := string(salts[0]) + string(salts[1])
	if got := Naming(names, shown, of(b)); len(got) != 1 || !bytes.Equal(got[0], salts[1]) {
		t.Errorf("for one of two: %d salts", len(got))
	}
	if got := Naming(names, shown, of(b), of(a)); len(got) != 2 || !bytes.Equal(got[1], salts[0]) {
		t.Errorf("for both, in the order of the act: %d salts", len(got))
	}
	for what, got := range map[string][][]byte{
		"one who is not named":          Naming(names, shown, of(c)),
		"one of two who is not named":   Naming(names, shown, of(a), of(c)),
		"without salts":                 Naming(names, "", of(a)),
		"half a salt":                   Naming(names, shown[:16], of(a)),
		"another person's salt":         Naming(names, string(salts[1]), of(a)),
		"more salts than a warrant has": Naming(names, strings.Repeat(shown, MaxNamed), of(a)),
	} {
		if got != nil {
			t.Errorf("%s: %d salts", what, len(got))
		}
	}
}

func FuzzParseSalts(f *testing.F) {
	one := SaltsText([][]byte{NewSalt()})
	for _, s := range []string{"", one, one + "," + one, one + "=", one + ",", "," + one, strings.Repeat(one+",", MaxNamed) + one} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		salts, err := ParseSalts(text)
		if err != nil {
			return
		}
		var all [][]byte
		for i := 0; i < len(salts); i += SaltSize {
			all = append(all, []byte(salts[i:i+SaltSize]))
		}
		if len(all) > MaxNamed || SaltsText(all) != text {
			t.Errorf("%q is read as %d salts, which are written %q", text, len(all), SaltsText(all))
		}
	})
}
