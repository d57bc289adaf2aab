package city

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tribune"
	"tribune/internal/web"
	"tribune/law"
	"tribune/protocol"
)

// Plates and logins are few enough to try them all: a thief of the backup would hash each with the key beside it until one
// fits the file's name or content, and would know whose pseudonym stands there.
func TestThiefOfABackupCannotTryOutWhoseKeyARequestIs(t *testing.T) {
	key := aKey(t)
	var actors []tribune.ActorID
	for range 2 { // what follows from login, plate and key would be the same in both cities
		r := newRegistry(t)
		r.hub.keys.sign = r.appoint
		mine, err := r.hub.keys.Request(t.Context(), r.citizen(), key)
		if err != nil || len(mine) != 1 || mine[0].For.Name != "AB12CDE" || mine[0].State != "signed" {
			t.Fatalf("a request: %+v, %v", mine, err)
		}
		actors = append(actors, mine[0].Actor)
		o := owner(r.citizen())
		for name, data := range r.files(t) {
			for _, personal := range []string{"AB12CDE", "4711", "id.example", o.String(), hex.EncodeToString(o[:8]), string(o[:8])} {
				if strings.Contains(name+data, personal) {
					t.Errorf("%s holds %q in the clear", name, personal)
				}
			}
		}
	}
	if actors[0] == actors[1] {
		t.Errorf("%s follows from what can be guessed", actors[0])
	}
}

func TestRequestsOutliveARestartAndEndForGood(t *testing.T) {
	r := newRegistry(t)
	r.hub.keys.sign = r.appoint
	key := aKey(t)
	if _, err := r.hub.keys.Request(t.Context(), r.citizen(), key); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	r.hub.keys.sign = r.appoint
	again, err := r.hub.keys.Request(t.Context(), r.citizen(), key)
	if err != nil || len(again) != 1 {
		t.Fatalf("asked for again: %+v, %v", again, err)
	}
	if other, err := r.hub.keys.List(t.Context(), &web.Session{Subject: "somebody else", Names: r.citizen().Names}); err != nil || len(other) != 0 {
		t.Errorf("another login of the same name is shown %+v, %v", other, err)
	}
	r.clock = r.clock.Add(browserKeyFor + 24*time.Hour)
	r.start(t)
	if mine, err := r.hub.keys.List(t.Context(), r.citizen()); err != nil || len(mine) != 0 {
		t.Fatalf("after its end: %+v, %v", mine, err)
	}
	// Were ended appointments kept, the people of a few months would fill the law's folder, and the hub would not start.
	for name := range r.files(t) {
		if strings.HasPrefix(name, "person-") {
			t.Errorf("%s is left", name)
		}
	}
}

