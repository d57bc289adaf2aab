package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGeneratorThatCopiesIsCaughtByItsShadows has a generator give out what it was given, and its shadows the same.
func TestGeneratorThatCopiesIsCaughtByItsShadows(t *testing.T) {
	dir := t.TempDir()
	people := []string{"--train", "adult:60", "--test", "adult:60", "--seed", "3"}
	if r := tribune(t, dir, append([]string{"explain", "release", "--kind", "synthetic", "--halves", "4", "--out", "halves"}, people...)...); r.code != 0 || !strings.Contains(r.out, "made-001.csv") {
		t.Fatalf("halves: exit %d: %s%s", r.code, r.out, r.log)
	}
	released := ""
	for n := 1; n <= 4; n++ {
		half, err := os.ReadFile(filepath.Join(dir, "halves", fmt.Sprintf("half-%03d.csv", n)))
		if err != nil {
			t.Fatal(err)
		}
		write(t, string(half), dir, "halves", fmt.Sprintf("made-%03d.csv", n))
		if released == "" {
			lines := strings.SplitAfter(string(half), "\n")
			released = strings.Join(lines[:25], "")
		}
	}
	write(t, released, dir, "released.csv")
	args := append([]string{"explain", "release", "--kind", "synthetic", "--released", "released.csv", "--shadow", "halves", "--groups", "sex", "--out", "out"}, people...)
	r := tribune(t, dir, args...)
	for _, want := range []string{"shadow rmia", "shadow lira-offline", "4 shadow generators were run", "density ratio"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("not said: %s\n%s%s", want, r.out, r.log)
		}
	}
	if r.code != 3 {
		t.Errorf("records that were copied: exit %d", r.code)
	}
	args[len(args)-1] = "4"
	if r := tribune(t, dir, args...); r.code != 1 || !strings.Contains(r.log, "drawn by another seed") {
		t.Errorf("halves of another draw: exit %d: %s", r.code, r.log)
	}
}

// TestTwoPublicationsAreTakenFromEachOther audits a table of Adult's men and women at two dates.
func TestTwoPublicationsAreTakenFromEachOther(t *testing.T) {
	dir := t.TempDir()
	write(t, "sex,count\n*,1000\nFemale,400\nMale,600\n", dir, "first.csv")
	write(t, "sex,count\n*,1300\nFemale,500\nMale,800\n", dir, "second.csv")
	args := []string{"explain", "release", "--kind", "table", "--released", "first.csv", "--released", "second.csv", "--train", "adult:300", "--test", "adult:300", "--groups", "sex", "--out", "out"}
	if r := tribune(t, dir, args...); !strings.Contains(r.out, "The earlier publication was taken from the later") || !strings.Contains(r.out, "differencing") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.log)
	}
	if args[3] = "index"; tribune(t, dir, args...).code != 2 {
		t.Error("two indexes were taken from each other")
	}
}
