package guardian

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
)

// changed is the city's law with one file's text changed and signed anew.
func (w *world) changed(file, old, new string) *policy.Set {
	w.t.Helper()
	files := maps.Clone(w.set.Files())
	text, _ := protocol.SplitDocument(files[file])
	if !strings.Contains(text, old) {
		w.t.Fatalf("%s does not contain %q", file, old)
	}
	signer, err := note.NewSigner(w.steward)
	if err != nil {
		w.t.Fatal(err)
	}
	if files[file], err = protocol.SignDocument(strings.Replace(text, old, new, 1), signer); err != nil {
		w.t.Fatal(err)
	}
	return w.loadSet(files)
}

// approve is the guardians' approval of a set in the place of the city's present one.
func (w *world) approve(set *policy.Set, guards ...int) (out []protocol.Approval) {
	for _, g := range guards {
		a := protocol.Approval{Guardian: w.guards[g].self.name, Before: w.set.Hash(), Until: w.guards[g].now().Add(approvalLasts).Unix()}
		a.Sign(set.Hash(), w.guards[g].self.key)
		out = append(out, a)
	}
	return out
}

// inForce is what guardian 0 takes for the law of an act put on record now, at a given time.
func (w *world) inForce(at time.Time) *policy.Set {
	w.t.Helper()
	set, err := w.guards[0].law.inForce(context.Background(), w.log.Size(), at)
	if err != nil {
		w.t.Fatal(err)
	}
	return set
}

func TestTighteningCountsAtOnceLooseningWaitsInPublic(t *testing.T) {
	w := newWorld(t)
	w.found()
	now := time.Now()
	later := now.Add(protocol.LooseningWait + time.Hour)
	first := w.set
	w.publishLaw(first) // a hub that starts again publishes again
	expect := func(what string, at time.Time, want *policy.Set) {
		t.Helper()
		for range 2 {
			if got := w.inForce(at); got.Hash() != want.Hash() {
				t.Errorf("%s: in force is %s, want %s", what, got.Hash(), want.Hash())
			}
			w.restart(0) // the wait survives
		}
	}
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	w.publishLaw(loose)
	expect("a loosening nobody approved", later, first)
	w.publishLaw(loose, w.approve(loose, 0)...)
	w.publishLaw(loose, append(w.approve(loose, 0), w.approve(loose, 0)...)...)
	w.publishLaw(loose, append(w.approve(loose, 0), w.approve(first, 1)...)...)
	expect("a loosening one guardian approved", later, first)
	w.publishLaw(loose, w.approve(loose, 1, 3)...)
	expect("an approved loosening, at once", now, first)
	expect("an approved loosening, after 71 hours", now.Add(71*time.Hour), first)
	expect("an approved loosening, after 73 hours", later, loose)
	tight := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20")
	w.publishLaw(tight)
	expect("a tightening", time.Now().Add(time.Second), tight)
	expect("the loosening before a tightening", later, tight)
}

func TestLawThatDoesNotFitThePinsNeverCounts(t *testing.T) {
	w := newWorld(t)
	w.ceremony()
	forger, _, err := protocol.NewKey(testCity + "/steward")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(forger)
	if err != nil {
		t.Fatal(err)
	}
	honest := w.set.Files()
	forged, floorless := maps.Clone(honest), maps.Clone(honest)
	text, _ := protocol.SplitDocument(forged["offices.toml"])
	if forged["offices.toml"], err = protocol.SignDocument(text, signer); err != nil {
		t.Fatal(err)
	}
	steward, err := note.NewSigner(w.steward)
	if err != nil {
		t.Fatal(err)
	}
	text, _ = protocol.SplitDocument(floorless["floors.cedar"])
	if floorless["floors.cedar"], err = protocol.SignDocument(strings.Replace(text, "forbid", "// \nforbid", 1), steward); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{"another steward": forged, "another floor": floorless} {
		hash := policy.HashFiles(files)
		w.sets.Store(hash.String(), files)
		public, _ := protocol.JCS(protocol.LawPublic{Set: hash})
		w.publishLeaf(w.housekeeping(tribune.ActLaw, tribune.Hash{}, public))
		if _, err := w.guards[0].law.inForce(context.Background(), w.log.Size(), time.Now()); !errors.Is(err, tribune.ErrNotFound) {
			t.Errorf("%s: got %v, want no law in force", name, err)
		}
	}
	w.publishLaw(w.set)
	if got := w.inForce(time.Now()); got.Hash() != w.set.Hash() {
		t.Errorf("the honest law after that: in force is %s", got.Hash())
	}
}

func TestLawThatTheHubDoesNotServeStopsReleases(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{4}
	traces := w.enrol(p)
	hidden := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20")
	files, _ := w.sets.Load(hidden.Hash().String())
	w.sets.Delete(hidden.Hash().String())
	w.publishLaw(hidden)
	req := w.build(w.subjectOnce(p, 1, traces))
	if reason, _ := w.ask(0, req); !strings.Contains(reason, "the law in force cannot be read") {
		t.Errorf("a law that is not served: got %q", reason)
	}
	w.sets.Store(hidden.Hash().String(), w.set.Files())
	if reason, _ := w.ask(0, req); !strings.Contains(reason, "the law in force cannot be read") {
		t.Errorf("another law served in its place: got %q", reason)
	}
	w.sets.Store(hidden.Hash().String(), files)
	if reason, _ := w.ask(0, req); !strings.Contains(reason, "in force is "+hidden.Hash().String()) {
		t.Errorf("decided under the law of before: got %q", reason)
	}
	w.set = hidden
	if reason, _ := w.ask(0, w.build(w.subjectOnce(p, 2, traces))); reason != "" {
		t.Errorf("decided under the new law: %s", reason)
	}
	// Once seen, a law is kept: the hub may forget it.
	w.sets.Clear()
	w.restart(0)
	if reason, _ := w.ask(0, w.build(w.subjectOnce(p, 3, traces))); reason != "" {
		t.Errorf("after the hub has forgotten its law: %s", reason)
	}
	path := filepath.Join(w.guards[0].cfg.Dir, lawDir, hidden.Hash().String()+".json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Files map[string][]byte `json:"files"`
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		t.Fatal(err)
	}
	body.Files["offices.toml"] = bytes.Replace(body.Files["offices.toml"], []byte("= 20\n"), []byte("= 21\n"), 1)
	raw, _ = json.Marshal(body)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	w.restart(0)
	if reason, _ := w.ask(0, w.build(w.subjectOnce(p, 4, traces))); reason == "" {
		t.Error("an altered law on disk is taken")
	}
}

