package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tribune"
	"tribune/internal/durable"
	"tribune/internal/explain/audit"
)

// shelf keeps in a folder, for its owner alone, what took long to compute. Two runs never share one: each would take the other's work away.
type shelf struct {
	dir  string
	held *os.File // its lock is the run's
}

// newShelf keeps an audit's work in OUT/work, under a name that model, records as they were read and encoded, references, plan and program have given it.
func newShelf(d *explainFlags, s audit.Subject, p audit.Plan, o audit.Options) (*shelf, error) {
	plan, err := p.Hash()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%s\n%s\n%q\n%q\n%q\n%s\n", s.Model, s.Train.Hash(), s.Test.Hash(), plan, s.References, d.train, d.test, o.Program)
	return openShelf(d.out, filepath.Join(d.out, workFolder, hex.EncodeToString(h.Sum(nil)[:8])))
}

// openShelf takes the folder out for this run, and dir within it (or itself) for what is kept.
func openShelf(out, dir string) (*shelf, error) {
	if err := os.MkdirAll(out, 0o700); err != nil {
		return nil, fmt.Errorf("making the report's folder: %w", err)
	}
	held, err := hold(out)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("making the report's folder: %w", err), held.Close())
	}
	return &shelf{dir, held}, nil
}

// hold keeps other runs out of a folder until the file is closed, or this process ends.
func hold(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, tribune.Hint(fmt.Errorf("%w: another run is writing to %s", tribune.ErrBusy, dir), "Wait for it, or name another folder.")
	}
	return f, nil
}

func (s *shelf) Get(name string) ([]byte, error) {
	b, err := durable.Read(filepath.Join(s.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

func (s *shelf) Put(name string, b []byte) error { return durable.Write(filepath.Join(s.dir, name), b) }

// clear removes what is no longer needed (it says much about single records), and lets others in.
func (s *shelf) clear() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("removing the audit's work: %w", err)
	}
	_ = os.Remove(filepath.Dir(s.dir)) // stays where another audit's work lies in it
	return s.held.Close()
}
