// Package worker reads hostile files in a process that has nothing to lose: the same binary, started again as a child without keys, environment,
// files or network.
//
// Whoever reads a document from outside (a model, a table, an archive, a page) writes a Job and hands it over by name; the commands list all jobs for the
// child. The reading code may have any defect: what it reaches is one pipe in, one pipe out.
//
// What the child is denied, in the order of what stops it:
//
//	system calls   a seccomp filter lets through what a Go program needs to compute, read and write; open, socket, exec, fork, ptrace, ioctl and everything
//	               else is EPERM; no page becomes executable or shared, a clone is a thread and no process (Linux)
//	rank           no capabilities, no new privileges, not to be traced nor dumped (Linux)
//	files, network landlock rules without a single exception, for a kernel whose filter has a hole (Linux 5.13, TCP 6.7)
//	memory         RLIMIT_DATA and RLIMIT_AS, and the first to go where all memory runs out (Linux); elsewhere the child watches itself and ends
//	time           RLIMIT_CPU, and the parent's clock
//	descriptors    three pipes; what the parent had inherited itself is closed; no environment; working directory /
//	disk           RLIMIT_FSIZE and RLIMIT_CORE of 0
//
// What is on is told by the child before it gets a byte of the document (Protections); on Linux a child without seccomp gets none. The child's answer is
// untrusted too: a short grammar, bounded, and text that is made printable; what a Job's answer means is decoded strictly by its caller.
//
// Not covered: what the kernel leaks by time or load, and defects of the kernel in the few calls that remain; how many threads a reader of root's starts; a
// reader in foreign hands that only sleeps, after its parent was killed.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"tribune"
)

// Command is the hidden subcommand by which the binary starts itself as a worker; its run is Serve.
const Command = "worker"

// Job reads one document from in and writes what it says to out. Both are bounded by the limits; an error of either is final. It runs without files,
// network, environment and processes.
type Job func(in io.Reader, out io.Writer) error

// Jobs are all that a binary can be asked to read, by name.
type Jobs map[string]Job

// Limits bound one reading; what is 0 is taken from the defaults.
type Limits struct {
	Input  int64         // bytes of the document; default 256 MiB
	Output int64         // bytes of the answer; default 64 MiB
	Memory int64         // bytes that the reader may take while it works; default 1 GiB, at least 64 MiB
	CPU    time.Duration // of all cores together, in whole seconds; default 1 minute
	Wall   time.Duration // by the clock; default 2 minutes
}

func (l Limits) orDefaults() Limits {
	l.Input = max(or(l.Input, 256<<20), 0)
	l.Output = max(or(l.Output, 64<<20), 0)
	l.Memory = max(or(l.Memory, 1<<30), 64<<20)
	l.CPU = max(or(l.CPU, time.Minute), time.Second)
	l.Wall = max(or(l.Wall, 2*time.Minute), 0)
	return l
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Worker starts readers. Its zero value is ready to use in a binary whose subcommand Command runs Serve.
type Worker struct {
	Path    string      // the binary; "" is the one that runs
	Require Protections // a child that has less gets nothing to read; 0 is Required()
}

// Run is Worker{}.Run.
func Run(ctx context.Context, job string, in io.Reader, limits Limits) ([]byte, error) {
	return Worker{}.Run(ctx, job, in, limits)
}

// Run has a fresh process read in and returns the answer of the job named. Errors: what the job itself refused (as its sentinel: ErrInvalid, ErrTooLarge,
// ErrUnsupported), ErrTooLarge where a limit was reached, ErrInvalid where the reader crashed or broke the grammar of answers, ErrUnsupported where the
// machine cannot give the protections that are required, ctx's own, in's own.
//
// A Read of in that is under way when Run returns is not waited for: whoever passes a reader that can block ends it with ctx.
func (w Worker) Run(ctx context.Context, job string, in io.Reader, limits Limits) ([]byte, error) {
	data, _, err := w.run(ctx, job, in, limits)
	if err != nil {
		return nil, fmt.Errorf("reading in a worker (%s): %w", job, err)
	}
	return data, nil
}

// Protections is what this machine gives a worker, as one that was started for the question tells it.
func (w Worker) Protections(ctx context.Context) (Protections, error) {
	w.Require = Memory // every machine has it: what is asked is what else there is
	_, p, err := w.run(ctx, nothing, nil, Limits{})
	if err != nil {
		return 0, fmt.Errorf("asking a worker for its protections: %w", err)
	}
	return p, nil
}

// nothing is the name of the job that reads nothing.
const nothing = "nothing"

func (w Worker) run(ctx context.Context, job string, in io.Reader, limits Limits) ([]byte, Protections, error) {
	limits = limits.orDefaults()
	within, cancel := context.WithTimeout(ctx, limits.Wall)
	defer cancel()
	c, err := w.start(within, job, limits)
	if err != nil {
		return nil, 0, err
	}
	data, p, err := c.converse(within, cancel, in, limits, or(w.Require, Required()))
	cancel() // whatever it does now, it has been heard
	ended := c.cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, p, ctx.Err()
	case err == nil:
		return data, p, nil
	case errors.Is(err, errBroken) && errors.Is(within.Err(), context.DeadlineExceeded):
		return nil, p, tribune.Hint(fmt.Errorf("it took more than %v: %w", limits.Wall, tribune.ErrTooLarge), "a smaller file")
	case errors.Is(err, errBroken):
		return nil, p, c.autopsy(err, ended, limits)
	}
	return nil, p, err
}

