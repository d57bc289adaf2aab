package portal

import (
	"context"
	"testing"
	"time"

	"tribune"
	"tribune/protocol"
)

// fakeVital is what a hub says of vital interest.
type fakeVital struct {
	state  Vital
	reason string
}

func (f fakeVital) State(context.Context) (Vital, error) { return f.state, nil }
func (f fakeVital) Checks(context.Context, uint64) ([]protocol.VitalChecked, error) {
	return []protocol.VitalChecked{{Guardian: "court.example"}}, nil
}
func (f fakeVital) Reason(context.Context, uint64) (string, error) { return f.reason, nil }

// opened is a disclosure of an hour ago.
func openedLeaf(t *testing.T) protocol.Leaf {
	t.Helper()
	l := leaf(tribune.ActVital, true)
	l.Act.Count, l.Act.Recipient, l.Tags = 1, nil, []tribune.Tag{{7}}
	var err error
	if l.Public, err = protocol.JCS(protocol.VitalUse{
		Back: protocol.Time(now), Class: "telecare-address", Keys: []uint64{3}, Opened: protocol.Time(now.Add(-time.Hour)), Policies: []string{"two-together"},
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWhatCanBeOpenedWithoutGuardiansIsPublic(t *testing.T) {
	cfg := testConfig(t)
	off, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	has(t, get(off, "/vital").Body.String(), "This hub cannot say now")
	cfg.Vital = fakeVital{}
	if off, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	has(t, get(off, "/vital").Body.String(), "It is off", "It was never done.")
	rec := cfg.Record.(*fakeRecord)
	index := rec.Published()
	rec.add(t, openedLeaf(t))
	cfg.Vital = fakeVital{reason: "she had fallen", state: Vital{
		Classes: []VitalClass{{Class: tribune.Class{ID: "telecare-address", Vital: "ambulance-dispatch"}, Holders: 2, Keys: 17}}, Uses: []uint64{index}, Unwritten: 1,
	}}
	on, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	body := get(on, "/vital").Body.String()
	has(t, body, "telecare-address", "17", "ambulance-dispatch", "court.example", "1 use waits to be put on record", "The guardians cannot be reached")
	lacks(t, body, "she had fallen") // why is for the person concerned
	has(t, get(on, "/de/vital").Body.String(), "Ohne die Hüter", "Einmalschlüssel")
}
