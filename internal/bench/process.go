package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// startFor bounds a start, ceremony and seeding included: a machine that other programs share is slow.
	startFor = 90 * time.Second
	// stopFor bounds a clean stop; then the process group is killed.
	stopFor = 15 * time.Second
	// pollEvery is how often something is looked at that no event tells.
	pollEvery = 50 * time.Millisecond
)

// process is one child, the leader of a process group of its own, so that nothing it started outlives the bench.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.Closer // ends the children that watch it
	output string    // file that holds what it wrote
	done   chan struct{}
	err    error // of Wait; valid once done is closed
	forget func() bool
	once   sync.Once
}

// spawn starts the binary; what it writes goes to the file output. It is killed when ctx ends.
func spawn(ctx context.Context, binary, output string, args ...string) (*process, error) {
	return spawnWith(ctx, nil, binary, output, args...)
}

// spawnWith adds to the environment.
func spawnWith(ctx context.Context, environment []string, binary, output string, args ...string) (*process, error) {
	out, err := os.OpenFile(output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	defer out.Close() // the child has its own
	cmd := exec.Command(binary, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if len(environment) > 0 {
		cmd.Env = append(os.Environ(), environment...)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	bind(cmd)
	p := &process{name: args[0], cmd: cmd, stdin: stdin, output: output, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.watch(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	p.forget = context.AfterFunc(ctx, p.destroy)
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop is ctrl-C; a process that does not end in time is killed with all it started.
func (p *process) stop() error {
	defer p.destroy()
	defer p.forget()
	p.cmd.Process.Signal(os.Interrupt)
	p.stdin.Close()
	select {
	case <-p.done:
	case <-time.After(stopFor):
		return fmt.Errorf("%s did not stop within %s of an interrupt", p.name, stopFor)
	}
	if p.err != nil {
		return fmt.Errorf("%s stopped with: %w; it wrote: %s", p.name, p.err, p.tail())
	}
	return nil
}

// destroy kills the whole group. The group may outlive its leader, so it is killed even where that is gone.
func (p *process) destroy() {
	p.once.Do(func() {
		kill(p.cmd)
		<-p.done
	})
}

func (p *process) tail() string {
	data, err := os.ReadFile(p.output)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data[max(0, len(data)-2000):]))
}

// until polls until f succeeds. It fails where the process ends or time is up.
func (p *process) until(ctx context.Context, limit time.Duration, what string, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("waiting for %s: %s ended: %w; it wrote: %s", what, p.name, errors.Join(p.err, err), p.tail())
		case <-ctx.Done():
			return fmt.Errorf("waiting %s for %s: %w", limit, what, errors.Join(ctx.Err(), err))
		case <-time.After(pollEvery):
		}
	}
}
