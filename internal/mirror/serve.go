package mirror

import (
	"errors"
	"net/http"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// ServeHTTP serves /tile/... as tlog-tiles. Any width of a partial tile up to the present one is served, not only the
// stored one: a reader may hold an older checkpoint. (/checkpoint is the owner's: a guardian's carries its co-signature.)
func (m *Mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	rest, ok := strings.CutPrefix(r.URL.Path, "/tile/")
	kind, index, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		http.NotFound(w, r)
		return
	}
	var raw []byte
	var width uint8
	var err error
	if kind == "entries" {
		var n uint64
		if n, width, err = layout.ParseTileIndexPartial(index); err == nil {
			raw, err = m.entriesAt(n, width)
		}
	} else {
		var level, n uint64
		if level, n, width, err = layout.ParseTileLevelIndexPartial(kind, index); err == nil {
			raw, err = m.tileAt(level, n, width)
		}
	}
	if err != nil {
		var broken *tribune.IntegrityError
		if errors.As(err, &broken) {
			http.Error(w, "this mirror is damaged", http.StatusInternalServerError)
			return
		}
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=604800, immutable") // a tile of a given width never changes
	w.Write(raw)
}

// tileAt is hash tile (level, index) cut to width; 0 = full.
func (m *Mirror) tileAt(level, index uint64, width uint8) ([]byte, error) {
	n := widthOf(width)
	m.mu.RLock()
	edge := m.tree.edge
	m.mu.RUnlock()
	if level >= uint64(len(edge)) || index > edge[level].index {
		return nil, tribune.ErrNotFound
	}
	raw := edge[level].hashes
	if index < edge[level].index {
		var err error
		if raw, err = m.files.readTile(level, index); err != nil {
			return nil, err
		}
	}
	if len(raw) < n*hashSize {
		return nil, tribune.ErrNotFound
	}
	return raw[:n*hashSize], nil
}

// entriesAt is an entry bundle cut to width; 0 = full.
func (m *Mirror) entriesAt(index uint64, width uint8) ([]byte, error) {
	if index > MaxSize/layout.EntryBundleWidth {
		return nil, tribune.ErrNotFound
	}
	entries, err := m.bundle(index)
	if err != nil {
		return nil, err
	}
	if len(entries) < widthOf(width) {
		return nil, tribune.ErrNotFound
	}
	return appendEntries(nil, entries[:widthOf(width)]), nil
}

// widthOf is the number of entries or hashes a path's width stands for.
func widthOf(width uint8) int {
	if width == 0 {
		return layout.TileWidth
	}
	return int(width)
}
