package worker

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	// room is what the runtime may take beside a reader's memory: it asks for address space in steps of 64 MB, and each thread has a stack.
	room = 128 << 20
	// reserve is address space that nobody writes to: stacks and arenas that are promised and not used. A page table costs 1/512 of what it maps, which
	// RLIMIT_DATA does not count.
	reserve = 4 << 30
	// threads may be started beside all that run on the machine; the runtime needs a few.
	threads = 1024
)

func limitSelf(l bounds) error {
	boundHeap(l)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // where memory runs out, the reader goes first; not all systems let it say so
	data, err := field("/proc/self/status", "VmData:")
	if err != nil {
		return err
	}
	size, err := field("/proc/self/status", "VmSize:")
	if err != nil {
		return err
	}
	tasks, err := runningTasks()
	if err != nil {
		return err
	}
	if err := setLimits(l); err != nil {
		return err
	}
	for resource, value := range map[int]uint64{
		unix.RLIMIT_DATA:    data + uint64(l.memory) + room,
		unix.RLIMIT_AS:      size + uint64(l.memory) + room + reserve,
		unix.RLIMIT_NPROC:   tasks + threads, // root is not bound by it
		unix.RLIMIT_MEMLOCK: 0,
	} {
		if err := limit(resource, value); err != nil {
			return err
		}
	}
	return nil
}

// limit lowers a limit, for good; one that is lower stays.
func limit(resource int, value uint64) error {
	var had unix.Rlimit
	if err := unix.Getrlimit(resource, &had); err != nil {
		return fmt.Errorf("resource limit %d: %w", resource, err)
	}
	value = min(value, had.Max)
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
		return fmt.Errorf("resource limit %d: %w", resource, err)
	}
	return nil
}

// field is a size that the kernel tells of this process, in bytes.
func field(path, name string) (uint64, error) {
	status, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("reading the own memory: %w", err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kb, err := strconv.ParseUint(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 44)
			if err != nil {
				return 0, fmt.Errorf("reading the own memory: %w", err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("reading the own memory: the kernel does not say %s", name)
}

// runningTasks is how many threads there are on the machine: "0.20 0.18 0.12 1/80 11206" has 80.
func runningTasks() (uint64, error) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, fmt.Errorf("counting threads: %w", err)
	}
	_, rest, _ := bytes.Cut(text, []byte("/"))
	count, _, _ := bytes.Cut(rest, []byte(" "))
	n, err := strconv.ParseUint(string(count), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("counting threads: %w", err)
	}
	return n, nil
}
