package senml

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"tribune"
)

var received = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// text writes a pack so that tests can compare it.
func text(p *Pack) string {
	var out []string
	for i := range p.Records {
		r := &p.Records[i]
		s := fmt.Sprintf("%s %s [%s] %s", r.Name, r.JSON, r.Unit, r.At(received).Format(time.RFC3339Nano))
		if !r.Absolute() {
			s += " relative"
		}
		if r.HasSum {
			s += fmt.Sprintf(" sum %v", r.Sum)
		}
		out = append(out, s)
	}
	return strings.Join(out, "\n")
}

// The examples of RFC 8428, 5.1.
func TestExamplesOfTheStandardResolveAsItSays(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"5.1.1", `[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`,
			`urn:dev:ow:10e2073a01080063 23.1 [Cel] 2026-11-22T10:00:00Z relative`},
		{"5.1.2", `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]`,
			"urn:dev:ow:10e2073a01080063:voltage 120.1 [V] 2026-11-22T10:00:00Z relative\nurn:dev:ow:10e2073a01080063:current 1.2 [A] 2026-11-22T10:00:00Z relative"},
		{"5.1.2 history", `[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]`,
			"urn:dev:ow:10e2073a0108006:voltage 120.1 [V] 2010-06-08T18:01:16.001Z\nurn:dev:ow:10e2073a0108006:current 1.2 [A] 2010-06-08T18:01:11.001Z\nurn:dev:ow:10e2073a0108006:current 1.3 [A] 2010-06-08T18:01:12.001Z"},
		{"5.1.4 data types", `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},{"n":"open","vb":false},{"n":"nfc-reader","vd":"aGkgCg"}]`,
			"urn:dev:ow:10e2073a01080063:temp 23.1 [Cel] 2026-11-22T10:00:00Z relative\nurn:dev:ow:10e2073a01080063:label \"Machine Room\" [] 2026-11-22T10:00:00Z relative\n" +
				"urn:dev:ow:10e2073a01080063:open false [] 2026-11-22T10:00:00Z relative\nurn:dev:ow:10e2073a01080063:nfc-reader \"aGkgCg\" [] 2026-11-22T10:00:00Z relative"},
		{"base value and sum", `[{"bn":"a","bv":10,"bs":100,"n":"b","v":1.5,"s":1},{"n":"c","v":-10}]`,
			"ab 11.5 [] 2026-11-22T10:00:00Z relative sum 101\nac 0 [] 2026-11-22T10:00:00Z relative sum 100"},
		{"unknown fields are ignored", `[{"n":"a","v":1,"x":{"y":[1,2]}}]`, "a 1 [] 2026-11-22T10:00:00Z relative"},
		{"ago", `[{"n":"a","v":1,"t":-60}]`, "a 1 [] 2026-11-22T09:59:00Z relative"},
		{"escaped labels and texts", `[{"\u006e":"a\u0062","\u0076s":"x\ny"}]`, `ab "x\ny" [] 2026-11-22T10:00:00Z relative`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Pack
			if err := p.ParseJSON([]byte(c.in)); err != nil {
				t.Fatal(err)
			}
			if got := text(&p); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// The example of RFC 8428, 6.
const standardCBOR = "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666" +
	"a30067637572" + "72656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666" +
	"a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333"

func TestTheStandardsCBORIsItsJSON(t *testing.T) {
	b, err := hex.DecodeString(standardCBOR)
	if err != nil {
		t.Fatal(err)
	}
	var c, j Pack
	if err := c.ParseCBOR(b); err != nil {
		t.Fatal(err)
	}
	if err := j.ParseJSON([]byte(`[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},
		{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3},{"n":"current","t":-3,"v":1.4},{"n":"current","t":-2,"v":1.5},
		{"n":"current","t":-1,"v":1.6},{"n":"current","v":1.7}]`)); err != nil {
		t.Fatal(err)
	}
	if text(&c) != text(&j) {
		t.Errorf("CBOR\n%s\nJSON\n%s", text(&c), text(&j))
	}
}

func TestCBORFormsOfNumbersAndLengths(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"indefinite array and map", "9fbf00616102 01ffff", "a 1"},
		{"negative", "81a20061610239ffff", "a -65536"},
		{"beyond 2^53", "81a2006161021b0020000000000001", "a 9007199254740993"},
		{"float16 subnormal", "81a20061610 2f90001", "a 5.960464477539063e-08"},
		{"float32", "81a200616102fa41c80000", "a 25"},
		{"decimal fraction", "81a200616102c4822119 6ab3", "a 273.15"},
		{"data", "81a2006161084568656c6c6f", `a "aGVsbG8"`},
		{"boolean", "81a200616104f5", "a true"},
		{"text is quoted", "81a2006161036322" + "0a5c", `a "\"\n\\"`},
		{"an extension is ignored", "81a300616102016178a1617901", "a 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(c.in, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			var p Pack
			if err := p.ParseCBOR(b); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%s %s", p.Records[0].Name, p.Records[0].JSON); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestPacksWithTwoReadingsAreRefused(t *testing.T) {
	long := strings.Repeat("a", MaxName+1)
	for _, c := range []struct{ name, in, want string }{
		{"not an array", `{"n":"a","v":1}`, "array"},
		{"empty", `[]`, "no records"},
		{"two packs", `[{"n":"a","v":1}][{"n":"a","v":1}]`, "after the pack"},
		{"cut off", `[{"n":"a","v":1}`, "record 2"},
		{"field twice", `[{"n":"a","v":1,"v":2}]`, "twice"},
		{"field twice by escape", `[{"n":"a","v":1,"\u0076":2}]`, "twice"},
		{"two values", `[{"n":"a","v":1,"vb":true}]`, "more than one value"},
		{"no value", `[{"n":"a"}]`, "neither"},
		{"base only", `[{"bn":"a"},{"n":"b","v":1}]`, "neither"},
		{"no name", `[{"v":1}]`, "name"},
		{"name with a space", `[{"n":"a b","v":1}]`, "name"},
		{"name begins with a slash", `[{"n":"/a","v":1}]`, "name"},
		{"long name", `[{"n":"` + long + `","v":1}]`, "name"},
		{"long by base", `[{"bn":"` + long[:200] + `","n":"` + long[:57] + `","v":1}]`, "name"},
		{"text as number", `[{"n":"a","v":"1"}]`, "type"},
		{"null", `[{"n":"a","v":null}]`, "type"},
		{"number as text", `[{"n":"a","vs":1}]`, "type"},
		{"boolean as text", `[{"n":"a","vb":"true"}]`, "type"},
		{"data is not base64url", `[{"n":"a","vd":"a+b="}]`, "type"},
		{"infinite", `[{"n":"a","v":1e999}]`, "finite"},
		{"infinite by base", `[{"n":"a","bv":1e308,"v":1e308}]`, "finite"},
		{"must be understood", `[{"n":"a","v":1,"x_":1}]`, "understood"},
		{"version 11", `[{"n":"a","v":1,"bver":11}]`, "version"},
		{"version changes", `[{"n":"a","v":1,"bver":5},{"n":"a","v":1,"bver":6}]`, "version"},
		{"time beyond years", `[{"n":"a","v":1,"t":1e300}]`, "time"},
		{"bad UTF-8", "[{\"n\":\"a\",\"vs\":\"\xff\"}]", "JSON"},
		{"too many", `[` + strings.Repeat(`{"n":"a","v":1},`, 4) + `{"n":"a","v":1}]`, "more than 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Pack{Max: 4}
			err := p.ParseJSON([]byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("got %v, want one about %q", err, c.want)
			}
		})
	}
}

