package temporal

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

func at(minute int) time.Time { return time.Date(2026, 11, 22, 10, minute, 0, 0, time.UTC) }

func TestKeepSelectsAndOrders(t *testing.T) {
	var all []model.Attr
	for _, m := range []int{3, 1, 2, 4} {
		all = append(all, model.Attr{UnitCode: fmt.Sprint(m), ObservedAt: at(m), ModifiedAt: at(10 - m)})
	}
	all = append(all, model.Attr{UnitCode: "none", ModifiedAt: at(20)})
	for name, c := range map[string]struct {
		q    Query
		want string
	}{
		"all":               {Query{}, "1234"},
		"before is open":    {Query{Rel: Before, At: at(3)}, "12"},
		"after is closed":   {Query{Rel: After, At: at(3)}, "34"},
		"between half-open": {Query{Rel: Between, At: at(2), End: at(4)}, "23"},
		"last two":          {Query{LastN: 2}, "43"},
		"last of before":    {Query{Rel: Before, At: at(3), LastN: 1}, "2"},
		"modified":          {Query{Property: ModifiedAt, Rel: After, At: at(7)}, "321none"},
	} {
		if err := c.q.Check(); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, a := range c.q.Keep(all) {
			got += a.UnitCode
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestQueriesThatMakeNoSenseAreRefused(t *testing.T) {
	for _, q := range []Query{{Property: "x"}, {Rel: "around", At: at(1)}, {Rel: Before}, {Rel: Between, At: at(1)}, {Rel: Between, At: at(2), End: at(1)}, {LastN: -1}} {
		if err := q.Check(); !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%+v: got %v, want ErrInvalid with hint", q, err)
		}
	}
}
