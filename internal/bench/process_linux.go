package bench

import (
	"os/exec"
	"runtime"
	"syscall"
)

// bind makes the child the leader of a group of its own, and has the kernel kill it where this process is killed.
func bind(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// watch starts the process and waits for its end on a thread of its own: a parent's death signal is sent when the thread
// that started the child ends, and Go ends threads as it likes.
func (p *process) watch(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	p.err = p.cmd.Wait()
	close(p.done)
}

func kill(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