func TestCBORThatIsNotSenMLIsRefused(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a map", "a1006161", "array"},
		{"empty", "80", "no records"},
		{"bytes after", "81a20061610201 00", "after the pack"},
		{"a million records promised", "9a000f4240a20061610201", "map"},
		{"label twice", "81a3006161020102 02", "twice"},
		{"label spelled out", "81a2616e61610201", "not known"},
		{"label of nobody", "81a300616102010901", "not known"},
		{"text of indefinite length", "81a2007f6161ff0201", "type"},
		{"text is not UTF-8", "81a20061ff0201", "well-formed"},
		{"NaN", "81a200616102f97e00", "finite"},
		{"decimal of 10^401", "81a200616102c482190191 01", "finite"},
		{"undefined", "81a200616102f7", "type"},
		{"data as text", "81a2006161086161", "type"},
		{"cut off", "81a20061610 2fb3ff3", "well-formed"},
		{"extension nested too deep", "81a3006161020161 78" + strings.Repeat("81", 40) + "00", "well-formed"},
		{"version is a float", "81a300616102 0120f94500", "type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := hex.DecodeString(strings.ReplaceAll(c.in, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			var p Pack
			if err := p.ParseCBOR(b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want one about %q", err, c.want)
			}
		})
	}
}

// Errors end in public pages: a plate that somebody sends in the wrong place must not.
func TestErrorsQuoteNothingOfThePack(t *testing.T) {
	for _, in := range []string{
		`[{"n":"AB12CDE","v":"AB12CDE"}]`, `[{"AB12CDE_":1}]`, `[AB12CDE]`, `[{"n":"AB12CDE","AB12CDE":AB12CDE}]`, `AB12CDE`,
		`[{"n":"AB12CDE /","v":1}]`, `[{"n":"AB12CDE"}]`, `[{"n":"AB12CDE","vs":"AB12CDE","AB12CDE":1,"AB12CDE":2}]`, `[{"vd":"AB12CDE!"}]`,
	} {
		var p Pack
		if err := p.ParseJSON([]byte(in)); err == nil || strings.Contains(err.Error(), "AB12") {
			t.Errorf("%s: the error is %v", in, err)
		}
		if err := p.ParseCBOR([]byte(in)); err == nil || strings.Contains(err.Error(), "AB12") {
			t.Errorf("%s as CBOR: the error is %v", in, err)
		}
	}
}

func TestForgetWipesWhatWasRead(t *testing.T) {
	var p Pack
	if err := p.ParseJSON([]byte(`[{"n":"plate","vs":"AB12CDE"}]`)); err != nil {
		t.Fatal(err)
	}
	value := p.Records[0].JSON
	p.Forget()
	if strings.Contains(string(value), "AB12CDE") {
		t.Error("the value is still in memory")
	}
}

func TestNumbersAreReadAsStrconvReadsThem(t *testing.T) {
	for _, s := range []string{"0", "-0", "1.5", "-273.15", "123456789012345", "0.000000000000001", "999999999999999", "1234567890123456", "1e3", "0.1", "4.35"} {
		got, ok := parseNumber([]byte(s))
		want, good := slowNumber([]byte(s))
		if got != want || ok != good || math.Signbit(got) != math.Signbit(want) {
			t.Errorf("%s: got %v %v, want %v %v", s, got, ok, want, good)
		}
	}
}
