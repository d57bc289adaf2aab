package guardian

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"tribune"
	"tribune/internal/tagindex"
	"tribune/protocol"
)

// tagged is a leaf with these tags.
func (w *world) tagged(tags ...tribune.Tag) []byte {
	w.t.Helper()
	leaf, err := protocol.DecodeLeaf(w.housekeeping(tribune.ActDecide, tribune.Hash{}, nil))
	if err != nil {
		w.t.Fatal(err)
	}
	leaf.Tags, leaf.Act.Count = tags, len(tags)
	raw, err := leaf.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	return raw
}

func TestGuardiansSignTheIndexOfTheirOwnMirrors(t *testing.T) {
	w := newWorld(t)
	w.publishLeaf(w.tagged(tribune.Tag{1}, tribune.Tag{2}))
	w.publishLeaf(w.tagged(tribune.Tag{3}, tribune.Tag{1})) // a duplicate is listed twice
	entries := []protocol.IndexEntry{{Tag: tribune.Tag{1}, Leaf: 0}, {Tag: tribune.Tag{2}, Leaf: 0}, {Tag: tribune.Tag{3}, Leaf: 1}, {Tag: tribune.Tag{1}, Leaf: 1}}
	x, err := protocol.NewIndex(2, entries)
	if err != nil {
		t.Fatal(err)
	}
	origin := testCity + "/record"
	signatures, failures := w.client.SignIndex(context.Background(), origin, x.IndexHead)
	if len(signatures) != 4 || len(failures) != 0 {
		t.Fatalf("%d signatures, failures %v", len(signatures), failures)
	}
	// A hub that leaves a mark out gets no signature.
	lie, err := protocol.NewIndex(2, entries[:2])
	if err != nil {
		t.Fatal(err)
	}
	if signatures, failures := w.client.SignIndex(context.Background(), origin, lie.IndexHead); len(signatures) != 0 || len(failures) != 4 {
		t.Errorf("a false index has %d signatures, failures %v", len(signatures), failures)
	}

	public, err := protocol.JCS(protocol.IndexLeaf{IndexHead: x.IndexHead, Signatures: signatures})
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := w.publishLeaf(w.housekeeping(tribune.ActIndex, tribune.Hash{}, public))
	w.restart(3) // and builds it again
	for _, g := range w.guards[2:] {
		var latest tagindex.Latest
		w.fetch(g, "/trace/latest", func(r io.Reader) error { return json.NewDecoder(r).Decode(&latest) })
		if latest.IndexHead != x.IndexHead || latest.Leaf != leaf {
			t.Errorf("latest %+v, want %+v in leaf %d", latest, x.IndexHead, leaf)
		}
		w.fetch(g, fmt.Sprintf("/trace/%d/%d/0", x.Size, x.Bits), func(r io.Reader) error {
			file, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			got, err := x.OpenBucket(0, file)
			if err == nil && len(got) != 4 {
				err = fmt.Errorf("%d entries, want 4", len(got))
			}
			return err
		})
	}
}

func (w *world) fetch(g *guard, path string, read func(io.Reader) error) {
	w.t.Helper()
	resp, err := http.Get(g.server.URL + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := read(resp.Body); err != nil {
		w.t.Errorf("%s: %v", path, err)
	}
}

// Strangers cannot have indexes built, and a hub cannot have more than some: each takes all tags on record.
func TestIndexesAreBuiltAtABoundedRate(t *testing.T) {
	w := newWorld(t)
	for range indexBurst + 2 {
		w.publishLeaf(w.tagged())
	}
	resp, err := http.Get(w.guards[0].server.URL + "/trace/1/full")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("a stranger has an index built: %s", resp.Status)
	}
	for size := range uint64(indexBurst + 1) {
		x, err := protocol.NewIndex(size, nil)
		if err != nil {
			t.Fatal(err)
		}
		signatures, _ := w.client.SignIndex(context.Background(), testCity+"/record", x.IndexHead)
		if want := size < indexBurst; (len(signatures) == 4) != want {
			t.Errorf("index %d: %d signatures", size+1, len(signatures))
		}
	}
}
