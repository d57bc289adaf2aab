package worker

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"

	"tribune"
)

// confine gives up, for good and for all threads, what a reader must not have. What cannot be set, or is set and does not hold, is an error; that a kernel
// has no landlock or no seccomp is told.
func confine(l bounds) (Protections, error) {
	runtime.LockOSThread() // the filter is set by the thread that has given up new privileges
	defer runtime.UnlockOSThread()
	closeInherited()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0)) // said once: else the runtime goes on reading the cgroup's files
	if err := limitSelf(l); err != nil {
		return 0, err
	}
	if err := loseRank(); err != nil {
		return 0, err
	}
	p := Memory | Time
	if abi := landlockABI(); abi > 0 {
		if err := landlock.V11.BestEffort().Restrict(); err != nil {
			return 0, fmt.Errorf("landlock: %w", err)
		}
		if err := tried("landlock", unix.EACCES, openRoot); err != nil {
			return 0, err
		}
		p |= Files
		if abi >= 4 {
			p |= Network
		}
	}
	if taken, err := takeFilter(); err != nil {
		return 0, err
	} else if taken {
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

// loseRank gives up what root has and a reader never needs, and has the kernel keep no picture of the process: a core that is piped to a program
// does not ask RLIMIT_CORE, and would hold the document.
func loseRank() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbidding cores: %w", err)
	}
	header, none := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, [2]unix.CapUserData{}
	if _, _, errno := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0); errno != 0 {
		return fmt.Errorf("giving up capabilities: %w", errno)
	}
	return nil
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

// tried does what must fail: a kernel, or what plays one, may take a rule and not heed it.
func tried(rule string, want error, act func() error) error {
	if err := act(); err != want {
		return fmt.Errorf("this kernel has taken %s's rules and does not heed them (%v): %w", rule, err, tribune.ErrUnsupported)
	}
	return nil
}

func openRoot() error {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func openSocket() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		unix.Close(fd)
	}
	return err
}
