// Package logtest is a log for the guardians' tests: it keeps leaves in memory, signs checkpoints, has them co-signed
// over tlog-witness, proves inclusion and serves its entry bundles as tlog-tiles. It can also lie, which a real log's
// library would not do for us. It is slow on purpose (every root is computed from all leaves) and so shares no code with
// what it tests.
package logtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"

	"tribune/protocol"
)

// Log is the log.
type Log struct {
	Origin string
	Key    string // note verifier key
	Skey   string
	t      testing.TB

	mu     sync.Mutex
	leaves [][]byte
	lies   map[uint64][]byte // served instead of the leaf at that index
	sizes  map[string]uint64 // what each witness co-signed last
}

// New makes an empty log.
func New(t testing.TB, origin string) *Log {
	t.Helper()
	skey, vkey, err := protocol.NewKey(origin)
	if err != nil {
		t.Fatalf("log key: %v", err)
	}
	return &Log{Origin: origin, Key: vkey, Skey: skey, t: t, lies: map[uint64][]byte{}, sizes: map[string]uint64{}}
}

// Append adds leaves and returns the index of the first.
func (l *Log) Append(leaves ...[]byte) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := uint64(len(l.leaves))
	l.leaves = append(l.leaves, leaves...)
	return first
}

// Size is the number of leaves.
func (l *Log) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.leaves))
}

// Fork is another log of the same key with only the first n leaves.
func (l *Log) Fork(n uint64) *Log {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Log{Origin: l.Origin, Key: l.Key, Skey: l.Skey, t: l.t, leaves: append([][]byte(nil), l.leaves[:n]...),
		lies: map[uint64][]byte{}, sizes: map[string]uint64{}}
}

// Lie makes the bundles show another leaf than the tree has; nil = the truth again.
func (l *Log) Lie(index uint64, leaf []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies[index] = leaf
}

// Checkpoint signs the tree of the first size leaves.
func (l *Log) Checkpoint(size uint64) []byte {
	l.mu.Lock()
	root := treeHash(l.leaves[:size])
	l.mu.Unlock()
	return l.Sign(fmt.Sprintf("%s\n%d\n%s\n", l.Origin, size, base64.StdEncoding.EncodeToString(root)))
}

// Sign signs any checkpoint text.
func (l *Log) Sign(text string) []byte {
	s, err := note.NewSigner(l.Skey)
	if err != nil {
		l.t.Fatalf("log signer: %v", err)
	}
	msg, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		l.t.Fatalf("signing checkpoint: %v", err)
	}
	return msg
}

// ServeHTTP serves /log/tile/entries/N[.p/W].
func (l *Log) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/log/tile/entries/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	index, width := path, "256"
	if i := strings.Index(path, ".p/"); i >= 0 {
		index, width = path[:i], path[i+3:]
	}
	n, err := strconv.ParseUint(strings.NewReplacer("x", "", "/", "").Replace(index), 10, 64)
	count, err2 := strconv.ParseUint(width, 10, 64)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || err2 != nil || n*256+count > uint64(len(l.leaves)) {
		http.NotFound(w, r)
		return
	}
	for i := n * 256; i < n*256+count; i++ {
		leaf := l.leaves[i]
		if lie := l.lies[i]; lie != nil {
			leaf = lie
		}
		w.Write(binary.BigEndian.AppendUint16(nil, uint16(len(leaf))))
		w.Write(leaf)
	}
}

// Body is the body of an add-checkpoint request.
func (l *Log) Body(old, size uint64, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	l.mu.Lock()
	if old > 0 && old < size {
		for _, h := range consistency(old, l.leaves[:size]) {
			fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h))
		}
	}
	l.mu.Unlock()
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

// maxAhead is how often a witness may be further on than it was when it said so.
const maxAhead = 3

// Cosign has the tree co-signed by the witnesses at the given base URLs, as a log does, and returns the checkpoint with
// all their lines. A witness that refuses fails the test.
func (l *Log) Cosign(size uint64, witnesses ...string) []byte {
	l.t.Helper()
	cp := l.Checkpoint(size)
	out := bytes.Clone(cp)
	for _, u := range witnesses {
		l.mu.Lock()
		old := l.sizes[u]
		l.mu.Unlock()
		status, body := l.Post(u, l.Body(old, size, cp))
		for range maxAhead {
			// It may have looked for itself meanwhile, and says then how far it is (tlog-witness).
			ahead, err := strconv.ParseUint(strings.TrimSpace(body), 10, 64)
			if status != http.StatusConflict || err != nil || ahead > size {
				break
			}
			status, body = l.Post(u, l.Body(ahead, size, cp))
		}
		if status != http.StatusOK {
			l.t.Fatalf("witness %s: got %d %q, want 200", u, status, body)
		}
		l.mu.Lock()
		l.sizes[u] = size
		l.mu.Unlock()
		out = append(out, body...)
	}
	return out
}

// Post sends an add-checkpoint body.
func (l *Log) Post(base string, body []byte) (int, string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, base+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatalf("add-checkpoint: %v", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("add-checkpoint: %v", err)
	}
	return resp.StatusCode, string(answer)
}

// Receipt proves that the leaf at index is in the tree of a co-signed checkpoint; extra is the leaf.
func (l *Log) Receipt(index, size uint64, checkpoint []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := proof.TLogProof{Index: index, Checkpoint: checkpoint, ExtraData: l.leaves[index]}
	for _, h := range inclusion(index, l.leaves[:size]) {
		p.Hashes = append(p.Hashes, [sha256.Size]byte(h))
	}
	return p.Marshal()
}

// The Merkle tree of RFC 6962 section 2.1, as its definitions read.

func treeHash(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		h := protocol.LeafHash(leaves[0])
		return h[:]
	}
	k := split(len(leaves))
	return node(treeHash(leaves[:k]), treeHash(leaves[k:]))
}

func node(left, right []byte) []byte {
	sum := sha256.Sum256(append(append([]byte{1}, left...), right...))
	return sum[:]
}

// split is the largest power of two smaller than n.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func inclusion(m uint64, leaves [][]byte) [][]byte {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(len(leaves))
	if m < uint64(k) {
		return append(inclusion(m, leaves[:k]), treeHash(leaves[k:]))
	}
	return append(inclusion(m-uint64(k), leaves[k:]), treeHash(leaves[:k]))
}

func consistency(m uint64, leaves [][]byte) [][]byte { return subproof(m, leaves, true) }

func subproof(m uint64, leaves [][]byte, whole bool) [][]byte {
	if m == uint64(len(leaves)) {
		if whole {
			return nil
		}
		return [][]byte{treeHash(leaves)}
	}
	k := split(len(leaves))
	if m <= uint64(k) {
		return append(subproof(m, leaves[:k], whole), treeHash(leaves[k:]))
	}
	return append(subproof(m-uint64(k), leaves[k:], false), treeHash(leaves[:k]))
}
