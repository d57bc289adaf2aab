package main_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/internal/need"
	"tribune/law"
)

// town is a city whose guardians follow docs/guardians.md, each in folders of its own.
type town struct {
	guide, city manual
	root, hub   string // the hub's address
	listen      []string
	replace     []string
	token       string     // of who may store
	running     []*process // the hub, then the guardians
}

// host are the folders and the address of guardian i.
func (c *town) host(i int) []string {
	dir := filepath.Join(c.root, members[i].name)
	return append([]string{
		"--name court.example", "--name " + members[i].name, "/var/lib/guardian", filepath.Join(dir, "lib", "guardian"), "/var/lib", filepath.Join(dir, "lib"),
		"/etc/guardian.toml", filepath.Join(dir, "guardian.toml"), "/media/safe", dir, "0.0.0.0:8431", c.listen[i], "127.0.0.1:8431", c.listen[i],
	}, c.replace...)
}

func (c *town) on(i int, text string) string { return strings.NewReplacer(c.host(i)...).Replace(text) }

func (c *town) fill(text string) string { return strings.NewReplacer(c.replace...).Replace(text) }

// settle makes everyone's keys, the law and the configurations, up to the point where all could start.
func settle(t *testing.T) *town {
	t.Helper()
	c := &town{guide: readManual(t, "guardians.md"), city: readManual(t, "operations.md"), root: t.TempDir(), hub: freePort(t)}
	for range members {
		c.listen = append(c.listen, freePort(t))
	}
	for i, g := range members {
		var made struct{ Name, Key string }
		out := sh(t, c.root, c.on(i, c.guide.one(t, "init")))
		if json.Unmarshal([]byte(out), &made) != nil || made.Name != g.name || made.Key == "" {
			t.Fatalf("guardian init says %s", out)
		}
		c.replace = append(c.replace, g.key, made.Key, "https://"+g.name+":8431", "https://"+c.listen[i])
	}
	c.replace = append(c.replace, "/var/lib/tribune", filepath.Join(c.root, "hub-host"), "/home/", filepath.Join(c.root, "home")+"/",
		"http://hub.birmingham.example:8080", "https://"+c.hub, "https://hub.birmingham.example:8080", "https://"+c.hub, "0.0.0.0:8080", c.hub)
	keys := c.city["city"]
	institutions := strings.Fields(sh(t, c.root, c.fill(keys[0])))
	hub := strings.Fields(sh(t, c.root, c.fill(keys[1])))
	c.replace = append(c.replace, "STEWARD-KEY", institutions[0], "COUNCIL-KEY", institutions[1], "LOG-KEY", hub[0])
	written, err := law.Write(c.fill("/var/lib/tribune/hub/law"), law.Config{
		City: "birmingham.example", Steward: read(t, c.fill("/home/steward/steward.key")), Council: read(t, c.fill("/home/council/council.key")), Now: time.Now(),
		Keys: map[tribune.ActorID]ed25519.PublicKey{law.Inspector: publicKey(t, institutions[2]), law.Planner: publicKey(t, institutions[3]), law.Hub: publicKey(t, hub[1])},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.token = written.Tokens[law.Integrator]
	explained := strings.Fields(sh(t, c.root, c.fill(keys[2])))
	c.replace = append(c.replace, "FLOORS", explained[len(explained)-1])
	certificate, key := webPair(t, c.root)
	config := strings.Replace(c.city.one(t, "city.toml"), "[http]\n", "[http]\ncertificate = \""+certificate+"\"\nkey = \""+key+"\"\n", 1)
	write(t, c.fill("/var/lib/tribune/city.toml"), c.fill(config))
	for i := range members {
		write(t, c.on(i, "/etc/guardian.toml"), c.on(i, c.guide.one(t, "guardian.toml")))
	}
	return c
}

// webPair is a certificate of an authority that nobody on the guardians' hosts has heard of.
func webPair(t *testing.T, dir string) (certificateFile, keyFile string) {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificateFile, keyFile = filepath.Join(dir, "web.pem"), filepath.Join(dir, "web.key")
	write(t, certificateFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return certificateFile, keyFile
}

// trusting asks the hub as a browser would that knows its authority.
func (c *town) trusting(t *testing.T) *client.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(read(t, filepath.Join(c.root, "web.pem"))))
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return &client.Client{Base: "https://" + c.hub, HTTP: &http.Client{Timeout: patience, Transport: transport}}
}

func (c *town) serve(t *testing.T, i int) *process {
	t.Helper()
	p := launch(t, c.on(i, c.guide.one(t, "serve")))
	if got := p.address(t); got != "https://"+c.listen[i] {
		t.Fatalf("%s says it is at %s, want %s", members[i].name, got, c.listen[i])
	}
	return p
}

// TestAnInstitutionRunsAGuardianAsTheGuideSays follows docs/guardians.md for all four of a city, over TLS from hub to guardian and back: the
// court's commands are looked at.
func TestAnInstitutionRunsAGuardianAsTheGuideSays(t *testing.T) {
	need.Tool(t, "curl")
	need.Tool(t, "tar")
	c := settle(t)
	const court = 1
	if out := sh(t, c.root, c.on(court, c.guide.one(t, "check"))); !strings.Contains(out, "this is guardian 2 of 4") || !strings.Contains(out, "the shares of 2 open") || !strings.Contains(out, "must show a certificate of log_key") {
		t.Errorf("guardian check says %s", out)
	}
	c.running = append(c.running, launch(t, c.fill(c.city.one(t, "hub"))))
	c.running[0].address(t)
	for i := range members[:3] {
		c.running = append(c.running, c.serve(t, i))
	}
	c.waitFor(t, court, "missing: press-council.example")
	c.running = append(c.running, c.serve(t, 3))
	if out := sh(t, c.root, c.on(court, c.guide.one(t, "ceremony"))); !strings.Contains(out, "founded") {
		t.Errorf("guardian ceremony says %s", out)
	}
	hub := c.trusting(t)
	c.answers(t, hub, "/readyz", func(a *client.Answer) bool { return a.Status == http.StatusOK })
	if out := sh(t, c.root, strings.TrimSpace(c.on(court, c.guide.one(t, "check")))+" --reach"); strings.Count(out, " answers\n") != 4 || !strings.Contains(out, "back it up") {
		t.Errorf("guardian check --reach says %s", out)
	}
	c.looks(t, court)

	write(t, c.on(court, "/var/lib/guardian/veto.toml"), c.guide.one(t, "veto.toml"))
	if out := sh(t, c.root, c.on(court, c.guide.one(t, "status"))); !strings.Contains(out, "mandate parking-enforcement-2026") {
		t.Errorf("guardian status shows no veto: %s", out)
	}
	c.comesBack(t, court, hub)
	stop(t, c.running)
}

// waitFor waits until guardian ceremony shows something on its way.
func (c *town) waitFor(t *testing.T, i int, want string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		out, code := shCode(t, c.root, strings.TrimSpace(c.on(i, c.guide.one(t, "ceremony")))+" --wait=false")
		if code == 1 && strings.Contains(out, want) && strings.Contains(out, "hello     3 of 4") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("guardian ceremony ends with %d and says %s, want %q", code, out, want)
		}
	}
}

