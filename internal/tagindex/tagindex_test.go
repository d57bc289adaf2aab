package tagindex

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"tribune"
	"tribune/protocol"
)

type one struct {
	x    *protocol.Index
	busy bool
}

func (o one) Latest() (Latest, bool) {
	if o.x == nil {
		return Latest{}, false
	}
	return Latest{o.x.IndexHead, 7}, true
}

func (o one) Index(size uint64) (*protocol.Index, error) {
	switch {
	case o.busy:
		return nil, tribune.ErrBusy
	case o.x == nil || size != o.x.Size:
		return nil, tribune.ErrNotFound
	}
	return o.x, nil
}

func built(t *testing.T) *protocol.Index {
	t.Helper()
	var entries []protocol.IndexEntry
	for i := range uint64(1500) {
		h := sha256.Sum256(fmt.Append(nil, i))
		entries = append(entries, protocol.IndexEntry{Tag: tribune.Tag(h[:16]), Leaf: i})
	}
	x, err := protocol.NewIndex(1500, entries)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func serve(s Source) http.Handler {
	mux := http.NewServeMux()
	Routes(mux, s)
	return mux
}

func get(t *testing.T, h http.Handler, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w.Result()
}

// Whoever downloads everything gets the entries of which the signed root is the root.
func TestBucketsAndTheFullDownloadAreOfTheSignedRoot(t *testing.T) {
	x := built(t)
	h := serve(one{x: x})
	var latest Latest
	if err := json.NewDecoder(get(t, h, "/trace/latest").Body).Decode(&latest); err != nil || latest.IndexHead != x.IndexHead || latest.Leaf != 7 {
		t.Fatalf("latest %+v, %v", latest, err)
	}
	var all []byte
	for i := range uint64(1 << x.Bits) {
		res := get(t, h, fmt.Sprintf("/trace/1500/%d/%d", x.Bits, i))
		file, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatal(res.Status, err)
		}
		entries, err := latest.OpenBucket(i, file)
		if err != nil {
			t.Fatal(err)
		}
		all = protocol.AppendEntries(all, entries)
	}
	res := get(t, h, "/trace/1500/full")
	full, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(full, all) {
		t.Errorf("the full download is not all buckets: %d bytes, want %d (%v)", len(full), len(all), err)
	}
	if res.Header.Get("Cache-Control") != cacheFile || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", res.Header)
	}
}

func TestWhatIsNotServed(t *testing.T) {
	x := built(t)
	h := serve(one{x: x})
	for _, path := range []string{"/trace/1499/1/0", "/trace/1500/2/0", "/trace/1500/1/2", "/trace/01500/1/0", "/trace/1500/1/00", "/trace/-1/full", "/trace/1499/full"} {
		if res := get(t, h, path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, res.Status)
		}
	}
	if res := get(t, serve(one{}), "/trace/latest"); res.StatusCode != http.StatusNotFound {
		t.Errorf("latest without any: %s", res.Status)
	}
	if res := get(t, serve(one{busy: true}), "/trace/1500/full"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while it is built: %s", res.Status)
	}
}