// A crash between two files, or a council that takes the text away to sign it, must not end everybody's keys.
func TestFilesThatAreMissingOrDamagedStopNobodyElse(t *testing.T) {
	for name, harm := range map[string]func(actor string) error{
		"text gone":      func(a string) error { return os.Remove(a + requestText) },
		"sealed gone":    func(a string) error { return os.Remove(a + requestSealed) },
		"sealed damaged": func(a string) error { return os.WriteFile(a+requestSealed, []byte("{"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegistry(t)
			mine, err := r.hub.keys.Request(t.Context(), r.citizen(), aKey(t))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.hub.keys.Request(t.Context(), r.inspector(), aKey(t)); err != nil {
				t.Fatal(err)
			}
			if err := harm(filepath.Join(r.Dir.Requests(), string(mine[0].Actor))); err != nil {
				t.Fatal(err)
			}
			r.start(t)
			if list, err := r.hub.keys.List(t.Context(), r.inspector()); err != nil || len(list) != 1 {
				t.Errorf("somebody else's keys: %+v, %v", list, err)
			}
			r.clock = r.clock.Add(browserKeyFor + 24*time.Hour)
			for range 2 {
				if list, err := r.hub.keys.List(t.Context(), r.inspector()); err != nil || len(list) != 0 {
					t.Errorf("after the end: %+v, %v", list, err)
				}
			}
		})
	}
}

// An officer who leaves next week must not go on for a month with the key in their browser.
func TestOfficersBrowserKeyDoesNotOutliveTheirAppointment(t *testing.T) {
	r := newRegistry(t)
	var end time.Time
	for _, a := range r.hub.gate.Appointments() {
		if a.Actor == law.Inspector {
			end = a.Until
		}
	}
	r.clock = end.AddDate(0, 0, -3)
	r.hub.keys.sign = r.appoint
	mine, err := r.hub.keys.Request(t.Context(), r.inspector(), aKey(t))
	if err != nil || len(mine) != 1 {
		t.Fatalf("%+v, %v", mine, err)
	}
	if mine[0].Until.After(end) {
		t.Errorf("the key may sign until %s, the officer until %s", mine[0].Until, end)
	}
	r.clock = end
	if _, err := r.hub.keys.Request(t.Context(), r.inspector(), aKey(t)); !errors.Is(err, tribune.ErrDenied) {
		t.Errorf("a key for an office that has ended: %v", err)
	}
}

// A paper in the law's folder that cannot be read stops the hub: so none is written there.
func TestAccountWithALongNameDoesNotBreakTheLaw(t *testing.T) {
	r := newRegistry(t)
	long := r.inspector()
	long.Actor = tribune.ActorID(strings.Repeat("i", 64))
	text := "actor = \"" + string(long.Actor) + "\"\noffice = \"parking-inspector\"\nkey = \"" + strings.Repeat("A", 43) + "=\"\nfrom = " +
		r.clock.UTC().Format(time.DateOnly) + "\nuntil = " + r.clock.AddDate(0, 1, 0).UTC().Format(time.DateOnly) + "\n"
	signed, err := r.appoint(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFile(r.hub.keys.appointment(long.Actor), signed, 0o600); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	r.hub.keys.sign = r.appoint
	if _, err := r.hub.keys.Request(t.Context(), long, aKey(t)); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("a key for it: %v", err)
	}
	r.start(t) // fails where the law does not load
}

// An appointment that was signed and never got on record before it ended is refused by the law. It must not keep everybody
// else's off the record, and the one way closed.
func TestAppointmentThatEndedUnrecordedClosesNothing(t *testing.T) {
	r := newRegistry(t)
	r.hub.keys.sign = r.appoint
	for _, a := range r.hub.gate.Appointments() {
		if err := r.hub.gate.SetAppointed(a.Actor, 0, protocol.NewSalt()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.hub.keys.Request(t.Context(), r.citizen(), aKey(t)); err != nil {
		t.Fatal(err)
	}
	r.clock = r.clock.Add(browserKeyFor + 24*time.Hour)
	if err := r.hub.publishAppointments(t.Context()); err != nil {
		t.Errorf("a start with an appointment that has ended: %v", err)
	}
}

func TestBrowserKeysAreBounded(t *testing.T) {
	r := newRegistry(t)
	for range maxKeysOfPerson {
		if _, err := r.hub.keys.Request(t.Context(), r.citizen(), aKey(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.hub.keys.Request(t.Context(), r.citizen(), aKey(t)); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	nameless := r.citizen()
	nameless.Names = nil
	if _, err := r.hub.keys.Request(t.Context(), nameless, aKey(t)); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("of nobody's data: %v", err)
	}
	r.hub.keys = newBrowserKeys(r.hub) // before the guardians' keys exist
	r.hub.keys.pseudonym = func(context.Context, web.PersonName) (tribune.Pseudonym, error) { return tribune.Pseudonym{7}, nil }
	if _, err := r.hub.keys.Request(t.Context(), r.citizen(), aKey(t)); !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("without a vault: %v", err)
	}
}

// Whoever finds a browser left open, or takes its cookie, has eight hours at most; a key would give them a month.
func TestStolenCookieDoesNotBecomeAKey(t *testing.T) {
	r := newRegistry(t)
	stale, passkey := r.citizen(), r.citizen()
	stale.Began = r.clock.Add(-freshFor)
	passkey.Method = "passkey"
	for name, s := range map[string]*web.Session{"an old session": stale, "a provider that was not asked": passkey} {
		if _, err := r.hub.keys.Request(t.Context(), s, aKey(t)); !errors.Is(err, tribune.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoRequestsAtOnce(t *testing.T) {
	r := newRegistry(t)
	r.hub.keys.sign = r.appoint
	var all sync.WaitGroup
	for i := range 8 {
		s := r.citizen()
		s.Subject += string(rune('a' + i%4))
		key := aKey(t)
		all.Go(func() {
			if _, err := r.hub.keys.Request(t.Context(), s, key); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if _, err := r.hub.keys.List(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	r.start(t)
	if all, err := r.hub.keys.read(); err != nil || len(all) != 8 {
		t.Errorf("%d requests, %v", len(all), err)
	}
}

// The hourly limit of data subjects is one for all: nobody may use it up alone.
func TestOnePersonCannotUseUpEverybodysRightOfAccess(t *testing.T) {
	r := &registry{clock: time.Now()}
	people, now := &askers{}, r.clock
	refused := 0
	for range 1000 {
		if people.admit(r.citizen(), now) != nil {
			refused++
		}
	}
	if refused < 1000-askBurst {
		t.Errorf("of 1000 questions at once %d were refused", refused)
	}
	other := r.citizen()
	other.Subject = "somebody else"
	if err := people.admit(other, now); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if err := people.admit(r.citizen(), now.Add(askEvery)); err != nil {
		t.Errorf("later: %v", err)
	}
}