// child is a running worker and the parent's ends of its pipes.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
	log *tail
}

func (w Worker) start(ctx context.Context, job string, l Limits) (*child, error) {
	path := w.Path
	if path == "" {
		var err error
		if path, err = self(); err != nil {
			return nil, fmt.Errorf("finding the program itself: %w", err)
		}
	}
	cmd := exec.CommandContext(ctx, path, Command, job, strconv.FormatInt(l.Memory, 10), strconv.FormatInt(seconds(l.CPU), 10), strconv.FormatInt(l.Output, 10))
	cmd.Env = []string{} // none, not the parent's
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ctrl-C in a terminal is the parent's to answer
	c := &child{cmd: cmd, log: &tail{}}
	cmd.Stderr = c.log
	cmd.WaitDelay = 5 * time.Second // standard error is a pipe that nobody else can hold; if somebody does, do not wait for ever
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the process: %w", err)
	}
	return c, nil
}

// self is the running binary. /proc/self/exe stays that one when the file is replaced under a running hub.
func self() (string, error) {
	if runtime.GOOS == "linux" {
		if _, err := os.Stat("/proc/self/exe"); err == nil {
			return "/proc/self/exe", nil
		}
	}
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// converse hears what the child is protected by, gives it the document, and reads its answer. errBroken: the child said nothing that counts. What fails on
// the parent's side calls kill: a part of a document must never look whole.
func (c *child) converse(ctx context.Context, kill func(), in io.Reader, l Limits, require Protections) ([]byte, Protections, error) {
	defer c.in.Close()
	answer := newAnswer(c.out, l.Output)
	p, err := answer.protections()
	if err != nil {
		return nil, 0, err
	}
	if missing := require &^ p; missing != 0 {
		return nil, p, tribune.Hint(fmt.Errorf("this machine does not protect a reader by %v: %w", missing, tribune.ErrUnsupported),
			"a Linux kernel with seccomp is needed to read files from outside; a container's own filter may forbid it")
	}
	pumped := make(chan error, 1)
	go func() { // ends with in, or with the pipe, which is closed below
		err := pump(c.in, in, l.Input)
		pumped <- err
		if err != nil && err != errUnread {
			kill()
		}
	}()
	data, err := answer.rest()
	switch {
	case err == nil:
		select {
		case err = <-pumped:
		case <-ctx.Done():
			err = errUnread
		}
	case errors.Is(err, errBroken):
		select {
		case perr := <-pumped:
			if perr != nil && perr != errUnread {
				err = perr
			}
		default:
		}
	}
	if err != nil {
		return nil, p, err
	}
	return data, p, nil
}

// errUnread: the child took no more input. Its refusal says why; with an answer it makes no sense.
var errUnread = fmt.Errorf("%w: it answered before the document's end", errBroken)

// pump gives all of in to the child, and then the end.
func pump(to io.WriteCloser, in io.Reader, limit int64) error {
	if in == nil {
		return to.Close()
	}
	n, err := io.Copy(to, io.LimitReader(in, limit+1))
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return errUnread
	case err != nil:
		return fmt.Errorf("reading the document: %w", err)
	case n > limit:
		return tribune.Hint(fmt.Errorf("more than %d bytes: %w", limit, tribune.ErrTooLarge), "a smaller file")
	}
	return to.Close()
}
