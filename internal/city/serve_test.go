package city

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// file is a city.json that holds.
func file(t *testing.T, n, threshold, w int) File {
	t.Helper()
	_, steward, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	f := File{City: "city.example", Origin: "city.example/record", T: threshold, W: w, Trust: policy.Trust{Steward: steward}, TraceMandate: "trace-keeping-2026"}
	for i := range n {
		name := fmt.Sprintf("guardian-%d.example", i+1)
		_, vkey, err := protocol.NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Guardians = append(f.Guardians, Guardian{Name: name, Key: vkey, URL: "http://127.0.0.1:9"})
	}
	return f
}

func readBack(t *testing.T, text string) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "city.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadFile(path)
	return err
}

func text(t *testing.T, f File) string {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestQuorumsOfAConfigurationThatPermitTwoViewsAreRefused(t *testing.T) {
	for _, c := range []struct {
		n, t, w int
		ok      bool
	}{
		{4, 2, 3, true}, {5, 3, 4, true}, {3, 2, 3, true}, {1, 1, 1, true},
		{4, 2, 2, false}, {5, 3, 3, false}, {4, 3, 4, false}, {4, 2, 5, false}, {4, 0, 4, false}, {0, 0, 0, false}, {10, 2, 9, false},
	} {
		if err := readBack(t, text(t, file(t, c.n, c.t, c.w))); (err == nil) != c.ok || err != nil && !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("n=%d t=%d w=%d: %v, want ok %v", c.n, c.t, c.w, err, c.ok)
		}
	}
}

// A setting that is misspelt and silently left out would be a setting nobody chose.
func TestConfigurationIsReadStrictly(t *testing.T) {
	good := text(t, file(t, 4, 2, 3))
	if err := readBack(t, good); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	twice := file(t, 4, 2, 3)
	twice.Guardians[3] = twice.Guardians[0]
	foreign := file(t, 4, 2, 3)
	foreign.Guardians[3].Name = "another.example"
	line := file(t, 4, 2, 3)
	line.Guardians[0].URL = "http://x\nquorum none"
	for name, bad := range map[string]string{
		"unknown member":      strings.Replace(good, `{"city"`, `{"quorom":3,"city"`, 1),
		"unknown in a part":   strings.Replace(good, `"steward"`, `"stewart":"x","steward"`, 1),
		"second document":     good + good,
		"trailing":            good + "]",
		"cut off":             good[:len(good)-1],
		"text for a number":   strings.Replace(good, `"t":2`, `"t":"2"`, 1),
		"no city":             strings.Replace(good, `"city":"city.example"`, `"city":""`, 1),
		"no origin":           strings.Replace(good, `"origin":"city.example/record"`, `"origin":""`, 1),
		"no trust":            strings.Replace(good, `"steward":`, `"council":`, 1),
		"one guardian twice":  text(t, twice),
		"key of another name": text(t, foreign),
		"a second line":       text(t, line),
		"empty":               "",
	} {
		if bad == good {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if err := readBack(t, bad); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.json")); tribune.HintOf(err) == "" {
		t.Errorf("a missing file without a hint: %v", err)
	}
}
