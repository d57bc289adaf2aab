package protocol

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tribune"
)

func roster(t *testing.T, n, threshold, w int) Group {
	t.Helper()
	g := Group{City: "birmingham.example", N: n, T: threshold, W: w, Epoch: 1}
	for i := range n {
		name := fmt.Sprintf("guardian-%d.example", i+1)
		_, vkey, err := NewKey(name)
		if err != nil {
			t.Fatal(err)
		}
		g.Guardians = append(g.Guardians, Member{Index: i + 1, Key: vkey, Name: name, URL: "http://127.0.0.1:1"})
	}
	return g
}

func TestQuorumsThatPermitTwoViewsAreRefused(t *testing.T) {
	for _, c := range []struct {
		n, t, w int
		ok      bool
	}{
		{4, 2, 3, true}, {5, 3, 4, true}, {3, 2, 3, true}, {1, 1, 1, true}, {9, 5, 7, true},
		{4, 2, 2, false}, {5, 3, 3, false}, {3, 2, 2, false}, // 2w < n+t: one corrupt guardian signs both views
		{4, 3, 4, false}, {2, 2, 2, false}, // n < 2t-1: t-1 guardians stall the city
		{4, 2, 5, false}, {4, 0, 3, false}, {10, 2, 9, false}, {0, 0, 0, false},
	} {
		if err := roster(t, c.n, c.t, c.w).Validate(); (err == nil) != c.ok || err != nil && !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("n=%d t=%d w=%d: %v, want ok %v", c.n, c.t, c.w, err, c.ok)
		}
	}
}

// One institution listed twice would count twice, in co-signatures and in shares.
func TestOneGuardianUnderTwoNamesIsRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Group){
		"same member twice": func(g *Group) { g.Guardians[3] = g.Guardians[0]; g.Guardians[3].Index = 4 },
		"same key, another name": func(g *Group) {
			_, key, _ := PublicOf(g.Guardians[0].Key)
			vkey, err := note.NewEd25519VerifierKey("other.example", key)
			if err != nil {
				t.Fatal(err)
			}
			g.Guardians[3].Key, g.Guardians[3].Name = vkey, "other.example"
		},
		"same name, another key": func(g *Group) {
			g.Guardians[3].Name = g.Guardians[0].Name
			_, g.Guardians[3].Key, _ = NewKey(g.Guardians[0].Name)
		},
		"a key of another name": func(g *Group) { g.Guardians[3].Name = "other.example" },
		"an index of another":   func(g *Group) { g.Guardians[3].Index = 1 },
		"one too few":           func(g *Group) { g.Guardians = g.Guardians[:3] },
	} {
		g := roster(t, 4, 2, 3)
		spoil(&g)
		if err := g.Validate(); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Addresses are not signed over: one with a line end in it would write the trust file's next line.
func TestNothingWritesASecondLineIntoTheTrustFile(t *testing.T) {
	cosigner := func(vkey string) (string, error) { return vkey, nil }
	text, err := roster(t, 4, 2, 3).TrustFile("log+00000000+key", cosigner)
	if err != nil || !strings.Contains(text, "quorum guardians\n") || strings.Count(text, "\nwitness ") != 4 {
		t.Fatalf("positive control: %v\n%s", err, text)
	}
	for name, spoil := range map[string]func(*Group){
		"address": func(g *Group) { g.Guardians[0].URL = "http://x\nquorum none" },
		"space":   func(g *Group) { g.Guardians[0].URL = "http://x http://y" },
		"city":    func(g *Group) { g.City = "x\nquorum none\n#" },
	} {
		g := roster(t, 4, 2, 3)
		spoil(&g)
		if text, err := g.TrustFile("log+00000000+key", cosigner); err == nil {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}
