package rights

import (
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"tribune"
)

func leaves(all ...OnRecord) iter.Seq2[OnRecord, error] {
	return func(yield func(OnRecord, error) bool) {
		for _, l := range all {
			if !yield(l, nil) {
				return
			}
		}
	}
}

// People are counted with bounds that hold whoever they are: never less than the widest act, never more than all acts together.
func TestBreachCountsPeopleWithBounds(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(after time.Duration, office tribune.OfficeID, kind tribune.ActKind, count int, ok bool) OnRecord {
		return OnRecord{At: noon.Add(after), Office: office, Purpose: "p", Kind: kind, Count: count, Permitted: ok}
	}
	record := []OnRecord{
		at(-7*time.Minute, "inspector", tribune.ActRead, 1000, true), // before the window and its margin
		at(-5*time.Minute, "inspector", tribune.ActRead, 1, true),    // within the margin
		at(time.Minute, "inspector", tribune.ActRead, 3, true),
		at(time.Minute, "inspector", tribune.ActDelivery, 2, true),
		at(time.Minute, "inspector", tribune.ActRead, 50, false), // denied
		at(time.Minute, "inspector", tribune.ActDecide, 7, true), // opens nothing
		at(time.Minute, "planner", tribune.ActRead, 40, true),
		at(2*time.Hour, "inspector", tribune.ActRead, 1000, true), // after it
	}
	base := Breach{Kind: BreachOffice, Office: "inspector", From: noon, Until: noon.Add(time.Hour), Aware: noon.Add(3 * time.Hour)}
	for kind, want := range map[BreachKind][4]int{BreachOffice: {3, 6, 1, 2}, BreachHub: {40, 46, 1, 3}, BreachDisk: {0, 0, 1, 0}, BreachGuardians: {0, 0, 1, 0}} {
		b := base
		b.Kind = kind
		a, err := b.Assess(leaves(record...))
		if err != nil {
			t.Fatal(err)
		}
		if got := [4]int{a.AtLeast, a.AtMost, a.Denied, len(a.Lines)}; got != want {
			t.Errorf("%s: at least, at most, denied, lines %v, want %v", kind, got, want)
		}
		if a.More != (kind == BreachHub) {
			t.Errorf("%s: more than the record counts: %v", kind, a.More)
		}
		draft := a.Draft(English, shippedRules(t).Clocks(b.Aware)[1], shippedRules(t), "Birmingham")
		for _, wanted := range []string{"GDPR, article 33(1)", "2026-11-22 15:00 UTC", "What could not, and why:", "[what it means for these people]"} {
			if !strings.Contains(draft, wanted) {
				t.Errorf("%s: the draft lacks %q:\n%s", kind, wanted, draft)
			}
		}
	}
	broken := errors.New("torn")
	if _, err := base.Assess(func(yield func(OnRecord, error) bool) { yield(OnRecord{}, broken) }); !errors.Is(err, broken) {
		t.Errorf("a record that cannot be read gives numbers: %v", err)
	}
	for name, change := range map[string]func(*Breach){
		"no kind": func(b *Breach) { b.Kind = "" }, "no office": func(b *Breach) { b.Office = "" }, "empty window": func(b *Breach) { b.Until = b.From }, "never learned of": func(b *Breach) { b.Aware = time.Time{} },
	} {
		b := base
		change(&b)
		if _, err := b.Assess(leaves()); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBreachClocks(t *testing.T) {
	aware := time.Date(2026, 11, 27, 22, 30, 0, 0, time.UTC) // a Friday night: hours run through the weekend
	want := map[string]string{
		"nis2-warning": "2026-11-28T22:30:00Z", "gdpr-authority": "2026-11-30T22:30:00Z", "nis2-notification": "2026-11-30T22:30:00Z", "gdpr-people": "",
		"nis2-final": "2026-12-31T00:00:00Z", // a month after 30 November
	}
	clocks := shippedRules(t).Clocks(aware)
	if len(clocks) != len(want) {
		t.Fatalf("%d clocks, want %d", len(clocks), len(want))
	}
	for _, c := range clocks {
		got := ""
		if !c.Due.IsZero() {
			got = c.Due.UTC().Format(time.RFC3339)
		}
		if got != want[c.ID] {
			t.Errorf("%s: due %s, want %s", c.ID, got, want[c.ID])
		}
	}
	for name, change := range map[string][2]string{
		"after nothing": {`after = "nis2-notification"`, `after = "nis3"`}, "twice": {`id = "gdpr-people"`, `id = "gdpr-authority"`}, "hours and months": {"months = 1\nafter", "months = 1\nhours = 2\nafter"}, "before it began": {"hours = 24", "hours = -1"},
	} {
		text := strings.Replace(shipped, change[0], change[1], 1)
		if text == shipped {
			t.Fatalf("%s: the mistake is not made", name)
		}
		if _, err := ParseRules(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
