package ceremony

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAnyThresholdOfSharesIsTheKeyAndFewerAreNot(t *testing.T) {
	for _, p := range [][3]int{{4, 2, 3}, {1, 1, 1}, {5, 3, 4}, {9, 5, 7}} {
		tb := seat(t, p[0], p[1], p[2])
		tb.settle()
		for i, c := range tb.at {
			if _, ok := c.Shares(); ok {
				t.Errorf("guardian %d gives out shares before the group is on record", i)
			}
		}
		tb.close()
		tb.founded()
	}
}

// Each guardian is killed before and after each of its steps; the ceremony ends as if nothing had happened.
func TestRestartAtEveryStepGoesOn(t *testing.T) {
	for step := range 6 {
		tb := seat(t, 4, 2, 3)
		for range step {
			for i := range tb.at {
				tb.catchUp(i)
				if i%2 == 0 {
					tb.post(i)
				}
				tb.restart(i) // odd ones die before their words are on record
				tb.catchUp(i)
				tb.post(i)
			}
		}
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.close()
		for i := range tb.at {
			tb.restart(i)
		}
		tb.settle()
		tb.founded()
	}
}

func TestLostFolderMidwayBeginsAgain(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	for range 2 { // hellos and deals are on record
		for i := range tb.at {
			tb.catchUp(i)
		}
		for i := range tb.at {
			tb.post(i)
		}
	}
	tb.cfgs[2].Dir = t.TempDir()
	tb.restart(2)
	tb.settle()
	tb.close()
	tb.founded()
}

// A reader that takes many leaves at once must end in the same session as one that takes them singly.
func TestHelloAfterTheEndChangesNothing(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.settle()
	lost := tb.cfgs[1]
	lost.Dir = t.TempDir()
	late, err := Open(lost)
	if err != nil {
		t.Fatal(err)
	}
	if err := late.Step(); err != nil {
		t.Fatal(err)
	}
	if r := late.act.runs[Seal]; len(r.outbox) != 1 {
		t.Fatal("the late guardian says nothing: this test shows nothing")
	}
	late.act.runs[Seal].attempt = 2 // as it would after reading the record
	late.act.runs[Seal].outbox = nil
	late.act.runs[Seal].turn()
	tb.append(late.act.runs[Seal].outbox[0].Message)
	tb.cfgs[3].Dir = t.TempDir() // and one with the seed of before the end reads it all in one go
	tb.settle()
	tb.close()
	for i := range 3 {
		if _, ok := tb.at[i].Shares(); !ok {
			t.Errorf("guardian %d: %s", i, tb.at[i].State())
		}
	}
}

func TestSharesThatDoNotFitTheirGroupStopTheGuardian(t *testing.T) {
	tb := seat(t, 4, 2, 3)
	tb.settle()
	tb.close()
	path := filepath.Join(tb.cfgs[0].Dir, shareFile)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := os.ReadFile(filepath.Join(tb.cfgs[1].Dir, shareFile))
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"another guardian's shares": theirs, "cut": good[:len(good)/2], "empty": nil} {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(tb.cfgs[0]); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tb.cfgs[0]); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("shares others can read: got %v, want advice to chmod", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tb.cfgs[0]); err != nil {
		t.Errorf("good shares: %v", err)
	}
}
