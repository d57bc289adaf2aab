package trees

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"tribune"
)

// magic begins what a worker answers, and names its version.
const magic = "tribune trees 1\n"

// Encode is the model in bytes of one form: the same model always gives the same bytes, so that their hash names it. Numbers are little endian.
func (t *Trees) Encode() []byte {
	b := []byte(magic)
	u32 := func(v int32) { b = binary.LittleEndian.AppendUint32(b, uint32(v)) }
	f64 := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
	u32(int32(t.inputs))
	u32(int32(t.scores))
	for _, v := range t.base {
		f64(v)
	}
	f64(t.steep)
	f64(t.divide)
	b = append(b, flag(t.strict))
	u32(int32(len(t.trees)))
	for _, tr := range t.trees {
		u32(tr.to - tr.from)
		u32(tr.score)
	}
	for _, n := range t.nodes {
		for _, v := range []int32{n.feature, n.left, n.right, n.set, n.words} {
			u32(v)
		}
		f64(n.value)
		b = append(b, byte(n.missing), flag(n.defaultLeft))
	}
	u32(int32(len(t.sets)))
	for _, s := range t.sets {
		b = binary.LittleEndian.AppendUint32(b, s)
	}
	u32(int32(len(t.Features)))
	for _, name := range t.Features {
		u32(int32(len(name)))
		b = append(b, name...)
	}
	return b
}

// Hash names the model: the SHA-256 of Encode.
func (t *Trees) Hash() tribune.Hash { return sha256.Sum256(t.Encode()) }

func flag(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// cursor takes numbers off bytes; after the first that is missing, all are 0 and short is set.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.short, c.b = true, nil
		return make([]byte, min(max(n, 0), 8))
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u32() int32   { return int32(binary.LittleEndian.Uint32(c.take(4))) }
func (c *cursor) f64() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(c.take(8))) }
func (c *cursor) flag() bool {
	v := c.take(1)[0]
	c.short = c.short || v > 1
	return v == 1
}

// count is a length of at most most: what follows has at least that many times size bytes.
func (c *cursor) count(size, most int) int {
	n := int(c.u32())
	if n < 0 || n > most || n*size > len(c.b) {
		c.short = true
		return 0
	}
	return n
}

// Decode is the inverse of Encode, and refuses every other byte: what it is given comes from a process that has read a hostile file.
func Decode(data []byte) (*Trees, error) {
	rest, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("decoding trees: %w: it does not begin as trees do", tribune.ErrInvalid)
	}
	c := &cursor{b: rest}
	t := &Trees{inputs: int(c.u32()), scores: c.count(8, maxClasses)}
	for range t.scores {
		t.base = append(t.base, c.f64())
	}
	t.steep, t.divide, t.strict = c.f64(), c.f64(), c.flag()
	nodes := int32(0)
	for range c.count(8, maxTrees) {
		n, score := c.u32(), c.u32()
		if n < 0 || n > maxNodes-nodes {
			return nil, fmt.Errorf("decoding trees: %w: too many nodes", tribune.ErrInvalid)
		}
		t.trees = append(t.trees, tree{nodes, nodes + n, score})
		nodes += n
	}
	if int(nodes)*30 > len(c.b) {
		return nil, fmt.Errorf("decoding trees: %w: it is cut", tribune.ErrInvalid)
	}
	t.nodes = make([]node, nodes)
	for i := range t.nodes {
		n := &t.nodes[i]
		n.feature, n.left, n.right, n.set, n.words = c.u32(), c.u32(), c.u32(), c.u32(), c.u32()
		n.value, n.missing, n.defaultLeft = c.f64(), missing(c.take(1)[0]), c.flag()
	}
	for range c.count(4, maxSets) {
		t.sets = append(t.sets, uint32(c.u32()))
	}
	for range c.count(4, maxFeatures) {
		t.Features = append(t.Features, string(c.take(int(c.u32()))))
	}
	if c.short || len(c.b) > 0 {
		return nil, fmt.Errorf("decoding trees: %w: it is cut, or goes on after its end", tribune.ErrInvalid)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("decoding trees: %w", err)
	}
	return t, nil
}
