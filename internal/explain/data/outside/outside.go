// Package outside reads data sets that come from outside of the house in a worker: whatever a CSV file, a gzip stream or an archive does to its reader, it
// does in a process without keys, files and network. Commands call CSV, Adult, Location and the others as they would those of package data, and ReadSheet for
// a table of words whose columns no schema describes; Job is the child's side.
//
// What the worker says is checked against what was asked for, number by number; the hash of the source is taken here, on the way in, and not
// believed from there.
package outside

import (
	"context"
	"fmt"
	"io"

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

// request goes before the files: its length (four bytes, little-endian), then this as JSON.
type request struct {
	Reader string      `json:"reader"`
	Schema data.Schema `json:"schema"`
	Limits data.Limits `json:"limits"`
	Parts  []int64     `json:"parts,omitempty"` // of several files: how long each is but the last
}

const maxRequest = 8 << 20

// CSV is data.CSV in a worker.
func CSV(ctx context.Context, w worker.Worker, file io.Reader, s data.Schema, l data.Limits) (*data.Table, error) {
	return readTable(ctx, w, request{Reader: readCSV, Schema: s, Limits: l}, file)
}

// Hospital is data.Hospital in a worker.
func Hospital(ctx context.Context, w worker.Worker, file io.Reader, l data.Limits) (*data.Table, error) {
	return readTable(ctx, w, request{Reader: readHospital, Schema: data.HospitalSchema(), Limits: l}, file)
}

// Adult is data.Adult in a worker.
func Adult(ctx context.Context, w worker.Worker, train, test io.Reader, l data.Limits) (*data.Table, error) {
	return readTable(ctx, w, request{Reader: readAdult, Schema: data.AdultSchema(), Limits: l}, train, test)
}

func readTable(ctx context.Context, w worker.Worker, q request, files ...io.Reader) (*data.Table, error) {
	p, err := pack(files)
	if err != nil {
		return nil, err
	}
	cells := int64(q.Limits.Cells) * 8
	answer, err := p.read(ctx, w, q, worker.Limits{
		Output: cells + maxHeader + 64,
		Memory: 512<<20 + 3*cells, // a slice doubles when it grows
	})
	if err != nil {
		return nil, err
	}
	t, err := decode(answer, q)
	if err != nil {
		return nil, fmt.Errorf("decoding a table: %w", err)
	}
	t.Source = p.source()
	return t, nil
}

// Job reads a table, records that are numbers already, or a sheet of words, in a worker.
func Job(in io.Reader, out io.Writer) error {
	q, files, err := unpack(in)
	if err != nil {
		return err
	}
	if r, ok := recordReaders()[q.Reader]; ok {
		return r.job(files, q.Limits, out)
	}
	if q.Reader == readSheet && len(files) == 1 {
		return sheetJob(files[0], q.Limits, out)
	}
	t, err := q.table(files)
	if err != nil {
		return err
	}
	return encode(out, t)
}

func (q request) table(files []io.Reader) (*data.Table, error) {
	switch {
	case q.Reader == readCSV && len(files) == 1:
		return data.CSV(files[0], q.Schema, q.Limits)
	case q.Reader == readHospital && len(files) == 1:
		return data.Hospital(files[0], q.Limits)
	case q.Reader == readAdult && len(files) == 2:
		return data.Adult(files[0], files[1], q.Limits)
	}
	return nil, fmt.Errorf("%w: no reader %q of %d files", tribune.ErrUnsupported, q.Reader, len(files))
}

var _ worker.Job = Job
