package drill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tribune"
	"tribune/protocol"
	"tribune/verify"
)

// stolenHub is a hub in an attacker's hands: its address, its keys, its log, and guardians who know no other hub. It
// appends what leaf it likes, has the record co-signed as a hub does, and asks for keys.
type stolenHub struct {
	play   *play
	signer note.Signer
	seed   ed25519.PrivateKey // of the log: signs requests to guardians
	group  protocol.Group
	server *http.Server
	http   *http.Client

	leaves [][]byte
	hashes []tlog.Hash // as tlog stores them
	tags   map[tribune.Tag]bool
	sizes  map[string]uint64              // what each guardian has co-signed
	pipes  []*os.File                     // life lines of the guardians
	procs  []*process                     // the guardians
	shown  atomic.Pointer[stolenHub]      // the tree that is served; nil = this one
	told   atomic.Pointer[protocol.Group] // what guardians are told about each other; nil = the truth
	starts int

	lawsMu sync.Mutex        // guards laws
	laws   map[string][]byte // policy sets by hash, as GET /law/HASH serves them
}

// takeOver plays the hub of a city that has been stopped, at its old address, and starts its guardians.
func (c *city) takeOver(ctx context.Context, leaves [][]byte) (*stolenHub, error) {
	skey, err := os.ReadFile(c.path("hub", "keys", "log.key"))
	if err != nil {
		return nil, fmt.Errorf("taking the hub over: %w", err)
	}
	h := &stolenHub{play: c.play, http: c.http, tags: map[tribune.Tag]bool{}, sizes: map[string]uint64{}, laws: map[string][]byte{}}
	if h.signer, err = note.NewSigner(strings.TrimSpace(string(skey))); err != nil {
		return nil, fmt.Errorf("taking the hub over: %w", err)
	}
	if h.seed, err = protocol.SeedOf(string(skey)); err != nil {
		return nil, fmt.Errorf("taking the hub over: %w", err)
	}
	if h.group, err = readGroup(c.path("hub", "group.json")); err != nil {
		return nil, err
	}
	for _, leaf := range leaves {
		if err := h.append(leaf); err != nil {
			return nil, err
		}
	}
	address, err := os.ReadFile(c.path("address"))
	if err != nil {
		return nil, fmt.Errorf("taking the hub over: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", strings.TrimPrefix(strings.TrimSpace(string(address)), "http://"))
	if err != nil {
		return nil, fmt.Errorf("taking the hub over: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /log/tile/entries/{path...}", h.bundle)
	mux.HandleFunc("GET /group", func(w http.ResponseWriter, r *http.Request) {
		if told := h.told.Load(); told != nil {
			json.NewEncoder(w).Encode(told)
			return
		}
		json.NewEncoder(w).Encode(h.group)
	})
	mux.HandleFunc("GET /law/{hash}", func(w http.ResponseWriter, r *http.Request) {
		h.lawsMu.Lock()
		set, ok := h.laws[r.PathValue("hash")]
		h.lawsMu.Unlock()
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Write(set)
	})
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: callFor}
	go h.server.Serve(listener)
	h.procs = make([]*process, len(h.group.Guardians))
	for i := range h.group.Guardians {
		if err := h.startGuardian(ctx, c, i); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

func (h *stolenHub) close() {
	h.server.Close()
	for _, p := range h.pipes {
		p.Close()
	}
}

// append adds a leaf to the tree.
func (h *stolenHub) append(leaf []byte) error {
	stored, err := tlog.StoredHashes(int64(len(h.leaves)), leaf, h.reader())
	if err != nil {
		return fmt.Errorf("appending a leaf: %w", err)
	}
	h.leaves, h.hashes = append(h.leaves, leaf), append(h.hashes, stored...)
	if l, err := protocol.DecodeLeaf(leaf); err == nil {
		for _, t := range l.Tags {
			h.tags[t] = true
		}
	}
	return nil
}

func (h *stolenHub) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			list[i] = h.hashes[at]
		}
		return list, nil
	})
}

