package record

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	flog "github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// testWitness is a C2SP tlog-witness of its own: it shares no code with the record but the published libraries.
type testWitness struct {
	key    Witness
	signer note.Signer
	log    note.Verifier
	down   atomic.Bool
	delay  atomic.Int64           // nanoseconds of work before it looks at a checkpoint; gives up when it is called off
	mirror atomic.Pointer[string] // base URL of the log: fetch everything from there before signing

	mu   sync.Mutex
	size uint64
	root []byte
}

func newTestWitness(t testing.TB, name, logKey string) *testWitness {
	t.Helper()
	skey, vkey, err := protocol.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	w := &testWitness{root: rfc6962.DefaultHasher.EmptyRoot()}
	if w.signer, err = fnote.NewSignerForCosignatureV1(skey); err != nil {
		t.Fatal(err)
	}
	if w.log, err = note.NewVerifier(logKey); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(w.addCheckpoint))
	t.Cleanup(srv.Close)
	w.key = Witness{URL: srv.URL, Key: vkey}
	return w
}

func (w *testWitness) addCheckpoint(rw http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	select {
	case <-time.After(time.Duration(w.delay.Load())):
	case <-req.Context().Done():
		return
	}
	if w.down.Load() {
		http.Error(rw, "down", http.StatusServiceUnavailable)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	head, cp, _ := bytes.Cut(body, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	old, err := strconv.ParseUint(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || req.URL.Path != "/add-checkpoint" {
		http.Error(rw, "bad request", http.StatusBadRequest)
		return
	}
	var path [][]byte
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil {
			http.Error(rw, "bad proof", http.StatusBadRequest)
			return
		}
		path = append(path, h)
	}
	n, err := note.Open(cp, note.VerifierList(w.log))
	if err != nil {
		http.Error(rw, err.Error(), http.StatusForbidden)
		return
	}
	var c flog.Checkpoint
	if _, err := c.Unmarshal([]byte(n.Text)); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	if old != w.size {
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.size)
		return
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, c.Size, path, w.root, c.Hash); err != nil {
		http.Error(rw, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if base := w.mirror.Load(); base != nil {
		if err := readAll(*base, w.size, c); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	signed, err := note.Sign(&note.Note{Text: n.Text}, w.signer)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	w.size, w.root = c.Size, c.Hash
	rw.Write(signed[len(n.Text)+1:])
}

// readAll does what a guardian does before it signs: read every new leaf over HTTP and hold it against the root.
func readAll(base string, from uint64, c flog.Checkpoint) error {
	tree, err := verify.OpenTree(c.Size, tribune.Hash(c.Hash), verify.OrFull(overHTTP(base)))
	if err != nil {
		return err
	}
	for n := from / 256; n*256 < c.Size; n++ {
		if _, err := tree.Bundle(n); err != nil {
			return err
		}
	}
	return nil
}

func overHTTP(base string) verify.Fetch {
	return func(path string) ([]byte, error) {
		res, err := http.Get(base + "/" + path)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusNotFound {
			return nil, fs.ErrNotExist
		}
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %s", path, res.Status)
		}
		return io.ReadAll(res.Body)
	}
}

const testOrigin = "birmingham.example/record"

// rig is a log with four witnesses, three of which publish.
type rig struct {
	cfg       Config
	witnesses []*testWitness
	trust     *verify.Trust
}

func newRig(t testing.TB) *rig {
	t.Helper()
	skey, vkey, err := protocol.NewKey(testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{cfg: Config{Dir: t.TempDir(), Origin: testOrigin, Key: skey, Quorum: 3,
		Log:            slog.New(slog.DiscardHandler),
		PublishTimeout: 20 * time.Second, // a busy machine's disk may stand still for seconds; tests of the time-out set their own
	}}
	for _, name := range []string{"ombudsman.example", "court.example", "university.example", "press-council.example"} {
		w := newTestWitness(t, name, vkey)
		g.witnesses = append(g.witnesses, w)
		g.cfg.Witnesses = append(g.cfg.Witnesses, w.key)
	}
	policy, err := g.cfg.policy()
	if err != nil {
		t.Fatal(err)
	}
	if g.trust, err = verify.ParseTrust(policy); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *rig) open(t testing.TB) *Record {
	t.Helper()
	r, err := Open(t.Context(), g.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

func (g *rig) setDown(n int) {
	for i, w := range g.witnesses {
		w.down.Store(i < n)
	}
}

// testLeaf is a real leaf, told apart by n.
func testLeaf(t testing.TB, n int) []byte {
	t.Helper()
	leaf, err := protocol.Leaf{
		Version: protocol.Version,
		Act: protocol.Act{
			ID: fmt.Sprintf("%032x", n), Kind: tribune.ActRead, Office: "parking-inspector", Purpose: "enforce-parking",
			Mandate: "parking-enforcement-2026", Count: 1, Time: "2026-11-22T08:00:00.000Z", Recipient: make([]byte, 32),
		},
		Decision:  tribune.Decision{Permit: true, Policies: []string{"inspectors-read-sessions"}, Missing: []string{}},
		Signature: make([]byte, 64),
		Tags:      []tribune.Tag{{byte(n), byte(n >> 8)}},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// eventually waits for what guardians or the disk bring about in their own time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("not within 15 s: %s", what)
}
