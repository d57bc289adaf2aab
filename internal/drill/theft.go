package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tribune/internal/store"
	"tribune/internal/store/pebble"
)

// theft is a copy of a running hub's directory in a thief's hands.
type theft struct {
	dir   string
	pairs []store.Pair // everything in the copied store
}

// copyTries: a store that is running replaces its files, so a copy may have missed one; a thief tries again, too.
const copyTries = 10

// steal copies from into to until the copied store opens.
func steal(ctx context.Context, from, to string) (*theft, error) {
	var err error
	for range copyTries {
		if err = os.RemoveAll(to); err != nil {
			return nil, fmt.Errorf("copying the hub's directory: %w", err)
		}
		t := &theft{dir: to}
		if err = copyDir(from, to); err == nil {
			if err = t.read(ctx); err == nil {
				return t, nil
			}
		}
	}
	return nil, fmt.Errorf("copying the hub's directory: %w", err)
}

func copyDir(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone since its folder was listed
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case !d.Type().IsRegular():
			return nil
		}
		err = copyFile(path, target)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// replaceDir puts a copy of from in the place of to.
func replaceDir(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("replacing %s: %w", filepath.Base(to), err)
	}
	if err := copyDir(from, to); err != nil {
		return fmt.Errorf("replacing %s: %w", filepath.Base(to), err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (t *theft) storeDir() string { return filepath.Join(t.dir, "store") }

// read iterates the copied store. A second copy is opened, so that the files of the first stay as they were stolen.
func (t *theft) read(ctx context.Context) (err error) {
	again := t.dir + ".opened"
	if err := os.RemoveAll(again); err != nil {
		return err
	}
	if err := copyDir(t.storeDir(), again); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(again)) }()
	s, err := pebble.Open(pebble.Config{Dir: again})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	t.pairs = nil
	for p, err := range s.Scan(ctx, store.Range{}) {
		if err != nil {
			return err
		}
		t.pairs = append(t.pairs, store.Pair{Key: append([]byte(nil), p.Key...), Value: append([]byte(nil), p.Value...)})
	}
	return nil
}

// plant writes into the copied store.
func (t *theft) plant(ctx context.Context, key, value []byte) (err error) {
	s, err := pebble.Open(pebble.Config{Dir: t.storeDir()})
	if err != nil {
		return fmt.Errorf("opening the copied store: %w", err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var b store.Batch
	b.Put(key, value)
	return s.Commit(ctx, &b)
}

// files calls visit with every file of the copy.
func (t *theft) files(visit func(name string, data []byte) error) error {
	return filepath.WalkDir(t.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(t.dir, path)
		if err != nil {
			return err
		}
		return visit(rel, data)
	})
}

// search looks for needles in every file and in every key and value of the store, a value at a time.
func (t *theft) search(n *needles) (hits []hit, bytes int, err error) {
	err = t.files(func(name string, data []byte) error {
		bytes += len(data)
		hits = append(hits, n.find("file "+name, data)...)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("searching the copy: %w", err)
	}
	for _, p := range t.pairs {
		where := "store key " + printableKey(p.Key)
		hits = append(hits, n.find(where, p.Key)...)
		hits = append(hits, n.find(where, p.Value)...)
		bytes += len(p.Key) + len(p.Value)
	}
	return hits, bytes, nil
}

// printableKey shows which row it is, and not the raw bytes.
func printableKey(key []byte) string {
	room, rest, _ := store.CutPart(key)
	_, rest, _ = store.CutPart(rest)
	if len(rest) < 2 {
		return room
	}
	kind, _, _ := store.CutPart(rest[2:])
	return strings.TrimSpace(room + "|" + kind)
}
