package watch

import (
	"encoding/json"
	"testing"

	"tribune"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

// seeds are the shapes that a real world gives.
func seeds(f *testing.F) (trust *verify.Trust, text string, note, leaf []byte, set *policy.Set) {
	f.Helper()
	w := newWorld(f)
	trust, err := verify.ParseTrust([]byte(w.trust))
	if err != nil {
		f.Fatal(err)
	}
	return trust, w.trust, w.hub.shows, w.leaf(), w.set
}

// Evidence comes from anybody, and says what anybody likes.
func FuzzEvidence(f *testing.F) {
	trust, _, note, leaf, set := seeds(f)
	p := verify.Proof{Index: 1, Checkpoint: note, Extra: leaf}
	for _, a := range kinds {
		e := Evidence{Version: 1, Kind: a.kind, Checkpoints: []Seen{{Note: string(note)}, {Note: string(note)}}, Consistency: &consistency{From: 1}, Receipts: []string{string(p.Marshal())},
			Pins: &policy.Trust{}, Statement: &protocol.Statement{}, Other: &protocol.Statement{}, Leaves: []uint64{1, 2}}
		raw, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	whole, err := json.Marshal(Evidence{Version: 1, Kind: BadDecision, Receipts: []string{string(p.Marshal())}, Law: set.Files(), Pins: &policy.Trust{}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := parseEvidence(raw)
		if err != nil {
			return
		}
		if v, err := e.Check(trust); err == nil && v.Proven {
			t.Errorf("it proves something: %s %v", e.Kind, v.Lines)
		}
	})
}

// Notes from several places are joined: whatever they are, what comes out verifies or is refused.
func FuzzJoin(f *testing.F) {
	trust, _, note, _, _ := seeds(f)
	whole, err := trust.Checkpoint(note)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(note, note)
	f.Add(note, []byte("a\n\n\u2014 b AAAA\n"))
	f.Add([]byte("\n\n\u2014 x \n"), []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		raw := join([]sighting{{cp: &verify.Checkpoint{Note: a}}, {cp: &verify.Checkpoint{Note: b}}})
		if cp, err := trust.Checkpoint(raw); err == nil && (cp.Root != whole.Root || cp.Size != whole.Size) {
			t.Errorf("another checkpoint came of %q and %q", a, b)
		}
	})
}

// A leaf that decodes is judged whatever it says, and the same way twice.
func FuzzJudge(f *testing.F) {
	_, _, _, leaf, set := seeds(f)
	f.Add(leaf, []byte("mandate"))
	f.Fuzz(func(t *testing.T, raw, mandate []byte) {
		l, err := protocol.DecodeLeaf(raw)
		if err != nil {
			return
		}
		if a, b := judge(l, set, mandate), judge(l, set, mandate); len(a) != len(b) {
			t.Errorf("judged as %v and as %v", a, b)
		}
		opensNothing(l)
	})
}

// What a hub shows as a law, as statements, and what an operator has as a trust file.
func FuzzAnswers(f *testing.F) {
	_, text, _, _, set := seeds(f)
	body, err := json.Marshal(map[string]any{"files": set.Files()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte(text))
	f.Add([]byte(`[{"guardian":"x","leaf":"00","ids":"","epoch":1,"time":1,"signature":""}]`))
	f.Add([]byte("key = \"a\nkey = 'b'\nkey=\"\""))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if files, err := parseLaw(raw, set.Hash()); err == nil && policy.HashFiles(files) != set.Hash() {
			t.Error("another law passes for this one")
		}
		if list, err := parseStatements(raw); err == nil && len(list) > maxStatement {
			t.Errorf("%d statements", len(list))
		}
		if key, _, err := ReadTrust(raw); err == nil && key == "" {
			t.Error("a trust file without the log's key")
		}
		signerKeys(string(raw))
		_, _ = pinsOf(map[string][]byte{policy.FileCity: raw})
		if _, err := parseLaw(raw, tribune.Hash{}); err == nil {
			t.Error("a law without a hash")
		}
	})
}
