package temporal

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func TestAggregatesFollowTheTablesOfTheStandard(t *testing.T) {
	for name, c := range map[string]struct {
		kind   model.Kind
		values string // separated by spaces
		want   string
	}{
		"numbers":       {model.Property, "2 4 4 4 5 5 7 9", "avg=5 distinctCount=5 max=9 min=2 stddev=2 sum=40 sumsq=232 totalCount=8"},
		"one number":    {model.Property, "1e3", "avg=1000 distinctCount=1 max=1000 min=1000 stddev=0 sum=1000 sumsq=1000000 totalCount=1"},
		"same spelled":  {model.Property, "1 1.0", "avg=1 distinctCount=1 max=1 min=1 stddev=0 sum=2 sumsq=2 totalCount=2"},
		"booleans":      {model.Property, "true false true true", "avg=0.75 distinctCount=2 max=1 min=0 stddev=0.43301270189221935 sum=3 sumsq=3 totalCount=4"},
		"texts":         {model.Property, `"b" "a" "ab"`, `distinctCount=3 max="b" min="a" totalCount=3`},
		"arrays":        {model.Property, `[1,2,3] []`, `avg=1.5 distinctCount=2 max=3 min=0 sum=3 totalCount=2`},
		"lists":         {model.ListProperty, `[1,2,3] []`, `avg=1.5 distinctCount=2 max=3 min=0 sum=3 totalCount=2`},
		"objects":       {model.Property, `{"a":1} {"a":2}`, `distinctCount=2 totalCount=2`},
		"times":         {model.Property, `{"@type":"Time","@value":"08:00:00Z"} {"@type":"Time","@value":"09:00:00Z"}`, `avg="08:30:00Z" distinctCount=2 max="09:00:00Z" min="08:00:00Z" totalCount=2`},
		"dates":         {model.Property, `{"@type":"Date","@value":"2026-01-02"} {"@type":"Date","@value":"2025-01-02"}`, `distinctCount=2 max="2026-01-02" min="2025-01-02" totalCount=2`},
		"URIs":          {model.Property, `{"@type":"@id","@value":"urn:a"} {"@type":"@id","@value":"urn:b"}`, `distinctCount=2 totalCount=2`},
		"relationships": {model.Relationship, `"urn:a" "urn:b" "urn:a"`, `distinctCount=2 totalCount=3`},
		"places":        {model.GeoProperty, `{"type":"Point","coordinates":[1,2]}`, `distinctCount=1 totalCount=1`},
		"languages":     {model.LanguageProperty, `{"en":"x"}`, `distinctCount=1 totalCount=1`},
	} {
		var g Aggregate
		for _, v := range strings.Fields(c.values) {
			g.Add(&model.Attr{Kind: c.kind, Value: json.RawMessage(v)}, all)
		}
		var got []string
		Methods(all).Each(func(m Methods) {
			if b, ok := g.Append(nil, m); ok {
				got = append(got, m.String()+"="+string(b))
			}
		})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: got %s, want %s", name, s, c.want)
		}
	}
}

// Blocks of history hand their Stats over: adding them up must be adding their numbers up, for numbers far from zero too.
func TestStatsOfPartsAreThoseOfTheWhole(t *testing.T) {
	var numbers []float64
	for i := range 1000 {
		numbers = append(numbers, 1e9+math.Sin(float64(i)))
	}
	whole, parts := StatsOf(numbers), Stats{}
	for i := 0; i < len(numbers); i += 64 {
		parts.Merge(StatsFrom(StatsOf(numbers[i:min(len(numbers), i+64)]).Numbers()))
	}
	for m := Methods(1); m <= TotalCount && m != 0; m <<= 1 {
		a, ok1 := whole.of(m)
		b, ok2 := parts.of(m)
		if ok1 != ok2 || math.Abs(a-b) > 1e-8*math.Max(1, math.Abs(a)) {
			t.Errorf("%v: %v of the whole, %v of its parts", m, a, b)
		}
	}
	if d, _ := whole.of(Stddev); math.Abs(d-math.Sqrt(.5)) > .01 {
		t.Errorf("deviation %v, want about %v", d, math.Sqrt(.5))
	}
}

