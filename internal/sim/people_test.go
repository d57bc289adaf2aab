package sim

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestPlatesAreUniqueAndWereNeverIssued(t *testing.T) {
	p, err := newPeople(strings.Repeat("07", 32), MaxPeople)
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile(`^Q[A-HJ-PR-Y](1[6-9]|2[0-6]|6[6-9]|7[0-5]) [A-HJ-PR-Z]{3}$`)
	seen := map[string]bool{}
	for i := range MaxPeople {
		plate := p.plate(i)
		if !form.MatchString(plate) || seen[plate] {
			t.Fatalf("person %d: plate %q (seen: %v)", i, plate, seen[plate])
		}
		seen[plate] = true
	}
}

func TestPeopleFileListsEverybodyForItsOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sim")
	s := city(t, dir, &recorder{}, 50, saturday)
	text, err := os.ReadFile(PeopleFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 51 || lines[50] != s.people.plate(49)+","+s.people.driver(49) {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	for _, path := range []string{PeopleFile(dir), stateFile(dir)} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want 0600", path, info.Mode(), err)
		}
	}
}
