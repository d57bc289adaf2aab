package vault

import (
	"errors"
	"testing"
	"time"

	"tribune"
)

// What is past its keeping time must be beyond everyone's reach, the guardians' and their keys' included; what is not,
// and what has no end, must stay.
func TestValuesPastTheirKeepingTimeOpenForNobody(t *testing.T) {
	f := newFixture(t)
	f.store = several{f.store}
	f.start(t)
	var sealed []tribune.Sealed
	for i := range 4 { // in every partition
		sealed = append(sealed, f.put(t, tribune.Place{Partition: uint16(i)}, subjectNo(i), "old"))
	}
	f.clock.add(24 * time.Hour)
	young := f.put(t, tribune.Place{}, subjectNo(1), "young")
	keep := func(tribune.ClassID) time.Duration { return 30 * 24 * time.Hour }

	f.clock.set(morning().Add(30 * 24 * time.Hour)) // the thirtieth day has not passed
	if n, err := f.Expire(t.Context(), keep); err != nil || n != 0 {
		t.Fatalf("on the last day: %d segments, %v; want none", n, err)
	}
	f.mustOpen(t, []string{"old"}, sealed[0])
	f.clock.add(24 * time.Hour)
	if n, err := f.Expire(t.Context(), func(tribune.ClassID) time.Duration { return 0 }); err != nil || n != 0 {
		t.Fatalf("kept without end: %d segments, %v; want none", n, err)
	}
	if n, err := f.Expire(t.Context(), keep); err != nil || n != 4 {
		t.Fatalf("a day later: %d segments, %v; want 4", n, err)
	}
	for i, s := range sealed {
		keys := f.dealer.keysOf(t, f.Vault, f.clock.Now(), s)
		if _, err := f.Open(t.Context(), keys, []tribune.Sealed{s}); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("value %d, with its key: got %v, want ErrNotFound", i, err)
		}
	}
	f.mustOpen(t, []string{"young"}, young)
}

func FuzzParseHeaderKey(f *testing.F) {
	f.Add([]byte("p\x00\x01class\x00\x01\x00\x00\x00\x01\x00\x00\x00\x02rest"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if class, _, ok := parseHeaderKey(data); !ok && class != "" {
			t.Errorf("a class %q of a key that is none", class)
		}
	})
}
