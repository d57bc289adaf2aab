package city

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"tribune"
)

// Time-outs of guardians' processes in a demo.
const (
	guardianStarts = time.Minute // a loaded machine whose disk stands still; an idle one takes 50 ms, and one that died is noticed at once
	guardianEnds   = 5 * time.Second
)

// guardianConfig is a guardian's configuration file in its folder.
const guardianConfig = "guardian.toml"

// process is one guardian's process. Its standard input is a pipe that ends with its parent, however the parent ends,
// and the guardian ends with it.
type process struct {
	name    string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	log     *os.File
	Address string
}

// startGuardian starts this binary as a guardian over dir and waits for the line with its address.
func startGuardian(ctx context.Context, name, dir string, log *slog.Logger) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this binary: %w", err)
	}
	p := &process{name: name, cmd: exec.Command(self, "guardian", "serve", "--config", filepath.Join(dir, guardianConfig))}
	if p.log, err = os.OpenFile(filepath.Join(dir, "guardian.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, err
	}
	p.cmd.Stderr = p.log
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	ownGroup(p.cmd) // ctrl-C reaches the parent alone, which then ends its guardians in order
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting guardian %s: %w", name, err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(ready)
		var line struct {
			Address string `json:"address"`
		}
		text, _ := bufio.NewReaderSize(out, 4096).ReadString('\n')
		if json.Unmarshal([]byte(text), &line) == nil && line.Address != "" {
			ready <- line.Address
		}
		io.Copy(io.Discard, out)
	}()
	select {
	case p.Address = <-ready:
	case <-time.After(guardianStarts):
	case <-ctx.Done():
	}
	if p.Address == "" {
		p.stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, tribune.Hint(fmt.Errorf("guardian %s did not start within %s", name, guardianStarts), "Why is in %s.", p.log.Name())
	}
	if err := os.WriteFile(filepath.Join(dir, "pid"), []byte(strconv.Itoa(p.cmd.Process.Pid)), 0o600); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// stop ends the guardian: first by closing its standard input, then by force.
func (p *process) stop() {
	p.stdin.Close()
	done := make(chan struct{})
	go func() { p.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(guardianEnds):
		p.cmd.Process.Kill()
		<-done
	}
	p.log.Close()
}
