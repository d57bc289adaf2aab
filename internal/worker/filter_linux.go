package worker

import (
	"fmt"
	"os"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/sys/unix"
)

// takeFilter sets the filter on all threads; false: the kernel has no seccomp.
func takeFilter() (bool, error) {
	if !seccomp.Supported() {
		return false, nil
	}
	if err := seccomp.LoadFilter(filter()); err != nil {
		return false, fmt.Errorf("seccomp: %w", err)
	}
	for _, act := range []func() error{openRoot, openSocket} {
		if err := tried("seccomp", unix.EPERM, act); err != nil {
			return false, err
		}
	}
	return true, nil
}

// What the runtime's own calls, and the C library's where a binary is linked with it, have set.
const (
	threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD |
		unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID | unix.CLONE_DETACHED
	mapFlags = unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_FIXED | unix.MAP_NORESERVE | unix.MAP_STACK

	lastAdvice  = 25  // MADV_COLLAPSE
	guardAdvice = 102 // MADV_GUARD_INSTALL, and _REMOVE after it; between lie those that poison the machine's memory
)

// filter lets through what the Go runtime needs to compute, to start threads of its own, and to use pipes that are open. All else is EPERM, but for
// clone3, whose arguments a filter cannot see: ENOSYS makes the C library take clone.
//
// Memory is private and anonymous: RLIMIT_DATA counts neither what is shared nor what grows downwards. A clone makes a thread and no process, which would
// have processor time of its own and outlive its parent.
func filter() seccomp.Filter {
	arg := func(argument uint32, operation seccomp.Operation, value uint64) seccomp.Condition {
		return seccomp.Condition{Argument: argument, Operation: operation, Value: value}
	}
	only := func(name string, c ...seccomp.Condition) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: c}
	}
	notExecutable := arg(2, seccomp.BitsNotSet, unix.PROT_EXEC)
	return seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionErrno, // EPERM
			Syscalls: []seccomp.SyscallGroup{{
				Action: seccomp.ActionAllow,
				Names: []string{
					"read", "write", "close", "exit", "exit_group", "restart_syscall",
					"munmap", "mincore", "brk", "futex", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq",
					"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
					"nanosleep", "clock_nanosleep", "clock_gettime", "gettimeofday", "getrandom", "getpid", "gettid",
					"epoll_create1", "epoll_ctl", "epoll_pwait", "eventfd2",
				},
				NamesWithCondtions: []seccomp.NameWithConditions{
					// BitsSet asks for any of its bits, so each has a condition of its own.
					only("mmap", notExecutable, arg(3, seccomp.BitsSet, unix.MAP_PRIVATE), arg(3, seccomp.BitsSet, unix.MAP_ANON), arg(3, seccomp.BitsNotSet, ^uint64(mapFlags))),
					only("mprotect", notExecutable),
					only("madvise", arg(2, seccomp.LessOrEqual, lastAdvice)),
					only("madvise", arg(2, seccomp.GreaterOrEqual, guardAdvice), arg(2, seccomp.LessOrEqual, guardAdvice+1)),
					only("clone", arg(0, seccomp.BitsSet, unix.CLONE_VM), arg(0, seccomp.BitsSet, unix.CLONE_THREAD), arg(0, seccomp.BitsSet, unix.CLONE_SIGHAND),
						arg(0, seccomp.BitsNotSet, ^uint64(threadFlags))),
					only("tgkill", arg(0, seccomp.Equal, uint64(os.Getpid()))),
					only("prctl", arg(0, seccomp.Equal, unix.PR_SET_VMA)), // names of mappings
				},
			}, {
				Action: seccomp.ActionErrno&^0xffff | seccomp.Action(unix.ENOSYS),
				Names:  []string{"clone3"},
			}},
		},
	}
}
