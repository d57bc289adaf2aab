package gate_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/gate"
	"tribune/law"
	"tribune/protocol"
)

func TestPermitComesWithReplayableEvidence(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	d, evidence, err := c.Decide(context.Background(), c.lookup())
	if err != nil || !d.Permit {
		t.Fatalf("got %+v, %v", d, err)
	}
	var own gate.Appointment
	for _, a := range c.Appointments() {
		if a.Actor == law.Inspector {
			own = a
		}
	}
	if evidence.AppointmentIndex != own.Index || !bytes.Equal(evidence.AppointmentSalt, own.Salt) || len(own.Salt) != protocol.SaltSize || evidence.Mandate == nil {
		t.Errorf("got evidence %+v for appointment %+v", evidence, own)
	}
}

func TestDenials(t *testing.T) {
	tests := []struct {
		what    string
		prepare func(*city)
		change  func(*tribune.Act)
		want    string
	}{
		{"no purpose", nil, func(a *tribune.Act) { a.Caller.Purpose = "" }, "no purpose was named"},
		{"expired mandate", nil, func(a *tribune.Act) { a.Caller.Mandate = "parking-enforcement-2025" }, "the mandate parking-enforcement-2025 ended on 2025-12-31"},
		{"mandate nobody wrote", nil, func(a *tribune.Act) { a.Caller.Mandate = "../../tokens" }, "the mandate named is not in the register of mandates"},
		{"mandate with a wrong signature", func(c *city) {
			c.edit(t, "mandates/parking-enforcement-2026.toml", "max_subjects = 50", "max_subjects = 51", "")
		}, nil, "the mandate's signature is not by its issuer birmingham.example/council"},
		{"mandate signed by the steward", func(c *city) {
			c.edit(t, "mandates/parking-enforcement-2026.toml", "max_subjects = 50", "max_subjects = 51", c.steward)
		}, nil, "the mandate's signature is not by its issuer birmingham.example/council"},
		{"somebody else's office", nil, func(a *tribune.Act) { a.Caller.Actor = law.Planner }, "the appointment is somebody else's"},
		{"actor without appointment", nil, func(a *tribune.Act) { a.Caller.Actor = law.Integrator }, "no appointment to the office was shown"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			c := newCity(t)
			c.appoint(t)
			if tt.prepare != nil {
				tt.prepare(c)
				if err := c.Reload(); err != nil {
					t.Fatal(err)
				}
			}
			act := c.lookup()
			if tt.change != nil {
				tt.change(&act)
			}
			d := c.decide(t, act)
			want := tt.want
			if tt.what == "somebody else's office" {
				want = "the appointment is to another office" // the planner shows the planner's own
			}
			if d.Permit || len(d.Missing) == 0 || d.Missing[0] != want {
				t.Errorf("got permit %v, missing %q, want first %q", d.Permit, d.Missing, want)
			}
		})
	}
}

func TestNothingBeforeTheAppointmentIsOnRecord(t *testing.T) {
	c := newCity(t)
	if d := c.decide(t, c.lookup()); d.Permit || d.Missing[0] != "the appointment is not on record yet" {
		t.Errorf("got %+v", d)
	}
	if _, err := c.ActorKey(law.Inspector); !errors.Is(err, tribune.ErrUnknown) {
		t.Errorf("got error %v, want unknown", err)
	}
	hub := tribune.Act{ID: protocol.NewID(), Kind: tribune.ActAppoint, At: c.now, Caller: tribune.Caller{Actor: law.Hub, Office: "data-hub"}}
	d, evidence, err := c.DecideAppoint(hub, law.Inspector)
	if err != nil || !d.Permit || !bytes.Contains(evidence.Appointment, []byte("inspector-ward")) {
		t.Errorf("got %+v, %v", d, err)
	}
	hub.Kind = tribune.ActLaw
	if d := c.decide(t, hub); !d.Permit {
		t.Errorf("the first law could not be published: %q", d.Missing)
	}
	if _, _, err := c.DecideAppoint(hub, "nobody"); !errors.Is(err, tribune.ErrNotFound) {
		t.Errorf("got error %v", err)
	}
}

