package published

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/law"
	"tribune/policy"
	"tribune/protocol"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// city is a law with one model and its auditor, and a room whose clock can be moved.
type city struct {
	*Room
	set     *policy.Set
	at      time.Time
	dir     string
	auditor note.Signer
}

func newCity(t *testing.T) *city {
	t.Helper()
	c := &city{at: now, dir: filepath.Join(t.TempDir(), "explanations")}
	keys := map[string]string{}
	for _, who := range []string{"steward", "council", "model-auditor"} {
		skey, _, err := protocol.NewKey("birmingham.example/" + who)
		if err != nil {
			t.Fatal(err)
		}
		keys[who] = skey
	}
	public := map[tribune.ActorID]ed25519.PublicKey{}
	for _, a := range []tribune.ActorID{law.Inspector, law.Planner, law.Hub} {
		public[a], _, _ = ed25519.GenerateKey(nil)
	}
	folder := filepath.Join(t.TempDir(), "law")
	w, err := law.Write(folder, law.Config{City: "birmingham.example", Steward: keys["steward"], Council: keys["council"], Auditor: keys["model-auditor"], Model: tribune.Hash{1}, Plan: tribune.Hash{2}, Keys: public, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	files, err := policy.ReadFiles(folder)
	if err == nil {
		c.set, err = policy.Load(files, w.Trust)
	}
	if err == nil {
		c.auditor, err = note.NewSigner(keys["model-auditor"])
	}
	if err != nil {
		t.Fatal(err)
	}
	c.open(t)
	return c
}

func (c *city) open(t *testing.T) {
	t.Helper()
	var err error
	if c.Room, err = Open(Config{Dir: c.dir, Set: func() *policy.Set { return c.set }, Now: func() time.Time { return c.at }}); err != nil {
		t.Fatal(err)
	}
}

func (c *city) verdict(t *testing.T, spoil func(*protocol.ModelVerdict)) []byte {
	t.Helper()
	v := protocol.ModelVerdict{Version: 1, Model: tribune.Hash{1}, Explanations: []string{"gradient"}, Plan: tribune.Hash{2}, Passed: true, Worst: map[string]float64{"auc": 0.5}, From: now.Unix(), Until: now.AddDate(0, 0, 30).Unix()}
	if spoil != nil {
		spoil(&v)
	}
	text, err := protocol.VerdictText(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := protocol.SignDocument(text, c.auditor)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

const actID = "00000000000000000000000000000001"

// publish walks a file through the room as the hub does, to entry 7 of the record.
func (c *city) publish(t *testing.T, file string) protocol.Publication {
	t.Helper()
	hash, err := c.Wait("planner", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := c.Waiting(hash)
	if err != nil {
		t.Fatal(err)
	}
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "gradient", Type: protocol.PublishedHTML, File: hash, Size: len(file), Verdict: c.verdict(t, nil)}
	public, err := p.Encode()
	if err == nil {
		err = c.Begin(actID, public, waiting, 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExplanationIsShownOnceOnRecordAndTakenDownWithItsVerdict(t *testing.T) {
	c := newCity(t)
	c.publish(t, "<p>why</p>")
	if _, _, err := c.Explanation(0); !errors.Is(err, tribune.ErrNotFound) || len(c.Explanations("parking-demand")) != 0 {
		t.Fatalf("shown before it is on record: %v", err)
	}
	if err := c.Done(actID, 7); err != nil {
		t.Fatal(err)
	}
	c.open(t) // a restart
	x, file, err := c.Explanation(7)
	if err != nil || string(file) != "<p>why</p>" || len(x.Missing) != 0 {
		t.Fatalf("%q, %q, %v", file, x.Missing, err)
	}
	c.at = now.AddDate(0, 0, 30)
	if x, file, err = c.Explanation(7); err != nil || file != nil || !strings.Contains(strings.Join(x.Missing, " "), "the verdict ended") {
		t.Errorf("after its verdict: %q, %q, %v", file, x.Missing, err)
	}
	c.at = now.AddDate(2, 0, 0)
	if x, _, _ := c.Explanation(7); !strings.Contains(strings.Join(x.Missing, " "), "entry of model parking-demand ended") {
		t.Errorf("after its model: %q", x.Missing)
	}
}

// JSON in JSON is stored with its <, > and & escaped: a method that is called so must not keep the hub from starting.
func TestAMethodWithAnyPrintableNameComesBack(t *testing.T) {
	c := newCity(t)
	hash, err := c.Wait("planner", []byte("why"))
	if err != nil {
		t.Fatal(err)
	}
	p := protocol.Publication{Version: 1, Model: "parking-demand", ModelHash: tribune.Hash{1}, Method: "shap & noise <0.5>", Type: protocol.PublishedHTML, File: hash, Size: 3, Verdict: c.verdict(t, nil)}
	public, err := p.Encode()
	if err == nil {
		err = c.Begin(actID, public, []byte("why"), 5)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.open(t)
	if all := c.All(); len(all) != 1 || string(all[0].Public) != string(public) {
		t.Errorf("after a restart: %s", all[0].Public)
	}
	escaped, err := json.Marshal(c.All()[0]) // as it was written before
	if err == nil {
		err = os.WriteFile(filepath.Join(c.dir, "entries", actID+".json"), escaped, 0o600)
	}
	if err != nil || !strings.Contains(string(escaped), `\u003c`) {
		t.Fatal(string(escaped), err)
	}
	c.open(t)
	if all := c.All(); len(all) != 1 || string(all[0].Public) != string(public) {
		t.Errorf("as it was written before: %s", all[0].Public)
	}
}

func TestFileThatWasTamperedWithIsNotShown(t *testing.T) {
	c := newCity(t)
	p := c.publish(t, "<p>why</p>")
	if err := c.Done(actID, 7); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "files", p.File.String()), []byte("<p>lie</p>"), 0o600); err != nil {
		t.Fatal(err)
	}
	var integrity *tribune.IntegrityError
	if _, file, err := c.Explanation(7); !errors.As(err, &integrity) || file != nil {
		t.Errorf("%q, %v", file, err)
	}
}

func TestCrashBetweenFileAndRecordIsSettledByTheRecord(t *testing.T) {
	for name, onRecord := range map[string]bool{"it is on record": true, "it is not": false} {
		c := newCity(t)
		p := c.publish(t, "a,b\n")
		c.open(t) // the crash
		open := c.Unsettled()
		if len(open) != 1 || open[0].Since != 5 || open[0].Act != actID {
			t.Fatalf("%s: open are %+v", name, open)
		}
		if onRecord {
			if err := c.Done(actID, 7); err != nil {
				t.Fatal(err)
			}
		} else if err := c.Drop(actID); err != nil {
			t.Fatal(err)
		}
		_, file, err := c.Explanation(7)
		if (err == nil && string(file) == "a,b\n") != onRecord {
			t.Errorf("%s: %q, %v", name, file, err)
		}
		if _, err := os.Stat(filepath.Join(c.dir, "files", p.File.String())); (err == nil) != onRecord {
			t.Errorf("%s: its file: %v", name, err)
		}
	}
}

func TestVerdictsAreOfTheModelsAuditorAndShownAsTheyCount(t *testing.T) {
	c := newCity(t)
	for name, doc := range map[string][]byte{
		"nobody's":        []byte("{}\n"),
		"another model's": c.verdict(t, func(v *protocol.ModelVerdict) { v.Model[3] = 1 }),
	} {
		if _, err := c.AddVerdict(doc); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	failed := c.verdict(t, func(v *protocol.ModelVerdict) { v.Passed, v.From = false, v.From-1 })
	for _, doc := range [][]byte{failed, c.verdict(t, nil), failed} {
		if _, err := c.AddVerdict(doc); err != nil {
			t.Fatal(err)
		}
	}
	c.open(t)
	all := c.Verdicts("parking-demand")
	if len(all) != 2 || !all[0].Counts || all[1].Counts || !strings.Contains(strings.Join(all[1].Missing, " "), "the audit failed") {
		t.Errorf("verdicts %+v", all)
	}
	c.at = now.AddDate(0, 0, 30)
	if c.Verdicts("parking-demand")[0].Counts {
		t.Error("a stale verdict counts")
	}
}

func TestFilesThatNoActNamesAreBoundedAndForgotten(t *testing.T) {
	c := newCity(t)
	c.at = time.Now()
	if _, err := c.Wait("planner", make([]byte, protocol.MaxPublished+1)); !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
	for i := range maxWaiting {
		if _, err := c.Wait(tribune.OfficeID(fmt.Sprint("office-", i/maxWaitingEach)), []byte{1, byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Wait("planner", []byte("one more")); !errors.Is(err, tribune.ErrBusy) {
		t.Errorf("more than wait: %v", err)
	}
	c.at = c.at.Add(waitFor + time.Minute)
	if _, err := c.Wait("planner", []byte("one more")); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	if list, _ := os.ReadDir(filepath.Join(c.dir, "waiting")); len(list) != 1 {
		t.Errorf("%d files wait", len(list))
	}
}