// bundle serves entry bundles in the layout of C2SP tlog-tiles: N or N.p/W, N in groups of three digits.
func (h *stolenHub) bundle(w http.ResponseWriter, r *http.Request) {
	if tree := h.shown.Load(); tree != nil {
		h = tree
	}
	path, width, partial := strings.Cut(r.PathValue("path"), ".p/")
	n, err := strconv.Atoi(strings.NewReplacer("x", "", "/", "").Replace(path))
	count := 256
	if partial && err == nil {
		count, err = strconv.Atoi(width)
	}
	if err != nil || n < 0 || count < 1 || n*256+count > len(h.leaves) {
		http.NotFound(w, r)
		return
	}
	for _, leaf := range h.leaves[n*256 : n*256+count] {
		w.Write(binary.BigEndian.AppendUint16(nil, uint16(len(leaf))))
		w.Write(leaf)
	}
}

// checkpoint signs the tree as it is.
func (h *stolenHub) checkpoint() ([]byte, error) {
	root, err := tlog.TreeHash(int64(len(h.leaves)), h.reader())
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", h.signer.Name(), len(h.leaves), root)}, h.signer)
}

// cosign asks a guardian for its line under a checkpoint of the tree as it is.
func (h *stolenHub) cosign(ctx context.Context, m protocol.Member, checkpoint []byte) (int, []byte, error) {
	var body bytes.Buffer
	old, size := h.sizes[m.Name], uint64(len(h.leaves))
	fmt.Fprintf(&body, "old %d\n", old)
	if old > 0 && old < size {
		proof, err := tlog.ProveTree(int64(size), int64(old), h.reader())
		if err != nil {
			return 0, nil, fmt.Errorf("proving consistency: %w", err)
		}
		for _, hash := range proof {
			fmt.Fprintln(&body, hash)
		}
	}
	body.WriteByte('\n')
	body.Write(checkpoint)
	return h.call(ctx, http.MethodPost, m.URL, "/add-checkpoint", body.Bytes(), false)
}

// publish has every guardian co-sign the tree, and returns the receipt of its last leaf under so many co-signatures.
func (h *stolenHub) publish(ctx context.Context, signatures int) ([]byte, error) {
	checkpoint, err := h.checkpoint()
	if err != nil {
		return nil, fmt.Errorf("signing a checkpoint: %w", err)
	}
	signed := bytes.Clone(checkpoint)
	for i, m := range h.group.Guardians {
		status, line, err := h.cosign(ctx, m, checkpoint)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%w: %s answered %d: %s", errDrill, m.Name, status, line)
		}
		if err != nil {
			return nil, fmt.Errorf("having the record co-signed: %w", err)
		}
		h.sizes[m.Name] = uint64(len(h.leaves))
		if i < signatures {
			signed = append(signed, line...)
		}
	}
	return h.receiptOf(len(h.leaves)-1, signed)
}

// receiptOf is the receipt of a leaf under a checkpoint of the tree as it is.
func (h *stolenHub) receiptOf(at int, checkpoint []byte) ([]byte, error) {
	path, err := tlog.ProveRecord(int64(len(h.leaves)), int64(at), h.reader())
	if err != nil {
		return nil, fmt.Errorf("proving inclusion: %w", err)
	}
	proof := verify.Proof{Index: uint64(at), Checkpoint: checkpoint, Extra: h.leaves[at]}
	for _, hash := range path {
		proof.Hashes = append(proof.Hashes, tribune.Hash(hash))
	}
	return proof.Marshal(), nil
}

// release asks every guardian for its shares.
func (h *stolenHub) release(ctx context.Context, req protocol.Request) ([]protocol.Answer, error) {
	var answers []protocol.Answer
	for _, m := range h.group.Guardians {
		a, err := h.releaseBy(ctx, m, req)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func (h *stolenHub) releaseBy(ctx context.Context, m protocol.Member, req protocol.Request) (a protocol.Answer, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return a, err
	}
	status, data, err := h.call(ctx, http.MethodPost, m.URL, "/release", body, true)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%w: %s answered %d: %s", errDrill, m.Name, status, data)
	}
	if err == nil {
		err = json.Unmarshal(data, &a)
	}
	if err != nil {
		return a, fmt.Errorf("asking for a release: %w", err)
	}
	return a, nil
}

// use is the number of the next use under a trace key.
func (h *stolenHub) use(k []byte) uint64 {
	n := uint64(1)
	for h.tags[protocol.UseTag(k, n)] {
		n++
	}
	return n
}
