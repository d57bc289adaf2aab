package mirror

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/transparency-dev/tessera/api/layout"

	"tribune"
)

// headFile is named as tlog-tiles names it, so that the folder is a complete static log.
const headFile = "checkpoint"

// files is the mirror's folder. Only the holder of Mirror.extends (or Open) writes.
type files struct {
	dir   string
	sync  bool
	dirty map[string]bool // directories changed since the last settle, which syncs each once
	fresh map[string]bool // files written since the head last moved
}

func (f *files) prepare() error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	f.dirty, f.fresh = map[string]bool{}, map[string]bool{}
	return nil
}

func (f *files) readHead() ([]byte, bool, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, headFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	return raw, err == nil, err
}

func (f *files) writeHead(note []byte) error {
	if err := f.write(headFile, note, true); err != nil {
		return err
	}
	delete(f.fresh, headFile)
	return f.settle()
}

// writeEntries stores a bundle, full or partial.
func (f *files) writeEntries(index uint64, entries [][]byte) error {
	return f.write(layout.EntriesPath(index, partial(len(entries))), appendEntries(nil, entries), true)
}

// appendEntries appends entries as a bundle spells them: u16 length || entry.
func appendEntries(raw []byte, entries [][]byte) []byte {
	for _, e := range entries {
		raw = binary.BigEndian.AppendUint16(raw, uint16(len(e)))
		raw = append(raw, e...)
	}
	return raw
}

// partial is the width in a path: 0 for a full bundle or tile.
func partial(n int) uint8 { return uint8(n % layout.TileWidth) }

// readEntries returns the entries of a bundle as a tree of the given size has them. The file is named exactly: a wider
// one may be left over from a checkpoint that never became the head.
func (f *files) readEntries(index, size uint64) ([][]byte, error) {
	width := layout.PartialTileSize(0, index, size)
	raw, err := os.ReadFile(filepath.Join(f.dir, layout.EntriesPath(index, width)))
	if err != nil {
		return nil, err
	}
	return parseBundle(raw, widthOf(width))
}

func (f *files) writeTiles(tiles []fullTile) error {
	for _, t := range tiles {
		if err := f.write(layout.TilePath(t.level, t.index, 0), t.hashes, true); err != nil {
			return err
		}
	}
	return nil
}

// writePartialTiles keeps the folder readable by any tlog-tiles client. Failing to is no loss: the handler serves
// partial tiles from memory.
func (f *files) writePartialTiles(edge []edgeTile) {
	for level, e := range edge {
		if n := len(e.hashes) / hashSize; n > 0 {
			if f.write(layout.TilePath(uint64(level), e.index, partial(n)), e.hashes, false) != nil {
				return
			}
		}
	}
}

func (f *files) readTile(level, index uint64) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(f.dir, layout.TilePath(level, index, 0)))
	if err == nil && len(raw) != layout.TileWidth*hashSize {
		return nil, &tribune.IntegrityError{What: fmt.Sprintf("stored hash tile %d/%d", level, index), Err: tribune.ErrInvalid}
	}
	return raw, err
}

// holds checks that finished hash tiles rest as the entries make them: what is served, and every root of an earlier tree, is read from them.
func (f *files) holds(tiles []fullTile) error {
	for _, t := range tiles {
		raw, err := f.readTile(t.level, t.index)
		if err == nil && !bytes.Equal(raw, t.hashes) {
			err = fmt.Errorf("%w: it is not what the entries hash to", tribune.ErrInvalid)
		}
		if err != nil {
			return &tribune.IntegrityError{What: fmt.Sprintf("stored hash tile %d/%d", t.level, t.index), Err: err}
		}
	}
	return nil
}

// prune deletes the partial files of the tree before that the tree after has replaced. What a crash leaves is harmless.
func (f *files) prune(before, after tree) {
	if width := partial(int(before.size % layout.EntryBundleWidth)); width != 0 {
		f.remove(layout.EntriesPath(before.size/layout.EntryBundleWidth, width))
	}
	for level, e := range before.edge {
		grown := after.edge[level].index != e.index || len(after.edge[level].hashes) != len(e.hashes)
		if n := len(e.hashes) / hashSize; n > 0 && grown {
			f.remove(layout.TilePath(uint64(level), e.index, partial(n)))
		}
	}
	clear(f.fresh)
}

// discard deletes what was written since the head last moved.
func (f *files) discard() {
	for path := range f.fresh {
		f.remove(path)
	}
	clear(f.fresh)
}

func (f *files) remove(path string) {
	full := filepath.Join(f.dir, path)
	os.Remove(full)
	os.Remove(filepath.Dir(full)) // succeeds only where it was the last of its folder
}

// write replaces a file by rename, so that a reader or a crash sees the old or the new one whole.
func (f *files) write(path string, data []byte, durable bool) error {
	full := filepath.Join(f.dir, path)
	dir := filepath.Dir(full)
	if err := f.mkdir(dir); err != nil {
		return err
	}
	tmp, err := os.OpenFile(full+".tmp", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err == nil && durable && f.sync {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return errors.Join(err, os.Remove(full+".tmp"))
	}
	if durable {
		f.dirty[dir] = true
	}
	f.fresh[path] = true
	return os.Rename(full+".tmp", full)
}

// mkdir makes dir and remembers to sync each parent that got a new entry.
func (f *files) mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); len(dir) > len(f.dir) {
		if err := f.mkdir(parent); err != nil {
			return err
		}
		f.dirty[parent] = true
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// settle syncs every directory changed since the last call.
func (f *files) settle() error {
	for dir := range f.dirty {
		if f.sync {
			d, err := os.Open(dir)
			if errors.Is(err, fs.ErrNotExist) {
				delete(f.dirty, dir) // discarded together with what was in it
				continue
			}
			if err != nil {
				return err
			}
			err = d.Sync()
			if cerr := d.Close(); err == nil {
				err = cerr
			}
			if err != nil {
				return err
			}
		}
		delete(f.dirty, dir)
	}
	return nil
}