func TestPeriods(t *testing.T) {
	at := func(s string) time.Time {
		t.Helper()
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, c := range []struct{ origin, every, time, from, to string }{
		{"2020-01-01T12:03:00Z", "PT1H", "2020-08-01T13:05:00Z", "2020-08-01T13:03:00Z", "2020-08-01T14:03:00Z"},
		{"2020-01-01T00:00:00Z", "P1D", "2019-12-31T23:59:59Z", "2019-12-31T00:00:00Z", "2020-01-01T00:00:00Z"},
		{"2020-01-31T00:00:00Z", "P1M", "2020-03-01T00:00:00Z", "2020-02-29T00:00:00Z", "2020-03-31T00:00:00Z"},
		{"2020-01-31T00:00:00Z", "P1M", "2020-03-31T00:00:00Z", "2020-03-31T00:00:00Z", "2020-04-30T00:00:00Z"},
		{"2020-01-15T06:00:00Z", "P1Y", "2026-01-15T05:59:59Z", "2025-01-15T06:00:00Z", "2026-01-15T06:00:00Z"},
		{"2020-02-29T00:00:00Z", "P1Y", "2021-03-01T00:00:00Z", "2021-02-28T00:00:00Z", "2022-02-28T00:00:00Z"},
		{"2020-01-01T00:00:00Z", "P1M1D", "2020-02-02T00:00:00Z", "2020-02-02T00:00:00Z", "2020-03-03T00:00:00Z"},
		{"2020-01-01T00:00:00Z", "P2W", "2020-01-20T00:00:00Z", "2020-01-15T00:00:00Z", "2020-01-29T00:00:00Z"},
		{"2020-01-01T00:00:00Z", "PT0S", "2020-01-20T00:00:00Z", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"},
		{"2020-01-01T00:00:00Z", "P1M", "2010-01-20T00:00:00Z", "2010-01-01T00:00:00Z", "2010-02-01T00:00:00Z"},
	} {
		d, err := ParseDuration(c.every)
		if err != nil {
			t.Fatal(err)
		}
		p := Periods{at(c.origin), at("2021-01-01T00:00:00Z"), d}.Of(at(c.time))
		if !p.From.Equal(at(c.from)) || !p.To.Equal(at(c.to)) {
			t.Errorf("%s in periods of %s: got %v to %v, want %s to %s", c.time, c.every, p.From, p.To, c.from, c.to)
		}
	}
}

// Whoever asks says where periods begin and how long they are; times of entities are somebody else's.
func TestPeriodsFarFromTheirOriginCostNoMore(t *testing.T) {
	began := time.Now()
	far := []time.Time{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1823, 7, 31, 23, 59, 59, 999, time.UTC), time.Date(2026, 11, 22, 12, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	for _, every := range []string{"PT0.000000001S", "PT1H", "P1D", "P250Y", "P1M", "P7M", "P1MT0.000000001S", "P1Y300D", "P1M200D"} {
		d, err := ParseDuration(every)
		if err != nil {
			t.Fatal(err)
		}
		for _, origin := range far {
			for _, moment := range far {
				p := Periods{Origin: origin, Every: d}
				for range 100 {
					p.Of(moment)
				}
				if one := p.Of(moment); moment.Before(one.From) || !moment.Before(one.To) || !p.Of(one.From).From.Equal(one.From) {
					t.Errorf("%v in periods of %s from %v: got %v to %v", moment, every, origin, one.From, one.To)
				}
			}
		}
	}
	if took := time.Since(began); took > 2*time.Second { // 14,400 of them; a walk through the years takes milliseconds for each
		t.Errorf("it took %v", took)
	}
}

func TestDurations(t *testing.T) {
	for text, want := range map[string]Duration{
		"PT1H": {Span: time.Hour}, "P1D": {Span: 24 * time.Hour}, "P3Y6M4DT12H30M5S": {42, 4*24*time.Hour + 12*time.Hour + 30*time.Minute + 5*time.Second},
		"P2W": {Span: 14 * 24 * time.Hour}, "PT0S": {}, "P0D": {}, "PT0.5S": {Span: time.Second / 2}, "P1M": {Months: 1}, "PT1M": {Span: time.Minute},
	} {
		if d, err := ParseDuration(text); err != nil || d != want {
			t.Errorf("%s: got %+v (%v), want %+v", text, d, err, want)
		}
	}
	for _, text := range []string{"", "P", "PT", "1H", "PT1", "P1H", "PT1H1D", "P1DT", "P1W1D", "P1D1W", "PT1M1H", "P-1D", "PT1.5H", "P1D ", "P2020-01-01T00:00:00", "PT99999999999S", "P9999Y", "PT.5S", "PT1.S", "P1YT1WT"} {
		if _, err := ParseDuration(text); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%q: got %v, want ErrInvalid with a hint", text, err)
		}
	}
}

func TestMethodsAreNamed(t *testing.T) {
	if m, err := ParseMethods("avg, totalCount,avg"); err != nil || m != Avg|TotalCount {
		t.Errorf("got %b (%v)", m, err)
	}
	for _, text := range []string{"", "median", "avg,,max"} {
		if _, err := ParseMethods(text); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", text, err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"PT1H", "P3Y6M4DT12H30M5S", "P2W", "PT0.000000001S", "P", "PT1,5S"} {
		f.Add(s, int64(1e18))
	}
	f.Fuzz(func(t *testing.T, s string, at int64) {
		d, err := ParseDuration(s)
		if err != nil || d.Zero() {
			return
		}
		if d.Months < 0 || d.Span < 0 {
			t.Fatalf("%q is %+v", s, d)
		}
		moment := time.Unix(0, at/4).UTC()
		if p := (Periods{Origin: time.Date(2026, 1, 31, 1, 2, 3, 0, time.UTC), Every: d}).Of(moment); moment.Before(p.From) || !moment.Before(p.To) {
			t.Fatalf("%v is not in its period of %q: %v to %v", moment, s, p.From, p.To)
		}
	})
}
