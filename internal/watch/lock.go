package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"tribune"
)

// lock keeps a second process out of a folder: two would write one file.
func lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(tribune.Hint(fmt.Errorf("%w: %s is used by another process", tribune.ErrConflict, filepath.Dir(path)),
			"Stop the other tribune, or choose another --dir."), f.Close())
	}
	return f.Close, nil // closing gives the lock back
}
