package drill

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tribune"
)

const (
	// startFor bounds a start, ceremony and seeding included: two cores that eight other programs share are slow.
	startFor = 90 * time.Second
	// stopFor bounds a clean stop; then the process group is killed.
	stopFor = 20 * time.Second
	// pollEvery is how often something is looked at that no event tells.
	pollEvery = 50 * time.Millisecond
	// tailSize is how much of a process's log an error quotes, in bytes.
	tailSize = 2000
)

// process is one child, the leader of a process group of its own, so that nothing it started outlives the drill.
type process struct {
	name   string
	cmd    *exec.Cmd
	output string // file that holds what it wrote
	done   chan struct{}
	err    error     // of Wait; valid once done is closed
	group  sync.Once // kills the group: once, since its number may be another's later
}

// spawn starts the binary. What it writes to standard error is appended to the file output, what to standard output to
// output + ".out". stdin, where it is not nil, is the end of a pipe that the child watches.
func (p *play) spawn(ctx context.Context, output string, stdin *os.File, args ...string) (*process, error) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	defer out.Close() // the child has its own
	said, err := os.OpenFile(output+".out", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	defer said.Close()
	cmd := exec.Command(p.cfg.Binary, args...)
	cmd.Stdout, cmd.Stderr = said, out
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	proc := &process{name: args[0], cmd: cmd, output: output, done: make(chan struct{})}
	p.procs = append(p.procs, proc)
	go func() {
		proc.err = cmd.Wait()
		close(proc.done)
	}()
	context.AfterFunc(ctx, proc.destroy)
	return proc, nil
}

// destroy kills the whole group, which may outlive its leader.
func (proc *process) destroy() {
	proc.group.Do(func() { syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL) })
	<-proc.done
}

// kill is kill -9 of the hub. Its guardians have groups of their own and are left to notice by themselves.
func (proc *process) kill() { proc.destroy() }

// stop is ctrl-C. It reports an error where the process does not end cleanly in time.
func (proc *process) stop() error {
	proc.cmd.Process.Signal(os.Interrupt)
	select {
	case <-proc.done:
	case <-time.After(stopFor):
		proc.destroy()
		return fmt.Errorf("%s did not stop within %s of an interrupt", proc.name, stopFor)
	}
	proc.destroy()
	if proc.err != nil {
		return fmt.Errorf("%s stopped with: %w; it wrote: %s", proc.name, proc.err, proc.tail())
	}
	return nil
}

func (proc *process) running() bool {
	select {
	case <-proc.done:
		return false
	default:
		return true
	}
}

// tail is the end of what the process wrote, or where it crashed.
func (proc *process) tail() string {
	data, err := os.ReadFile(proc.output)
	if err != nil {
		return err.Error()
	}
	for _, crash := range []string{"\npanic: ", "\nfatal error: "} {
		if i := bytes.Index(data, []byte(crash)); i >= 0 {
			data = data[i:min(i+tailSize, len(data))]
		}
	}
	return strings.TrimSpace(string(data[max(0, len(data)-tailSize):]))
}

// until polls until f is true. It fails where the process ends, time is up, or f fails.
func (proc *process) until(ctx context.Context, limit time.Duration, what string, f func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	for {
		ok, err := f()
		if ok {
			return nil
		}
		last = err
		if !proc.running() {
			return fmt.Errorf("waiting for %s: %s ended: %w; it wrote: %s", what, proc.name, errors.Join(proc.err, last), proc.tail())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for %s: %w", limit, what, errors.Join(ctx.Err(), last))
		case <-time.After(pollEvery):
		}
	}
}

// command runs the binary to its end, as a person at a terminal would; code is its exit code.
func (p *play) command(ctx context.Context, args ...string) (output string, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	out, err := exec.CommandContext(ctx, p.cfg.Binary, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode(), nil
	}
	if err != nil {
		return string(out), -1, fmt.Errorf("running %s: %w", args[0], err)
	}
	return string(out), 0, nil
}

// scratch is a path in the scratch directory.
func (p *play) scratch(parts ...string) string {
	return filepath.Join(append([]string{p.cfg.Dir}, parts...)...)
}

var errDrill = fmt.Errorf("%w: the drill cannot go on", tribune.ErrInvalid)
