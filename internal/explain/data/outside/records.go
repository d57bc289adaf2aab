package outside

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"tribune"
	"tribune/internal/explain/data"
	"tribune/internal/explain/matrix"
	"tribune/internal/worker"
)

// Records that are numbers already are whole numbers to 255, or such by 255 (brightness). They travel as the line "tribune records 1", the length of a header
// (four bytes, little-endian), the header as JSON, a byte for each record's class and a byte for each number, row by row. Nothing follows.
const (
	recordsMagic     = "tribune records 1\n"
	maxRecordsHeader = 4 << 20
	brightest        = 255
	mostClasses      = 255
)

// recordReader is one data set's reader.
type recordReader struct {
	name  string
	files int
	shade bool // numbers are brightness
	cells int  // at most
	read  func(files []io.Reader, l data.Limits) (data.Set, error)
}

const (
	readLocation = "location"
	readMNIST    = "mnist"
	readPurchase = "purchase"
	readTexas    = "texas"
	readCIFAR    = "cifar-10"
)

// Numbers that a data set has at most: MNIST's 60,000 pictures of 28 x 28, CIFAR-10's 60,000 of 3 x 32 x 32, and room.
const (
	mostMNIST = 64 << 20
	mostCIFAR = 60_000 * 3 * 32 * 32
	cifarMost = 6 // files
)

func recordReaders() map[string]recordReader {
	out := make(map[string]recordReader)
	for _, r := range []recordReader{
		{readLocation, 1, false, 64 << 20, func(f []io.Reader, l data.Limits) (data.Set, error) { return data.Location(f[0], l) }},
		{readMNIST, 2, true, mostMNIST, func(f []io.Reader, l data.Limits) (data.Set, error) { return data.MNIST(f[0], f[1], l) }},
		{readPurchase, 1, false, data.MaxBits, func(f []io.Reader, l data.Limits) (data.Set, error) { return data.Purchase(f[0], l) }},
		{readTexas, 2, false, data.MaxBits, func(f []io.Reader, l data.Limits) (data.Set, error) { return data.Texas(f[1], f[0], l) }},
		{readCIFAR, 0, true, mostCIFAR, data.CIFAR},
	} {
		out[r.name] = r
	}
	return out
}

// Location is data.Location in a worker.
func Location(ctx context.Context, w worker.Worker, file io.Reader, l data.Limits) (data.Set, error) {
	return readRecords(ctx, w, readLocation, l, file)
}

// MNIST is data.MNIST in a worker.
func MNIST(ctx context.Context, w worker.Worker, images, labels io.Reader, l data.Limits) (data.Set, error) {
	l.Cells = max(l.Cells, mostMNIST)
	return readRecords(ctx, w, readMNIST, l, images, labels)
}

// Purchase is data.Purchase in a worker.
func Purchase(ctx context.Context, w worker.Worker, file io.Reader, l data.Limits) (data.Set, error) {
	return readRecords(ctx, w, readPurchase, l, file)
}

// Texas is data.Texas in a worker.
func Texas(ctx context.Context, w worker.Worker, feats, labels io.Reader, l data.Limits) (data.Set, error) {
	return readRecords(ctx, w, readTexas, l, labels, feats)
}

// CIFAR is data.CIFAR in a worker.
func CIFAR(ctx context.Context, w worker.Worker, batches []io.Reader, l data.Limits) (data.Set, error) {
	if len(batches) == 0 || len(batches) > cifarMost {
		return data.Set{}, fmt.Errorf("CIFAR-10 of %d files: %w", len(batches), tribune.ErrInvalid)
	}
	return readRecords(ctx, w, readCIFAR, l, batches...)
}

func readRecords(ctx context.Context, w worker.Worker, reader string, l data.Limits, files ...io.Reader) (data.Set, error) {
	r := recordReaders()[reader]
	p, err := pack(files)
	if err != nil {
		return data.Set{}, err
	}
	answer, err := p.read(ctx, w, request{Reader: reader, Limits: l}, worker.Limits{
		Output: int64(r.cells) + maxRecordsHeader + int64(l.Rows) + 64,
		Memory: 512<<20 + 16*int64(r.cells), // four bytes a number, and a slice doubles when it grows
	})
	if err != nil {
		return data.Set{}, err
	}
	s, err := decodeRecords(answer, r, l)
	if err != nil {
		return data.Set{}, fmt.Errorf("decoding records: %w", err)
	}
	s.Source = p.source()
	return s, nil
}

