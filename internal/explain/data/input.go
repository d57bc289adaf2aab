package data

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"tribune"
)

func newBytes(b []byte) io.Reader { return bytes.NewReader(b) }

// input counts, bounds and hashes what is read, and unpacks gzip where the bytes say so.
type input struct {
	packed io.Reader // hashes as it passes
	hash   hash.Hash
	open   io.Reader // unpacked
	read   int64
	limit  int64
}

// maxPacked bounds the packed side: what unpacks to nothing must end too.
const maxPacked = 8 << 30

func newInput(r io.Reader, limit int64) (*input, error) {
	in := &input{hash: sha256.New(), limit: limit}
	in.packed = io.TeeReader(io.LimitReader(r, maxPacked), in.hash)
	b := bufio.NewReaderSize(in.packed, 64<<10)
	in.packed, in.open = b, b
	magic, err := b.Peek(2)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("reading: %w", err)
	}
	if len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("unpacking gzip: %w: %w", err, tribune.ErrInvalid)
		}
		in.open = z
	}
	return in, nil
}

// Read fails with tribune.ErrTooLarge instead of going over the limit.
func (in *input) Read(p []byte) (int, error) {
	if in.read >= in.limit {
		return 0, fmt.Errorf("over %d bytes: %w", in.limit, tribune.ErrTooLarge)
	}
	n, err := in.open.Read(p[:min(int64(len(p)), in.limit-in.read)])
	in.read += int64(n)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: %w", err, tribune.ErrInvalid)
		if in.open != in.packed {
			err = tribune.Hint(fmt.Errorf("unpacking gzip: %w", err), "the file is cut or damaged: copy it again")
		}
	}
	return n, err
}

// source drains what follows and names the bytes.
func (in *input) source() (tribune.Hash, error) {
	var h tribune.Hash
	if _, err := io.Copy(io.Discard, in.packed); err != nil {
		return h, fmt.Errorf("reading: %w", err)
	}
	in.hash.Sum(h[:0])
	return h, nil
}

// join names several files by one hash: of their hashes, in order.
func join(parts ...tribune.Hash) tribune.Hash {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p[:])
	}
	return tribune.Hash(h.Sum(nil))
}
