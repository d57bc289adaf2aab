// Package outside reads tables that come from outside of the house in a worker: whatever a CSV file, a gzip stream or a ZIP archive does to its reader, it
// does in a process without keys, files and network. Commands call CSV and Hospital as they would those of package data; Job is the child's side.
//
// What the worker says is checked against the schema that was asked for, number by number; the hash of the source is taken here, on the way in, and not
// believed from there.
package outside

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/worker"
)

// Name is the job that reads a table.
const Name = "table"

// The readers that a worker has.
const (
	readCSV      = "csv"
	readHospital = "hospital"
	readAdult    = "adult"
)

// request goes before the file: its length (four bytes, little-endian), then this as JSON.
type request struct {
	Reader string      `json:"reader"`
	Schema data.Schema `json:"schema"`
	Limits data.Limits `json:"limits"`
	First  int64       `json:"first,omitempty"` // of two files: how long the first is
}

const (
	maxRequest = 8 << 20
	maxFirst   = 64 << 20
)

// CSV is data.CSV in a worker.
func CSV(ctx context.Context, w worker.Worker, file io.Reader, s data.Schema, l data.Limits) (*data.Table, error) {
	return read(ctx, w, file, request{Reader: readCSV, Schema: s, Limits: l})
}

// Hospital is data.Hospital in a worker.
func Hospital(ctx context.Context, w worker.Worker, file io.Reader, l data.Limits) (*data.Table, error) {
	return read(ctx, w, file, request{Reader: readHospital, Schema: data.HospitalSchema(), Limits: l})
}

// Adult is data.Adult in a worker.
func Adult(ctx context.Context, w worker.Worker, train, test io.Reader, l data.Limits) (*data.Table, error) {
	first, err := io.ReadAll(io.LimitReader(train, maxFirst+1))
	if err != nil {
		return nil, fmt.Errorf("reading Adult: %w", err)
	}
	if len(first) > maxFirst {
		return nil, fmt.Errorf("reading Adult: over %d bytes: %w", maxFirst, tribune.ErrTooLarge)
	}
	second := sha256.New()
	both := io.MultiReader(bytes.NewReader(first), io.TeeReader(test, second))
	t, err := read(ctx, w, both, request{Reader: readAdult, Schema: data.AdultSchema(), Limits: l, First: int64(len(first))})
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(first)
	t.Source = sha256.Sum256(second.Sum(h[:])) // two files are named by the hash of their hashes
	return t, nil
}

func read(ctx context.Context, w worker.Worker, file io.Reader, q request) (*data.Table, error) {
	text, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("asking a worker for a table: %w", err)
	}
	if len(text) > maxRequest {
		return nil, fmt.Errorf("asking a worker for a table: %w: a schema of %d bytes", tribune.ErrTooLarge, len(text))
	}
	head := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	hash := sha256.New()
	answer, err := w.Run(ctx, Name, io.MultiReader(bytes.NewReader(head), io.TeeReader(file, hash)), limits(q))
	if err != nil {
		return nil, err
	}
	t, err := decode(answer, q)
	if err != nil {
		return nil, fmt.Errorf("decoding a table: %w", err)
	}
	hash.Sum(t.Source[:0])
	return t, nil
}

// limits give a worker what the table may take, while it grows and while it is told.
func limits(q request) worker.Limits {
	cells := int64(q.Limits.Cells) * 8
	return worker.Limits{
		Input:  q.Limits.Bytes + maxRequest + 4,
		Output: cells + maxHeader + 64,
		Memory: 512<<20 + 3*cells, // a slice doubles when it grows
		CPU:    20 * time.Minute,  // gigabytes of text
		Wall:   30 * time.Minute,
	}
}

// Job reads a table in a worker.
func Job(in io.Reader, out io.Writer) error {
	var n [4]byte
	if _, err := io.ReadFull(in, n[:]); err != nil {
		return fmt.Errorf("%w: no request: %w", tribune.ErrInvalid, err)
	}
	size := binary.LittleEndian.Uint32(n[:])
	if size > maxRequest {
		return fmt.Errorf("%w: a request of %d bytes", tribune.ErrTooLarge, size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return fmt.Errorf("%w: the request: %w", tribune.ErrInvalid, err)
	}
	var q request
	if err := json.Unmarshal(text, &q); err != nil {
		return fmt.Errorf("%w: the request: %w", tribune.ErrInvalid, err)
	}
	var t *data.Table
	var err error
	switch q.Reader {
	case readCSV:
		t, err = data.CSV(in, q.Schema, q.Limits)
	case readHospital:
		t, err = data.Hospital(in, q.Limits)
	case readAdult:
		t, err = data.Adult(io.LimitReader(in, q.First), in, q.Limits)
	default:
		err = fmt.Errorf("%w: no reader %q", tribune.ErrUnsupported, q.Reader)
	}
	if err != nil {
		return err
	}
	return encode(out, t)
}

var _ worker.Job = Job
