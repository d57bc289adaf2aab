package federation

import (
	"context"
	"testing"

	"tribune"
	"tribune/internal/twin"
	"tribune/internal/twin/model"
	"tribune/internal/twin/notify"
)

// house is a twin with one entity.
type house struct{ e model.Entity }

func (h house) Get(_ context.Context, _ tribune.Tenant, id tribune.EntityID) (twin.View, error) {
	if id != h.e.ID {
		return twin.View{}, tribune.ErrNotFound
	}
	return twin.View{Entity: h.e}, nil
}

// The law says that a session's plate is personal. A source that is registered for benches notifies of that session as a bench.
func TestNotificationCannotTellPersonalDataUnderAnotherType(t *testing.T) {
	const session, bench, plate, colour = "urn:t:Session", "urn:t:Bench", "urn:a:plate", "urn:a:colour"
	l := &Legs{cfg: LegsConfig{
		Twin: house{model.Entity{ID: "urn:s:1", Types: []tribune.Name{session}}},
		Withhold: func(types []tribune.Name, attr tribune.Name) bool {
			for _, typ := range types {
				if typ == session && attr == plate {
					return true
				}
			}
			return false
		},
	}}
	registered := []*Information{{}}
	for _, c := range []struct {
		id   tribune.EntityID
		want int
	}{{"urn:s:1", 1}, {"urn:b:1", 2}} { // the second is the control: of a bench that is not here both may be told
		a := &notify.Arrival{After: &model.Entity{ID: c.id, Types: []tribune.Name{bench}, Attrs: map[tribune.Name][]model.Attr{plate: {{}}, colour: {{}}}}}
		if !l.permitted(t.Context(), "", a, registered) {
			t.Fatalf("%s: the source is not registered for it", c.id)
		}
		if len(a.After.Attrs) != c.want {
			t.Errorf("%s: %d attributes are told, want %d", c.id, len(a.After.Attrs), c.want)
		}
	}
}