// A hub that was stolen for an hour can leave a leaf behind that names a law nobody has. That stops releases for 72 hours,
// and not for ever.
func TestLawLeafThatNamesNoLawDoesNotStopTheCityForEver(t *testing.T) {
	w := newWorld(t)
	w.found()
	for i := range 3 {
		public, _ := protocol.JCS(protocol.LawPublic{Set: tribune.Hash{1, byte(i)}})
		w.publishLeaf(w.housekeeping(tribune.ActLaw, tribune.Hash{}, public))
	}
	w.publishLaw(w.set) // the hub has recovered
	ask := func() (*policy.Set, error) {
		return w.guards[0].law.inForce(context.Background(), w.log.Size(), w.guards[0].now())
	}
	if _, err := ask(); !errors.Is(err, policy.ErrUnshown) {
		t.Errorf("at once: got %v, want that the law is not shown", err)
	}
	w.guards[0].ahead.Store(int64(protocol.LooseningWait + time.Minute))
	for range 2 {
		if set, err := ask(); err != nil || set.Hash() != w.set.Hash() {
			t.Errorf("after 72 hours: %v", err)
		}
		w.restart(0)
	}
	// A hub that cannot be reached says nothing about what it has.
	hidden := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20")
	w.sets.Delete(hidden.Hash().String())
	w.guards[0].ahead.Store(0)
	w.publishLaw(hidden)
	w.hub.Close()
	w.guards[0].ahead.Store(int64(protocol.LooseningWait + time.Minute))
	if _, err := ask(); err == nil || errors.Is(err, policy.ErrUnshown) {
		t.Errorf("an unreachable hub: got %v, want that the law cannot be read", err)
	}
}

// Its wait would be over without anybody having seen what was coming.
func TestLawThatIsShownAfterItsWaitIsNotInForceAfterARestart(t *testing.T) {
	w := newWorld(t)
	w.found()
	first, loose := w.set, w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	w.sets.Delete(loose.Hash().String())
	w.publishLaw(loose, w.approve(loose, 0, 1)...)
	w.guards[0].ahead.Store(int64(protocol.LooseningWait + time.Minute))
	for range 2 {
		if got := w.inForce(w.guards[0].now()); got.Hash() != first.Hash() {
			t.Errorf("in force is %s, want %s", got.Hash(), first.Hash())
		}
		w.sets.Store(loose.Hash().String(), loose.Files())
		w.restart(0)
	}
}

// A fresh guardian that is not shown the first law must not take the second, by a stolen steward's key, for the first.
func TestFirstLawThatIsHiddenIsNotReplacedByTheNext(t *testing.T) {
	w := newWorld(t)
	w.ceremony()
	w.publishLaw(w.set)
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	w.publishLaw(loose)
	fresh := w.guards[0]
	fresh.stop()
	if err := os.RemoveAll(filepath.Join(fresh.cfg.Dir, lawDir)); err != nil {
		t.Fatal(err)
	}
	w.sets.Delete(w.set.Hash().String())
	w.start(0)
	fresh.ahead.Store(int64(protocol.LooseningWait + time.Hour))
	if set, err := fresh.law.inForce(context.Background(), w.log.Size(), fresh.now()); err == nil {
		t.Errorf("in force is %s, want none", set.Hash())
	}
}

// Approvals are signatures over a set; whoever has the log could publish a law that was withdrawn with the old ones.
func TestApprovalsOfAWithdrawnLawDoNotCountAgain(t *testing.T) {
	w := newWorld(t)
	w.found()
	loose := w.changed("policies/parking.cedar", "context.windowDays <= 31", "context.windowDays <= 400")
	w.publishLaw(loose, w.approve(loose, 0, 1)...)
	later := time.Now().Add(protocol.LooseningWait + time.Hour)
	if got := w.inForce(later); got.Hash() != loose.Hash() {
		t.Fatalf("positive control: in force is %s, want the approved law", got.Hash())
	}
	w.guards[0].ahead.Store(int64(protocol.LooseningWait + 2*time.Hour))
	other, err := protocol.DecodeLeaf(w.housekeeping(tribune.ActAppoint, tribune.Hash{1}, nil))
	if err != nil {
		t.Fatal(err)
	}
	other.Act.Time = protocol.Time(w.guards[0].now()) // of these days, and so is what follows
	raw, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	w.publishLeaf(raw)
	w.set = loose
	tight := w.changed("offices.toml", "subjects_per_hour = 2000", "subjects_per_hour = 20")
	w.publishLaw(tight)
	w.set = tight
	w.publishLaw(loose, w.approve(loose, 0, 1)...)
	for range 2 {
		if got := w.inForce(later.Add(1000 * time.Hour)); got.Hash() != tight.Hash() {
			t.Errorf("in force is %s, want the law that withdrew it", got.Hash())
		}
		w.restart(0)
	}
}
