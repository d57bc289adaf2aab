package worker

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// confine gives up, for good and for all threads, what a reader must not have. Limits that cannot be set are an error; landlock and seccomp are told of.
func confine(l bounds) (Protections, error) {
	closeInherited()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0)) // said once: else the runtime goes on reading the cgroup's files
	if err := limitSelf(l); err != nil {
		return 0, err
	}
	p := Memory | Time
	if abi := landlockABI(); abi > 0 {
		if err := landlock.V11.BestEffort().Restrict(); err != nil {
			return 0, fmt.Errorf("landlock: %w", err)
		}
		p |= Files
		if abi >= 4 {
			p |= Network
		}
	}
	if seccomp.Supported() {
		if err := seccomp.LoadFilter(filter()); err != nil {
			return 0, fmt.Errorf("seccomp: %w", err)
		}
		p |= SystemCalls
	}
	return p, nil
}

// closeInherited closes what the parent itself had inherited without knowing: what Go opens carries close-on-exec, what survived the exec does not.
func closeInherited() {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		for fd := 3; fd < 1024; fd++ {
			closeUnlessOwn(fd)
		}
		return
	}
	for _, n := range names {
		if fd, err := strconv.Atoi(n.Name()); err == nil && fd > 2 {
			closeUnlessOwn(fd)
		}
	}
}

func closeUnlessOwn(fd int) {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
		unix.Close(fd)
	}
}

// room is what the runtime may take beside a reader's memory: it asks for address space in steps of 64 MB, and each thread has a stack.
const room = 128 << 20

func limitSelf(l bounds) error {
	boundHeap(l)
	mapped, err := dataBytes()
	if err != nil {
		return err
	}
	if err := setLimits(l); err != nil {
		return err
	}
	for resource, value := range map[int]uint64{unix.RLIMIT_DATA: mapped + uint64(l.memory) + room, unix.RLIMIT_MEMLOCK: 0} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}); err != nil {
			return fmt.Errorf("resource limit %d: %w", resource, err)
		}
	}
	return nil
}

// dataBytes is what RLIMIT_DATA counts of this process now.
func dataBytes() (uint64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("reading the own memory: %w", err)
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmData:")); ok {
			kb, err := strconv.ParseUint(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 44)
			if err != nil {
				return 0, fmt.Errorf("reading the own memory: %w", err)
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("reading the own memory: the kernel does not say it")
}

// landlockABI is the kernel's version of landlock, 0 where it has none.
func landlockABI() int {
	const versionOnly = 1 // LANDLOCK_CREATE_RULESET_VERSION
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, versionOnly)
	if errno != 0 {
		return 0
	}
	return int(abi)
}

// filter lets through what the Go runtime needs to compute, to start threads of its own, and to use pipes that are open. All else is EPERM, but for
// clone3, whose arguments a filter cannot see: ENOSYS makes the C library take clone.
func filter() seccomp.Filter {
	is := func(argument uint32, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: seccomp.Equal, Value: value}
	}
	only := func(name string, c ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: c}
	}
	notExecutable := seccomp.Condition{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}
	return seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno, // EPERM
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names: []string{
					"read", "write", "close", "exit", "exit_group", "restart_syscall",
					"munmap", "madvise", "mincore", "brk", "futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq",
					"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
					"nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "getrandom", "getpid", "gettid",
					"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2",
				},
				NamesWithCondtions: []seccomp.NameWithConditions{
					only("mmap", notExecutable),
					only("mprotect", notExecutable),
					only("clone", seccomp.Condition{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}),
					only("tgkill", is(0, uint64(os.Getpid()))),
					only("prctl", is(0, unix.PR_SET_VMA)), // names of mappings
				},
			}, {
				Action: seccomp.ActionErrno&^0xffff | seccomp.Action(unix.ENOSYS),
				Names:  []string{"clone3"},
			}},
		},
	}
}
