package sim

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"tribune"
)

func TestABrokenStateIsRefusedWithAdvice(t *testing.T) {
	dir := t.TempDir()
	s := city(t, dir, &recorder{}, 10, saturday)
	if err := s.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(stateFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"cut off":   string(good[:len(good)/2]),
		"version":   strings.Replace(string(good), `"version":1`, `"version":2`, 1),
		"seed":      strings.Replace(string(good), `"seed":"a1`, `"seed":"zz`, 1),
		"unknown":   strings.Replace(string(good), `"version":1`, `"version":1,"more":1`, 1),
		"trailing":  string(good) + "{}",
		"cursor":    regexp.MustCompile(`"next":\d+`).ReplaceAllString(string(good), `"next":99999999`),
		"invariant": regexp.MustCompile(`"occupied":\d+`).ReplaceAllString(string(good), `"occupied":0`),
	} {
		if bad == string(good) {
			t.Fatalf("%s: the test changed nothing", name)
		}
		if err := os.WriteFile(stateFile(dir), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(Config{Dir: dir, People: 10, Speed: 1, Twin: &recorder{}})
		if !errors.Is(err, tribune.ErrInvalid) || tribune.HintOf(err) == "" {
			t.Errorf("%s: got %v, hint %q", name, err, tribune.HintOf(err))
		}
	}
	if err := os.WriteFile(stateFile(dir), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Dir: dir, People: 10, Speed: 1, Twin: &recorder{}}); err != nil {
		t.Errorf("the good state: %v", err)
	}
}

func FuzzParseState(f *testing.F) {
	dir := f.TempDir()
	s := city(f, dir, &recorder{}, 10, saturday)
	if err := s.Seed(context.Background()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(stateFile(dir))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseState(text, s.parking, s.air)
		if err != nil {
			return
		}
		if err := got.Drivers.check(); err != nil {
			t.Fatal(err)
		}
		s.parking.Peek(got.Drivers.Parking) // must not panic
		s.air.Peek(got.Public.Air)
	})
}
