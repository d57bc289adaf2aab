package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"

	"tribune"
	"tribune/internal/explain/data"
)

// Records identifies what is measured, whatever it was read from: every number, class and group of the training and the test records, in order. The hash of a
// file does not: which of its records were drawn, and how they were encoded, is not in it.
func (s Subject) Records() tribune.Hash {
	h := sha256.New()
	h.Write([]byte("tribune/explain/records\x00"))
	for _, side := range []data.Set{s.Train, s.Test} {
		writeRecords(h, side)
	}
	return tribune.Hash(h.Sum(nil))
}

func writeRecords(h hash.Hash, s data.Set) {
	var buf []byte
	number := func(n int) { buf = binary.LittleEndian.AppendUint64(buf, uint64(n)) }
	word := func(w string) { number(len(w)); buf = append(buf, w...) }
	flush := func() { h.Write(buf); buf = buf[:0] }
	number(s.X.Rows)
	number(s.X.Cols)
	for r := range s.X.Rows {
		for _, v := range s.X.Row(r) {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(v))
		}
		number(s.Y[r])
		flush()
	}
	number(len(s.Groups))
	for _, g := range s.Groups {
		word(g.Name)
		number(len(g.Values))
		for _, v := range g.Values {
			word(v)
		}
		flush()
		for _, of := range g.Of {
			number(of)
		}
		flush()
	}
	flush()
}
