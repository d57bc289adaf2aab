package watch

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"testing"

	fnote "github.com/transparency-dev/formats/note"

	"tribune/internal/web/pinned"
	"tribune/protocol"
	"tribune/verify"
)

// Guardians have no certificate of an authority: a watcher that asked for one would call them all away.
func TestGuardiansAreReachedUnderTheKeysOfTheTrustFile(t *testing.T) {
	skey, vkey, err := protocol.NewKey("court.example")
	if err != nil {
		t.Fatal(err)
	}
	_, logKey, err := protocol.NewKey("city.example/record")
	if err != nil {
		t.Fatal(err)
	}
	cosigner, err := fnote.VKeyToCosignatureV1(vkey)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust(fmt.Appendf(nil, "log %s\nwitness g1 %s https://court.example/\ngroup guardians 1 g1\nquorum guardians\n", logKey, cosigner))
	if err != nil {
		t.Fatal(err)
	}
	key, err := protocol.SeedOf(skey)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for who, held := range map[string]ed25519.PrivateKey{"the guardian": key, "a stranger": stranger} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{TLSConfig: pinned.Server(pinned.NewIdentity(held, nil), nil), ErrorLog: log.New(io.Discard, "", 0), Handler: http.NotFoundHandler()}
		go s.ServeTLS(ln, "", "")
		defer s.Close()
		at := "https://" + ln.Addr().String()
		c, err := OpenCopy(CopyConfig{Trust: trust, LogKey: logKey, Dir: t.TempDir(), Record: "http://127.0.0.1:1", Guardians: []string{at + "/"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		resp, err := c.client().Get(at)
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != (who == "the guardian") {
			t.Errorf("%s: %v", who, err)
		}
	}
}
