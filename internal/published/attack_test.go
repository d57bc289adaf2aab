package published

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tribune"
	"tribune/protocol"
)

// A signed verdict is public, and anybody may append a signature line to a note: its text is still the auditor's.
func TestStrangerCannotFillTheRoomWithCopiesOfOneVerdict(t *testing.T) {
	c := newCity(t)
	doc := c.verdict(t, nil)
	for i := range 10 {
		more := append(bytes.Clone(doc), fmt.Sprintf("\u2014 stranger%d.example AAAAAAAA\n", i)...)
		if _, err := c.AddVerdict(more); err != nil {
			t.Logf("refused: %v", err)
		}
	}
	if _, err := c.AddVerdict(doc); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(filepath.Join(c.dir, "verdicts")); len(list) != 1 || len(c.Verdicts("parking-demand")) != 1 {
		t.Errorf("%d documents are kept, %d shown", len(list), len(c.Verdicts("parking-demand")))
	}
}

func TestVerdictsThatHaveEndedMakeRoomForNewOnes(t *testing.T) {
	c := newCity(t)
	for i := range maxVerdicts {
		c.verdicts = append(c.verdicts, kept{doc: []byte{byte(i), byte(i >> 8)}, text: tribune.Hash{byte(i), byte(i >> 8), 1}, until: now.AddDate(0, 0, 1)})
	}
	if _, err := c.AddVerdict(c.verdict(t, nil)); !errors.Is(err, tribune.ErrBusy) {
		t.Fatalf("more than are kept: %v", err)
	}
	c.at = now.AddDate(0, 0, 1)
	if _, err := c.AddVerdict(c.verdict(t, nil)); err != nil {
		t.Errorf("although others have ended: %v", err)
	}
}

func TestExplanationsThatHaveEndedMakeRoomForNewOnes(t *testing.T) {
	c := newCity(t)
	p := c.publish(t, "why")
	if err := c.Done(actID, 7); err != nil {
		t.Fatal(err)
	}
	for i := range maxEntries - 1 {
		c.entries = append(c.entries, Entry{Act: fmt.Sprint(i), Index: 8, OnRecord: true})
	}
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Begin("next", public, []byte("why"), 9); !errors.Is(err, tribune.ErrBusy) {
		t.Fatalf("more than are kept: %v", err)
	}
	c.at = now.AddDate(0, 0, 30)
	if err := c.Begin("next", public, []byte("why"), 9); err != nil {
		t.Errorf("although one has ended: %v", err)
	}
	if c.at, err = now, nil; c.at.IsZero() || len(c.Unsettled()) != 1 {
		t.Errorf("%d are under way", len(c.Unsettled()))
	}
}

// A second request with the same act, while the first waits for its leaf to be published, must not touch what the first has kept.
func TestActIsBegunOnce(t *testing.T) {
	c := newCity(t)
	p := c.publish(t, "why")
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Begin(actID, public, []byte("why"), 5); !errors.Is(err, tribune.ErrConflict) {
		t.Errorf("begun twice: %v", err)
	}
	if err := c.Done(actID, 7); err != nil {
		t.Fatal(err)
	}
	if all := c.Explanations("parking-demand"); len(all) != 1 {
		t.Errorf("shown %d times", len(all))
	}
}

func TestFilesThatACrashLeftBehindAreSwept(t *testing.T) {
	c := newCity(t)
	p := c.publish(t, "why")
	stray := filepath.Join(c.dir, "files", tribune.Hash{9}.String())
	if err := os.WriteFile(stray, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.open(t)
	if _, err := os.Stat(stray); err == nil {
		t.Error("a file that no act names is kept")
	}
	if _, err := os.Stat(filepath.Join(c.dir, "files", p.File.String())); err != nil {
		t.Errorf("the file of an act is gone: %v", err)
	}
}

func TestEntryThatSomebodyWroteIntoTheFolderIsStruck(t *testing.T) {
	c := newCity(t)
	p := c.publish(t, "why")
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := json.Marshal(Entry{Act: "forged", Index: 3, OnRecord: true, Public: public})
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "entries", "forged.json"), forged, 0o600)
	}
	if err == nil {
		err = c.Done(actID, 7)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.open(t)
	for _, e := range c.All() { // as the hub does, with the record in its hands
		if e.Index == 3 {
			if err := c.Strike(e.Act); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := c.Explanations("parking-demand")
	if len(all) != 1 || all[0].Index != 7 {
		t.Errorf("shown: %+v", all)
	}
	if _, err := os.Stat(filepath.Join(c.dir, "files", p.File.String())); err != nil {
		t.Error("the file went with the forged entry")
	}
}

func TestOneOfficeCannotFillTheRoomForTheOthers(t *testing.T) {
	c := newCity(t)
	for i := range maxWaitingEach {
		if _, err := c.Wait("parking-inspector", []byte{1, byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Wait("parking-inspector", []byte{1, 0}); err != nil {
		t.Errorf("the same file again: %v", err)
	}
	if _, err := c.Wait("parking-inspector", []byte("one more")); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if _, err := c.Wait("planner", make([]byte, protocol.MaxPublished)); err != nil {
		t.Errorf("the owner of the model: %v", err)
	}
}
