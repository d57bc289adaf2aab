package trees_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"tribune"
	"tribune/internal/explain/model/trees"
)

// A tree that is one long branch makes every answer as long as the file.
func TestTreesThatAnswerForEverAreRefused(t *testing.T) {
	t.Parallel()
	chain := func(splits int) []byte { // node 2i splits into the leaf 2i+1 and the split 2i+2; the last is a leaf
		b := []byte("tribune trees 1\n")
		u32 := func(all ...int) {
			for _, v := range all {
				b = binary.LittleEndian.AppendUint32(b, uint32(v))
			}
		}
		f64 := func(v float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v)) }
		u32(1, 1) // features, scores
		f64(0)    // base
		f64(1)
		f64(1)
		b = append(b, 1) // strict
		u32(1, 2*splits+1, 0)
		for i := range 2*splits + 1 {
			if i%2 == 0 && i < 2*splits {
				u32(0, i+1, i+2, 0, 0)
			} else {
				u32(-1, 0, 0, 0, 0)
			}
			f64(0.5)
			b = append(b, 0, 0)
		}
		u32(0, 0) // sets, names
		return b
	}
	if _, err := trees.Decode(chain(1000)); err != nil {
		t.Fatalf("a thousand steps: %v", err)
	}
	m, err := trees.Decode(chain(1_100_000))
	if !errors.Is(err, tribune.ErrTooLarge) || !strings.Contains(err.Error(), "steps") {
		t.Errorf("a million steps: %v, %v", m != nil, err)
	}
}

// What a worker says must not make its parent hold more than the longest honest answer.
func TestAnswerThatSwellsIsRefused(t *testing.T) {
	data, _ := written(t, "xgboost32_binary")
	m, err := trees.Read(data)
	if err != nil {
		t.Fatal(err)
	}
	whole := m.Encode()
	names := 0
	for _, n := range m.Features {
		names += 4 + len(n)
	}
	const many = 8 << 20 // names of no letter
	at := len(whole) - names - 4
	in := binary.LittleEndian.AppendUint32(bytes.Clone(whole[:at]), many)
	in = append(in, make([]byte, 4*many)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = trees.Decode(in)
	runtime.ReadMemStats(&after)
	if !known(err) {
		t.Errorf("got %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 8<<20 {
		t.Errorf("refusing it took %d MB", took>>20)
	}
}
