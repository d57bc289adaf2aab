package bench

import (
	"math/bits"
	"time"
)

// histogram counts latencies in buckets of constant relative width, 1/64 of their value: 1 ns to 292 years in 30 KB.
type histogram struct {
	count [64 * subBuckets]uint64
	n     uint64
}

const (
	subBits    = 6
	subBuckets = 1 << subBits
)

func (h *histogram) add(d time.Duration) {
	h.count[bucket(uint64(max(d, 0)))]++
	h.n++
}

func bucket(v uint64) int {
	if v < subBuckets {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift)&(subBuckets-1)
}

// highest is the largest value that falls into bucket i.
func highest(i int) time.Duration {
	if i < subBuckets {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	return time.Duration(uint64(subBuckets|i&(subBuckets-1))<<shift + 1<<shift - 1)
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.count {
		h.count[i] += c
	}
	h.n += o.n
}

// quantile is a value that the share q of all latencies does not exceed; 0 where there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rank := max(uint64(q*float64(h.n)+0.5), 1)
	var seen uint64
	for i, c := range h.count {
		if seen += c; seen >= rank {
			return highest(i)
		}
	}
	return 0
}
