package federation

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"tribune"
	"tribune/internal/twin/model"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func value(v string, observed, modified time.Duration) model.Attr {
	a := model.Attr{Kind: model.Property, Value: json.RawMessage(v)}
	if observed != 0 {
		a.ObservedAt = noon.Add(observed)
	}
	if modified != 0 {
		a.ModifiedAt = noon.Add(modified)
	}
	return a
}

func entity(attrs map[tribune.Name][]model.Attr) *model.Entity {
	return &model.Entity{ID: "urn:e", Types: []tribune.Name{"T"}, Attrs: attrs}
}

// Of two versions of an attribute the latest must win, whatever the order of the answers (clause 4.5.5.3).
func TestMergeTakesTheLatest(t *testing.T) {
	lasting := value(`"lasting"`, 0, time.Minute)
	gone := value(`"gone"`, 0, time.Hour)
	gone.SetRare(model.Rare{ExpiresAt: noon.Add(-time.Second)})
	for name, c := range map[string]struct {
		first, second model.Attr
		want          string
	}{
		"observed later":                    {value(`1`, time.Minute, time.Hour), value(`2`, time.Hour, time.Minute), `2`},
		"observed earlier":                  {value(`1`, time.Hour, 0), value(`2`, time.Minute, time.Hour), `1`},
		"modified later":                    {value(`1`, 0, time.Minute), value(`2`, 0, time.Hour), `2`},
		"only one has been observed":        {value(`1`, 0, time.Hour), value(`2`, time.Minute, 0), `2`},
		"nothing says: the first":           {value(`1`, 0, 0), value(`2`, 0, 0), `1`},
		"what has expired is never taken":   {lasting, gone, `"lasting"`},
		"what has expired makes room":       {gone, lasting, `"lasting"`},
		"another instance stands beside it": {value(`1`, 0, 0), model.Attr{Kind: model.Property, Dataset: "urn:d", Value: json.RawMessage(`2`)}, `1`},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := entity(map[tribune.Name][]model.Attr{"a": {c.first}}), entity(map[tribune.Name][]model.Attr{"a": {c.second}})
			before := maps.Clone(first.Attrs)
			var m Merged
			m.Add(first, noon)
			m.Add(second, noon)
			if got := m.Entity.Instance("a", ""); got == nil || string(got.Value) != c.want {
				t.Errorf("got %v, want %s", m.Entity.Attrs, c.want)
			}
			if string(first.Attrs["a"][0].Value) != string(before["a"][0].Value) || len(first.Attrs["a"]) != 1 {
				t.Error("a version that may be shared with a cache was changed")
			}
			if c.second.Dataset != "" && len(m.Entity.Attrs["a"]) != 2 {
				t.Errorf("got %d instances, want both", len(m.Entity.Attrs["a"]))
			}
		})
	}
}

func TestAuxiliaryNeverOverrides(t *testing.T) {
	var m Merged
	m.Add(entity(map[tribune.Name][]model.Attr{"a": {value(`1`, 0, 0)}}), noon)
	m.Supplement(entity(map[tribune.Name][]model.Attr{"a": {value(`2`, time.Hour, 0)}, "b": {value(`3`, 0, 0)}}), noon)
	if a, b := m.Entity.Instance("a", ""), m.Entity.Instance("b", ""); string(a.Value) != `1` || b == nil || string(b.Value) != `3` {
		t.Errorf("got a=%s b=%v", a.Value, b)
	}
}

// Transient versions (clauses 4.5.5.2 and 4.5.5.3): an entity lasts where one version of it lasts, and its attributes end with their own version.
func TestMergeOfTransientEntities(t *testing.T) {
	short, long, lasting := entity(map[tribune.Name][]model.Attr{"a": {value(`1`, 0, 0)}}), entity(map[tribune.Name][]model.Attr{"b": {value(`2`, 0, 0)}}), entity(nil)
	short.ExpiresAt, long.ExpiresAt = noon.Add(time.Minute), noon.Add(time.Hour)
	var m Merged
	m.Add(short, noon)
	m.Add(long, noon)
	if !m.Entity.ExpiresAt.Equal(long.ExpiresAt) {
		t.Errorf("it expires %v, want the furthest", m.Entity.ExpiresAt)
	}
	if got := m.Entity.Instance("a", "").Expires(); !got.Equal(short.ExpiresAt) {
		t.Errorf("its attribute expires %v, want %v", got, short.ExpiresAt)
	}
	m.Add(lasting, noon)
	if !m.Entity.ExpiresAt.IsZero() {
		t.Error("a version of it lasts, so it does")
	}
	past := entity(map[tribune.Name][]model.Attr{"c": {value(`3`, 0, 0)}})
	past.ExpiresAt = noon
	m.Add(past, noon)
	if m.Entity.Instance("c", "") != nil {
		t.Error("an expired version was taken")
	}
}

// What a source has told goes; what is sealed here stays sealed.
func TestSealingLeavesNothingThatASourceHasTold(t *testing.T) {
	m := Merged{Entity: model.Entity{Types: []tribune.Name{"urn:t"}, Attrs: map[tribune.Name][]model.Attr{
		"told": {{Value: []byte(`1`)}}, "both": {{Value: []byte(`1`)}, {Sealed: &tribune.Sealed{}}}, "other": {{Value: []byte(`1`)}},
	}}}
	m.seal("told")
	m.seal("both")
	if got := m.Entity.Attrs; len(got) != 2 || len(got["both"]) != 1 || got["both"][0].Sealed == nil || len(got["other"]) != 1 {
		t.Errorf("got %+v", got)
	}
}