func (c *town) answers(t *testing.T, hub *client.Client, path string, good func(*client.Answer) bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		a, err := hub.Do(t.Context(), http.MethodGet, path, nil, nil)
		if err == nil && good(a) {
			return
		}
		for _, p := range c.running {
			p.mustRun(t)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v %+v; the hub wrote %s", path, err, a, c.running[0].log)
		}
	}
}

// looks checks status and metrics, and that every name in the alerts is one that is served.
func (c *town) looks(t *testing.T, i int) {
	t.Helper()
	out := sh(t, c.root, c.on(i, c.guide.one(t, "status")))
	for _, want := range []string{"court.example", "of 4, 3 are needed: ", "of epoch 1; 2 of 4 shares open", "founded", "bytes a leaf", "is in force"} {
		if !strings.Contains(out, want) {
			t.Errorf("guardian status lacks %q: %s", want, out)
		}
	}
	var s struct {
		Size      uint64
		Published struct{ Cosigned map[string]int64 }
	}
	if out := sh(t, c.root, strings.TrimSpace(c.on(i, c.guide.one(t, "status")))+" --json"); json.Unmarshal([]byte(out), &s) != nil || s.Size == 0 || len(s.Published.Cosigned) < 3 {
		t.Errorf("guardian status --json says %s", out)
	}
	if out := sh(t, c.root, "guardian status --url https://"+c.listen[i]+" --key "+c.fill("COURT-KEY")); !strings.Contains(out, "founded") {
		t.Errorf("guardian status --url says %s", out)
	}
	if out, code := shCode(t, c.root, "guardian status --url https://"+c.listen[i]+" --key "+c.fill("PRESS-KEY")); code != 1 || !strings.Contains(out, "no key that is pinned") {
		t.Errorf("under another guardian's key it says %s", out)
	}
	metrics := sh(t, c.root, c.on(i, c.guide.one(t, "metrics")))
	names := regexp.MustCompile(`tribune_guardian_\w+`).FindAllString(read(t, "../../ops/prometheus/guardian.yml"), -1)
	if len(names) < 6 {
		t.Fatalf("the alerts name %v", names)
	}
	for _, name := range names {
		if !strings.Contains(metrics, "\n"+name+" ") {
			t.Errorf("an alert watches %s, which is not served: %s", name, metrics)
		}
	}
}

