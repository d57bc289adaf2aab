package city

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// legacy is a city.json that holds.
func legacy(t *testing.T, n, threshold, w int) legacyFile {
	t.Helper()
	_, steward, err := protocol.NewKey("city.example/steward")
	if err != nil {
		t.Fatal(err)
	}
	f := legacyFile{City: "city.example", Origin: "city.example/record", Store: "postgres://db/city", T: threshold, W: w, Trust: policy.Trust{Steward: steward}, TraceMandate: "trace-keeping-2026"}
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

// asTOML is the same as a city.toml.
func asTOML(f legacyFile, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "city = %q\norigin = %q\ntrace_mandate = %q\n[store]\nurl = %q\n[trust]\nsteward = %q\ncouncil = %q\nfloors = %q\n[guardians]\nt = %d\nw = %d\n", f.City, f.Origin, f.TraceMandate, f.Store, f.Trust.Steward, f.Trust.Council, f.Trust.Floors, f.T, f.W)
	for _, g := range f.Guardians {
		fmt.Fprintf(&b, "[[guardian]]\nname = %q\nkey = %q\nurl = %q\n", g.Name, g.Key, g.URL)
	}
	return b.String() + more
}

func asJSON(t *testing.T, f legacyFile) string {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readBack(t *testing.T, name, text string) (File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadFile(path)
}

func TestConfigurationOfTheReleaseBeforeMeansTheSame(t *testing.T) {
	old := legacy(t, 4, 2, 3)
	fromJSON, err := readBack(t, "city.json", asJSON(t, old))
	if err != nil {
		t.Fatal(err)
	}
	fromTOML, err := readBack(t, "city.toml", asTOML(old, ""))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(fromJSON, fromTOML) {
		t.Errorf("city.json means %+v, city.toml %+v", fromJSON, fromTOML)
	}
	if fromJSON.HTTP.Address != "127.0.0.1:8080" || fromJSON.Store.URL != old.Store || fromJSON.Guardians != (FileGuardians{2, 3}) {
		t.Errorf("city.json is read as %+v", fromJSON)
	}

	dir := Dir(t.TempDir())
	if got := FindConfig(dir); filepath.Base(got) != "city.toml" {
		t.Errorf("an empty directory is said to be configured by %s", got)
	}
	for _, name := range []string{"city.json", "city.toml"} { // the newer one wins
		if err := os.WriteFile(dir.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := FindConfig(dir); filepath.Base(got) != name {
			t.Errorf("with %s there, %s is read", name, got)
		}
	}
}

func TestHubWhoseDiskIsNotMountedMakesNoNewKeys(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := os.WriteFile(dir.path(legacyConfigName), []byte(asJSON(t, legacy(t, 4, 2, 3))), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), ServeConfig{Dir: dir, Address: "127.0.0.1:0", Out: io.Discard, Log: io.Discard}); !errors.Is(err, tribune.ErrNotFound) || tribune.HintOf(err) == "" {
		t.Errorf("without keys: %v, want an error with a hint", err)
	}
	if _, err := os.Stat(dir.path("hub")); err == nil {
		t.Error("it has begun a hub of its own, and a backup cannot be restored there any more")
	}
}

func TestQuorumsOfAConfigurationThatPermitTwoViewsAreRefused(t *testing.T) {
	for _, c := range []struct {
		n, t, w int
		ok      bool
	}{
		{4, 2, 3, true}, {5, 3, 4, true}, {3, 2, 3, true}, {1, 1, 1, true},
		{4, 2, 2, false}, {5, 3, 3, false}, {4, 3, 4, false}, {4, 2, 5, false}, {4, 0, 4, false}, {0, 0, 0, false}, {10, 2, 9, false},
	} {
		f := legacy(t, c.n, c.t, c.w)
		for name, text := range map[string]string{"city.json": asJSON(t, f), "city.toml": asTOML(f, "")} {
			if _, err := readBack(t, name, text); (err == nil) != c.ok || err != nil && !errors.Is(err, tribune.ErrInvalid) {
				t.Errorf("%s: n=%d t=%d w=%d: %v, want ok %v", name, c.n, c.t, c.w, err, c.ok)
			}
		}
	}
}

// A setting that is misspelt and silently left out would be a setting nobody chose.
func TestLegacyConfigurationIsReadStrictly(t *testing.T) {
	good := asJSON(t, legacy(t, 4, 2, 3))
	if _, err := readBack(t, "city.json", good); err != nil {
		t.Fatalf("positive control: %v", err)
	}
	twice := legacy(t, 4, 2, 3)
	twice.Guardians[3] = twice.Guardians[0]
	foreign := legacy(t, 4, 2, 3)
	foreign.Guardians[3].Name = "another.example"
	line := legacy(t, 4, 2, 3)
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
		"one guardian twice":  asJSON(t, twice),
		"key of another name": asJSON(t, foreign),
		"a second line":       asJSON(t, line),
		"empty":               "",
	} {
		if bad == good {
			t.Fatalf("%s: the test changes nothing", name)
		}
		if _, err := readBack(t, "city.json", bad); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.json")); tribune.HintOf(err) == "" {
		t.Errorf("a missing file without a hint: %v", err)
	}
}
