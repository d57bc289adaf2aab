package main_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"tribune"
	"tribune/internal/client"
	"tribune/law"
)

// manual is a page of docs: its fenced blocks by the words after the fence, in order.
type manual map[string][]string

func readManual(t *testing.T, file string) manual {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + file)
	if err != nil {
		t.Fatal(err)
	}
	m := manual{}
	for _, block := range regexp.MustCompile("(?ms)^```(\\w+) ([\\w. -]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		m[block[2]] = append(m[block[2]], block[3])
	}
	return m
}

// one is the only block of a name.
func (m manual) one(t *testing.T, name string) string {
	t.Helper()
	if len(m[name]) != 1 {
		t.Fatalf("the manual has %d blocks %q, want one", len(m[name]), name)
	}
	return m[name][0]
}

var members = []struct{ name, key string }{
	{"ombudsman.example", "OMBUDSMAN-KEY"}, {"court.example", "COURT-KEY"}, {"university.example", "UNIVERSITY-KEY"}, {"press-council.example", "PRESS-KEY"},
}

// TestARealCityStartsAsTheManualSays follows docs/operations.md: every institution makes its keys, the hub and four guardians
// start as processes of their own, hold their ceremony, and an act goes its whole way. Then they stop and start again.
func TestARealCityStartsAsTheManualSays(t *testing.T) {
	m, root := readManual(t, "operations.md"), t.TempDir()
	hubAddress := freePort(t)
	replace := []string{
		"/var/lib/tribune", filepath.Join(root, "hub-host"), "/home/", filepath.Join(root, "home") + "/",
		"http://hub.birmingham.example:8080", "http://" + hubAddress, "0.0.0.0:8080", hubAddress,
	}
	var listen []string
	for _, g := range members {
		listen = append(listen, freePort(t))
		replace = append(replace, "https://"+g.name+":8431", "https://"+listen[len(listen)-1])
	}
	fill := func(text string, more ...string) string {
		return strings.NewReplacer(append(more, replace...)...).Replace(text)
	}
	guardianHost := func(i int) []string {
		dir := filepath.Join(root, members[i].name)
		return []string{"/var/lib/guardian", filepath.Join(dir, "lib"), "/etc/guardian.toml", filepath.Join(dir, "guardian.toml"), "0.0.0.0:8431", listen[i], "--name NAME", "--name " + members[i].name}
	}

	// 1. Keys.
	for i, g := range members {
		var made struct{ Name, Key string }
		if out := sh(t, root, fill(m.one(t, "guardian"), guardianHost(i)...)); json.Unmarshal([]byte(out), &made) != nil || made.Name != g.name || made.Key == "" {
			t.Fatalf("guardian init says %s", out)
		}
		replace = append(replace, g.key, made.Key)
	}
	keys := m["city"]
	if len(keys) != 3 {
		t.Fatalf("docs/operations.md has %d blocks for the city's keys and law, want 3", len(keys))
	}
	institutions := strings.Fields(sh(t, root, fill(keys[0])))
	hub := strings.Fields(sh(t, root, fill(keys[1])))
	if len(institutions) != 4 || len(hub) != 2 {
		t.Fatalf("the keys are %q and %q, want four and two", institutions, hub)
	}
	replace = append(replace, "STEWARD-KEY", institutions[0], "COUNCIL-KEY", institutions[1], "LOG-KEY", hub[0])

	// 2. The law.
	written, err := law.Write(fill("/var/lib/tribune/hub/law"), law.Config{
		City: "birmingham.example", Steward: read(t, fill("/home/steward/steward.key")), Council: read(t, fill("/home/council/council.key")), Now: time.Now(),
		Keys: map[tribune.ActorID]ed25519.PublicKey{law.Inspector: publicKey(t, institutions[2]), law.Planner: publicKey(t, institutions[3]), law.Hub: publicKey(t, hub[1])},
	})
	if err != nil {
		t.Fatal(err)
	}
	explained := strings.Fields(sh(t, root, fill(keys[2])))
	replace = append(replace, "FLOORS", explained[len(explained)-1], "TOKEN", written.Tokens[law.Inspector])

	// 3 and 4. The hub first, to whom nobody answers yet, then the guardians.
	write(t, fill("/var/lib/tribune/city.toml"), fill(m.one(t, "city.toml")))
	if out := sh(t, root, fill(m.one(t, "check"))); !strings.Contains(out, "the shares of 2 open, the co-signatures of 3 publish") || !strings.Contains(out, "The law can be used.") {
		t.Errorf("tribune check says %s", out)
	}
	start := func() (running []*process) {
		p := launch(t, fill(m.one(t, "hub")))
		if got := p.address(t); got != "http://"+hubAddress {
			t.Fatalf("the hub says it is at %s, want %s", got, hubAddress)
		}
		running = append(running, p)
		for i := range members {
			host := guardianHost(i)
			write(t, fill("/etc/guardian.toml", host...), fill(m.one(t, "guardian.toml"), host...))
			g := launch(t, fill(m.one(t, "guardian serve"), host...))
			if got := g.address(t); got != "https://"+listen[i] {
				t.Fatalf("%s says it is at %s, want %s", members[i].name, got, listen[i])
			}
			running = append(running, g)
		}
		ready(t, "http://"+hubAddress, running)
		return running
	}
	running := start()
	for second, want := range map[string]string{
		fill(strings.TrimSpace(m.one(t, "guardian serve")), guardianHost(0)...) + " --listen 127.0.0.1:0": "another guardian process uses",
		strings.TrimSpace(fill(m.one(t, "hub"))) + " --http 127.0.0.1:0":                                  "already open",
	} {
		if out, code := shCode(t, root, second); code != 1 || !strings.Contains(out, want) {
			t.Errorf("a second process over the same folder: got exit %d: %s, want %q", code, out, want)
		}
	}

	// 5. An act.
	guest := &client.Client{Base: "http://" + hubAddress}
	home := fill("/home/ward")
	write(t, filepath.Join(home, "address"), guest.Base+"\n")
	write(t, filepath.Join(home, "people", "inspector-ward.json"), fill(m.one(t, "profile")))
	integrator := &client.Client{Base: guest.Base, Token: written.Tokens[law.Integrator]}
	body := []byte(`{"id":"urn:ngsi-ld:ParkingSession:1","type":"ParkingSession","licensePlate":"AB12 CDE","driver":"Ada Example"}`)
	a, err := integrator.Do(t.Context(), http.MethodPost, "/ngsi-ld/v1/entities", body, nil)
	if err != nil || a.Status != http.StatusCreated {
		t.Fatalf("storing a session: %v %+v", err, a)
	}
	if mode := a.Header.Get("Tribune-Mode"); mode != "" {
		t.Errorf("a real city says Tribune-Mode: %s", mode)
	}
	officer := func() {
		t.Helper()
		out := sh(t, root, fill(m.one(t, "officer")))
		if !strings.Contains(out, `"driver": "Ada Example"`) || !strings.Contains(out, "This receipt holds.") {
			t.Errorf("the officer's commands say: %s", out)
		}
	}
	officer()

	// A court's veto and a university's: two of four still hold t shares. With a third, nothing opens.
	for i := range 3 {
		write(t, fill("/var/lib/guardian/veto.toml", guardianHost(i)...), m.one(t, "veto.toml"))
		if i < 2 {
			officer()
		}
	}
	if out, code := shCode(t, root, fill(m.one(t, "officer"))); code == 0 || !strings.Contains(out, "The court has suspended this mandate.") || strings.Contains(out, "Ada Example") {
		t.Errorf("under three vetoes: got exit %d: %s", code, out)
	}
	for i := range 3 {
		if err := os.Remove(fill("/var/lib/guardian/veto.toml", guardianHost(i)...)); err != nil {
			t.Fatal(err)
		}
	}
	officer()

	stop(t, running)
	running = start() // everything is where it was
	officer()
	lost(t, m, root, fill, running)
	officer()
	stop(t, running)
}

