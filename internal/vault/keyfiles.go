package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tribune"
	"tribune/protocol"
)

const (
	maxKeyFile = 2*epochKeySize + 2 // hex and a line end
	nextSuffix = ".next"
)

// keyFiles are where epoch keys rest: the present one, and beside it, while a rotation is under way, the next. Which is which, the
// store's mark says, never the name: a crash can leave either.
type keyFiles struct{ path string }

// at is the key's own place where path leads there by a link: the next key belongs on the same device.
func (f keyFiles) at() string {
	if real, err := filepath.EvalSymlinks(f.path); err == nil {
		return real
	}
	return f.path
}

func (f keyFiles) next() string { return f.at() + nextSuffix }

// find reads the key that a mark names.
func (f keyFiles) find(mark []byte) (epochKey, error) {
	id := binary.BigEndian.Uint32(mark)
	var missing, broken error
	for _, path := range []string{f.path, f.next()} {
		key, err := readEpochKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			if path == f.path {
				missing = err
			}
			continue
		}
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		if sameMark(protocol.EpochMark(id, key), mark) {
			k, err := newEpochKey(id, key)
			clear(key)
			return k, err
		}
		clear(key)
	}
	switch {
	case missing != nil:
		return epochKey{}, tribune.Hint(fmt.Errorf("%w: the store holds wrapped data and %s is gone", tribune.ErrNotFound, f.path),
			"Put the epoch key's file back from where you keep it. Without it nothing that was sealed before can be opened; to begin anew, use a new directory.")
	case broken != nil:
		return epochKey{}, broken
	}
	return epochKey{}, tribune.Hint(fmt.Errorf("%w: %s is not the key of epoch %d, under which the store's data are wrapped", tribune.ErrInvalid, f.path, id),
		"Put the epoch key's file that belongs to this store back. A store of before a rotation is wrapped under a key that the rotation destroyed: nobody opens it.")
}

// settle puts the key that a mark names in its place and destroys the one that was there: its bytes are overwritten on the disk, then
// its name goes. What an SSD or a copy-on-write disk keeps beneath that, no program can take away.
func (f keyFiles) settle(mark []byte) error {
	id := binary.BigEndian.Uint32(mark)
	key, err := readEpochKey(f.next())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the next epoch key: %w", err)
	}
	ours := sameMark(protocol.EpochMark(id, key), mark)
	clear(key)
	if !ours {
		return nil // made for a rotation that has not begun; the next one takes it
	}
	if err := overwrite(f.at()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("destroying the old epoch key: %w", err)
	}
	if err := os.Rename(f.next(), f.at()); err != nil {
		return fmt.Errorf("putting the new epoch key in its place: %w", err)
	}
	return syncDir(filepath.Dir(f.at()))
}

// nextKey is a key for the next epoch: one that an interrupted start of a rotation has left, or a new one.
func (f keyFiles) nextKey() ([]byte, error) {
	key, err := readEpochKey(f.next())
	if errors.Is(err, fs.ErrNotExist) {
		return createEpochKey(f.next())
	}
	return key, err
}

// sweep removes what a crash has left of a key's making. It may be another name of a key in use, so it is not overwritten.
func (f keyFiles) sweep() error {
	left, err := filepath.Glob(f.at() + "*.new")
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// overwrite fills a file with noise, on the disk.
func overwrite(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		noise := make([]byte, info.Size())
		rand.Read(noise)
		_, err = file.WriteAt(noise, 0)
	}
	return errors.Join(err, file.Sync(), file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readEpochKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, tribune.Hint(fmt.Errorf("%w: others than its owner may read or write %s", tribune.ErrInvalid, path), "chmod 600 %s", path)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("%w: %s is not a key file", tribune.ErrInvalid, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	text := bytes.TrimSpace(data)
	key := make([]byte, epochKeySize)
	if len(text) != hex.EncodedLen(epochKeySize) {
		return nil, fmt.Errorf("%w: %s holds %d characters, want %d hex digits", tribune.ErrInvalid, path, len(text), 2*epochKeySize)
	}
	if _, err := hex.Decode(key, text); err != nil {
		return nil, fmt.Errorf("%w: %s is not hex", tribune.ErrInvalid, path) // without the offending byte
	}
	return key, nil
}

// createEpochKey writes a fresh key durably. It is complete before it has its name, and never replaces another.
func createEpochKey(path string) (key []byte, err error) {
	key = make([]byte, epochKeySize)
	rand.Read(key)
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.new") // O_EXCL, 0600
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	text := append(hex.AppendEncode(nil, key), '\n')
	defer clear(text)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil { // fails where path exists
		return nil, err
	}
	if err := syncDir(dir); err != nil {
		return nil, fmt.Errorf("writing %s: %w", path, err)
	}
	return key, nil
}