// comesBack follows chapter 7: a backup, the folder is lost, it is restored, and the guardian co-signs again.
func (c *town) comesBack(t *testing.T, i int, hub *client.Client) {
	t.Helper()
	stop(t, c.running[i+1:i+2])
	sh(t, c.root, c.on(i, c.guide.one(t, "backup")))
	if err := os.RemoveAll(c.on(i, "/var/lib/guardian")); err != nil {
		t.Fatal(err)
	}
	if out, code := shCode(t, c.root, c.on(i, c.guide.one(t, "serve"))); code != 1 || !strings.Contains(out, "guardian init") {
		t.Errorf("without its folder: exit %d: %s", code, out)
	}
	os.RemoveAll(c.on(i, "/var/lib/guardian"))
	sh(t, c.root, c.on(i, c.guide.one(t, "restore")))
	c.running[i+1] = c.serve(t, i)
	stop(t, c.running[i+2:i+3]) // so that the other three are needed
	c.running = append(c.running[:i+2], c.running[i+3:]...)
	before := c.published(t, i)
	integrator := *hub
	integrator.Token = c.token
	body := []byte(`{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","licensePlate":"AB12 CDE","driver":"Ada Example"}`)
	c.answers(t, hub, "/readyz", func(a *client.Answer) bool { return a.Status == http.StatusOK })
	if a, err := integrator.Do(t.Context(), http.MethodPost, "/ngsi-ld/v1/entities", body, nil); err != nil || a.Status != http.StatusCreated {
		t.Fatalf("storing a session: %v %+v", err, a)
	}
	// Its subject is enrolled by an act on record, which takes all three that are left.
	for deadline := time.Now().Add(patience); c.published(t, i) <= before; time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is published with the restored guardian; it wrote %s", c.running[i+1].log)
		}
	}
}

// published is how many leaves the hub shows under co-signatures of whom the court counts.
func (c *town) published(t *testing.T, i int) (size uint64) {
	t.Helper()
	var s struct {
		Published struct {
			Size     uint64
			Cosigned map[string]int64
		}
	}
	out := sh(t, c.root, strings.TrimSpace(c.on(i, c.guide.one(t, "status")))+" --json")
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return s.Published.Size
}
