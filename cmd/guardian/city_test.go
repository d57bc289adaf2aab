package main_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tribune"
	"tribune/internal/client"
	"tribune/law"
)

const (
	// patience bounds whatever a busy machine with two cores may be slow at; what passes takes seconds.
	patience  = 60 * time.Second
	pollEvery = 20 * time.Millisecond
)

// binaries is the folder of both commands, built once.
var binaries string

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "guardian-test-"); err == nil {
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binaries, "tribune/cmd/tribune", "tribune/cmd/guardian").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the commands:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(binaries)
	os.Exit(code)
}

// manual is docs/operations.md: its fenced blocks by the words after the fence, in order.
type manual map[string][]string

func readManual(t *testing.T) manual {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
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
		t.Fatalf("docs/operations.md has %d blocks %q, want one", len(m[name]), name)
	}
	return m[name][0]
}

var members = []struct{ name, key string }{
	{"ombudsman.example", "OMBUDSMAN-KEY"}, {"court.example", "COURT-KEY"}, {"university.example", "UNIVERSITY-KEY"}, {"press-council.example", "PRESS-KEY"},
}

// TestARealCityStartsAsTheManualSays follows docs/operations.md: every institution makes its keys, the hub and four guardians
// start as processes of their own, hold their ceremony, and an act goes its whole way. Then they stop and start again.
func TestARealCityStartsAsTheManualSays(t *testing.T) {
	m, root := readManual(t), t.TempDir()
	hubAddress := freePort(t)
	replace := []string{
		"/var/lib/tribune", filepath.Join(root, "hub-host"), "/home/", filepath.Join(root, "home") + "/",
		"http://hub.birmingham.example:8080", "http://" + hubAddress, "0.0.0.0:8080", hubAddress,
	}
	var listen []string
	for _, g := range members {
		listen = append(listen, freePort(t))
		replace = append(replace, "http://"+g.name+":8431", "http://"+listen[len(listen)-1])
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
	write(t, fill("/var/lib/tribune/city.json"), fill(m.one(t, "city.json")))
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
			if got := g.address(t); got != "http://"+listen[i] {
				t.Fatalf("%s says it is at %s, want %s", members[i].name, got, listen[i])
			}
			running = append(running, g)
		}
		ready(t, "http://"+hubAddress, running)
		return running
	}
	running := start()

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
	stop(t, running)
}

// ready polls the hub until it is, and fails where a process ends before.
func ready(t *testing.T, base string, running []*process) {
	t.Helper()
	guest := &client.Client{Base: base, HTTP: &http.Client{Timeout: patience}}
	last := ""
	for deadline := time.Now().Add(patience); ; time.Sleep(pollEvery) {
		a, err := guest.Do(t.Context(), http.MethodGet, "/readyz", nil, nil)
		if err == nil && a.Status == http.StatusOK {
			return
		}
		if err != nil {
			last = err.Error()
		} else {
			last = string(a.Body)
		}
		for _, p := range running {
			p.mustRun(t)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the hub is not ready after %s: %s; it wrote: %s", patience, last, running[0].log)
		}
	}
}

// stop ends guardians and hub as a service manager does.
func stop(t *testing.T, running []*process) {
	t.Helper()
	for _, p := range running {
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, p := range running {
		select {
		case <-p.done:
		case <-time.After(patience):
			t.Fatalf("%s did not stop within %s", p.line, patience)
		}
		if p.err != nil {
			t.Errorf("%s ended with %v: %s", p.line, p.err, p.log)
		}
	}
}

// process is a service under test.
type process struct {
	line string
	cmd  *exec.Cmd
	out  chan string // its first line
	log  *log
	done chan struct{}
	err  error // of Wait; valid once done is closed
}

// log collects what a process writes to standard error.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func environment() []string {
	return append(os.Environ(), "PATH="+binaries+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// launch starts a line of the manual as a service: exec, so that signals reach it.
func launch(t *testing.T, line string) *process {
	t.Helper()
	p := &process{line: strings.TrimSpace(line), cmd: exec.Command("sh", "-c", "exec "+line), out: make(chan string, 1), log: &log{}, done: make(chan struct{})}
	p.cmd.Env, p.cmd.Stderr = environment(), p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		in := bufio.NewReader(out)
		first, _ := in.ReadString('\n')
		p.out <- first
		io.Copy(io.Discard, in)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	})
	return p
}

// address waits for the line that a service prints when it answers.
func (p *process) address(t *testing.T) string {
	t.Helper()
	var line struct{ Name, Address, Key string }
	select {
	case text := <-p.out:
		if err := json.Unmarshal([]byte(text), &line); err != nil || line.Name == "" || line.Key == "" {
			t.Fatalf("%s says %q: %s", p.line, text, p.log)
		}
	case <-time.After(patience):
		t.Fatalf("%s says nothing for %s: %s", p.line, patience, p.log)
	}
	return line.Address
}

func (p *process) mustRun(t *testing.T) {
	t.Helper()
	select {
	case <-p.done:
		t.Fatalf("%s ended with %v: %s", p.line, p.err, p.log)
	default:
	}
}

// sh runs commands of the manual to their end; they must succeed.
func sh(t *testing.T, dir, lines string) string {
	t.Helper()
	out, code := shCode(t, dir, lines)
	if code != 0 {
		t.Fatalf("%s: exit %d: %s", lines, code, out)
	}
	return out
}

func shCode(t *testing.T, dir, lines string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", lines)
	cmd.Dir, cmd.Env = dir, environment()
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v: %s", lines, err, data)
	}
	return string(data), cmd.ProcessState.ExitCode()
}

// freePort is an address that is free now. A configuration names addresses before anybody listens there.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func publicKey(t *testing.T, text string) ed25519.PublicKey {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
