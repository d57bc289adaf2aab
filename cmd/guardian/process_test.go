package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tribune/internal/client"
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
