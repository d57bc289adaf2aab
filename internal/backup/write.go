package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
	"tribune/protocol"
)

// scratchPrefix names the folder in DIR/hub that holds the store's copy while it is written out. It is on the store's disk, so that the
// copy is made of hard links.
const scratchPrefix = ".backup-"

// writer writes an archive and its manifest.
type writer struct {
	tar      *tar.Writer
	manifest Manifest
	secrets  [][]byte // what is in the hub's keys
	epoch    []byte   // the epoch key among these
}

// Write writes an archive of the hub to out. Where recipients are given, the hub's keys are in it, encrypted to each of them.
func Write(ctx context.Context, out io.Writer, s Source, recipients []age.Recipient) (Manifest, error) {
	if s.Now == nil {
		s.Now = time.Now
	}
	w := &writer{tar: tar.NewWriter(out), manifest: Manifest{
		Format: format, City: s.City, Origin: s.Origin, Version: s.Version, Made: s.Now().UTC().Truncate(time.Second), Store: s.Store != nil, Keys: []string{}, Files: []File{},
	}}
	defer w.forget()
	for _, part := range []func(context.Context, Source) error{w.learn, w.store, w.log, w.rest, w.beside, func(ctx context.Context, s Source) error { return w.keys(s, recipients) }} {
		if err := part(ctx, s); err != nil {
			return Manifest{}, fmt.Errorf("backing up: %w", err)
		}
	}
	if err := w.end(); err != nil {
		return Manifest{}, fmt.Errorf("backing up: %w", err)
	}
	return w.manifest, nil
}

// RemoveScratch deletes what a backup that was killed has left in DIR/hub.
func RemoveScratch(hub string) error {
	left, err := filepath.Glob(filepath.Join(hub, scratchPrefix+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func (w *writer) store(ctx context.Context, s Source) error {
	if s.Store == nil {
		return nil
	}
	scratch, err := os.MkdirTemp(s.Hub, scratchPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	dir := filepath.Join(scratch, "store")
	if s.Epoch != nil {
		w.manifest.Epoch = s.Epoch()
	}
	if err := s.Store(ctx, dir); err != nil {
		return err
	}
	if s.Epoch != nil && !bytes.Equal(w.manifest.Epoch, s.Epoch()) { // half of the store would be under either key
		return tribune.Hint(fmt.Errorf("%w: the epoch key is being replaced", tribune.ErrConflict), "Make the backup once that has ended: tribune erase epoch.")
	}
	if len(w.manifest.Epoch) > protocol.EpochMarkSize {
		return tribune.Hint(fmt.Errorf("%w: the epoch key is being replaced, and a backup of now would need both keys", tribune.ErrConflict), "Make the backup once that has ended: tribune erase epoch.")
	}
	return w.tree(ctx, dir, storeDir, func(string) bool { return true })
}

// log writes the leaves as entry bundles. Hash tiles follow from them and are not kept.
func (w *writer) log(ctx context.Context, s Source) error {
	size, checkpoint, each := s.Leaves(ctx)
	if checkpoint != nil {
		if err := w.bytes(logDir+"checkpoint", checkpoint); err != nil {
			return err
		}
	}
	var at uint64
	var bundle []byte
	for leaf, err := range each {
		if err != nil {
			return err
		}
		if at == size {
			break // it has grown since
		}
		bundle = binary.BigEndian.AppendUint16(bundle, uint16(len(leaf)))
		bundle = append(bundle, leaf...)
		if at++; at%layout.EntryBundleWidth == 0 || at == size {
			if err := w.bytes(logDir+layout.EntriesPath((at-1)/layout.EntryBundleWidth, uint8(at%layout.EntryBundleWidth)), bundle); err != nil {
				return err
			}
			bundle = bundle[:0]
		}
	}
	if at != size {
		return &tribune.IntegrityError{What: "the record", Err: fmt.Errorf("%w: %d leaves, want %d", tribune.ErrNotFound, at, size)}
	}
	w.manifest.Leaves = size
	marker, err := json.Marshal(Marker{Leaves: size, Without: []string{}})
	if err != nil {
		return err
	}
	return w.bytes(markerName, marker)
}

// rest writes what else is in DIR/hub: no key, no socket, nothing that was written already or is on its way to be.
func (w *writer) rest(ctx context.Context, s Source) error {
	return w.tree(ctx, s.Hub, hubDir, func(name string) bool {
		top, _, _ := strings.Cut(name, "/")
		switch top {
		case "store", "log", "keys", "restore":
			return false
		}
		base := path.Base(name)
		return !strings.HasPrefix(base, ".") && !strings.HasPrefix(top, ".") && !namesKey(base) && path.Ext(base) != ".tmp"
	})
}

func (w *writer) beside(ctx context.Context, s Source) error {
	for name, file := range s.Beside {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := w.bytes(besideDir+name, data); err != nil {
			return err
		}
	}
	return nil
}

// tree writes the regular files below dir that are wanted. One that vanishes on the way was replaced or deleted, which its room may do at
// any time.
func (w *writer) tree(ctx context.Context, dir, prefix string, want func(name string) bool) error {
	return fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case name == "." || e.IsDir() && want(name):
			return nil
		case e.IsDir():
			return fs.SkipDir
		case e.Type()&fs.ModeSymlink != 0 && want(name):
			return tribune.Hint(fmt.Errorf("%w: %s is a link, and a backup would be without what it leads to", tribune.ErrUnsupported, prefix+name), "Put what it leads to in its place, or mount it there.")
		case !e.Type().IsRegular() || !want(name):
			return nil
		}
		err = w.file(prefix+name, filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// file writes one file with the size it has when it is opened.
func (w *writer) file(name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return w.entry(name, info.Size(), io.LimitReader(f, info.Size()))
}

func (w *writer) bytes(name string, data []byte) error {
	return w.entry(name, int64(len(data)), bytes.NewReader(data))
}

func (w *writer) entry(name string, size int64, from io.Reader) error {
	if len(w.manifest.Files) >= maxFiles {
		return fmt.Errorf("%w: more than %d files", tribune.ErrTooLarge, maxFiles)
	}
	if path.Base(name) == epochKeyFile {
		return &tribune.IntegrityError{What: "a backup", Err: fmt.Errorf("%w: %s must never be in one", tribune.ErrInvalid, name)}
	}
	from, err := w.searched(name, size, from)
	if err != nil {
		return err
	}
	h := sha256.New()
	if err := w.put(name, size, io.TeeReader(from, h)); err != nil {
		return err
	}
	w.manifest.Files = append(w.manifest.Files, File{Path: name, Size: size, SHA256: sum(h)})
	return nil
}

func (w *writer) put(name string, size int64, from io.Reader) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: w.manifest.Made, Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(header); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n, err := io.Copy(w.tar, from); err != nil || n != size {
		return fmt.Errorf("%s: %d of %d bytes: %w", name, n, size, errors.Join(err, tribune.ErrConflict))
	}
	return nil
}

func (w *writer) end() error {
	data, err := json.MarshalIndent(w.manifest, "", " ")
	if err != nil {
		return err
	}
	if err := w.put(manifestName, int64(len(data)), bytes.NewReader(data)); err != nil {
		return err
	}
	return w.tar.Close()
}

func sum(h hash.Hash) tribune.Hash { return tribune.Hash(h.Sum(nil)) }