func TestAppointmentSurvivesRestartButNotRenewal(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	c.Gate = c.open(t)
	key, err := c.ActorKey(law.Inspector)
	if err != nil || !key.Equal(c.keys[law.Inspector]) {
		t.Fatalf("after a restart: got error %v", err)
	}
	c.edit(t, "appointments/inspector-ward.toml", "until = 2027-11-22", "until = 2028-11-22", c.signer)
	if err := c.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ActorKey(law.Inspector); !errors.Is(err, tribune.ErrUnknown) {
		t.Errorf("a renewed appointment counts before it is on record: %v", err)
	}
	c.appoint(t)
	c.now = time.Date(2028, 11, 23, 0, 0, 0, 0, time.UTC)
	if _, err := c.ActorKey(law.Inspector); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("got error %v, want expired", err)
	}
}

func TestForgedAppointmentStopsTheReload(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	c.edit(t, "appointments/planner-hale.toml", `office = "planner"`, `office = "data-hub"`, c.steward)
	if err := c.Reload(); !errors.Is(err, tribune.ErrInvalid) {
		t.Errorf("got error %v", err)
	}
	if d := c.decide(t, c.lookup()); !d.Permit {
		t.Errorf("a failed Reload changed something: %q", d.Missing)
	}
}

func TestTokens(t *testing.T) {
	c := newCity(t)
	got, err := c.Caller(c.tokens[law.Inspector])
	if err != nil || got.Actor != law.Inspector || got.Office != "parking-inspector" || !got.Until.Equal(time.Date(2027, 11, 23, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Caller(c.tokens[law.Integrator]); err != nil || got.Office != "integrator" {
		t.Errorf("got %+v, %v", got, err)
	}
	tokens, err := os.ReadFile(filepath.Join(c.dir, "tokens.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, stored, _ := strings.Cut(string(tokens), `sha256 = "`)
	for what, wrong := range map[string]string{
		"empty": "", "altered": c.tokens[law.Inspector] + "x", "prefix": c.tokens[law.Inspector][:20],
		"the stored hash": stored[:64], "huge": strings.Repeat("x", 1<<20),
	} {
		_, err := c.Caller(wrong)
		if !errors.Is(err, tribune.ErrUnknown) {
			t.Errorf("%s: got error %v, want unknown", what, err)
		}
		if err != nil && wrong != "" && strings.Contains(err.Error()+tribune.HintOf(err), wrong) {
			t.Errorf("%s: the error repeats the token", what)
		}
	}
	c.now = time.Date(2027, 11, 22, 23, 59, 59, 0, time.UTC)
	if _, err := c.Caller(c.tokens[law.Inspector]); err != nil {
		t.Errorf("on its last day: %v", err)
	}
	c.now = time.Date(2027, 11, 23, 0, 0, 0, 0, time.UTC)
	if _, err := c.Caller(c.tokens[law.Inspector]); !errors.Is(err, tribune.ErrExpired) {
		t.Errorf("got error %v, want expired", err)
	}
}

func TestHourlyLimitOfTheOffice(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	for i := range 600 {
		if d := c.decide(t, c.lookup()); !d.Permit {
			t.Fatalf("act %d: %q", i, d.Missing)
		}
	}
	want := "the office has used its 600 acts of this hour for this purpose"
	if d := c.decide(t, c.lookup()); d.Permit || d.Missing[0] != want || len(d.Policies) != 0 {
		t.Errorf("got %+v, want %q", d, want)
	}
	c.now = c.now.Add(time.Hour)
	if d := c.decide(t, c.lookup()); !d.Permit {
		t.Errorf("an hour later: %q", d.Missing)
	}
}

func TestReloadWhileDeciding(t *testing.T) {
	c := newCity(t)
	c.appoint(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				if d, _, err := c.Decide(context.Background(), c.lookup()); err != nil || !d.Permit {
					t.Errorf("got %q, %v", d.Missing, err)
				}
			}
		})
	}
	for i := range 10 {
		if err := c.Reload(); err != nil {
			t.Error(err)
		}
		if err := c.SetAppointed(law.Planner, uint64(i), protocol.NewSalt()); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for _, a := range c.Appointments() {
		if !a.Recorded {
			t.Errorf("the appointment to %s was forgotten", a.Office)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	c := newCity(b)
	c.appoint(b)
	act := c.lookup() // one act again and again: it counts once
	for b.Loop() {
		if d, _, err := c.Decide(context.Background(), act); err != nil || !d.Permit {
			b.Fatal(d, err)
		}
	}
}
