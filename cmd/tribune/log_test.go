package main_test

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"

	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

const origin = "birmingham.example/record"

// standardClient reads the log as anyone does who knows the standards and nothing of us: Tessera's client for tiles, the
// checkpoint under the keys of the trust file, an inclusion proof built from the tiles.
func standardClient(t *testing.T, c *city) {
	ctx := t.Context()
	base, err := url.Parse(c.as(t, "").Base + "/log/")
	if err != nil {
		t.Fatal(err)
	}
	fetcher, err := client.NewHTTPFetcher(base, &http.Client{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	key, witnesses := trusted(t, c)
	checkpoint, raw, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, key, origin)
	if err != nil {
		t.Fatalf("the checkpoint: %v", err)
	}
	if _, _, signed, err := log.ParseCheckpoint(raw, origin, key, witnesses...); err != nil || len(signed.Sigs) < 1+3 {
		t.Errorf("the checkpoint carries %d known signatures (%v), want the log's and three of four guardians'", len(signed.Sigs), err)
	}
	stranger, _, err := note.GenerateKey(nil, origin)
	if err == nil {
		var signer note.Signer
		if signer, err = note.NewSigner(stranger); err == nil && signer.KeyHash() == key.KeyHash() {
			t.Fatal("a stranger's key has the log's hash")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	tree, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		t.Fatalf("the tiles: %v", err)
	}
	for _, index := range []uint64{0, checkpoint.Size / 2, checkpoint.Size - 1} {
		bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/256, checkpoint.Size)
		if err != nil {
			t.Fatalf("the entries: %v", err)
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%256])
		path, err := tree.InclusionProof(ctx, index)
		if err != nil {
			t.Fatalf("proof of leaf %d: %v", index, err)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, path, checkpoint.Hash); err != nil {
			t.Errorf("leaf %d of %d is not in the tree: %v", index, checkpoint.Size, err)
		}
		leaf[0] ^= 1
		if proof.VerifyInclusion(rfc6962.DefaultHasher, index, checkpoint.Size, leaf, path, checkpoint.Hash) == nil {
			t.Errorf("leaf %d: another leaf passes for it", index)
		}
	}
}

// trusted reads the trust file as the policy file that it is.
func trusted(t *testing.T, c *city) (key note.Verifier, witnesses []note.Verifier) {
	t.Helper()
	for line := range strings.Lines(read(t, c.dir, "trust.txt")) {
		words := strings.Fields(line)
		var err error
		switch {
		case len(words) == 2 && words[0] == "log":
			key, err = note.NewVerifier(words[1])
		case len(words) >= 3 && words[0] == "witness":
			var v note.Verifier
			v, err = f_note.NewVerifierForCosignatureV1(words[2])
			witnesses = append(witnesses, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if key == nil || len(witnesses) != 4 {
		t.Fatalf("the trust file names %d guardians and the log's key %v", len(witnesses), key)
	}
	return key, witnesses
}

// logSize is how many entries the published log has.
func logSize(t *testing.T, c *city) uint64 {
	t.Helper()
	key, _ := trusted(t, c)
	cp, _, _, err := log.ParseCheckpoint([]byte(read(t, c.dir, "hub", "log", "checkpoint")), origin, key)
	if err != nil {
		t.Fatal(err)
	}
	return cp.Size
}

// eachRow opens the store of a stopped hub and visits all of it.
func eachRow(t *testing.T, ctx context.Context, dir string, visit func(key, value []byte)) {
	t.Helper()
	s, err := pebble.Open(pebble.Config{Dir: filepath.Clean(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rows := 0
	for pair, err := range s.Scan(ctx, store.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		visit(pair.Key, pair.Value)
		rows++
	}
	if rows == 0 {
		t.Fatal("the store is empty; nothing was searched")
	}
}
