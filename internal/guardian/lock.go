package guardian

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"tribune"
)

// folderLock keeps a second process out: two heads in one folder could co-sign two trees.
type folderLock struct{ file *os.File }

func lockFolder(dir string) (*folderLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the guardian's folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, tribune.Hint(fmt.Errorf("%w: another guardian process uses %s", tribune.ErrBusy, dir), "Stop it first; a guardian's folder serves one process.")
	}
	return &folderLock{f}, nil
}

func (l *folderLock) unlock() error { return l.file.Close() }
