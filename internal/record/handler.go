package record

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune/verify"
)

// How long copies may be kept. A checkpoint is replaced; an integrated tile or bundle never changes.
const (
	cacheCheckpoint = "no-cache"
	cacheTile       = "public, max-age=31536000, immutable"
)

// Handler serves the log to any C2SP tlog-tiles client, at /checkpoint and /tile/... (strip what is in front). Tiles and
// bundles are served once integrated, so that guardians can read what they are asked to co-sign; the checkpoint only
// once published. Nothing else of the directory can be reached: paths are rebuilt from what was parsed.
func (r *Record) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method != http.MethodGet && req.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this log is only read here", http.StatusMethodNotAllowed)
			return
		}
		if req.URL.Path == "/checkpoint" {
			h := r.published()
			if h == nil {
				http.Error(w, "no checkpoint yet: too few guardians have co-signed", http.StatusNotFound)
				return
			}
			serve(w, "text/plain; charset=utf-8", cacheCheckpoint, h.Note)
			return
		}
		if req.URL.Path == "/head" { // not published: for guardians that mirror without being asked to co-sign
			head := r.Shown()
			if head == nil {
				http.Error(w, "no checkpoint has been signed since the start", http.StatusNotFound)
				return
			}
			serve(w, "text/plain; charset=utf-8", cacheCheckpoint, head)
			return
		}
		res, ok := parseResource(req.URL.Path)
		if !ok || !r.integrated(req.Context(), res) {
			http.Error(w, "no such part of the log", http.StatusNotFound)
			return
		}
		data, err := verify.Dir(r.root.FS())(res.path())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			// A width the log never had, or a partial one that was cleared away after its full one was published.
			http.Error(w, "no such part of the log", http.StatusNotFound)
		case err != nil:
			r.log.Error("reading the log", "path", res.path(), "err", err)
			http.Error(w, "the log cannot be read", http.StatusInternalServerError)
		default:
			serve(w, "application/octet-stream", cacheTile, data)
		}
	})
}

func serve(w http.ResponseWriter, contentType, cache string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*") // anyone may verify, from a page too
	w.Write(data)
}

// resource is a tile or, at entries, a bundle; width 0 is a full one.
type resource struct {
	entries      bool
	level, index uint64
	width        uint8
}

func (res resource) path() string {
	if res.entries {
		return layout.EntriesPath(res.index, res.width)
	}
	return layout.TilePath(res.level, res.index, res.width)
}

// parseResource reads /tile/L/N[.p/W] and /tile/entries/N[.p/W] in their one spelling.
func parseResource(path string) (resource, bool) {
	rest, ok := strings.CutPrefix(path, "/tile/")
	if !ok || len(path) > 100 {
		return resource{}, false
	}
	level, index, ok := strings.Cut(rest, "/")
	if !ok {
		return resource{}, false
	}
	var res resource
	var err error
	if level == "entries" {
		res.entries = true
		res.index, res.width, err = layout.ParseTileIndexPartial(index)
	} else {
		res.level, res.index, res.width, err = layout.ParseTileLevelIndexPartial(level, index)
	}
	if err != nil || "/"+res.path() != path {
		return resource{}, false
	}
	return res, true
}

// integrated reports whether all of a resource is in the log. What a killed process wrote and never integrated lies on
// disk under the same names; it will be overwritten, so it must not be served.
func (r *Record) integrated(ctx context.Context, res resource) bool {
	if res.within(r.size.Load()) {
		return true
	}
	// Guardians are asked to co-sign as soon as Tessera has integrated, which may be a moment before we are told.
	r.swap.RLock()
	reader := r.reader
	r.swap.RUnlock()
	size, err := reader.IntegratedSize(ctx)
	return err == nil && res.within(size)
}

func (res resource) within(size uint64) bool {
	hashes := size >> (layout.TileHeight * res.level) // of this level
	full := hashes >> layout.TileHeight
	if res.width == 0 {
		return res.index < full
	}
	return res.index < full || res.index == full && uint64(res.width) <= hashes%layout.TileWidth
}
