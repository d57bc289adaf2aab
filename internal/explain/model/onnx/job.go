package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"tribune"
	"tribune/internal/explain/model"
	"tribune/internal/worker"
	"tribune/protocol"
)

// Name is the job that reads an ONNX file.
const Name = "onnx"

// Limits are what reading takes at most: a file as long as allowed, its numbers, and the network made of them.
func Limits() worker.Limits {
	return worker.Limits{Input: MaxFile, Output: MaxFile + 8<<20, Memory: 3 << 29}
}

// Open has a worker read a file and takes its answer apart.
func Open(ctx context.Context, w worker.Worker, file io.Reader) (*Model, error) {
	answer, err := w.Run(ctx, Name, file, Limits())
	if err != nil {
		return nil, err
	}
	return Decode(answer)
}

// Job reads a file in a worker; Decode reads its answer.
func Job(in io.Reader, out io.Writer) error {
	data, err := io.ReadAll(io.LimitReader(in, MaxFile+1))
	if err != nil {
		return err
	}
	m, err := Read(data)
	if err != nil {
		return err
	}
	return m.encode(out)
}

var _ worker.Job = Job

// An answer is the line "tribune onnx 1", the length of a header (four bytes, little-endian), the header in canonical JSON, and the network's file as
// model.Save writes it.
const magic = "tribune onnx 1\n"

// maxHeader bounds an answer's header in bytes: labels of classes.
const maxHeader = 16 << 20

type header struct {
	Labels   []string `json:"labels,omitempty"`
	Producer string   `json:"producer,omitempty"`
}

func (m *Model) encode(out io.Writer) error {
	text, err := protocol.JCS(header{m.Labels, m.Producer})
	if err != nil {
		return fmt.Errorf("%w: the file's labels: %w", tribune.ErrInvalid, err)
	}
	if len(text) > maxHeader {
		return fmt.Errorf("%w: labels of %d bytes", tribune.ErrTooLarge, len(text))
	}
	if _, err := out.Write(append(binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(text))), text...)); err != nil {
		return err
	}
	return model.Save(out, m.Network)
}

// Decode takes a worker's answer apart and believes none of it: it comes from a process that has read a hostile file.
func Decode(data []byte) (*Model, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok || len(rest) < 4 || int64(binary.LittleEndian.Uint32(rest)) > int64(len(rest)-4) {
		return nil, fmt.Errorf("decoding a network: %w: it does not begin as one does", tribune.ErrInvalid)
	}
	n := binary.LittleEndian.Uint32(rest)
	if n > maxHeader {
		return nil, fmt.Errorf("decoding a network: %w: a header of %d bytes", tribune.ErrTooLarge, n)
	}
	text, rest := rest[4:4+n], rest[4+n:]
	var h header
	if err := protocol.DecodeJCS(text, &h); err != nil {
		return nil, fmt.Errorf("decoding a network: %w: its header: %w", tribune.ErrInvalid, err)
	}
	m, err := model.Load(bytes.NewReader(rest))
	if err != nil {
		return nil, fmt.Errorf("decoding a network: %w", err)
	}
	network, ok := m.(*model.Network)
	if !ok {
		return nil, fmt.Errorf("decoding a network: %w: a %T", tribune.ErrInvalid, m)
	}
	if len(h.Producer) > maxName || h.Labels != nil && len(h.Labels) != network.Classes() {
		return nil, fmt.Errorf("decoding a network: %w: %d labels for %d classes", tribune.ErrInvalid, len(h.Labels), network.Classes())
	}
	return &Model{Network: network, Labels: h.Labels, Producer: h.Producer}, nil
}
