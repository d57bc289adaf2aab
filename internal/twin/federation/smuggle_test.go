package federation

import (
	"bytes"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/twin/jsonld"
)

// contextSourceInfo becomes headers of the hub's own requests: it must not say where they go, how long they are, who the hub or its
// caller is, nor anything of a line of its own.
func TestContextSourceInfoSmugglesNoHeaders(t *testing.T) {
	contexts, err := jsonld.New(jsonld.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSources(SourcesConfig{Dialer: &net.Dialer{}, Contexts: contexts, Self: "self"})
	defer s.Close()
	cause := httptest.NewRequest("GET", "/", nil)
	hostile := map[string]string{
		"Host": "inside", "Content-Length": "1", "Transfer-Encoding": "chunked", "Connection": "X-Key", "Upgrade": "h2c", "TE": "trailers", "Trailer": "X", "Keep-Alive": "1",
		"Expect": "100-continue", "Proxy-Authorization": "x", "Proxy-Connection": "x", "Via": "1.1 other", "NGSILD-Tenant": "theirs", "Link": "<x>", "Accept-Encoding": "gzip",
		"Range": "bytes=0-1", "Content-Type": "text/html", "Tribune-Act": "x", "Tribune-Purpose": "x",
	}
	lines := map[string]string{"X-Line": "a\r\nX-Smuggled: b", "X-Null": "a\x00b", "X-Smuggled: y\r\nZ": "a", "X Smuggled": "a", ":authority": "inside"}
	credentials := []string{"Authorization", "Cookie", "Tribune-Act", "Tribune-Signature", "Tribune-Mandate", "Proxy-Authorization"}
	for _, name := range credentials {
		cause.Header.Set(name, "geheim")
	}
	var pairs []KeyValue
	for _, some := range []map[string]string{hostile, lines} {
		for k, v := range some {
			pairs = append(pairs, KeyValue{k, v})
		}
	}
	for _, name := range credentials {
		pairs = append(pairs, KeyValue{name, FromRequest}, KeyValue{strings.ToLower(name), FromRequest})
	}
	reg := &Registration{ID: "urn:r:1", Endpoint: "https://source.example.org", Tenant: tribune.Tenant("t"), ContextSourceInfo: append(pairs, KeyValue{"X-Key", "k"})}
	r, err := s.request(t.Context(), reg, Call{Method: "POST", Path: "/entities", Body: []byte("{}"), Type: "application/json", Cause: cause})
	if err != nil {
		t.Fatal(err)
	}
	if r.Host != "source.example.org" || r.ContentLength != 2 || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Key") != "k" {
		t.Errorf("it is sent to %s, of %d bytes, with %v", r.Host, r.ContentLength, r.Header)
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	for name, value := range hostile {
		if r.Header.Get(name) == value {
			t.Errorf("%s is %q", name, value)
		}
	}
	if text := wire.String(); strings.Contains(text, "geheim") || strings.Contains(strings.ToLower(text), "smuggled") || strings.Contains(text, "inside") {
		t.Errorf("what is sent is %q", text)
	}
}
