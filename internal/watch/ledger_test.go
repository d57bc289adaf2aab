package watch

import (
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/tlog"
)

const testCity = "city.example"

// ledger is a log made with the Go checksum database's code (x/mod/sumdb/tlog), which shares nothing with ours. It can be cloned, and
// the clone go on in another way: that is a lie.
type ledger struct {
	leaves [][]byte
	hashes []tlog.Hash
}

func (l *ledger) clone(size int) *ledger {
	next := &ledger{}
	for _, leaf := range l.leaves[:size] {
		next.append(leaf)
	}
	return next
}

func (l *ledger) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.hashes[x]
	}
	return out, nil
}

func (l *ledger) append(leaf []byte) {
	hashes, err := tlog.StoredHashes(int64(len(l.leaves)), leaf, tlog.HashReaderFunc(l.read))
	if err != nil {
		panic(err)
	}
	l.leaves, l.hashes = append(l.leaves, leaf), append(l.hashes, hashes...)
}

// resource reads a path of tlog-tiles; nil where there is none.
func (l *ledger) resource(path string) []byte {
	rest, ok := strings.CutPrefix(path, "tile/")
	level, index, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return nil
	}
	if level == "entries" {
		n, width, err := layout.ParseTileIndexPartial(index)
		w := uint64(width)
		if w == 0 {
			w = 256
		}
		if err != nil || n*256+w > uint64(len(l.leaves)) {
			return nil
		}
		return bundle(l.leaves[n*256 : n*256+w])
	}
	lv, n, width, err := layout.ParseTileLevelIndexPartial(level, index)
	w := int(width)
	if w == 0 {
		w = 256
	}
	if err != nil || (int(n)*256+w)<<(8*lv) > len(l.leaves) {
		return nil
	}
	data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: int(lv), N: int64(n), W: w}, tlog.HashReaderFunc(l.read))
	if err != nil {
		return nil
	}
	return data
}
