package verify

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// A hub keeps today's uses back by yesterday's checkpoint, and one dishonest guardian signs that once more today.
func TestOneGuardianDoesNotMakeAnOldCheckpointFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newTraceLog(t)
		l.use(1)
		lines := func(n int) (text string, all []string) {
			text, rest, _ := strings.Cut(string(l.checkpoint(t, len(l.leaves), n)), "\n\n")
			return text, slices.Collect(strings.Lines(rest))
		}
		dir := l.dir(t, len(l.leaves), 3)
		text, old := lines(4)
		time.Sleep(25 * time.Hour)
		_, today := lines(4)
		for what, c := range map[string]struct {
			lines    []string
			findings []string
		}{
			"all of today":                            {[]string{today[0], today[1], today[2], today[3]}, nil},
			"two of today, where one may be a liar":   {[]string{old[0], old[1], today[2], today[3]}, nil},
			"yesterday's, and one dishonest one says": {[]string{old[0], old[1], old[2], today[3]}, []string{FindingStale}},
		} {
			dir["checkpoint"] = &fstest.MapFile{Data: []byte(text + "\n\n" + strings.Join(c.lines, ""))}
			w := Walk{Trust: l.trust, Key: l.key, Log: Dir(dir), Now: time.Now()}
			trail, err := w.Run()
			if err != nil {
				t.Fatal(what, err)
			}
			if got := kinds(trail); !slices.Equal(got, c.findings) {
				t.Errorf("%s: findings %v, want %v", what, got, c.findings)
			}
		}
	})
}

// One mirror that serves rubbish does not keep the others' heads from being put together.
func TestOneBrokenHeadDoesNotSpoilTheOthers(t *testing.T) {
	l := newTestLog(t)
	l.grow(t, 5)
	text, rest, _ := strings.Cut(string(l.checkpoint(t, 5, 4)), "\n\n")
	lines := slices.Collect(strings.Lines(rest))
	notes := [][]byte{[]byte("rubbish")}
	for i := 1; i <= 3; i++ {
		notes = append(notes, []byte(text+"\n\n"+lines[0]+lines[i]))
	}
	merged, err := l.trust.MergeCheckpoints(notes)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := l.trust.Checkpoint(merged); err != nil || c.Size != 5 {
		t.Errorf("merged: %+v, %v", c, err)
	}
}
