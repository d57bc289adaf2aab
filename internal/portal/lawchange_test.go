package portal

import (
	"encoding/json"
	"encoding/xml"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// changing is a city with one change announced a day ago, one that never counts, and one that waits for approvals.
func changing(t *testing.T) (cfg Config, announced, proposed *policy.Set) {
	t.Helper()
	cfg = testConfig(t)
	laws := cfg.Law.(*fakeLaw)
	current := laws.set
	amended := func(more string) *policy.Set {
		files := maps.Clone(current.Files())
		text, _ := protocol.SplitDocument(files["policies/parking.cedar"])
		files["policies/parking.cedar"] = []byte(strings.Replace(text, "context.windowDays <= 31", "context.windowDays <= "+more, 1))
		set, err := policy.ReadUnverified(files)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	announced, proposed = amended("60"), amended("90")
	laws.sets[announced.Hash()] = announced
	seen := now.Add(-25 * time.Hour)
	state := LawState{
		Needed: 2,
		Rulings: []policy.Ruling{
			{Announced: policy.Announced{Index: 3, Set: current.Hash(), Seen: now.AddDate(0, -1, 0)}, From: now.AddDate(0, -1, 0)},
			{Announced: policy.Announced{Index: 5, Set: tribune.Hash{5}, Seen: now.AddDate(0, 0, -9)}, Never: true, Wait: true, From: now.AddDate(0, 0, -6)},
			{Announced: policy.Announced{Index: 9, Set: announced.Hash(), Seen: seen, Approvals: []protocol.Approval{{Guardian: "court.example"}, {Guardian: "press.example"}}}, Wait: true, From: seen.Add(72 * time.Hour)},
		},
		Reigns:   []policy.Reign{{Set: current.Hash()}},
		Proposal: &LawProposal{Set: proposed, Since: now.Add(-time.Hour), Loosens: policy.Loosens(current, proposed), Approvals: []protocol.Approval{{Guardian: "ombudsman.example"}}},
	}
	cfg.LawState = func() LawState { return state }
	return cfg, announced, proposed
}

func TestPendingChangeIsShownWithItsTimeItsFriendsAndWhatItPermits(t *testing.T) {
	cfg, announced, proposed := changing(t)
	p := newPortal(t, cfg)
	body := get(p, "/law").Body.String()
	has(t, body, "It takes effect in 1 day and 23 hours.", "entry 9", "Approved by: court.example, press.example.", "policy inspector-looks-up-sessions says something else",
		"Proposed: 1 of 2 approvals are given", "Approved by: ombudsman.example.", announced.Hash().String(), proposed.Hash().String())
	has(t, get(p, "/de/law").Body.String(), "Sie tritt in Kraft in 1 Tag und 23 Stunden.", "Vorgeschlagen: 1 von 2 Zustimmungen liegen vor")
	for _, set := range []*policy.Set{announced, proposed} {
		has(t, get(p, "/registers/law/"+set.Hash().String()+"/changes?from="+cfg.Law.Set().Hash().String()).Body.String(), "context.windowDays &lt;= 31", "By this it may permit more than now:")
	}
	cfg.LawState = nil
	has(t, get(newPortal(t, cfg), "/law").Body.String(), "No change of law is on its way.")
}

func TestMachinesAreToldOfChangesOfLaw(t *testing.T) {
	cfg, announced, proposed := changing(t)
	p := newPortal(t, cfg)
	var answer struct {
		InForce tribune.Hash `json:"inForce"`
		Pending []struct {
			State     string       `json:"state"`
			Set       tribune.Hash `json:"set"`
			Entry     *uint64      `json:"entry"`
			Left      int64        `json:"secondsLeft"`
			Approvals []string     `json:"approvals"`
			More      []string     `json:"permitsMore"`
		} `json:"pending"`
		Events []struct {
			Kind  string `json:"kind"`
			Entry uint64 `json:"entry"`
		} `json:"events"`
	}
	if err := json.Unmarshal(get(p, "/law.json").Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	a, b := answer.Pending[0], answer.Pending[1]
	if len(answer.Pending) != 2 || a.State != "announced" || a.Set != announced.Hash() || *a.Entry != 9 || a.Left != 47*3600 || len(a.Approvals) != 2 || len(a.More) == 0 {
		t.Errorf("announced: %+v", a)
	}
	if b.State != "proposed" || b.Set != proposed.Hash() || b.Entry != nil || len(b.Approvals) != 1 {
		t.Errorf("proposed: %+v", b)
	}
	want := []string{"announced", "never", "in-force"}
	for i, e := range answer.Events {
		if i >= len(want) || e.Kind != want[i] {
			t.Errorf("event %d is %s", i, e.Kind)
		}
	}
	var feed struct {
		Entries []struct {
			ID string `xml:"id"`
		} `xml:"entry"`
	}
	w := get(p, "/law.atom")
	if err := xml.Unmarshal(w.Body.Bytes(), &feed); err != nil || w.Code != http.StatusOK || len(feed.Entries) != 3 || feed.Entries[0].ID != "tag:birmingham.example,2026:law/9/announced" {
		t.Errorf("the feed is %d %s, %v", w.Code, w.Body, err)
	}
}
