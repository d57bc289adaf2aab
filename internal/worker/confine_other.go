//go:build !linux

package worker

import (
	"fmt"
	"os"
	"runtime/metrics"
	"time"

	"golang.org/x/sys/unix"
)

// confine sets what limits this system has. Files and network are not shut off: the Protections say so.
func confine(l bounds) (Protections, error) {
	for fd := 3; fd < 1024; fd++ {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
	boundHeap(l)
	if err := setLimits(l); err != nil {
		return 0, err
	}
	go watchMemory(l.memory) // ends with the process
	return Memory | Time, nil
}

// watchMemory ends the process past its limit, where no kernel does.
func watchMemory(limit int64) {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	for {
		metrics.Read(sample)
		if int64(sample[0].Value.Uint64()-sample[1].Value.Uint64()) > limit+64<<20 {
			fmt.Fprintln(os.Stderr, "out of memory")
			os.Exit(2)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
