package worker

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"

	"tribune"
)

// Serve is the child's side: it gives up what it could do, runs one job from in to out, and ends. args are what Worker.Run passes after the
// command's name: job, memory (bytes), processor time (seconds), output (bytes). An error that the parent has been told is nil here.
func Serve(jobs Jobs, args []string, in io.Reader, out io.Writer) error {
	name, l, err := parse(args)
	if err != nil {
		return err
	}
	f := &frames{to: out, left: l.output}
	job, known := jobs[name]
	if name == nothing {
		job, known = func(io.Reader, io.Writer) error { return nil }, true
	}
	if !known {
		return f.refuse(fmt.Errorf("this program has no reader %q: %w", name, tribune.ErrUnsupported))
	}
	p, err := confine(l)
	if err != nil {
		return f.refuse(fmt.Errorf("giving up what a reader must not have: %w", err))
	}
	if err := f.frame(kindProtections, []byte{byte(p)}); err != nil {
		return err
	}
	if err := contained(job, in, f); err != nil {
		return f.refuse(err)
	}
	return f.frame(kindDone, nil)
}

// contained runs the job and consumes what it left of its input, so that an answer always means the whole document was there.
func contained(job Job, in io.Reader, out io.Writer) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the reader panicked: %v: %w", v, tribune.ErrInvalid)
		}
	}()
	if err := job(in, out); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// bounds are the limits that a child puts on itself.
type bounds struct {
	memory, seconds, output int64
}

func parse(args []string) (string, bounds, error) {
	var l bounds
	if len(args) != 4 {
		return "", l, fmt.Errorf("a worker is started by the program itself, with job, memory, seconds and output: %w", tribune.ErrInvalid)
	}
	var errs [3]error
	l.memory, errs[0] = strconv.ParseInt(args[1], 10, 64)
	l.seconds, errs[1] = strconv.ParseInt(args[2], 10, 64)
	l.output, errs[2] = strconv.ParseInt(args[3], 10, 64)
	if err := errors.Join(errs[:]...); err != nil || min(l.memory, l.seconds) < 1 || l.output < 0 {
		return "", l, fmt.Errorf("a worker's limits %q: %w", args[1:], tribune.ErrInvalid)
	}
	return args[0], l, nil
}

// setLimits sets what every system has. At its limit of processor time a reader gets SIGXCPU, of which the runtime tells and dies; one that does not is
// killed a second later.
func setLimits(l bounds) error {
	for _, r := range []struct {
		resource int
		value    unix.Rlimit
	}{
		{unix.RLIMIT_CPU, unix.Rlimit{Cur: uint64(l.seconds), Max: uint64(l.seconds) + 1}},
		{unix.RLIMIT_FSIZE, unix.Rlimit{}},
		{unix.RLIMIT_CORE, unix.Rlimit{}},
		{unix.RLIMIT_NOFILE, unix.Rlimit{Cur: 16, Max: 16}},
	} {
		if err := unix.Setrlimit(r.resource, &r.value); err != nil {
			return fmt.Errorf("resource limit %d: %w", r.resource, err)
		}
	}
	return nil
}

// boundHeap has the collector work harder before the kernel's limit ends the process.
func boundHeap(l bounds) { debug.SetMemoryLimit(l.memory - l.memory/8) }
