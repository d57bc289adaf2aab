package federation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tribune"
	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

func memory(t testing.TB) store.Store {
	t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: "store", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// clock stands still until it is set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func open(t testing.TB, s store.Store, now func() time.Time) *Registry {
	t.Helper()
	g, err := Open(t.Context(), Config{Store: s, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func register(t testing.TB, g *Registry, tenant tribune.Tenant, members string) *Registration {
	t.Helper()
	r := mustParse(t, members)
	r.Tenant = tenant
	if err := g.Register(t.Context(), r, nil); err != nil {
		t.Fatalf("%s: %v", members, err)
	}
	return r
}

func ids(all []Match) string {
	var out []string
	for _, m := range all {
		out = append(out, strings.TrimPrefix(m.ID, "urn:r:"))
	}
	return strings.Join(out, " ")
}

func TestRegistrationsSurviveARestart(t *testing.T) {
	s, c := memory(t), newClock()
	g := open(t, s, c.now)
	register(t, g, "north", `"id": "urn:r:1", "mode": "redirect", "colour": "red", "information": [{"entities": [{"type": "Car", "idPattern": "^urn:car"}], "propertyNames": ["speed"]}]`)
	register(t, g, "", `"id": "urn:r:1"`)
	register(t, g, "", `"id": "urn:r:2"`)
	one, err := g.Get("north", "urn:r:1")
	if err != nil {
		t.Fatal(err)
	}
	one.Failed(c.now())
	if err := g.Delete(t.Context(), "", "urn:r:2"); err != nil {
		t.Fatal(err)
	}
	before, err := one.Show(Shown{Names: terms})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	g = open(t, s, c.now)
	defer g.Close()
	one, err = g.Get("north", "urn:r:1")
	if err != nil {
		t.Fatal(err)
	}
	after, err := one.Show(Shown{Names: terms})
	if err != nil || string(after) != string(before) || one.Tenant != "north" {
		t.Errorf("got  %s, %v\nwant %s", after, err, before)
	}
	if got := ids(g.Match("north", Need{IDs: []tribune.EntityID{"urn:car:1"}})); got != "1" {
		t.Errorf("after the restart north has %q", got)
	}
	if _, err := g.Get("", "urn:r:2"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("a deleted registration is back: %v", err)
	}
	if n := g.count.Load(); n != 2 {
		t.Errorf("%d registrations, want 2", n)
	}
}

// Clauses 4.3.6.3 and 5.9.2.4: what is held elsewhere exclusively has one source.
func TestConflictingRegistrationIsRefused(t *testing.T) {
	const (
		mine     = `"information": [{"entities": [{"type": "Car", "id": "urn:car:1"}], "propertyNames": ["speed"]}]`
		pattern  = `"information": [{"entities": [{"type": "Car", "idPattern": "^urn:car:"}]}]`
		otherID  = `"information": [{"entities": [{"type": "Car", "id": "urn:car:2"}], "propertyNames": ["speed"]}]`
		otherOf  = `"information": [{"entities": [{"type": "Car", "id": "urn:car:1"}], "propertyNames": ["owner"], "relationshipNames": ["garage"]}]`
		allAttrs = `"information": [{"propertyNames": ["owner", "speed"]}]`
		buses    = `"information": [{"entities": [{"type": "Bus"}]}]`
	)
	for _, test := range []struct {
		first, second string
		conflict      bool
	}{
		{`"mode": "exclusive", ` + mine, `"mode": "exclusive", ` + mine, true},
		{`"mode": "exclusive", ` + mine, `"mode": "redirect", ` + mine, true},
		{`"mode": "exclusive", ` + mine, `"mode": "redirect", ` + pattern, true},
		{`"mode": "exclusive", ` + mine, `"mode": "redirect", ` + allAttrs, true},
		{`"mode": "redirect", ` + pattern, `"mode": "exclusive", ` + mine, true},
		{`"mode": "redirect", ` + allAttrs, `"mode": "exclusive", ` + mine, true},
		{`"mode": "redirect", ` + mine, `"mode": "redirect", ` + mine, false},
		{`"mode": "exclusive", ` + mine, `"mode": "exclusive", ` + otherID, false},
		{`"mode": "exclusive", ` + mine, `"mode": "exclusive", ` + otherOf, false},
		{`"mode": "exclusive", ` + mine, `"mode": "redirect", ` + buses, false},
		{`"mode": "exclusive", ` + mine, `"mode": "inclusive", ` + mine, false},
		{`"mode": "exclusive", ` + mine, `"mode": "auxiliary", "operations": ["retrieveOps"], ` + mine, false},
		{`"mode": "exclusive", "expiresAt": "2026-11-22T12:00:01Z", ` + mine, `"mode": "exclusive", ` + mine, false},
	} {
		c := newClock()
		g := open(t, memory(t), c.now)
		register(t, g, "", `"id": "urn:r:1", `+test.first)
		c.pass(time.Second)
		r := mustParse(t, `"id": "urn:r:2", `+test.second)
		if err := g.Register(t.Context(), r, nil); errors.Is(err, ErrConflict) != test.conflict || err != nil && !test.conflict {
			t.Errorf("%s after %s: got %v", test.second, test.first, err)
		}
		elsewhere := mustParse(t, `"id": "urn:r:2", `+test.second)
		elsewhere.Tenant = "another"
		if err := g.Register(t.Context(), elsewhere, nil); err != nil {
			t.Errorf("%s in another tenant: got %v", test.second, err)
		}
		g.Close()
	}
}

func TestOneIDOneRegistration(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	register(t, g, "", `"id": "urn:r:1"`)
	if err := g.Register(t.Context(), mustParse(t, `"id": "urn:r:1"`), nil); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("got %v", err)
	}
	// Whatever asks about the entities here may refuse as well, and then nothing has happened.
	if err := g.Register(t.Context(), mustParse(t, `"id": "urn:r:2"`), func() error { return tribune.ErrBusy }); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("got %v", err)
	}
	if got := ids(g.Match("", Need{})); got != "1" {
		t.Errorf("registered are %q", got)
	}
	unnamed := mustParse(t, `"id": "-"`)
	if err := g.Register(t.Context(), unnamed, nil); err != nil || !strings.HasPrefix(unnamed.ID, "urn:ngsi-ld:ContextSourceRegistration:") {
		t.Errorf("got %q, %v", unnamed.ID, err)
	}
	if raw, err := unnamed.JSON(); err != nil || !strings.Contains(string(raw), unnamed.ID) {
		t.Errorf("got %s, %v", raw, err)
	}
}

// Clause 5.9.2.4: what has expired is deleted, and counts as gone before that.
func TestExpiredRegistrationIsGone(t *testing.T) {
	s, c := memory(t), newClock()
	g := open(t, s, c.now)
	var told []Change
	g.watch = func(ch Change) { told = append(told, ch) }
	if err := g.Register(t.Context(), mustParse(t, `"expiresAt": "2026-11-22T12:00:00Z"`), nil); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("registered as expired: %v", err)
	}
	register(t, g, "", `"id": "urn:r:1", "expiresAt": "2026-11-22T12:00:05Z"`)
	register(t, g, "", `"id": "urn:r:2", "expiresAt": "2026-11-22T13:00:00Z"`)
	register(t, g, "", `"id": "urn:r:3"`)
	c.pass(5 * time.Second)
	if got := ids(g.Match("", Need{})); got != "2 3" {
		t.Errorf("after the first has expired: %q", got)
	}
	if _, err := g.Get("", "urn:r:1"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("an expired one is found: %v", err)
	}
	g.expire(context.Background())
	if last := told[len(told)-1]; len(told) != 4 || last.After != nil || last.Before.ID != "urn:r:1" {
		t.Errorf("told of %d changes, at last of %v", len(told), last)
	}
	if want := time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC); !g.ends.Equal(want) {
		t.Errorf("the next ends at %v, want %v", g.ends, want)
	}
	g.Close()
	g = open(t, s, c.now)
	defer g.Close()
	if n := g.count.Load(); n != 2 {
		t.Errorf("%d are in the store, want 2", n)
	}
}

