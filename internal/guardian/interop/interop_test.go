package interop

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	witnessclient "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"

	"tribune"
	"tribune/internal/guardian"
	guardianclient "tribune/internal/guardian/client"
	"tribune/internal/record"
	"tribune/policy"
	"tribune/protocol"
	"tribune/verify"
)

const (
	origin   = "city.example/record"
	patience = 60 * time.Second
)

func newKey(t *testing.T, name string) (skey, vkey string) {
	t.Helper()
	skey, vkey, err := protocol.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return skey, vkey
}

// strangers is transparency-dev's witness behind HTTP, as its own program sets it up.
func strangers(t *testing.T, logKey string) record.Witness {
	t.Helper()
	skey, vkey := newKey(t, "strangers.example/witness")
	signer, err := fnote.NewSignerForCosignatureV1(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence: inmemory.New(), Signers: []note.Signer{signer},
		VerifierForLog: func(_ context.Context, at string) (note.Verifier, bool, error) { return verifier, at == origin, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return record.Witness{URL: s.URL, Key: vkey}
}

// city is a record with its publisher, and where it is served.
type city struct {
	record *record.Record
	key    string // the log's verifier key
	skey   string
	hub    *httptest.Server
}

func open(t *testing.T, dir, skey string, transport http.RoundTripper, quorum int, witnesses ...record.Witness) *record.Record {
	t.Helper()
	r, err := record.Open(context.Background(), record.Config{
		Dir: dir, Origin: origin, Key: skey, Witnesses: witnesses, Quorum: quorum, Transport: transport, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func grow(t *testing.T, r *record.Record, n int) (last uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	all := make([]uint64, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var err error
			if all[i], err = r.Append(ctx, leaf(t)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last = slices.Max(all)
	if _, err := r.Await(ctx, last); err != nil {
		t.Fatal(err)
	}
	return last
}

// leaf is one as a hub puts it on record.
func leaf(t *testing.T) []byte {
	l := protocol.Leaf{
		Version: protocol.Version, Decision: tribune.Decision{Permit: true, Policies: []string{}, Missing: []string{}}, Public: []byte(`{"count":1}`), Tags: []tribune.Tag{},
		Act: protocol.Act{ID: protocol.NewID(), Kind: tribune.ActRefusals, Office: "data-hub", Time: protocol.Time(time.Now())},
	}
	salt := protocol.NewSalt()
	var err error
	if l.Act.Com, err = protocol.Commitment(salt, l.Public); err == nil {
		l.Input, err = protocol.InputHash(salt, tribune.Evidence{})
	}
	var data []byte
	if err == nil {
		l.Signature, err = l.Act.Sign(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	}
	if err == nil {
		data, err = l.Encode()
	}
	if err != nil {
		t.Error(err)
	}
	return data
}

func trustOf(t *testing.T, logKey string, quorum int, witnesses ...record.Witness) *verify.Trust {
	t.Helper()
	text, group := "log "+logKey+"\n", ""
	for i, w := range witnesses {
		key, err := fnote.VKeyToCosignatureV1(w.Key)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf("witness w%d %s %s\n", i, key, w.URL)
		group += fmt.Sprintf(" w%d", i)
	}
	trust, err := verify.ParseTrust(fmt.Appendf(nil, "%sgroup witnesses %d%s\nquorum witnesses\n", text, quorum, group))
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

// The independent witness co-signs what our publisher brings it, step by step and after a start of ours, and our verifier takes its word.
func TestTheirWitnessCosignsOurRecord(t *testing.T) {
	skey, vkey := newKey(t, origin)
	theirs := strangers(t, vkey)
	trust := trustOf(t, vkey, 1, theirs)
	dir := t.TempDir()
	for start := range 2 {
		r := open(t, dir, skey, nil, 1, theirs)
		for range 3 {
			last := grow(t, r, 5)
			receipt, err := r.Receipt(t.Context(), last, true)
			if err != nil {
				t.Fatal(err)
			}
			if v, err := trust.Receipt(receipt); err != nil {
				t.Fatalf("start %d: a receipt under their co-signature: %v\n%s", start, err, receipt)
			} else if v.Index != last {
				t.Fatalf("the receipt is of leaf %d, want %d", v.Index, last)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Control: under another key of the same name their word counts for nothing.
	r := open(t, dir, skey, nil, 1, theirs)
	defer r.Close()
	receipt, err := r.Receipt(t.Context(), grow(t, r, 1), true)
	if err != nil {
		t.Fatal(err)
	}
	_, strange := newKey(t, "strangers.example/witness")
	if _, err := trustOf(t, vkey, 1, record.Witness{URL: theirs.URL, Key: strange}).Receipt(receipt); err == nil {
		t.Error("a co-signature of another key is accepted")
	}
}

// A witness that has co-signed a longer log than ours answers with its size, and our publisher stays behind it.
func TestTheirWitnessKeepsARolledBackRecordFromBeingPublished(t *testing.T) {
	skey, vkey := newKey(t, origin)
	theirs := strangers(t, vkey)
	r := open(t, t.TempDir(), skey, nil, 1, theirs)
	grow(t, r, 20)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	rolled := open(t, t.TempDir(), skey, nil, 1, theirs)
	defer rolled.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	i, err := rolled.Append(ctx, leaf(t))
	if err == nil {
		_, err = rolled.Await(ctx, i)
	}
	if !errors.Is(err, tribune.ErrNoQuorum) {
		t.Errorf("another history, of which they hold more: %v", err)
	}
}

// ours starts a guardian over a record that a witness of its own publishes.
func ours(t *testing.T) (c city, g *guardian.Guardian, member protocol.Member) {
	t.Helper()
	c.skey, c.key = newKey(t, origin)
	c.record = open(t, t.TempDir(), c.skey, nil, 1, strangers(t, c.key))
	t.Cleanup(func() { c.record.Close() })
	mux := http.NewServeMux()
	mux.Handle("GET /log/", http.StripPrefix("/log", c.record.Handler()))
	c.hub = httptest.NewServer(mux)
	t.Cleanup(c.hub.Close)
	dir := t.TempDir()
	vkey, err := guardian.Init(dir, "ombudsman.example")
	if err != nil {
		t.Fatal(err)
	}
	_, steward := newKey(t, "city.example/steward")
	_, council := newKey(t, "city.example/council")
	member = protocol.Member{Index: 1, Key: vkey, Name: "ombudsman.example"}
	g, err = guardian.New(guardian.Config{
		Dir: dir, City: "city.example", Hub: c.hub.URL, LogKey: c.key, Law: policy.Trust{Steward: steward, Council: council, Floors: tribune.Hash{1}},
		N: 1, T: 1, W: 1, Members: []protocol.Member{member},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	s := &http.Server{Handler: g.Handler(), TLSConfig: g.TLS(nil)}
	ln := httptest.NewUnstartedServer(nil).Listener
	go s.ServeTLS(ln, "", "")
	t.Cleanup(func() { s.Close() })
	member.URL = "https://" + ln.Addr().String()
	return c, g, member
}

// feeder brings checkpoints of a record to a witness with transparency-dev's client, and proofs of Tessera's.
type feeder struct {
	log     *client.HTTPFetcher
	witness witnessclient.Witness
	cosign  note.Verifier
	logKey  note.Verifier
}

func newFeeder(t *testing.T, c city, to protocol.Member) feeder {
	t.Helper()
	base, err := url.Parse(c.hub.URL + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	f := feeder{}
	if f.log, err = client.NewHTTPFetcher(base, http.DefaultClient); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	f.witness = witnessclient.NewWitness(at, &http.Client{Transport: guardianclient.Transport([]protocol.Member{to}, nil)})
	key, err := fnote.VKeyToCosignatureV1(to.Key)
	if err != nil {
		t.Fatal(err)
	}
	if f.cosign, err = fnote.NewVerifierForCosignatureV1(key); err != nil {
		t.Fatal(err)
	}
	if f.logKey, err = note.NewVerifier(c.key); err != nil {
		t.Fatal(err)
	}
	return f
}

// checkpoint is the newest of the record, and its size.
func (f feeder) checkpoint(t *testing.T) ([]byte, uint64) {
	t.Helper()
	cp, raw, _, err := client.FetchCheckpoint(t.Context(), f.log.ReadCheckpoint, f.logKey, origin)
	if err != nil {
		t.Fatal(err)
	}
	return raw, cp.Size
}

func (f feeder) proof(t *testing.T, from, to uint64) [][]byte {
	t.Helper()
	if from == 0 || from == to {
		return nil
	}
	b, err := client.NewProofBuilder(t.Context(), to, f.log.ReadTile)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.ConsistencyProof(t.Context(), from, to)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// feed brings it, and takes the co-signature that comes back as their feeder does.
func (f feeder) feed(t *testing.T, from uint64) (uint64, error) {
	t.Helper()
	raw, size := f.checkpoint(t)
	lines, at, err := f.witness.Update(t.Context(), from, raw, f.proof(t, from, size))
	if err != nil {
		return at, err
	}
	if _, err := note.Open(append(bytes.Clone(raw), lines...), note.VerifierList(f.cosign)); err != nil {
		t.Errorf("their note library refuses our co-signature: %v\n%s", err, lines)
	}
	return size, nil
}

func TestTheirClientFeedsOurGuardian(t *testing.T) {
	c, _, member := ours(t)
	f := newFeeder(t, c, member)
	grow(t, c.record, 300)
	first, err := f.feed(t, 0)
	if err != nil {
		t.Fatal(err)
	}
	grow(t, c.record, 300)
	// It does not know how far we are: it is told, and goes on from there.
	at, err := f.feed(t, 7)
	if !errors.Is(err, witness.ErrCheckpointStale) || at != first {
		t.Fatalf("with an old size that is not ours: got %d, %v, want %d", at, err, first)
	}
	second, err := f.feed(t, at)
	if err != nil || second <= first {
		t.Fatalf("from %d: %d, %v", at, second, err)
	}
	if again, err := f.feed(t, second); err != nil || again != second {
		t.Errorf("the same checkpoint once more: %d, %v", again, err)
	}
}

// Every answer of ours has the status that their client knows the reason by.
func TestOurRefusalsAreTheirs(t *testing.T) {
	c, _, member := ours(t)
	f := newFeeder(t, c, member)
	grow(t, c.record, 20)
	raw, size := f.checkpoint(t)
	if _, _, err := f.witness.Update(t.Context(), 0, raw, nil); err != nil {
		t.Fatal(err)
	}
	sign := func(skey, text string) []byte {
		signer, err := note.NewSigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	strangeKey, _ := newKey(t, origin)
	otherKey, _ := newKey(t, "other.example/log")
	root := "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	for name, c := range map[string]struct {
		old   uint64
		note  []byte
		proof [][]byte
		want  error
	}{
		"another log":                      {size, sign(otherKey, "other.example/log\n30\n"+root+"\n"), nil, witness.ErrUnknownLog},
		"another key":                      {size, sign(strangeKey, fmt.Sprintf("%s\n30\n%s\n", origin, root)), nil, witness.ErrNoValidSignature},
		"an old size beyond the new":       {size + 1, raw, nil, witness.ErrOldSizeInvalid},
		"a proof that does not fit":        {size, sign(c.skey, fmt.Sprintf("%s\n%d\n%s\n", origin, size+10, root)), [][]byte{bytes.Repeat([]byte{1}, 32)}, witness.ErrInvalidProof},
		"another tree of the same size":    {size, sign(c.skey, fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)), nil, witness.ErrInvalidProof}, // 422 since tlog-witness of 2026
		"another tree after a fresh begin": {0, sign(c.skey, fmt.Sprintf("%s\n%d\n%s\n", origin, size+1, root)), nil, witness.ErrCheckpointStale},
	} {
		if _, _, err := f.witness.Update(t.Context(), c.old, c.note, c.proof); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// Tessera's tile client and its check of whole logs read our guardian's mirror, at the root and where tlog-mirror has it, and the hub's
// own record.
func TestTheirTileClientReadsOurMirror(t *testing.T) {
	c, _, member := ours(t)
	f := newFeeder(t, c, member)
	grow(t, c.record, 600) // two full bundles and a partial one
	if _, err := f.feed(t, 0); err != nil {
		t.Fatal(err)
	}
	pinned := &http.Client{Transport: guardianclient.Transport([]protocol.Member{member}, nil)}
	for name, at := range map[string]struct {
		base   string
		client *http.Client
	}{
		"the guardian":              {member.URL + "/", pinned},
		"the guardian, tlog-mirror": {fmt.Sprintf("%s/%x/", member.URL, sha256.Sum256([]byte(origin))), pinned},
		"the hub":                   {c.hub.URL + "/log/", http.DefaultClient},
	} {
		base, err := url.Parse(at.base)
		if err != nil {
			t.Fatal(err)
		}
		fetch, err := client.NewHTTPFetcher(base, at.client)
		if err != nil {
			t.Fatal(err)
		}
		cp, raw, _, err := client.FetchCheckpoint(t.Context(), fetch.ReadCheckpoint, f.logKey, origin)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.HasPrefix(name, "the guardian") {
			if _, err := note.Open(raw, note.VerifierList(f.cosign)); err != nil {
				t.Errorf("%s: the checkpoint lacks its co-signature: %v", name, err)
			}
		}
		if err := fsck.New(origin, f.logKey, fetch, hashes, fsck.Opts{N: 2}).Check(t.Context()); err != nil {
			t.Errorf("%s: their check of the whole log: %v", name, err)
		}
		builder, err := client.NewProofBuilder(t.Context(), cp.Size, fetch.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []uint64{0, 255, 256, 511, 512, cp.Size - 1} {
			bundle, err := client.GetEntryBundle(t.Context(), fetch.ReadEntryBundle, i/256, cp.Size)
			if err != nil {
				t.Fatalf("%s: leaf %d: %v", name, i, err)
			}
			path, err := builder.InclusionProof(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, i, cp.Size, rfc6962.DefaultHasher.HashLeaf(bundle.Entries[i%256]), path, cp.Hash); err != nil {
				t.Errorf("%s: leaf %d: %v", name, i, err)
			}
		}
	}
}

// hashes are the leaf hashes of an entry bundle.
func hashes(bundle []byte) (all [][]byte, err error) {
	for len(bundle) > 0 {
		n := int(bundle[0])<<8 | int(bundle[1])
		if len(bundle) < 2+n {
			return nil, io.ErrUnexpectedEOF
		}
		all = append(all, rfc6962.DefaultHasher.HashLeaf(bundle[2:2+n]))
		bundle = bundle[2+n:]
	}
	return all, nil
}
