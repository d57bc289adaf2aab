package verify

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tribune"
)

func TestReceiptsAndLogsOfAllShapesVerify(t *testing.T) {
	for _, c := range []struct{ index, receipt, dir int }{
		{0, 1, 1}, {0, 2, 2}, {1, 2, 3}, {4, 5, 300}, {255, 256, 256}, {255, 256, 257}, {256, 257, 513}, {3, 300, 300},
		{299, 300, 280}, {100, 600, 300}, {300, 600, 512}, {70, 65535, 65536}, {65536, 66000, 66000}, {12345, 66000, 65536},
	} {
		t.Run(fmt.Sprintf("leaf %d, receipt of %d, directory of %d", c.index, c.receipt, c.dir), func(t *testing.T) {
			l := logWithAct(t, c.index, max(c.receipt, c.dir))
			v, err := l.trust.Receipt(l.receipt(t, c.index, c.receipt, 3, true))
			if err != nil {
				t.Fatal(err)
			}
			if v.Index != uint64(c.index) || v.Leaf.Act.Office != "parking-inspector" || len(v.Checkpoint.Cosignatures) != 3 {
				t.Errorf("got %+v", v)
			}
			dir := l.dir(t, c.dir, 4)
			if c.receipt > c.dir { // the copy was taken while the log grew: newer tiles, older checkpoint
				dir = l.dir(t, c.receipt, 4)
				dir["checkpoint"].Data = l.checkpoint(t, c.dir, 4)
			}
			if err := l.trust.Log(v, dir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOldDirectoryIsToldSo(t *testing.T) {
	l := logWithAct(t, 2, 10)
	v, err := l.trust.Receipt(l.receipt(t, 2, 10, 3, true))
	if err != nil {
		t.Fatal(err)
	}
	err = l.trust.Log(v, l.dir(t, 5, 3))
	if err == nil || tribune.HintOf(err) == "" || !strings.Contains(err.Error(), "older") {
		t.Errorf("got %v, want to be told that the directory is older, with a hint", err)
	}
}

func TestRewrittenHistoryFails(t *testing.T) {
	l := logWithAct(t, 2, 10)
	v, err := l.trust.Receipt(l.receipt(t, 2, 10, 3, true))
	if err != nil {
		t.Fatal(err)
	}
	// The same keys sign another history: the guardians are corrupt, but receipts given out do not fit it.
	forged := *l
	forged.leaves, forged.hashes = nil, nil
	forged.grow(t, 20)
	if err := l.trust.Log(v, forged.dir(t, 20, 4)); !errors.Is(err, tribune.ErrInvalid) || !strings.Contains(err.Error(), "history was rewritten") {
		t.Errorf("got %v, want to be told that history was rewritten", err)
	}
	l.grow(t, 20)
	if err := l.trust.Log(v, l.dir(t, 20, 4)); err != nil {
		t.Errorf("the true continuation: %v", err)
	}
}

func TestMissingLeafIsSeenByMonitor(t *testing.T) {
	l := logWithAct(t, 2, 700)
	dir := l.dir(t, 700, 3)
	n := uint64(0)
	c, err := l.trust.Leaves(dir, 100, func(i uint64, leaf []byte) error {
		if string(leaf) != string(l.leaves[i]) || i != 100+n {
			return fmt.Errorf("leaf %d is %q", i, leaf)
		}
		n++
		return nil
	})
	if err != nil || c.Size != 700 || n != 600 {
		t.Fatalf("visited %d leaves, %v; want 600", n, err)
	}
	bundle := dir["tile/entries/001"]
	bundle.Data = bundle.Data[:len(bundle.Data)-2-len(l.leaves[511])]
	if _, err := l.trust.Leaves(dir, 0, func(uint64, []byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "tile/entries/001") {
		t.Errorf("got %v, want an error that names tile/entries/001", err)
	}
}

func TestFullTileServesForAPartialOneThatIsGone(t *testing.T) {
	l := logWithAct(t, 2, 600)
	dir := l.dir(t, 600, 3)
	delete(dir, "tile/0/001.p/44")
	c, err := l.trust.Checkpoint(l.checkpoint(t, 300, 3))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenTree(c.Size, c.Root, Dir(dir)); err == nil {
		t.Error("control: the partial tile is there")
	}
	dir["tile/1/000.p/1"] = &fstest.MapFile{Data: l.dir(t, 300, 3)["tile/1/000.p/1"].Data}
	tree, err := OpenTree(c.Size, c.Root, OrFull(Dir(dir)))
	if err != nil {
		t.Fatal(err)
	}
	if leaves, err := tree.Bundle(1); err != nil || len(leaves) != 44 {
		t.Errorf("got %d leaves, %v; want 44", len(leaves), err)
	}
}

func TestProofsFromTilesEqualTheOracles(t *testing.T) {
	l := logWithAct(t, 0, 1300)
	dir := l.dir(t, 1300, 3)
	c, err := l.trust.Checkpoint(dir["checkpoint"].Data)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := OpenTree(c.Size, c.Root, Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	for i := int64(0); i < 1300; i += 13 {
		got, err := tree.Inclusion(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		want, err := tlog.ProveRecord(1300, i, tlog.HashReaderFunc(l.read))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(asHashes(want)) {
			t.Fatalf("inclusion proof of %d: got %v, want %v", i, got, want)
		}
		if i == 0 {
			continue
		}
		got, err = tree.Consistency(uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		wantTree, err := tlog.ProveTree(1300, i, tlog.HashReaderFunc(l.read))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(asHashes(wantTree)) {
			t.Fatalf("consistency proof from %d: got %v, want %v", i, got, wantTree)
		}
	}
}

func asHashes(hs []tlog.Hash) []tribune.Hash {
	out := make([]tribune.Hash, len(hs))
	for i, h := range hs {
		out[i] = tribune.Hash(h)
	}
	return out
}

func TestLeafTimeIsTheTthSmallest(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	v := &Verified{Checkpoint: &Checkpoint{Cosignatures: []Cosignature{{"a", at(300)}, {"b", at(100)}, {"c", at(200)}}}}
	for n, want := range map[int]time.Time{1: at(100), 2: at(200), 3: at(300), 4: at(0), 0: at(0), -1: at(0)} {
		if got := LeafTime(v, n); !got.Equal(want) {
			t.Errorf("LeafTime(%d) = %v, want %v", n, got, want)
		}
	}
}
