package protocol

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tribune"
)

func TestQuartersAreThoseOfTheCalendar(t *testing.T) {
	for _, c := range []struct {
		at, end string
		name    string
	}{
		{"1970-01-01", "1970-04-01", "1970-Q1"}, {"2026-11-22", "2027-01-01", "2026-Q4"}, {"2027-01-01", "2027-04-01", "2027-Q1"}, {"2028-06-30", "2028-07-01", "2028-Q2"},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		q := QuarterOf(at)
		back, err := ParseQuarter(c.name)
		if got := QuarterEnd(q).Format(time.DateOnly); got != c.end || Quarter(q) != c.name || back != q || err != nil {
			t.Errorf("%s: quarter %s until %s, want %s until %s (%v)", c.at, Quarter(q), got, c.name, c.end, err)
		}
	}
	for _, bad := range []string{"", "2026-Q5", "2026-Q0", "26-Q1", "2026Q1", "2026-Q1 ", "1969-Q4"} {
		if _, err := ParseQuarter(bad); err == nil {
			t.Errorf("%q is a quarter", bad)
		}
	}
}

// A file of keys is quoted in no error: it would end in somebody's terminal, log or screenshot.
func TestErrorsAboutTraceKeysQuoteNothing(t *testing.T) {
	for _, bad := range []string{`{"city":"x","keys":"sEcReT"}`, `{"city":"x","keys":[{"d":"c0VjUmVU","identity":{"kind":3}}]}`, `sEcReT`, `{"keys":[]}`} {
		_, err := DecodeTraceKeys([]byte(bad))
		if err == nil || strings.Contains(err.Error(), "sEcReT") || strings.Contains(err.Error(), "c0VjUmVU") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestAPersonsRequestIsBounded(t *testing.T) {
	good := PersonRequest{Name: PersonName{Name: "AB12CDE", Type: "plate"}, Recipient: make([]byte, 32), Token: "x", Y: make([]byte, 48), Quarters: []uint32{226}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*PersonRequest){
		"a short recipient": func(r *PersonRequest) { r.Recipient = r.Recipient[:31] },
		"no name":           func(r *PersonRequest) { r.Name.Name = "" },
		"no type":           func(r *PersonRequest) { r.Name.Type = "" },
		"a long name":       func(r *PersonRequest) { r.Name.Name = strings.Repeat("x", 257) },
		"a long token":      func(r *PersonRequest) { r.Token = strings.Repeat("x", MaxPersonToken+1) },
		"y of another size": func(r *PersonRequest) { r.Y = r.Y[:47] },
		"a far quarter":     func(r *PersonRequest) { r.Quarters = []uint32{1 << 31} },
		"too many quarters": func(r *PersonRequest) { r.Quarters = make([]uint32, MaxQuarters+1) },
	} {
		r := good
		change(&r)
		if r.Validate() == nil {
			t.Errorf("%s passes", what)
		}
	}
}

// What is sealed for one round, guardian and epoch opens for no other.
func TestABoxOfOneRoundOpensInNoOther(t *testing.T) {
	me, err := NewRecipient()
	if err != nil {
		t.Fatal(err)
	}
	box, err := SealPerson(me.Public(), PersonNamePath, "a.example", 1, []byte("share"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := RecipientOf(me.Secret())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := again.OpenPerson(PersonNamePath, "a.example", 1, box); err != nil || string(got) != "share" {
		t.Fatalf("%q, %v", got, err)
	}
	for what, open := range map[string]func() ([]byte, error){
		"round":    func() ([]byte, error) { return me.OpenPerson(PersonKeysPath, "a.example", 1, box) },
		"guardian": func() ([]byte, error) { return me.OpenPerson(PersonNamePath, "b.example", 1, box) },
		"epoch":    func() ([]byte, error) { return me.OpenPerson(PersonNamePath, "a.example", 2, box) },
		"end":      func() ([]byte, error) { return me.OpenPerson(PersonNamePath, "a.example", 1, box[:31]) },
		"leaf":     func() ([]byte, error) { return me.OpenShares(box, tribune.Hash{}, 1) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("with another %s it opens", what)
		}
	}
}

func FuzzDecodeTraceKeys(f *testing.F) {
	good, err := json.Marshal(TraceKeys{City: "x", Keys: []KeptKey{{D: make([]byte, 48), Identity: tribune.Identity{Kind: tribune.IdentityTrace}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"keys":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := DecodeTraceKeys(data)
		if err != nil {
			return
		}
		for _, one := range k.Keys {
			if len(one.D) != 48 {
				t.Errorf("a key of %d bytes", len(one.D))
			}
		}
	})
}
