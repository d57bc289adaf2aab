//go:build !linux

package bench

import "os/exec"

func bind(*exec.Cmd) {}

func (p *process) watch(started chan<- error) {
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

// kill ends the process; what it started ends with its standard input.
func kill(cmd *exec.Cmd) { cmd.Process.Kill() }
