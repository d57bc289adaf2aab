package guardian

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian/logtest"
	"tribune/internal/guardian/wire"
	"tribune/protocol"
)

// leaves fills the log with leaves that mean nothing.
func (w *world) leaves(n int, word string) {
	for range n {
		w.log.Append(fmt.Appendf(nil, "%s %d", word, w.log.Size()))
	}
}

func TestWitnessAnswersAsTheSpecificationSays(t *testing.T) {
	w := newWorld(t)
	url := w.guards[0].server.URL
	w.leaves(10, "leaf")
	stranger := logtest.New(t, testCity+"/record")   // the same name, another key
	elsewhere := logtest.New(t, "other.example/log") // another log altogether
	for _, l := range []*logtest.Log{stranger, elsewhere} {
		l.Append([]byte("leaf 0"))
	}
	five := w.log.Checkpoint(5)
	conflicting := func() []byte {
		fork := w.log.Fork(4)
		fork.Append([]byte("other"))
		return fork.Checkpoint(5)
	}()
	badProof := bytes.Replace(w.log.Body(5, 10, w.log.Checkpoint(10)), []byte("\n"), []byte("\n"+base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"), 1)
	for _, test := range []struct {
		name   string
		body   []byte
		status int
		answer string
	}{
		{"another log", elsewhere.Body(0, 1, elsewhere.Checkpoint(1)), 404, "watches"},
		{"another key", stranger.Body(0, 1, stranger.Checkpoint(1)), 403, "has not signed"},
		{"no old line", []byte("\n" + string(five)), 400, ""},
		{"old with a zero before", append([]byte("old 05\n\n"), five...), 400, ""},
		{"a proof line that is none", append([]byte("old 0\nAAAA\n\n"), five...), 400, ""},
		{"too many proof lines", append([]byte("old 0\n"+strings.Repeat(base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n", 64)+"\n"), five...), 400, ""},
		{"no checkpoint", []byte("old 0\n\n"), 400, ""},
		{"extension lines", w.log.Body(0, 5, w.log.Sign(strings.SplitAfterN(string(five), "\n\n", 2)[0][:len(strings.SplitN(string(five), "\n\n", 2)[0])+1]+"extension\n")), 400, ""},
		{"old beyond the checkpoint", w.log.Body(6, 5, five), 400, ""},
		{"first contact with a wrong size", w.log.Body(3, 5, five), 409, "0\n"},
		{"first contact", w.log.Body(0, 5, five), 200, "\u2014 ombudsman.example "},
		{"the same again", w.log.Body(5, 5, five), 200, "\u2014 ombudsman.example "},
		{"an old size of before", w.log.Body(0, 10, w.log.Checkpoint(10)), 409, "5\n"},
		{"another tree of the same size", w.log.Body(5, 5, conflicting), 422, "another tree"},
		{"a rollback", w.log.Body(0, 4, w.log.Checkpoint(4)), 409, "5\n"},
		{"a proof that does not fit", badProof, 422, "consistency proof"},
		{"growth", w.log.Body(5, 10, w.log.Checkpoint(10)), 200, "\u2014 ombudsman.example "},
		{"too large", bytes.Repeat([]byte("x"), maxCheckpointBody+1), 413, ""},
	} {
		status, answer := w.log.Post(url, test.body)
		if status != test.status || !strings.Contains(answer, test.answer) {
			t.Errorf("%s: got %d %q, want %d %q", test.name, status, answer, test.status, test.answer)
		}
	}
	resp, err := http.Post(url+"/add-checkpoint", "text/plain", bytes.NewReader(w.log.Body(3, 10, w.log.Checkpoint(10))))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/x.tlog.size" {
		t.Errorf("content type of a conflict of sizes: %q", got)
	}
}

func TestCosignatureStandsOnLeavesHeld(t *testing.T) {
	w := newWorld(t)
	g, url := w.guards[0], w.guards[0].server.URL
	w.leaves(300, "leaf")
	signed := w.log.Cosign(300, url)
	v, err := fnote.NewVerifierForCosignatureV1(g.self.vkey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Fatalf("co-signature does not verify: %v", err)
	}
	resp, err := http.Get(url + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	served := new(bytes.Buffer)
	served.ReadFrom(resp.Body)
	resp.Body.Close()
	if !bytes.Equal(served.Bytes(), signed) {
		t.Errorf("/checkpoint serves %q, want the co-signed checkpoint %q", served, signed)
	}
	// A hub whose bundles are not its tree gets no signature, before and after a restart, and then no other history.
	w.leaves(50, "leaf")
	w.log.Lie(320, []byte("forged"))
	for range 2 {
		status, answer := w.log.Post(url, w.log.Body(300, 350, w.log.Checkpoint(350)))
		if status != 422 || !strings.Contains(answer, "leaves served by the hub") {
			t.Errorf("forged bundles: got %d %q, want 422", status, answer)
		}
		w.restart(0)
	}
	fork := w.log.Fork(290)
	for range 60 {
		fork.Append([]byte("another history"))
	}
	body := fork.Body(300, 350, fork.Checkpoint(350))
	if status, answer := w.log.Post(url, body); status != 422 {
		t.Errorf("another history with its own consistent proof: got %d %q, want 422", status, answer)
	}
	if got := g.mirror.Head().Size; got != 300 {
		t.Errorf("head after all that: %d, want 300", got)
	}
	w.log.Lie(320, nil)
	if status, answer := w.log.Post(url, w.log.Body(300, 350, w.log.Checkpoint(350))); status != 200 {
		t.Errorf("the true leaves: got %d %q", status, answer)
	}
}

// Leaves of another version, or garbage, are mirrored like all others, mark no use and release nothing.
func TestUndecodableLeavesAreHeldAndMeanNothing(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{5}
	traces := w.enrol(p)
	k, err := protocol.TraceKey(traces[p])
	if err != nil {
		t.Fatal(err)
	}
	c := w.subjectOnce(p, 1, traces)
	c.spoilLeaf = func(l *protocol.Leaf) { l.Version = 2 }
	req := w.build(c)
	if reason, _ := w.ask(0, req); !strings.Contains(reason, "the receipt does not verify") {
		t.Errorf("a leaf of version 2: got %q", reason)
	}
	if raw, err := w.guards[0].mirror.Leaf(c.index); err != nil || !bytes.Contains(raw, []byte(`"version":2`)) {
		t.Errorf("it is not mirrored: %q, %v", raw, err)
	}
	if _, used := w.guards[0].index.first(protocol.UseTag(k, 1)); used {
		t.Error("its tag marks a use")
	}
	c = w.subjectOnce(p, 1, traces)
	w.open(c, w.build(c))
}

func TestRestartForgetsNothing(t *testing.T) {
	w := newWorld(t)
	w.found()
	p := tribune.Pseudonym{5}
	traces := w.enrol(p)
	for n := uint64(1); n <= 3; n++ {
		c := w.subjectOnce(p, n, traces)
		req := w.build(c)
		for i := range w.guards {
			w.restart(i)
			if reason, _ := w.ask(i, req); reason != "" {
				t.Errorf("use %d, guardian %d after a restart: %s", n, i, reason)
			}
		}
		w.open(c, req)
	}
	again := w.build(w.subjectOnce(p, 2, traces))
	for i := range w.guards {
		w.restart(i)
		if reason, _ := w.ask(i, again); !strings.Contains(reason, "marked before") {
			t.Errorf("guardian %d forgot a use: %q", i, reason)
		}
	}
}

func TestSecondProcessInTheSameFolderIsRefused(t *testing.T) {
	w := newWorld(t)
	if _, err := New(w.guards[0].cfg); err == nil || tribune.HintOf(err) == "" {
		t.Errorf("got %v, want an error with a hint", err)
	}
}

func FuzzParseCosignRequest(f *testing.F) {
	f.Add([]byte("old 5\n" + base64.StdEncoding.EncodeToString(make([]byte, 32)) + "\n\ncity.example/record\n6\nAAAA\n\n\u2014 x y\n"))
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseCosignRequest(body)
		if err != nil {
			return
		}
		again := fmt.Sprintf("old %d\n", r.old)
		for _, h := range r.proof {
			again += base64.StdEncoding.EncodeToString(h) + "\n"
		}
		back, err := parseCosignRequest(append([]byte(again+"\n"), r.checkpoint...))
		if err != nil || back.old != r.old || len(back.proof) != len(r.proof) || !bytes.Equal(back.checkpoint, r.checkpoint) {
			t.Errorf("%q is read as %+v, and that as %+v (%v)", body, r, back, err)
		}
	})
}

// A checkpoint is public, so anyone may bring one, with lines of their own after the log's. They must not come out of
// GET /checkpoint: who verifies strictly would refuse the guardian's head.
func TestLinesOfStrangersAreNotServedWithTheHead(t *testing.T) {
	w := newWorld(t)
	w.publishLeaf(w.housekeeping(tribune.ActRefusals, tribune.Hash{}, nil))
	g := w.guards[0]
	size := w.log.Size()
	junk := append(w.log.Checkpoint(size), "\u2014 stranger.example "+strings.Repeat("A", 100)+"\n"...)
	if status, body := w.log.Post(g.server.URL, w.log.Body(size, size, junk)); status != http.StatusOK {
		t.Fatalf("got %d %q", status, body)
	}
	resp, err := http.Get(g.server.URL + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	head, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.trust.OpenCheckpoint(head)
	if err != nil || len(c.Cosignatures) != 1 {
		t.Errorf("the served head: %v\n%s", err, head)
	}
}

// A stolen hub must not use a guardian to look about in the institution's network: no redirect is followed, and what went
// wrong with the hub is not told to who asks.
func TestHubCannotSendTheGuardianElsewhere(t *testing.T) {
	w := newWorld(t)
	var called atomic.Bool
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Store(true) }))
	defer inner.Close()
	hub := httptest.NewServer(http.RedirectHandler(inner.URL+"/admin", http.StatusFound))
	defer hub.Close()
	w.guards[0].stop()
	w.guards[0].cfg.Hub = hub.URL
	w.start(0)
	w.log.Append(w.housekeeping(tribune.ActRefusals, tribune.Hash{}, nil))
	status, body := w.log.Post(w.guards[0].server.URL, w.log.Body(0, 1, w.log.Checkpoint(1)))
	if status != http.StatusServiceUnavailable || strings.Contains(body, "127.0.0.1") {
		t.Errorf("got %d %q", status, body)
	}
	if called.Load() {
		t.Error("the guardian followed a redirect of the hub")
	}
	for _, bad := range []string{"ftp://h", "http://u:p@h", "http://h/x?y=", "http://h/x?", "http://h/#", "/status", "http://", "http://h/inner"} {
		if plainURL(bad, true) {
			t.Errorf("%s is called", bad)
		}
	}
	for at, want := range map[string]bool{"https://h:8431": true, "https://h/": true, "http://h": false, "https://h/inner": false} {
		if plainURL(at, false) != want {
			t.Errorf("%s is called, outside of a demo: %v", at, !want)
		}
	}
	if !plainURL("http://127.0.0.1:8431", true) {
		t.Error("a demo's guardian is not called")
	}
}

// A hub that comes from a backup believes what is signed over its nonce, and no answer of before.
func TestGuardianSignsWhatItHoldsOverTheAskersNonce(t *testing.T) {
	w := newWorld(t)
	url := w.guards[0].server.URL
	w.leaves(10, "leaf")
	if status, answer := w.log.Post(url, w.log.Body(0, 10, w.log.Checkpoint(10))); status != http.StatusOK {
		t.Fatalf("control: %d %s", status, answer)
	}
	resp, err := http.Get(url + "/status?nonce=mine")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s wire.Status
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	name, key, err := protocol.PublicOf(w.group.Guardians[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	if s.Size != 10 || !ed25519.Verify(key, wire.HeldMessage(name, 10, s.Root, "mine"), s.Held) {
		t.Errorf("it holds %d leaves, signed %x", s.Size, s.Held)
	}
	for what, message := range map[string][]byte{"another nonce": wire.HeldMessage(name, 10, s.Root, "yours"), "fewer leaves": wire.HeldMessage(name, 9, s.Root, "mine"), "its clock": wire.ClockMessage(name, s.Time, "mine")} {
		if ed25519.Verify(key, message, s.Held) {
			t.Errorf("the signature holds for %s, too", what)
		}
	}
}

// C2SP tlog-mirror: the checkpoint that a mirror serves carries its own co-signature, also after a start, and stands under the
// hash of the log's origin, too.
func TestServedHeadIsCosignedFromTheFirstMoment(t *testing.T) {
	w := newWorld(t)
	g := w.guards[0]
	w.leaves(300, "leaf")
	if status, answer := w.log.Post(g.server.URL, w.log.Body(0, 300, w.log.Checkpoint(300))); status != http.StatusOK {
		t.Fatalf("control: %d %s", status, answer)
	}
	g.stop()
	w.start(0)
	under := fmt.Sprintf("/%x", sha256.Sum256([]byte(w.log.Origin)))
	for _, prefix := range []string{"", under} {
		code, head := fetch(t, g.server.URL+prefix+"/checkpoint")
		c, err := g.trust.OpenCheckpoint(head)
		if code != http.StatusOK || err != nil || len(c.Cosignatures) != 1 || c.Cosignatures[0].Name != g.Name() || c.Size != 300 {
			t.Errorf("%s/checkpoint: %d %v\n%s", prefix, code, err, head)
		}
		if code, tile := fetch(t, g.server.URL+prefix+"/tile/0/000"); code != http.StatusOK || len(tile) != 256*32 {
			t.Errorf("%s/tile/0/000: %d, %d bytes", prefix, code, len(tile))
		}
	}
	if code, _ := fetch(t, g.server.URL+fmt.Sprintf("/%x/checkpoint", sha256.Sum256([]byte("another.example")))); code != http.StatusNotFound {
		t.Errorf("a log that is not mirrored here: %d", code)
	}
}

func fetch(t *testing.T, at string) (int, []byte) {
	t.Helper()
	resp, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}
