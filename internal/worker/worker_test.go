package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tribune"
	"tribune/internal/worker"
)

// TestMain is the test binary as a worker, when Run has started it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == worker.Command {
		if err := worker.Serve(jobs(), os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func small() worker.Limits {
	return worker.Limits{Input: 1 << 20, Output: 1 << 20, Memory: 64 << 20, CPU: 10 * time.Second, Wall: 2 * time.Minute}
}

func TestAnswersTravelWhole(t *testing.T) {
	t.Parallel()
	document := bytes.Repeat([]byte("0123456789abcdef"), 300_000) // several frames
	limits := small()
	limits.Input, limits.Output = 8<<20, 8<<20
	got, err := worker.Run(t.Context(), "echo", bytes.NewReader(document), limits)
	if err != nil || !bytes.Equal(got, document) {
		t.Fatalf("got %d bytes, %v; want %d", len(got), err, len(document))
	}
	if got, err := worker.Run(t.Context(), "threads", nil, limits); err != nil || string(got) != "alive" {
		t.Errorf("a reader with threads, timers and collections: %q, %v", got, err)
	}
}

// What a reader must not reach; each is tried outside of the worker first, where it works.
func TestReaderReachesNothing(t *testing.T) {
	t.Parallel()
	p, err := worker.Worker{}.Protections(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("protections here: %v", p)
	if p&worker.SystemCalls == 0 {
		t.Skip("no seccomp here: files and network stay open, and Protections says so")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := create(file); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"open": file, "write": file, "dial": l.Addr().String(), "listen": "", "exec": program} {
		t.Run(name, func(t *testing.T) {
			if err := jobs()[name](strings.NewReader(text), io.Discard); err != nil {
				t.Fatalf("outside of the worker: %v", err)
			}
			_, err := worker.Run(t.Context(), name, strings.NewReader(text), small())
			if err == nil || !strings.Contains(err.Error(), "not permitted") {
				t.Errorf("in the worker: %v, want not permitted", err)
			}
		})
	}
}

func TestReaderInheritsNothing(t *testing.T) {
	t.Setenv("TRIBUNE_SECRET", "x")
	path := filepath.Join(t.TempDir(), "inherited")
	if err := os.WriteFile(path, []byte("leak"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd())) // without close-on-exec, as a parent's parent may leave one
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	got, err := worker.Run(t.Context(), "outside", nil, small())
	if want := "env 0, leaked 0"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	var out bytes.Buffer
	if err := outside(nil, &out); err != nil || !strings.HasSuffix(out.String(), "leaked 1") {
		t.Errorf("outside of the worker it sees %q, %v: the test sees nothing", out.String(), err)
	}
}

func TestLimitsEndAReader(t *testing.T) {
	t.Parallel()
	if err := eat(320 << 20); err != nil {
		t.Fatal(err)
	}
	cpu, wall := small(), small()
	cpu.CPU = time.Second
	wall.Wall = 500 * time.Millisecond
	long := strings.Repeat("x", 2<<20)
	answer := small()
	answer.Input = 4 << 20
	document := small()
	document.Output = 4 << 20
	for _, c := range []struct {
		name, job, in string
		limits        worker.Limits
		want          string
	}{
		{"memory", "eat", "", small(), "more than 64 MB of memory"},
		{"processor time", "spin", "", cpu, "more than 1s of processor time"},
		{"the clock", "sleep", "", wall, "more than 500ms"},
		{"input", "echo", long, document, "more than 1048576 bytes"},
		{"output", "echo", long, answer, "the answer is longer than allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := worker.Run(t.Context(), c.job, strings.NewReader(c.in), c.limits)
			if !errors.Is(err, tribune.ErrTooLarge) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrTooLarge with %q", err, c.want)
			}
		})
	}
}

func TestBrokenReadersAreErrorsOfTheirs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		job, want string
		is        error
	}{
		{"panic", "panicked: at byte 7", tribune.ErrInvalid},
		{"die", "broke off", tribune.ErrInvalid},
		{"print", "broke off", tribune.ErrInvalid}, // what is no frame
		{"no such", "no reader", tribune.ErrUnsupported},
		{"refuse", `operator "?[31mEvil" at node 3`, tribune.ErrUnsupported},
	} {
		_, err := worker.Run(t.Context(), c.job, strings.NewReader("document"), small())
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %v with %q", c.job, err, c.is, c.want)
		}
		if c.job == "refuse" && tribune.HintOf(err) != "export it?without" {
			t.Errorf("hint %q", tribune.HintOf(err))
		}
	}
}

// A part of a document must never pass for the whole: a cut table is a table.
func TestBrokenInputIsNoAnswer(t *testing.T) {
	t.Parallel()
	cut := io.MultiReader(strings.NewReader("a,b\n1,2\n"), failing{})
	if got, err := worker.Run(t.Context(), "echo", cut, small()); !errors.Is(err, errDisk) {
		t.Errorf("%q, %v; want the reader's own error", got, err)
	}
	got, err := worker.Run(t.Context(), "first", strings.NewReader("all of it"), small())
	if err != nil || string(got) != "seen" {
		t.Errorf("a job that needs the first byte only: %q, %v", got, err)
	}
}

var errDisk = errors.New("disk on fire")

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDisk }

func TestEndOfContextEndsTheReader(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := worker.Run(ctx, "sleep", nil, small()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("took %v", took)
	}
}

// A machine that cannot protect a reader gives it nothing to read.
func TestRequiredProtectionFailsClosed(t *testing.T) {
	t.Parallel()
	seen := &counting{}
	w := worker.Worker{Require: 1 << 7} // none has it
	if _, err := w.Run(t.Context(), "echo", seen, small()); !errors.Is(err, tribune.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if seen.n != 0 {
		t.Errorf("%d reads of the document", seen.n)
	}
	if _, err := (worker.Worker{}).Run(t.Context(), "echo", seen, small()); err != nil || seen.n == 0 {
		t.Errorf("without that: %v after %d reads", err, seen.n)
	}
}

type counting struct{ n int }

func (c *counting) Read([]byte) (int, error) { c.n++; return 0, io.EOF }
