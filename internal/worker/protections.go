package worker

import (
	"runtime"
	"strings"
)

// Protections is a set of what holds a worker back.
type Protections uint8

// The protections. Memory and Time are on everywhere (or the worker does not start); the others where the kernel has them.
const (
	Memory      Protections = 1 << iota // memory past the limit ends the reader
	Time                                // processor time past the limit ends the reader
	SystemCalls                         // seccomp: no file, socket, program or other process can be reached
	Files                               // landlock: no file can be opened
	Network                             // landlock: no TCP connection can be made or awaited
)

// Required is what a worker must have here before it gets anything to read: on Linux, a kernel or container without seccomp is refused.
func Required() Protections {
	if runtime.GOOS == "linux" {
		return Memory | Time | SystemCalls
	}
	return Memory | Time
}

// String names them for people, as "memory, time, system calls (seccomp)".
func (p Protections) String() string {
	var names []string
	for i, name := range []string{"memory", "time", "system calls (seccomp)", "files (landlock)", "network (landlock)"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
