package worker

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"tribune"
)

// tail keeps the beginning of what a child wrote to standard error: the runtime says there why it died. It may quote the document.
type tail struct{ text []byte }

const maxLog = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p[:min(len(p), maxLog-len(t.text))]...)
	return len(p), nil
}

// autopsy says why a child ended without an answer.
func (c *child) autopsy(broken, ended error, l Limits) error {
	state, log := c.cmd.ProcessState, string(c.log.text)
	switch {
	case strings.Contains(log, "out of memory"), strings.Contains(log, "cannot allocate memory"), strings.Contains(log, "failed to allocate"):
		return tribune.Hint(fmt.Errorf("it needs more than %d MB of memory: %w", l.Memory>>20, tribune.ErrTooLarge), "a smaller file")
	case strings.Contains(log, "SIGXCPU"), state != nil && state.UserTime()+state.SystemTime() >= l.CPU:
		return tribune.Hint(fmt.Errorf("it needs more than %v of processor time: %w", time.Duration(seconds(l.CPU))*time.Second, tribune.ErrTooLarge), "a smaller file")
	}
	why := broken.Error()
	if first, _, _ := strings.Cut(strings.TrimSpace(log), "\n"); first != "" {
		why += ": " + printable(first)
	}
	if exit, ok := ended.(*exec.ExitError); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() != syscall.SIGKILL {
			why += " (" + status.Signal().String() + ")"
		}
	}
	return fmt.Errorf("%s: %w", why, tribune.ErrInvalid)
}
