package main_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tribune/internal/client"
)

// The tests here drive the built binary as a person at a terminal does.

const (
	// patience bounds whatever a busy machine with two cores may be slow at; what passes takes a second or two.
	patience  = 60 * time.Second
	pollEvery = 20 * time.Millisecond
)

// binary is the command under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tribune-test-")
	if err == nil {
		binary = filepath.Join(dir, "tribune")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, "tribune/cmd/tribune").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building tribune:", err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// output collects what a running process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// city is a demo city: its directory, and the process that runs it.
type city struct {
	dir    string
	abroad string // home, working and temporary directory of the process: whatever appears there was written outside dir
	out    *output
	cmd    *exec.Cmd
	done   chan struct{}
	err    error // of Wait; valid once done is closed
}

// newCity is a directory for a city; its name has a space, as folders do.
func newCity(t *testing.T) *city {
	base := t.TempDir()
	c := &city{dir: filepath.Join(base, "a city"), abroad: filepath.Join(base, "abroad")}
	if err := os.Mkdir(c.abroad, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.destroy)
	return c
}

// launch starts `tribune demo` over the city's directory.
func (c *city) launch(t *testing.T, args ...string) {
	t.Helper()
	os.Remove(filepath.Join(c.dir, "address"))
	c.out, c.done = &output{}, make(chan struct{})
	c.cmd = exec.Command(binary, append([]string{"demo", "--dir", c.dir, "--people", "300", "--mqtt", "127.0.0.1:0", "--patrol", "0"}, args...)...)
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.Dir = c.out, c.out, c.abroad
	c.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.abroad, "TMPDIR=" + c.abroad}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// A guardian holds no end of this output; were that to change, Wait would wait for guardians, too.
	c.cmd.WaitDelay = patience
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.done)
	}()
}

// start launches the city and waits for its greeting.
func (c *city) start(t *testing.T, args ...string) {
	t.Helper()
	c.launch(t, args...)
	c.until(t, "the city to greet", func() bool { return strings.Contains(c.out.String(), "ctrl-C stops the city") })
}

// until polls while the city runs.
func (c *city) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll(t, what, func() bool {
		select {
		case <-c.done:
			t.Fatalf("waiting for %s: the city ended with %v; it wrote: %s", what, c.err, c.out)
		default:
		}
		return ok()
	}, func() string { return c.out.String() })
}

func poll(t *testing.T, what string, ok func() bool, state func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s: %s", patience, what, state())
		}
	}
}

// interrupt is ctrl-C: it must end the city cleanly, and its guardians with it.
func (c *city) interrupt(t *testing.T) {
	t.Helper()
	guardians := c.guardians(t)
	if err := c.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	c.ended(t)
	if c.err != nil {
		t.Errorf("ctrl-C: the city ended with %v, want exit status 0; it wrote: %s", c.err, c.out)
	}
	for _, pid := range guardians {
		if alive(pid) {
			t.Errorf("guardian %d lives on after its city has stopped", pid)
		}
	}
}

func (c *city) ended(t *testing.T) {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		t.Fatalf("the city did not end within %s; it wrote: %s", patience, c.out)
	}
}

// guardians are the process ids of the guardians that the city has started.
func (c *city) guardians(t *testing.T) []int {
	t.Helper()
	pids, err := c.pids()
	if err != nil {
		t.Fatal(err)
	}
	return pids
}

func (c *city) pids() (all []int, err error) {
	files, err := filepath.Glob(filepath.Join(c.dir, "guardians", "*", "pid"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pid, err := strconv.Atoi(string(text))
		if err != nil || pid <= 1 {
			return nil, fmt.Errorf("%s says %q", file, text)
		}
		all = append(all, pid)
	}
	return all, nil
}

// alive reports whether the process runs; one that has ended and waits for its parent to notice does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) || !procfs()
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func procfs() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// destroy leaves nothing running, whatever a test has come to.
func (c *city) destroy() {
	if c.cmd == nil || c.cmd.Process == nil {
		return
	}
	syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	<-c.done
	pids, _ := c.pids()
	deadline := time.Now().Add(patience / 4)
	for _, pid := range pids { // they end by themselves, once the pipe from their parent does
		for alive(pid) && time.Now().Before(deadline) {
			time.Sleep(pollEvery)
		}
		if alive(pid) && isOurs(pid) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// isOurs keeps us from killing a stranger that was given the id of a guardian long gone.
func isOurs(pid int) bool {
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && strings.HasPrefix(exe, filepath.Dir(binary))
}

// as is a client with the profile of one of the city's people; "" is anonymous.
func (c *city) as(t *testing.T, name string) *client.Client {
	t.Helper()
	cl, err := client.Open(c.dir, name)
	if err != nil {
		t.Fatal(err)
	}
	cl.HTTP = &http.Client{Timeout: patience}
	return cl
}

// do sends one request; the headers are "Name: value".
func do(t *testing.T, cl *client.Client, method, path, body string, headers ...string) *client.Answer {
	t.Helper()
	extra := http.Header{}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		extra.Add(name, value)
	}
	a, err := cl.Do(t.Context(), method, path, []byte(body), extra)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func get(t *testing.T, cl *client.Client, path string, headers ...string) *client.Answer {
	t.Helper()
	return do(t, cl, http.MethodGet, path, "", headers...)
}
