package data

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"tribune"
)

// Hash names all that a model or an attack sees of a set: features, numbers, classes and groups, as they were read and encoded. Source names the file, which
// can be read in more than one way.
func (s Set) Hash() tribune.Hash {
	h := sha256.New()
	w := bufio.NewWriterSize(h, 1<<16) // a hash never fails
	number := func(v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		w.Write(b[:])
	}
	words := func(list []string) {
		number(uint64(len(list)))
		for _, word := range list {
			number(uint64(len(word)))
			w.WriteString(word)
		}
	}
	ints := func(list []int) {
		number(uint64(len(list)))
		for _, v := range list {
			number(uint64(v))
		}
	}
	words([]string{s.Name})
	words(s.Features)
	words(s.Classes)
	w.Write(s.Source[:])
	ints([]int{s.X.Rows, s.X.Cols})
	for _, v := range s.X.Data {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
		w.Write(b[:])
	}
	ints(s.Y)
	ints(s.Row)
	number(uint64(len(s.Groups)))
	for _, g := range s.Groups {
		words([]string{g.Name})
		words(g.Values)
		ints(g.Of)
	}
	number(uint64(len(s.Person)))
	for _, p := range s.Person {
		number(p)
	}
	w.Flush()
	return tribune.Hash(h.Sum(nil))
}
