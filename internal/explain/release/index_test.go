package release

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tribune/internal/explain/data"
	"tribune/protocol"
)

// index is rows whose value is one of a few, rarer and rarer ones; or one of its own each.
func index(unique bool, token func(value string) string) Index {
	rng := rand.New(rand.NewPCG(4, 4))
	x := Index{Groups: []data.Grouping{{Name: "sex", Values: []string{"f", "m"}}}}
	for i := range 4000 {
		v := fmt.Sprint("plate ", i)
		if !unique {
			k := 0
			for k < 20 && rng.Float64() < 0.6 {
				k++
			}
			v = fmt.Sprint("district ", k)
		}
		x.Value, x.Token = append(x.Value, v), append(x.Token, token(v))
		x.Groups[0].Of = append(x.Groups[0].Of, i%2)
	}
	return x
}

// keyed is what the guardians make of a value: nobody without the key makes or tests it.
func keyed(value string) string {
	m := hmac.New(sha256.New, []byte("a key of two guardians"))
	m.Write([]byte(value))
	p := protocol.PseudonymOf("value", m.Sum(nil))
	return hex.EncodeToString(p[:])
}

func TestBlindIndexGivesAwayCommonValuesAndHashesGiveAwayAll(t *testing.T) {
	t.Parallel()
	hash := func(v string) string { h := sha256.Sum256([]byte(v)); return hex.EncodeToString(h[:]) }
	for name, c := range map[string]struct {
		index                 Index
		frequency, dictionary bool // caught
	}{
		"few values, unequally common": {index(false, keyed), true, false},
		"as many values as rows":       {index(true, keyed), false, false},
		"a hash without a key":         {index(false, hash), true, true},
	} {
		all, err := c.index.Attack([]string{"sex"}, Sightings{}, 0.95, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			want := map[string]bool{"frequency": c.frequency, "dictionary": c.dictionary}[f.Attack]
			if f.Measure == Beyond && (f.Low > 0.05) != want || f.Refused != "" {
				t.Errorf("%s: %+v, caught should be %t", name, f, want)
			}
		}
		if r := (Limits{Beyond: 0.05}).Judge(all); (len(r) > 0) != c.frequency {
			t.Errorf("%s: %q", name, r)
		}
	}
	few := index(false, keyed)
	few.Token, few.Value, few.Groups[0].Of = few.Token[:40], few.Value[:40], few.Groups[0].Of[:40]
	if all, err := few.Attack(nil, Sightings{}, 0.95, 1); err != nil || all[0].Refused == "" {
		t.Errorf("twenty rows: %+v %v", all, err)
	}
}

// Who is asked about two million values must not make a hundred million hashes of them.
func TestDictionaryIsNoLongerThanTheIndex(t *testing.T) {
	var values []string
	for i := range 1000 {
		values = append(values, fmt.Sprint("Plate ", i))
	}
	h := sha256.Sum256([]byte("PLATE 7"))
	got := dictionary(values, []string{strings.ToUpper(hex.EncodeToString(h[:16])), "of nobody", "plate 9"})
	if len(got) != 2 || got[hex.EncodeToString(h[:16])] != "Plate 7" || got["plate 9"] != "Plate 9" {
		t.Errorf("%q", got)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add("token,value,sex\n1f,Ghent,f\n1f,Ghent,m\n")
	f.Add("token,value,seen,sex\n1f,Ghent,2026-11-23T01:02:03Z,f\n1f,Ghent,7,m\n")
	f.Add("token,value\n\"\"\"\",\n")
	f.Fuzz(func(t *testing.T, text string) {
		header, rows, ok := sheet(text)
		if !ok {
			return
		}
		x, err := indexOf(header, rows)
		if err != nil {
			return
		}
		if len(x.Token) != len(x.Value) || x.Seen != nil && len(x.Seen) != len(x.Value) {
			t.Errorf("%q: %d tokens of %d values", text, len(x.Token), len(x.Value))
		}
		for _, g := range x.Groups {
			if len(g.Of) != len(x.Token) {
				t.Errorf("%q: %d of %d rows are of a group", text, len(g.Of), len(x.Token))
			}
		}
	})
}
