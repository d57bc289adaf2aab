package record

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"tribune"
)

// Files of the directory that are not part of tlog-tiles and are never served.
const (
	stateDir  = ".state"
	treeState = stateDir + "/treeState" // Tessera's
	lockFile  = stateDir + "/record.lock"
)

// lock makes sure that one process has the log: two would each integrate their own leaves at the same index. The kernel
// frees it when the process dies, however it dies.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, tribune.Hint(fmt.Errorf("%s: another process has this log open: %w", path, tribune.ErrConflict),
				"stop the other hub, or give this one a directory of its own")
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f.Close, nil
}
