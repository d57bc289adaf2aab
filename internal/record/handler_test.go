package record

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"tribune/verify"
)

func get(r *Record, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.URL.Path = path
	r.Handler().ServeHTTP(w, req)
	return w
}

func TestHandlerServesTheLogAndNothingElse(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	for i := range 3 {
		if _, err := r.Seal(t.Context(), testLeaf(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(g.cfg.Dir, "..", "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	// What a killed process has written and never integrated.
	if err := os.WriteFile(filepath.Join(g.cfg.Dir, "tile/entries/000.p/9"), []byte("never integrated"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		status             int
		contentType, cache string
	}{
		"/checkpoint":                          {200, "text/plain; charset=utf-8", "no-cache"},
		"/tile/0/000.p/3":                      {200, "application/octet-stream", "public, max-age=31536000, immutable"},
		"/tile/entries/000.p/3":                {200, "application/octet-stream", "public, max-age=31536000, immutable"},
		"/tile/entries/000.p/9":                {status: 404},
		"/tile/entries/000":                    {status: 404},
		"/tile/0/000":                          {status: 404},
		"/tile/1/000.p/1":                      {status: 404},
		"/tile/64/000.p/1":                     {status: 404},
		"/tile/0/000.p/0":                      {status: 404},
		"/tile/0/000.p/03":                     {status: 404},
		"/tile/00/000.p/3":                     {status: 404},
		"/tile/0/x000/000.p/3":                 {status: 404},
		"/tile/0/../0/000.p/3":                 {status: 404},
		"/tile/entries/../../.state/treeState": {status: 404},
		"/tile/../../secret":                   {status: 404},
		"/.state/treeState":                    {status: 404},
		"/.state/record.lock":                  {status: 404},
		"/tile":                                {status: 404},
		"/tile/":                               {status: 404},
		"/":                                    {status: 404},
		"":                                     {status: 404},
		"checkpoint":                           {status: 404},
		"/checkpoint/":                         {status: 404},
		"/tile/0/999/999/999/999/999/999/999/999": {status: 404},
		"/tile/63/x999/x999/999":                  {status: 404},
	} {
		w := get(r, path)
		if w.Code != want.status {
			t.Errorf("%q: got status %d, want %d", path, w.Code, want.status)
		}
		if want.status == 200 && (w.Header().Get("Content-Type") != want.contentType || w.Header().Get("Cache-Control") != want.cache || w.Header().Get("Content-Encoding") != "") {
			t.Errorf("%q: got headers %v, want %v", path, w.Header(), want)
		}
	}
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/checkpoint", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got status %d, want 405", w.Code)
	}
}

// Any standard client must be able to read the log: here, verification over HTTP alone.
func TestLogReadOverHTTPVerifies(t *testing.T) {
	g := newRig(t)
	r := g.open(t)
	var last *Pending
	for i := range 600 {
		var err error
		if last, err = r.Enqueue(testLeaf(t, i)); err != nil {
			t.Fatal(err)
		}
	}
	at, err := last.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Await(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(r.Handler())
	t.Cleanup(srv.Close)
	fetch := overHTTP(srv.URL)
	msg, err := fetch("checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.trust.Checkpoint(msg)
	if err != nil || c.Size != 600 {
		t.Fatalf("checkpoint of size %d, %v; want 600", c.Size, err)
	}
	tree, err := verify.OpenTree(c.Size, c.Root, fetch)
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if _, err := tree.Bundle(n); err != nil {
			t.Error(err)
		}
	}
}

func FuzzResourcePath(f *testing.F) {
	for _, s := range []string{"/tile/0/000", "/tile/entries/x001/234.p/7", "/tile/0/../../checkpoint", "/tile/8/000.p/255", "/tile/entries/.p/1", "/tile//.p/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		res, ok := parseResource(path)
		if !ok {
			return
		}
		if "/"+res.path() != path {
			t.Errorf("%q was read as %q", path, res.path())
		}
		if !filepath.IsLocal(res.path()) {
			t.Errorf("%q leads out of the directory", path)
		}
	})
}
