package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"tribune"
	"tribune/protocol"
)

// Fetch reads one resource of a log by its C2SP tlog-tiles path, for example "tile/0/000.p/3" or "tile/entries/000". What is not
// there gives fs.ErrNotExist. The bytes are not trusted.
type Fetch func(path string) ([]byte, error)

// Dir fetches from a directory in tlog-tiles layout.
func Dir(dir fs.FS) Fetch {
	return func(path string) ([]byte, error) {
		f, err := dir.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, MaxResource+1))
		if err == nil && len(data) > MaxResource {
			err = fmt.Errorf("%s: longer than %d bytes: %w", path, MaxResource, tribune.ErrTooLarge)
		}
		return data, err
	}
}

// MaxResource bounds one resource of a log: an entry bundle of 256 entries of 65,535 bytes and their lengths.
const MaxResource = tileWidth * (2 + protocol.MaxLeaf)

// OrFull falls back from a partial tile or bundle that is gone to the full one, cut to the width that was asked for, as
// tlog-tiles asks of clients of a log that keeps growing.
func OrFull(fetch Fetch) Fetch {
	return func(path string) ([]byte, error) {
		data, err := fetch(path)
		full, width, partial := strings.Cut(path, ".p/")
		if !partial || !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
		w, err := parseDecimal(width)
		if err != nil {
			return nil, err
		}
		if data, err = fetch(full); err != nil {
			return nil, err
		}
		end := int(w) * len(tribune.Hash{})
		if strings.HasPrefix(full, "tile/entries/") {
			if end, err = bundleEnd(data, int(w)); err != nil {
				return nil, err
			}
		}
		return data[:min(end, len(data))], nil
	}
}

// ParseBundle splits an entry bundle: each entry after its length, u16 big-endian, at most 256 of them.
func ParseBundle(raw []byte) ([][]byte, error) {
	var leaves [][]byte
	for len(raw) > 0 {
		if len(leaves) == tileWidth {
			return nil, fmt.Errorf("%w: bundle holds more than %d entries", tribune.ErrInvalid, tileWidth)
		}
		end, err := bundleEnd(raw, 1)
		if err != nil {
			return nil, err
		}
		leaves = append(leaves, raw[2:end:end])
		raw = raw[end:]
	}
	return leaves, nil
}

// bundleEnd is the length in bytes of a bundle's first n entries.
func bundleEnd(raw []byte, n int) (int, error) {
	at := 0
	for i := range n {
		if len(raw)-at < 2 {
			return 0, fmt.Errorf("%w: bundle ends in the length of entry %d", tribune.ErrInvalid, i)
		}
		at += 2 + int(binary.BigEndian.Uint16(raw[at:]))
		if at > len(raw) {
			return 0, fmt.Errorf("%w: bundle ends inside entry %d", tribune.ErrInvalid, i)
		}
	}
	return at, nil
}
