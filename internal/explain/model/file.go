package model

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"tribune"
	"tribune/protocol"
)

// A model's file is the line "tribune model 1", the length of a header (four bytes, little-endian), the header in canonical JSON (RFC 8785), and the
// numbers that the header counts: float32 for a network, float64 for a regression, little-endian, one list after the other. Nothing may follow. A model
// has one spelling, so that the SHA-256 of the file is the model's hash; names of layers are not part of it.
const (
	magic     = "tribune model 1\n"
	maxHeader = 4 << 20
	maxTotal  = 2 * maxKernel // numbers in a file (1 GiB)
)

// header describes a model; exactly one of Nodes and Logistic is there.
type header struct {
	Input    []int           `json:"input,omitempty"`
	Logistic *logisticHeader `json:"logistic,omitempty"`
	Nodes    []nodeHeader    `json:"nodes,omitempty"`
}

type logisticHeader struct {
	Classes   int  `json:"classes"`
	Inputs    int  `json:"inputs"`
	Intercept bool `json:"intercept,omitempty"`
	Numbers   int  `json:"numbers"`
}

type nodeHeader struct {
	Kind     string `json:"kind"`
	From     []int  `json:"from"`
	Out      int    `json:"out,omitempty"`
	Groups   int    `json:"groups,omitempty"`
	Kernel   []int  `json:"kernel,omitempty"`
	Stride   []int  `json:"stride,omitempty"`
	Dilation []int  `json:"dilation,omitempty"`
	Pad      []int  `json:"pad,omitempty"`
	Ceil     bool   `json:"ceil,omitempty"`
	CountPad bool   `json:"countPad,omitempty"`
	To       []int  `json:"to,omitempty"`
	Numbers  []int  `json:"numbers,omitempty"` // how many each list has
}

// Save writes the file of a *Network or a *Logistic.
func Save(w io.Writer, m Model) error {
	h, numbers, err := describe(m)
	if err != nil {
		return err
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := writeFramed(b, magic, h, numbers); err != nil {
		return fmt.Errorf("describing the model: %w", err)
	}
	if l, ok := m.(*Logistic); ok {
		var eight [8]byte
		for _, v := range l.theta {
			b.Write(binary.LittleEndian.AppendUint64(eight[:0], math.Float64bits(v)))
		}
	}
	if err := b.Flush(); err != nil { // a bufio.Writer keeps its first error
		return fmt.Errorf("writing the model: %w", err)
	}
	return nil
}

// writeFramed writes the first line, the header and lists of numbers: what framed and lists read. Its error is the header's; the writer keeps its own.
func writeFramed(b *bufio.Writer, first string, header any, numbers [][]float32) error {
	text, err := protocol.JCS(header)
	if err != nil {
		return err
	}
	b.WriteString(first)
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	b.Write(text)
	var four [4]byte
	for _, list := range numbers {
		for _, v := range list {
			b.Write(binary.LittleEndian.AppendUint32(four[:0], math.Float32bits(v)))
		}
	}
	return nil
}

// Hash is the SHA-256 of the file of a *Network or a *Logistic.
func Hash(m Model) (tribune.Hash, error) {
	h := sha256.New()
	if err := Save(h, m); err != nil {
		return tribune.Hash{}, err
	}
	return tribune.Hash(h.Sum(nil)), nil
}

func describe(m Model) (header, [][]float32, error) {
	switch m := m.(type) {
	case *Network:
		return m.describe()
	case *Logistic:
		return header{Logistic: &logisticHeader{Classes: m.classes, Inputs: m.inputs, Intercept: m.intercept, Numbers: len(m.theta)}}, nil, nil
	}
	return header{}, nil, fmt.Errorf("%w: a file of %T: networks and logistic regressions have one", tribune.ErrUnsupported, m)
}

// Load reads what Save wrote: a *Network or a *Logistic. It holds no more memory than the file is long. Errors are tribune.ErrInvalid or ErrTooLarge.
func Load(r io.Reader) (Differentiable, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	h, err := readHeader(b)
	if err != nil {
		return nil, fmt.Errorf("a model's file: %w", err)
	}
	m, err := h.model(b)
	if err != nil {
		return nil, fmt.Errorf("a model's file: %w", err)
	}
	if _, err := b.ReadByte(); err != io.EOF {
		return nil, fmt.Errorf("a model's file: %w: something follows the numbers", tribune.ErrInvalid)
	}
	return m, nil
}

func readHeader(b *bufio.Reader) (header, error) {
	var h header
	text, err := framed(b, magic)
	if err != nil {
		return h, err
	}
	if err := protocol.DecodeJCS(text, &h); err != nil {
		return h, fmt.Errorf("%w: its header: %w", tribune.ErrInvalid, err)
	}
	return h, nil
}

// framed reads the first line, which must be first, and the header's text.
func framed(b *bufio.Reader, first string) ([]byte, error) {
	start := make([]byte, len(first)+4)
	if _, err := io.ReadFull(b, start); err != nil || string(start[:len(first)]) != first {
		return nil, fmt.Errorf("%w: it does not begin with %q", tribune.ErrInvalid, first)
	}
	n := binary.LittleEndian.Uint32(start[len(first):])
	if n > maxHeader {
		return nil, fmt.Errorf("%w: a header of %d bytes", tribune.ErrTooLarge, n)
	}
	text, err := io.ReadAll(io.LimitReader(b, int64(n)))
	if err != nil || len(text) != int(n) {
		return nil, fmt.Errorf("%w: it ends in the header", tribune.ErrInvalid)
	}
	return text, nil
}

func (h header) model(b *bufio.Reader) (Differentiable, error) {
	if h.Logistic != nil && h.Nodes == nil && h.Input == nil {
		return h.Logistic.model(b)
	}
	if h.Logistic != nil {
		return nil, fmt.Errorf("%w: a network and a regression", tribune.ErrInvalid)
	}
	return h.network(b)
}

func (l logisticHeader) model(b *bufio.Reader) (Differentiable, error) {
	if l.Numbers < 0 || l.Numbers > maxKernel {
		return nil, fmt.Errorf("%w: %d numbers", tribune.ErrTooLarge, l.Numbers)
	}
	var theta []float64
	err := floats(b, l.Numbers, 8, func(raw []byte) {
		theta = append(theta, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
	})
	if err != nil {
		return nil, err
	}
	return NewLogistic(l.Inputs, l.Classes, l.Intercept, theta)
}

// floats reads n numbers, a piece at a time: a short file that promises many costs little.
func floats(b *bufio.Reader, n, size int, take func(raw []byte)) error {
	piece := make([]byte, min(n, 1<<14)*size)
	for n > 0 {
		p := piece[:min(n, 1<<14)*size]
		if _, err := io.ReadFull(b, p); err != nil {
			return fmt.Errorf("%w: %d numbers are missing at the end", tribune.ErrInvalid, n)
		}
		for i := 0; i < len(p); i += size {
			take(p[i : i+size])
		}
		n -= len(p) / size
	}
	return nil
}

// lists reads lists of float32, together at most most.
func lists(b *bufio.Reader, lengths []int, most int) ([][]float32, error) {
	out := make([][]float32, len(lengths))
	for i, n := range lengths {
		if n < 0 || n > most {
			return nil, fmt.Errorf("%w: a list of %d numbers", tribune.ErrTooLarge, n)
		}
		most -= n
		list := make([]float32, 0, min(n, 1<<14))
		err := floats(b, n, 4, func(raw []byte) {
			list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
		})
		if err != nil {
			return nil, err
		}
		out[i] = list
	}
	return out, nil
}
