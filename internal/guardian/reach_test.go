package guardian

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crypto/ed25519"

	"tribune"
	"tribune/internal/guardian/client"
	"tribune/protocol"
)

// overTLS serves guardian i as serve does, and returns the roster with its address there.
func (w *world) overTLS(i int) protocol.Group {
	w.t.Helper()
	w.guards[i].stop()
	w.guards[i].cfg.Plain = false
	w.start(i)
	g := w.guards[i].Guardian
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	s := &http.Server{Handler: g.Handler(), TLSConfig: g.TLS(nil), ErrorLog: log.New(io.Discard, "", 0)}
	go s.ServeTLS(ln, "", "")
	w.t.Cleanup(func() { s.Close() })
	one := w.group
	one.Guardians = append([]protocol.Member(nil), one.Guardians[i])
	one.Guardians[0].URL = "https://" + ln.Addr().String()
	return one
}

func TestDoorsOfTheHubNeedItsCertificateBesidesItsSignature(t *testing.T) {
	w := newWorld(t)
	one := w.overTLS(0)
	at, name := one.Guardians[0].URL, one.Guardians[0].Name
	_, thief, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(c *http.Client, base string) (int, error) {
		body := []byte(`{"points":[]}`)
		now := time.Now().Unix()
		req, err := http.NewRequest(http.MethodPost, base+"/name", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		sig := ed25519.Sign(w.logKey, protocol.HubMessage(http.MethodPost, "/name", now, body))
		req.Header.Set(protocol.HubHeader, strconv.FormatInt(now, 10)+" "+base64.StdEncoding.EncodeToString(sig))
		req.Header.Set(protocol.DigestHeader, protocol.ContentDigest(body))
		resp, err := c.Do(req)
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.StatusCode, nil
	}
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	for who, c := range map[string]struct {
		client *http.Client
		want   int // 0 = no handshake
	}{
		"the hub":                                  {&http.Client{Transport: client.Transport(one.Guardians, w.logKey)}, http.StatusBadRequest}, // past the door: no points
		"who has replayed its signature":           {&http.Client{Transport: client.Transport(one.Guardians, nil)}, http.StatusForbidden},
		"the same by another name than the pinned": {browser, http.StatusForbidden},
		"with a certificate of another key":        {&http.Client{Transport: client.Transport(one.Guardians, thief)}, 0},
	} {
		if got, err := signed(c.client, at); got != c.want {
			t.Errorf("%s: got %d (%v), want %d", who, got, err, c.want)
		}
	}
	// What is public is so for everyone.
	for _, path := range []string{"/status", "/outbox"} {
		resp, err := browser.Get(at + path)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
	}
	// And the hub's own client takes no one else for this guardian.
	if _, err := client.New(client.Config{Group: one, Key: w.logKey}).Status(context.Background(), name); err != nil {
		t.Error(err)
	}
	one.Guardians[0].Key = w.group.Guardians[1].Key
	if _, err := client.New(client.Config{Group: one, Key: w.logKey}).Status(context.Background(), name); err == nil {
		t.Error("another guardian's key is taken for this one's")
	}
}

// A guardian sees its peers' clocks over TLS, under any member's key and nobody else's.
func TestPeersAreHeardOverTLS(t *testing.T) {
	w := newWorld(t)
	one := w.overTLS(0)
	cfg := w.guards[1].cfg
	cfg.Members = append([]protocol.Member(nil), cfg.Members...)
	cfg.Members[0].URL = one.Guardians[0].URL
	r, err := cfg.resolve()
	if err != nil {
		t.Fatal(err)
	}
	hear := func() bool {
		c := newClock(cfg, r.roster, r.self.name)
		c.cfg.HTTP = cfg.httpClient(r)
		c.poll(context.Background())
		_, ok := c.offsets[one.Guardians[0].Name]
		return ok
	}
	if !hear() {
		t.Error("the peer is not heard")
	}
	cfg.Members[0].Key = cfg.Members[1].Key // so that nobody has pinned whoever answers there
	if hear() {
		t.Error("a stranger is heard")
	}
}

func TestPlainHTTPIsForDemosOnOneMachine(t *testing.T) {
	good := File{Listen: "0.0.0.0:8431", Hub: "https://hub.example", Members: []FileMember{{URL: "https://court.example:8431"}, {}}}
	for name, spoil := range map[string]func(*File){
		"a demo open to others":      func(f *File) { f.Demo = true },
		"a peer in clear":            func(f *File) { f.Members[0].URL = "http://court.example:8431" },
		"a hub pinned in clear":      func(f *File) { f.Hub, f.HubPinned = "http://hub.example", true },
		"a hub with a password":      func(f *File) { f.Hub = "https://me:secret@hub.example" },
		"a peer that is a query":     func(f *File) { f.Members[0].URL = "https://court.example/?to=" },
		"an address without a port":  func(f *File) { f.Listen = "0.0.0.0" },
		"a peer by another protocol": func(f *File) { f.Members[0].URL = "file:///etc/passwd" },
	} {
		f := good
		f.Members = append([]FileMember(nil), good.Members...)
		if err := f.checkReach(); err != nil {
			t.Fatal(err)
		}
		spoil(&f)
		if err := f.checkReach(); !errors.Is(err, tribune.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	demo := good
	demo.Demo, demo.Listen, demo.Members = true, "127.0.0.1:0", []FileMember{{URL: "http://127.0.0.1:1"}}
	if err := demo.checkReach(); err != nil {
		t.Errorf("a demo: %v", err)
	}
}

func TestCertificateForBrowsersIsAPairOrNone(t *testing.T) {
	dir := t.TempDir()
	half := File{Certificate: filepath.Join(dir, "tls.pem")}
	os.WriteFile(half.Certificate, []byte("x"), 0o600)
	if _, err := half.public(); err == nil || !strings.Contains(tribune.HintOf(err), "tls_key") {
		t.Errorf("half a pair: %v", err)
	}
	if p, err := (File{}).public(); p != nil || err != nil {
		t.Errorf("none: %v, %v", p, err)
	}
}
