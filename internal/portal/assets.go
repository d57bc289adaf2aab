package portal

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"time"
)

// The style sheet is all assets/src/*.css in the order of their names, base.css first. Scripts and what else is built lie
// in assets/dist, which is not committed: scripts/assets fills it. A binary built without them has pages without scripts.
//
//go:embed assets/src/*.css assets/src/icon.svg all:assets/dist
var files embed.FS

// assets are served under /assets/NAME?v=HASH, for ever: another content has another hash.
type assets struct {
	content map[string][]byte
	hash    map[string]string
}

func (a *assets) load() error {
	a.content, a.hash = map[string][]byte{}, map[string]string{}
	sheets, err := fs.Glob(files, "assets/src/*.css")
	if err != nil {
		return err
	}
	css := [][]byte{nil}
	for _, name := range sheets {
		data, err := files.ReadFile(name)
		if err != nil {
			return fmt.Errorf("reading a style sheet: %w", err)
		}
		if path.Base(name) == "base.css" {
			css[0] = data
		} else {
			css = append(css, data)
		}
	}
	a.add("portal.css", bytes.Join(css, []byte("\n")))
	icon, err := files.ReadFile("assets/src/icon.svg")
	if err != nil {
		return fmt.Errorf("reading the icon: %w", err)
	}
	a.add("icon.svg", icon)
	return fs.WalkDir(files, "assets/dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name)[0] == '.' {
			return err
		}
		data, err := files.ReadFile(name)
		if err == nil {
			a.add(path.Base(name), data)
		}
		return err
	})
}

func (a *assets) add(name string, data []byte) {
	sum := sha256.Sum256(data)
	a.content[name], a.hash[name] = data, hex.EncodeToString(sum[:8])
}

// built reports whether an asset is there.
func (a *assets) built(name string) bool { return a.content[name] != nil }

func (a *assets) url(name string) string { return "/assets/" + name + "?v=" + a.hash[name] }

func (a *assets) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		data := a.content[name]
		if data == nil {
			http.NotFound(w, r)
			return
		}
		headers(w.Header(), false)
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		w.Header().Set("ETag", `"`+a.hash[name]+`"`)
		if r.URL.Query().Get("v") == a.hash[name] {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		http.ServeContent(w, r, name, noTime, bytes.NewReader(data))
	})
}

// noTime: assets have a hash, not a date; the same commit gives the same answers.
var noTime = time.Time{}
