package city

import (
	"log/slog"
	"testing"
	"time"

	"tribune"
	"tribune/internal/published"
	"tribune/protocol"
)

// An act is readable in the log before it is published. Whoever posts its id again meanwhile, with whatever else, must not have the hub forget the file.
func TestWhatWasNotPublishedIsForgottenAndWhatIsInDoubtWaits(t *testing.T) {
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient", Type: protocol.PublishedJSON, File: tribune.Hash{3}, Size: 3, Verdict: []byte("{}\n")}
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		index uint64
		err   error
		open  int
		shown int
	}{
		"found right":                  {7, nil, 0, 1},
		"on record, guardians are not": {7, tribune.ErrNoQuorum, 0, 0},
		"refused by guardians":         {7, tribune.ErrRefused, 0, 0},
		"never on record":              {0, tribune.ErrBusy, 0, 0},
		"nobody knows":                 {0, tribune.ErrUncertain, 1, 0},
	} {
		room, err := published.Open(published.Config{Dir: t.TempDir(), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		h := &Hub{models: room, log: slog.Default()}
		if err := room.Begin("act", public, []byte("why"), 5); err != nil {
			t.Fatal(err)
		}
		_ = h.settled("act", c.index, c.err)
		open, shown := len(room.Unsettled()), 0
		for _, e := range room.All() {
			if e.OnRecord {
				shown++
			}
		}
		if open != c.open || shown != c.shown {
			t.Errorf("%s: %d open, %d shown; want %d and %d", name, open, shown, c.open, c.shown)
		}
	}
}

// While guardians are away a hub that starts looks every second at what a crash left open. A request that has begun meanwhile is its own to settle: its file must be there once
// guardians are.
func TestWhatIsUnderWayIsNotTakenForWhatACrashLeft(t *testing.T) {
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient", Type: protocol.PublishedJSON, File: tribune.Hash{3}, Size: 3, Verdict: []byte("{}\n")}
	public, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	room, err := published.Open(published.Config{Dir: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{models: room, log: slog.Default()}
	if err := room.Begin("act", public, []byte("why"), 5); err != nil {
		t.Fatal(err)
	}
	if err := h.settlePublished(t.Context()); err != nil {
		t.Fatal(err)
	}
	if open := room.Unsettled(); len(open) != 1 || open[0].Interrupted {
		t.Fatalf("what is under way: %+v", open)
	}
	if err := h.settled("act", 7, nil); err != nil {
		t.Errorf("guardians have found it right: %v", err)
	}
	if err := room.Begin("next", public, []byte("why"), 8); err != nil {
		t.Fatal(err)
	}
	if room, err = published.Open(published.Config{Dir: dir, Now: time.Now}); err != nil { // the crash
		t.Fatal(err)
	}
	if open := room.Unsettled(); len(open) != 1 || !open[0].Interrupted {
		t.Errorf("after a crash: %+v", open)
	}
}