// lost follows chapter 7: a backup of the running hub, then its host is gone, then it is restored beside guardians that remember more.
func lost(t *testing.T, m manual, root string, fill func(string, ...string) string, running []*process) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	device := filepath.Join(root, "device")
	write(t, filepath.Join(device, "identity.txt"), id.String()+"\n")
	write(t, filepath.Join(device, "epoch.key"), read(t, fill("/var/lib/tribune/hub/keys/epoch.key")))
	made := strings.Fields(sh(t, root, fill(m.one(t, "backup"), "/var/backups/tribune", filepath.Join(root, "backups"), "AGE-RECIPIENT", id.Recipient().String())))
	archives, err := filepath.Glob(filepath.Join(root, "backups", "birmingham.example-*.tar"))
	if err != nil || len(archives) != 1 || !slices.Contains(made, "sha256") {
		t.Fatalf("backup says %q and leaves %v (%v)", made, archives, err)
	}
	hash := made[slices.Index(made, "sha256")+1]
	// One act more than the backup knows of.
	if out := sh(t, root, fill(m.one(t, "officer"))); !strings.Contains(out, "This receipt holds.") {
		t.Fatalf("the officer's commands say: %s", out)
	}
	receipt := read(t, filepath.Join(root, "receipt.tlog"))
	stop(t, running[:1])
	if err := os.RemoveAll(fill("/var/lib/tribune")); err != nil {
		t.Fatal(err)
	}
	sh(t, root, fill(m.one(t, "restore"), "ARCHIVE", archives[0], "SHA256", hash, "AGE-IDENTITY", filepath.Join(device, "identity.txt"), "EPOCH-KEY", filepath.Join(device, "epoch.key")))
	running[0] = launch(t, fill(m.one(t, "hub")))
	hub := running[0].address(t)
	ready(t, hub, running)
	anyone := &client.Client{Base: hub}
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) { // the rebuilt record is co-signed in a moment
		if a, err := anyone.Do(t.Context(), http.MethodGet, "/log/checkpoint", nil, nil); err == nil && a.Status == http.StatusOK && strings.Count(string(a.Body), "\u2014") > 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the restored record is not co-signed: %s", running[0].log)
		}
	}
	write(t, filepath.Join(root, "last.tlog"), receipt+"\n") // read cuts its last line's end
	if out := sh(t, root, fill("tribune verify --trust /var/lib/tribune/trust.txt --log /var/lib/tribune/hub/log last.tlog")); !strings.Contains(out, "The log it rests on holds, too.") {
		t.Errorf("the receipt of an act after the backup: %s", out)
	}
}

func publicKey(t *testing.T, text string) ed25519.PublicKey {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestGuardianSaysWhatItLacks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "unknown.toml"), "dir = \"here\"\nthreshold = 2\n")
	write(t, filepath.Join(dir, "empty.toml"), "dir = \"here\"\n")
	for line, want := range map[string]string{
		"guardian":                             "guardian init ",
		"guardian dance":                       `unknown command "dance"`,
		"guardian init --dir here":             "init needs --dir and --name",
		"guardian serve":                       "serve needs --config",
		"guardian serve --config none.toml":    "none.toml",
		"guardian serve --config unknown.toml": "threshold does not exist",
		"guardian serve --config empty.toml":   "Run guardian init --dir here --name NAME first.",
	} {
		if out, code := shCode(t, dir, line); code != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: got exit %d: %s, want %q", line, code, out, want)
		}
	}
}
