package drill

import (
	"bytes"
	"io/fs"
	"slices"
)

// memory is a directory of files in memory, by slash-separated path: a log whose bytes can be altered cheaply.
type memory map[string][]byte

// Open opens a file for reading.
func (m memory) Open(name string) (fs.File, error) {
	data, ok := m[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return memoryFile{bytes.NewReader(data)}, nil
}

type memoryFile struct{ *bytes.Reader }

// Close does nothing.
func (memoryFile) Close() error { return nil }

// Stat is not needed by a reader of whole files.
func (memoryFile) Stat() (fs.FileInfo, error) { return nil, fs.ErrInvalid }

// recorder notes which files are opened.
type recorder struct {
	inner  fs.FS
	opened []string
}

// Open opens a file and notes its name.
func (r *recorder) Open(name string) (fs.File, error) {
	f, err := r.inner.Open(name)
	if err == nil && !slices.Contains(r.opened, name) {
		r.opened = append(r.opened, name)
	}
	return f, err
}