// recordsHeader says what the bytes after it are.
type recordsHeader struct {
	Rows     int      `json:"rows"`
	Columns  int      `json:"columns"`
	Features []string `json:"features,omitempty"`
	Classes  []string `json:"classes"`
}

func (r recordReader) job(files []io.Reader, l data.Limits, out io.Writer) error {
	if r.files != 0 && len(files) != r.files || len(files) > cifarMost {
		return fmt.Errorf("%w: %s of %d files", tribune.ErrInvalid, r.name, len(files))
	}
	s, err := r.read(files, l)
	if err != nil {
		return err
	}
	text, err := json.Marshal(recordsHeader{s.X.Rows, s.X.Cols, s.Features, s.Classes})
	if err != nil {
		return fmt.Errorf("describing the records: %w", err)
	}
	if len(text) > maxRecordsHeader {
		return fmt.Errorf("%w: %d bytes of names", tribune.ErrTooLarge, len(text))
	}
	b := bufio.NewWriterSize(out, 1<<20)
	b.WriteString(recordsMagic)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	b.Write(text)
	for _, y := range s.Y {
		b.WriteByte(byte(y))
	}
	scale := r.scale()
	for _, v := range s.X.Data {
		b.WriteByte(byte(math.Round(float64(v) * scale)))
	}
	return b.Flush() // a bufio.Writer keeps its first error
}

func (r recordReader) scale() float64 {
	if r.shade {
		return brightest
	}
	return 1
}

// decodeRecords takes an answer apart and holds it against what was asked for.
func decodeRecords(answer []byte, r recordReader, l data.Limits) (data.Set, error) {
	rest, ok := bytes.CutPrefix(answer, []byte(recordsMagic))
	if !ok || len(rest) < 4 || int64(binary.LittleEndian.Uint32(rest)) > min(int64(len(rest)-4), maxRecordsHeader) {
		return data.Set{}, fmt.Errorf("%w: they do not begin as such do", tribune.ErrInvalid)
	}
	n := binary.LittleEndian.Uint32(rest)
	text, rest := rest[4:4+n], rest[4+n:]
	var h recordsHeader
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return data.Set{}, fmt.Errorf("%w: their header: %w", tribune.ErrInvalid, err)
	}
	if h.Rows < 1 || h.Columns < 1 || h.Rows > l.Rows || h.Columns > r.cells || int64(h.Rows)*int64(h.Columns) > int64(r.cells) || int64(len(rest)) != int64(h.Rows)*int64(1+h.Columns) {
		return data.Set{}, fmt.Errorf("%w: %d records of %d numbers in %d bytes", tribune.ErrInvalid, h.Rows, h.Columns, len(rest))
	}
	if !distinct(h.Classes) || len(h.Classes) < 2 || len(h.Classes) > mostClasses || len(h.Features) > 0 && (len(h.Features) != h.Columns || !distinct(h.Features)) {
		return data.Set{}, fmt.Errorf("%w: names of %d classes and %d features", tribune.ErrInvalid, len(h.Classes), len(h.Features))
	}
	s := data.Set{Name: r.name, Features: h.Features, Classes: h.Classes, X: matrix.New(h.Rows, h.Columns), Y: make([]int, h.Rows), Row: make([]int, h.Rows)}
	for i, y := range rest[:h.Rows] {
		if int(y) >= len(h.Classes) {
			return data.Set{}, fmt.Errorf("%w: record %d is of no class", tribune.ErrInvalid, i+1)
		}
		s.Y[i], s.Row[i] = int(y), i+1
	}
	scale := float32(r.scale())
	for i, v := range rest[h.Rows:] {
		s.X.Data[i] = float32(v) / scale
	}
	return s, nil
}

// distinct tells that names are different, short and plain: some come to be printed.
func distinct(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	for i, n := range sorted {
		if len(n) > 64 || i > 0 && n == sorted[i-1] || strings.ContainsFunc(n, func(c rune) bool { return c < ' ' || c > '~' }) {
			return false
		}
	}
	return true
}
