package guardian

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tribune"
	"tribune/protocol"
)

// deskAt runs guardian person desk on the machine of guardian i.
func (w *world) deskAt(i int, args ...string) (a protocol.PersonAnswer, err error) {
	w.t.Helper()
	config := filepath.Join(w.t.TempDir(), "guardian.toml")
	if err := os.WriteFile(config, []byte("dir = \""+w.guards[i].cfg.Dir+"\"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	var out bytes.Buffer
	if err := Main(context.Background(), append([]string{"person", "desk", "--config", config}, args...), &out); err != nil {
		return a, err
	}
	return a, json.Unmarshal(out.Bytes(), &a)
}

// Somebody without a phone gets the key that the hub was given for them, from two guardians who have seen their papers.
func TestTheDeskGivesAPersonTheirKey(t *testing.T) {
	w := newWorld(t)
	w.found()
	s := w.session()
	s.NameRequest("", plate)
	line := []string{"--idtype", plate.Type, "--name", plate.Name, "--recipient", base64.StdEncoding.EncodeToString(s.Recipient())}
	var answers []protocol.PersonAnswer
	for i := range 2 {
		a, err := w.deskAt(i, line...)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	if culprits, err := s.Named(answers); err != nil || len(culprits) > 0 {
		t.Fatal(culprits, err)
	}
	req := s.KeysRequest("", nil)
	answers = nil
	for i := range 2 {
		a, err := w.deskAt(i, append(line, "--y", base64.StdEncoding.EncodeToString(req.Y))...)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	keys, _, culprits, err := s.Keys(req, answers)
	if err != nil || len(culprits) > 0 {
		t.Fatal(culprits, err)
	}
	p := s.Pseudonym()
	if want := w.enrol(p)[p]; !bytes.Equal(keys.Keys[0].D, want) {
		t.Error("another key than the one the hub was given for this person")
	}
	if left, err := os.ReadDir(filepath.Join(w.guards[0].cfg.Dir, deskFolder)); err != nil || len(left) != 0 {
		t.Errorf("the desk keeps %d files, %v", len(left), err)
	}
	// y of somebody else's name gets nothing here either.
	if _, err := w.deskAt(0, "--idtype", "plate", "--name", "XY99 ZZZ", "--recipient", line[5], "--y", base64.StdEncoding.EncodeToString(req.Y)); !errors.Is(err, tribune.ErrRefused) {
		t.Errorf("y of another name: %v, want refused", err)
	}
}

// What lies in the folder and is no request, or may be read by others, does not stop a guardian, and gets no share.
func TestTheDeskRefusesWhatIsNoRequest(t *testing.T) {
	w := newWorld(t)
	w.found()
	folder := filepath.Join(w.guards[0].cfg.Dir, deskFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]struct {
		data string
		mode os.FileMode
	}{"a": {"nonsense", 0o600}, "b": {`{"path":"/person/keys"}`, 0o644}, "c": {strings.Repeat(" ", protocol.MaxPersonRequest+1), 0o600}} {
		if err := os.WriteFile(filepath.Join(folder, name+".request"), []byte(file.data), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	s := w.session()
	if _, err := w.deskAt(0, "--idtype", "plate", "--name", "AB12CDE", "--recipient", base64.StdEncoding.EncodeToString(s.Recipient())); err != nil {
		t.Errorf("after them: %v", err)
	}
	for _, name := range []string{"a", "b", "c"} {
		raw, err := os.ReadFile(filepath.Join(folder, name+".answer"))
		var r deskResult
		if err != nil || json.Unmarshal(raw, &r) != nil || r.Answer != nil || r.Error == "" {
			t.Errorf("%s: answered %s, %v", name, raw, err)
		}
	}
}
