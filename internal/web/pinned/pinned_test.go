package pinned

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func seed(b byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, 32)) }

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

var guardianKey, hubKey, strangerKey = seed(1), seed(2), seed(3)

// start serves over config, and says who is asking.
func start(t *testing.T, config *tls.Config) (base string) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	s := &http.Server{TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hub=%v proto=%s", By(r, public(hubKey)), r.Proto)
	})}
	go s.ServeTLS(l, "", "")
	t.Cleanup(func() { s.Close() })
	return "https://" + l.Addr().String()
}

func get(t *testing.T, rt http.RoundTripper, at string) (string, error) {
	t.Helper()
	resp, err := (&http.Client{Transport: rt, Timeout: 10 * time.Second}).Get(at)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func pinsOf(t *testing.T, at string, key ed25519.PrivateKey) Pins {
	t.Helper()
	p, err := At(map[string]ed25519.PublicKey{at: public(key)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ago(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(-d) } }

func TestOnlyThePinnedKeyIsSpokenTo(t *testing.T) {
	good := start(t, Server(NewIdentity(guardianKey, nil), nil, public(hubKey)))
	old := start(t, Server(NewIdentity(guardianKey, ago(50*time.Hour)), nil))
	wrongUse := start(t, serverShowing(t, NewIdentity(guardianKey, nil), x509.ExtKeyUsageClientAuth))
	chain := start(t, serverShowingTwo(t))
	downgraded := Server(NewIdentity(guardianKey, nil), nil)
	downgraded.GetConfigForClient = nil
	downgraded.MinVersion, downgraded.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, c := range map[string]struct {
		at   string
		pin  ed25519.PrivateKey
		want string // of the error; "" = it answers
	}{
		"the pinned key":                        {good, guardianKey, ""},
		"another key":                           {good, strangerKey, "no key that is pinned"},
		"an expired certificate":                {old, guardianKey, "not valid at this time"},
		"a caller's certificate used to serve":  {wrongUse, guardianKey, "made for something else"},
		"a chain":                               {chain, guardianKey, "one certificate"},
		"an older TLS":                          {start(t, downgraded), guardianKey, "protocol version"},
		"an address at which nobody is pinned":  {strings.Replace(good, "127.0.0.1", "localhost", 1), guardianKey, "no key that is pinned"},
		"a certificate that browsers may trust": {start(t, webConfig(t)), guardianKey, "certificate is refused"},
	} {
		pins := pinsOf(t, c.at, c.pin)
		if strings.HasPrefix(name, "an address") {
			pins = pinsOf(t, good, c.pin)
		}
		_, err := get(t, Transport(&http.Transport{}, nil, pins), c.at)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestOnlyTheHubIsTakenForTheHub(t *testing.T) {
	s := start(t, Server(NewIdentity(guardianKey, nil), nil, public(hubKey)))
	pins := pinsOf(t, s, guardianKey)
	for name, c := range map[string]struct {
		own  *Identity
		want string // of body or error
	}{
		"the hub":              {NewIdentity(hubKey, nil), "hub=true"},
		"the public":           {nil, "hub=false"},
		"a stranger":           {NewIdentity(strangerKey, nil), "bad certificate"},
		"another guardian":     {NewIdentity(guardianKey, nil), "bad certificate"},
		"the hub of last week": {NewIdentity(hubKey, ago(7*24*time.Hour)), "bad certificate"},
	} {
		address := Address(must(url.Parse(s)))
		got, err := get(t, &http.Transport{TLSClientConfig: caller(address, c.own, pins(address), time.Now)}, s) // own's clock is for its certificate alone
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// A certificate of the hub shown outside the pinned name counts for nothing: browsers are not asked for one.
func TestPublicSideHasItsOwnCertificateAndTakesNone(t *testing.T) {
	certificateFile, keyFile, roots := webPair(t, t.TempDir(), "first")
	pair, err := OpenPair(certificateFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Server(NewIdentity(guardianKey, nil), pair, public(hubKey)))
	hub, err := NewIdentity(hubKey, nil).certificate(x509.ExtKeyUsageClientAuth)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{*hub}}, ForceAttemptHTTP2: true}
	if got, err := get(t, browser, s); err != nil || got != "hub=false proto=HTTP/2.0" {
		t.Errorf("a browser: got %q, %v", got, err)
	}
	if got, err := get(t, Transport(&http.Transport{}, NewIdentity(hubKey, nil), pinsOf(t, s, guardianKey)), s); err != nil || got != "hub=true proto=HTTP/1.1" {
		t.Errorf("the hub beside it: got %q, %v", got, err)
	}
	if _, err := get(t, &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}}, s); err == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

func TestRenewedCertificateIsTakenWithoutARestart(t *testing.T) {
	dir := t.TempDir()
	certificateFile, keyFile, _ := webPair(t, dir, "first")
	pair, err := OpenPair(certificateFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		pair.looked = time.Time{}
		c, err := pair.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Fatalf("shows %q", got)
	}
	later := time.Now().Add(time.Hour)
	if err := os.WriteFile(certificateFile, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Chtimes(certificateFile, later, later)
	if got := shown(); got != "first" {
		t.Errorf("with half a file it shows %q", got)
	}
	webPair(t, dir, "second")
	later = later.Add(time.Hour)
	os.Chtimes(certificateFile, later, later)
	if got := shown(); got != "second" {
		t.Errorf("after the renewal it shows %q", got)
	}
}

func TestCertificatesAreRenewedBeforeTheyEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	id := NewIdentity(hubKey, func() time.Time { return now })
	first := must(id.certificate(x509.ExtKeyUsageClientAuth))
	now = now.Add(time.Hour)
	if must(id.certificate(x509.ExtKeyUsageClientAuth)) != first {
		t.Error("a certificate for every call")
	}
	now = now.Add(life / 2)
	if must(id.certificate(x509.ExtKeyUsageClientAuth)) == first {
		t.Error("the same certificate until it ends")
	}
}

func TestTwoKeysAtOneAddressAreRefused(t *testing.T) {
	if _, err := At(map[string]ed25519.PublicKey{"https://a.example/x": public(hubKey), "https://a.example:443/y": public(guardianKey)}); err == nil {
		t.Error("two keys at one address are taken")
	}
	pins, err := At(map[string]ed25519.PublicKey{"https://a.example": public(hubKey), "https://[::1]:8431": public(guardianKey), "http://plain.example": public(hubKey)})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"a.example:443": 1, "[::1]:8431": 1, "plain.example:443": 0, "other.example:443": 0} {
		if got := pins(address); len(got) != want || got == nil {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// FuzzCertificate: whatever somebody shows, it is refused unless the pinned key has signed all of it. testdata/guardian.der is one that
// it has signed, valid from 22 to 24 November 2026.
func FuzzCertificate(f *testing.F) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := must(os.ReadFile("testdata/guardian.der"))
	accepted := func(der []byte) bool {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return false
		}
		state := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{c}}
		_, err = signer(state, []ed25519.PublicKey{public(guardianKey)}, x509.ExtKeyUsageServerAuth, now)
		return err == nil
	}
	if !accepted(good) {
		f.Fatal("the good one is refused")
	}
	f.Add(good)
	f.Add(must(certify(strangerKey, x509.ExtKeyUsageServerAuth, now, now.Add(time.Hour))).Certificate[0])
	f.Fuzz(func(t *testing.T, der []byte) {
		if accepted(der) && !bytes.Equal(der, good) {
			t.Fatalf("a certificate is accepted that the key has not signed: %x", der)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// serverShowing shows a certificate made for another use.
func serverShowing(t *testing.T, id *Identity, usage x509.ExtKeyUsage) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{*must(id.certificate(usage))}}
}

func serverShowingTwo(t *testing.T) *tls.Config {
	t.Helper()
	c := *must(NewIdentity(guardianKey, nil).certificate(x509.ExtKeyUsageServerAuth))
	c.Certificate = append(c.Certificate[:1:1], c.Certificate[0])
	return &tls.Config{Certificates: []tls.Certificate{c}}
}

func webConfig(t *testing.T) *tls.Config {
	t.Helper()
	certificateFile, keyFile, _ := webPair(t, t.TempDir(), "web")
	return &tls.Config{Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(certificateFile, keyFile))}}
}

// webPair writes a certificate for 127.0.0.1 as an authority would have issued it.
func webPair(t *testing.T, dir, name string) (certificateFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	template.Subject.CommonName = name
	key := seed(name[0])
	der := must(x509.CreateCertificate(nil, template, template, key.Public(), key))
	certificateFile, keyFile = filepath.Join(dir, "tls.pem"), filepath.Join(dir, "tls.key")
	os.WriteFile(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
	os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}), 0o600)
	roots = x509.NewCertPool()
	roots.AddCert(must(x509.ParseCertificate(der)))
	return certificateFile, keyFile, roots
}
