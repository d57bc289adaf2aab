package worker

import (
	"encoding/binary"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A name that one processor's kernel does not have would leave its readers without a filter.
func TestFilterIsKnownOnEveryProcessorWeShipFor(t *testing.T) {
	for _, name := range []string{"amd64", "arm64"} {
		info, err := arch.GetInfo(name)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for _, g := range filter().Policy.Syscalls {
			names := g.Names
			for _, n := range g.NamesWithCondtions {
				names = append(names, n.Name)
			}
			for _, n := range names {
				calls++
				if _, ok := info.SyscallNames[n]; !ok {
					t.Errorf("%s has no %s", name, n)
				}
			}
		}
		if calls < 30 {
			t.Errorf("%d calls let through: the filter is empty", calls)
		}
	}
}

// judge runs the filter as a kernel does.
func judge(t *testing.T) func(archID uint32, call int, args ...uint64) seccomp.Action {
	t.Helper()
	policy := filter().Policy
	program, err := policy.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	machine, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	return func(archID uint32, call int, args ...uint64) seccomp.Action {
		t.Helper()
		words := make([]uint32, 16) // struct seccomp_data: the machine loads each 32 bits in network order
		words[0], words[1] = uint32(call), archID
		for i, a := range args {
			words[4+2*i], words[5+2*i] = uint32(a), uint32(a>>32)
		}
		var in []byte
		for _, w := range words {
			in = binary.BigEndian.AppendUint32(in, w)
		}
		out, err := machine.Run(in)
		if err != nil {
			t.Fatal(err)
		}
		return seccomp.Action(uint32(out))
	}
}

// What is let through without a look at its arguments: whoever adds to it reads the kernel's manual first.
const harmless = `brk clock_gettime clock_nanosleep close epoll_create1 epoll_ctl epoll_pwait eventfd2 exit exit_group futex getpid getrandom gettid
	gettimeofday mincore munmap nanosleep read restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield set_robust_list
	sigaltstack write`

func TestFilterLetsThroughItsListAndNothingElse(t *testing.T) {
	info, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	verdict := judge(t)
	names := map[int]string{}
	for name, n := range info.SyscallNames {
		names[n] = name
	}
	const odd = 1<<63 | 7 // no condition takes it
	var free []string
	for call := range 2048 {
		switch got := verdict(uint32(info.ID), call, odd, odd, odd|1<<32, odd, odd, odd); {
		case got == seccomp.ActionAllow:
			free = append(free, names[call])
		case names[call] == "clone3" && got == seccomp.ActionErrno|seccomp.Action(unix.ENOSYS):
		case got != seccomp.ActionErrno|seccomp.Action(unix.EPERM):
			t.Errorf("call %d (%s): %#x", call, names[call], uint32(got))
		}
	}
	slices.Sort(free)
	if want := strings.Fields(harmless); !slices.Equal(free, want) {
		t.Errorf("let through: %v\n     want: %v", free, want)
	}
	read := info.SyscallNames["read"]
	for name, other := range map[string]uint32{"32 bits": uint32(arch.I386.ID), "another processor": uint32(arch.ARM.ID)} {
		if got := verdict(other, read); got == seccomp.ActionAllow {
			t.Errorf("%s: a call by another table of numbers is let through", name)
		}
	}
	if info.ID == arch.X86_64.ID {
		if got := verdict(uint32(info.ID), arch.X32.SeccompMask|read); got == seccomp.ActionAllow {
			t.Error("a call by the x32 table is let through")
		}
	}
}

func TestArgumentsThatMakeACallAnAttackAreRefused(t *testing.T) {
	info, err := arch.GetInfo("")
	if err != nil {
		t.Fatal(err)
	}
	verdict := judge(t)
	const goThread = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_SYSVSEM | unix.CLONE_THREAD
	const cThread = goThread | unix.CLONE_SETTLS | unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_CLEARTID
	const rw, plain = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANON
	me := uint64(os.Getpid())
	type args []uint64
	for call, c := range map[string]struct{ good, bad map[string]args }{
		"clone": {
			map[string]args{"the runtime's thread": {goThread}, "the C library's thread": {cThread}},
			map[string]args{
				"fork": {uint64(unix.SIGCHLD)}, "vfork, which has one of a thread's bits": {unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)},
				"a process with this memory": {unix.CLONE_VM | uint64(unix.SIGCHLD)}, "and these signals": {unix.CLONE_VM | unix.CLONE_SIGHAND | uint64(unix.SIGCHLD)},
				"a thread in a network of its own": {goThread | unix.CLONE_NEWNET}, "among users of its own": {goThread | unix.CLONE_NEWUSER},
				"traced": {goThread | unix.CLONE_PTRACE},
			},
		},
		"mmap": {
			map[string]args{"the heap": {0, 1 << 26, rw, plain}, "reserved": {0, 1 << 26, 0, plain | unix.MAP_NORESERVE}, "placed": {0, 1 << 26, rw, plain | unix.MAP_FIXED}, "a stack": {0, 1 << 23, rw, plain | unix.MAP_STACK}},
			map[string]args{
				"executable": {0, 4096, rw | unix.PROT_EXEC, plain}, "shared, which no limit counts": {0, 1 << 33, rw, unix.MAP_SHARED | unix.MAP_ANON},
				"growing, which no limit counts": {0, 1 << 33, rw, plain | unix.MAP_GROWSDOWN}, "a file": {0, 4096, rw, unix.MAP_PRIVATE},
				"locked": {0, 1 << 30, rw, plain | unix.MAP_LOCKED}, "huge pages": {0, 1 << 30, rw, plain | unix.MAP_HUGETLB},
				"shared and private": {0, 4096, rw, plain | unix.MAP_SHARED},
			},
		},
		"mprotect": {map[string]args{"writable": {0, 4096, rw}}, map[string]args{"executable": {0, 4096, unix.PROT_READ | unix.PROT_EXEC}}},
		"madvise": {
			map[string]args{"given back": {0, 4096, unix.MADV_DONTNEED}, "collapsed": {0, 4096, lastAdvice}, "a guard page": {0, 4096, guardAdvice}},
			map[string]args{"memory that the machine takes for broken": {0, 4096, unix.MADV_HWPOISON}, "taken offline": {0, 4096, 101}, "unknown": {0, 4096, 104}},
		},
		"tgkill": {map[string]args{"itself": {me, me, 1}}, map[string]args{"its parent": {uint64(os.Getppid()), uint64(os.Getppid()), 9}}},
		"prctl":  {map[string]args{"a name": {unix.PR_SET_VMA}}, map[string]args{"dumpable": {unix.PR_SET_DUMPABLE, 1}, "capabilities kept": {unix.PR_SET_KEEPCAPS, 1}}},
	} {
		for name, a := range c.good {
			if got := verdict(uint32(info.ID), info.SyscallNames[call], a...); got != seccomp.ActionAllow {
				t.Errorf("%s, %s: %#x, want it let through", call, name, uint32(got))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(c.bad)) {
			if got := verdict(uint32(info.ID), info.SyscallNames[call], c.bad[name]...); got != seccomp.ActionErrno|seccomp.Action(unix.EPERM) {
				t.Errorf("%s, %s: %#x, want not permitted", call, name, uint32(got))
			}
		}
	}
}
