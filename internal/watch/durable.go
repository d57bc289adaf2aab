package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"tribune"
)

// writeFile replaces path: a crash leaves the old bytes or the new ones, and after nil the new ones stay. What a watcher keeps
// is public: others may read it.
func writeFile(path string, data []byte) error {
	tmp, err := os.OpenFile(path+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

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