func TestUpdateKeepsStatusAndTellsBoth(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	first := register(t, g, "", `"information": [{"entities": [{"type": "Car"}]}]`)
	first.Failed(time.Now())
	var told Change
	g.watch = func(ch Change) { told = ch }
	next := mustParse(t, `"information": [{"entities": [{"type": "Bus"}]}]`)
	next.status = first.status
	err := g.Update(t.Context(), "", first.ID, func(old *Registration) (*Registration, error) { return next, nil }, func(*Registration) error { return nil })
	if err != nil || told.Before != first || told.After != next {
		t.Fatalf("got %v, told %v", err, told)
	}
	if got := ids(g.Match("", Need{Types: typed("Car")})) + ids(g.Match("", Need{Types: typed("Bus")})); got != "1" {
		t.Errorf("cars and buses: %q", got)
	}
	if r, err := g.Get("", first.ID); err != nil || r.Status().Failed != 1 {
		t.Errorf("got %v, %v", r, err)
	}
	if err := g.Update(t.Context(), "", "urn:r:none", nil, nil); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("an unknown one: %v", err)
	}
}

func TestTenantHasABoundOfItsOwn(t *testing.T) {
	g := open(t, memory(t), newClock().now)
	defer g.Close()
	g.tenants["full"] = newIndex()
	for i := range MaxRegistrations {
		g.tenants["full"].byID[fmt.Sprint(i)] = &Registration{}
	}
	r := mustParse(t, ``)
	r.Tenant = "full"
	if err := g.Register(t.Context(), r, nil); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	r.Tenant = "another"
	if err := g.Register(t.Context(), r, nil); err != nil {
		t.Errorf("another tenant: %v", err)
	}
	delete(g.tenants, "full")
}

func TestCooldown(t *testing.T) {
	now := newClock().now()
	r := mustParse(t, `"management": {"cooldown": 1000}`)
	if r.CoolingDown(now) {
		t.Error("it cools down before it has failed")
	}
	r.Failed(now)
	if !r.CoolingDown(now.Add(999*time.Millisecond)) || r.CoolingDown(now.Add(time.Second)) {
		t.Error("it does not cool down for a second")
	}
	r.Succeeded(now.Add(time.Millisecond))
	if r.CoolingDown(now.Add(2 * time.Millisecond)) {
		t.Error("it cools down after a success")
	}
	if hasty := mustParse(t, ``); hasty.CoolingDown(now) {
		t.Error("one without cooldown cools down")
	}
}
