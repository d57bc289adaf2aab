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
	"tribune/internal/worker"
)

// parcel is files on their way to a worker, one after the other. The length of each but the last goes before them, so these are read first.
type parcel struct {
	first  [][]byte
	last   io.Reader
	hashes []tribune.Hash // of first
	end    interface{ Sum([]byte) []byte }
}

// maxFirst bounds a file that is not the last.
const maxFirst = 64 << 20

func pack(files []io.Reader) (*parcel, error) {
	p := &parcel{}
	for _, f := range files[:len(files)-1] {
		b, err := io.ReadAll(io.LimitReader(f, maxFirst+1))
		if err != nil {
			return nil, fmt.Errorf("reading a file for a worker: %w", err)
		}
		if len(b) > maxFirst {
			return nil, fmt.Errorf("reading a file for a worker: over %d bytes: %w", maxFirst, tribune.ErrTooLarge)
		}
		p.first, p.hashes = append(p.first, b), append(p.hashes, sha256.Sum256(b))
	}
	h := sha256.New()
	p.last, p.end = io.TeeReader(files[len(files)-1], h), h
	return p, nil
}

// read has a worker read the files; limits without those of input and time.
func (p *parcel) read(ctx context.Context, w worker.Worker, q request, l worker.Limits) ([]byte, error) {
	var all []io.Reader
	for _, b := range p.first {
		q.Parts, all = append(q.Parts, int64(len(b))), append(all, bytes.NewReader(b))
		l.Input += int64(len(b))
	}
	text, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("asking a worker for data: %w", err)
	}
	if len(text) > maxRequest {
		return nil, fmt.Errorf("asking a worker for data: %w: a schema of %d bytes", tribune.ErrTooLarge, len(text))
	}
	head := append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	l.Input += q.Limits.Bytes + maxRequest + 4
	l.CPU, l.Wall = 20*time.Minute, 30*time.Minute // gigabytes of text
	return w.Run(ctx, Name, io.MultiReader(append([]io.Reader{bytes.NewReader(head)}, append(all, p.last)...)...), l)
}

// source names what was read: one file by its hash, several by the hash of their hashes, as package data does.
func (p *parcel) source() tribune.Hash {
	var last tribune.Hash
	p.end.Sum(last[:0])
	if len(p.hashes) == 0 {
		return last
	}
	h := sha256.New()
	for _, sum := range append(p.hashes, last) {
		h.Write(sum[:])
	}
	return tribune.Hash(h.Sum(nil))
}

// unpack is the worker's side: what is asked for, and the files.
func unpack(in io.Reader) (q request, files []io.Reader, err error) {
	var n [4]byte
	if _, err := io.ReadFull(in, n[:]); err != nil {
		return q, nil, fmt.Errorf("%w: no request: %w", tribune.ErrInvalid, err)
	}
	size := binary.LittleEndian.Uint32(n[:])
	if size > maxRequest {
		return q, nil, fmt.Errorf("%w: a request of %d bytes", tribune.ErrTooLarge, size)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return q, nil, fmt.Errorf("%w: the request: %w", tribune.ErrInvalid, err)
	}
	if err := json.Unmarshal(text, &q); err != nil {
		return q, nil, fmt.Errorf("%w: the request: %w", tribune.ErrInvalid, err)
	}
	for _, n := range q.Parts {
		if n < 0 || n > maxFirst {
			return q, nil, fmt.Errorf("%w: a file of %d bytes", tribune.ErrTooLarge, n)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return q, nil, fmt.Errorf("%w: a file is cut: %w", tribune.ErrInvalid, err)
		}
		files = append(files, bytes.NewReader(b))
	}
	return q, append(files, in), nil
}
