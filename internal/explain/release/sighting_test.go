package release

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/worker"
)

// visits is an index of people who come again and again; alike: all at the same hour of the day.
func visits(people, each int, alike bool) Index {
	rng := rand.New(rand.NewPCG(4, 5))
	x := Index{}
	for range each {
		for p := range people {
			at := time.Duration(rng.Int64N(int64(1000 * time.Hour)))
			if alike {
				at = at.Truncate(500 * time.Hour)
			}
			v := fmt.Sprint("plate ", p)
			x.Value, x.Token, x.Seen = append(x.Value, v), append(x.Token, keyed(v)), append(x.Seen, int64(at))
		}
	}
	return x
}

func TestMomentsTellTokensApartThatFrequenciesDoNot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		index  Index
		seen   Sightings
		caught bool
	}{
		"four moments of each":            {visits(100, 20, false), Sightings{4, 5 * time.Minute}, true},
		"nobody has looked":               {visits(100, 20, false), Sightings{0, 5 * time.Minute}, false},
		"moments that all have in common": {visits(100, 20, true), Sightings{4, 5 * time.Minute}, false},
		"a memory of a thousand hours":    {visits(100, 20, false), Sightings{4, 1000 * time.Hour}, false},
		"an index that does not say when": {Index{Token: visits(100, 20, false).Token, Value: visits(100, 20, false).Value}, Sightings{4, 5 * time.Minute}, false},
	} {
		all, err := c.index.Attack(nil, c.seen, 0.95, 1)
		if err != nil {
			t.Fatal(err)
		}
		caught := false
		for _, f := range all {
			if f.Attack == "frequency" && f.Measure == Recovered && f.High > 0.2 {
				t.Errorf("%s: a frequency tells %+v", name, f)
			}
			caught = caught || f.Attack == "sightings" && f.Measure == Beyond && f.Low > 0.5
		}
		if caught != c.caught {
			t.Errorf("%s: caught %t: %+v", name, caught, all)
		}
	}
}

func TestHeldIndexesAreJoinedByTheirEntries(t *testing.T) {
	var h Held
	at := time.Unix(1_790_000_000, 0)
	for i := range 400 {
		plate := fmt.Sprint(i % 40 * (i % 3))
		entry := fmt.Sprint("visit ", i)
		if err := h.Add("subject of parking", keyed(plate), entry, at.Add(time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if err := h.Add("tags", fmt.Sprint("tag ", i), entry, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	if rows, tokens := h.Size("tags"); rows != 400 || tokens != 400 || !slices.Equal(h.Of(), []string{"subject of parking", "tags"}) {
		t.Errorf("%d rows, %d tokens, %q", rows, tokens, h.Of())
	}
	var values strings.Builder
	values.WriteString("index,entry,value,district\n")
	for i := range 300 { // of 100 nobody knows who it was
		fmt.Fprintf(&values, "subject of parking,visit %d,%d,%d\n", i, i%40*(i%3), i%2)
	}
	all, left, err := h.Join(t.Context(), worker.Worker{}, strings.NewReader(values.String()))
	if err != nil || len(all) != 1 || left != 100 || len(all[0].Token) != 400 || len(all[0].Seen) != 400 {
		t.Fatalf("%d indexes, %d rows left: %v", len(all), left, err)
	}
	figures, err := AttackAll(all, []string{"district"}, Sightings{2, time.Minute}, 0.95, 1)
	if err != nil || figures[0].Members != 150 || figures[0].Attack != "frequency on subject of parking" || !slices.ContainsFunc(figures, func(f Figure) bool { return f.Group == "1" && f.Members > 30 }) {
		t.Errorf("%+v %v", figures, err)
	}
	for name, text := range map[string]string{
		"another header":       "index,value,entry\n",
		"no index":             "index,entry,value\nplates,visit 1,2\n",
		"half a row":           "index,entry,value\ntags,visit 1\n",
		"nothing that is held": "index,entry,value\ntags,visit 9999,2\n",
	} {
		if _, _, err := h.Join(t.Context(), worker.Worker{}, strings.NewReader(text)); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMomentsThatAreNoneAreRefused(t *testing.T) {
	x, err := ReadIndex(t.Context(), worker.Worker{}, strings.NewReader("token,value,seen,sex\na,b,2026-11-23T01:02:03Z,f\na,b,12.5,m\n"))
	if err != nil || len(x.Seen) != 2 || x.Seen[1] != 12_500_000_000 || len(x.Groups) != 1 {
		t.Errorf("%+v %v", x, err)
	}
	for _, cell := range []string{"", "NaN", "1e300", "yesterday", "0001-01-01T00:00:00Z"} {
		if _, err := ReadIndex(t.Context(), worker.Worker{}, strings.NewReader("token,value,seen\na,b,"+cell+"\n")); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%q: %v", cell, err)
		}
	}
}

func FuzzJoin(f *testing.F) {
	f.Add("index,entry,value,sex\nplates,1,Ghent,f\nplates,2,Ghent,\n")
	f.Add("index,entry,value\nplates,1,\"\"\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		header, rows, ok := sheet(text)
		if !ok {
			return
		}
		all, left, err := held(t, 3).join(header, rows)
		if err == nil && (len(all) != 1 || len(all[0].Value) != 3 || left > 2) {
			t.Errorf("%q: %d indexes, %d left", text, len(all), left)
		}
	})
}
