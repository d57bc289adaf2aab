package matrix

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"
)

type kernel struct {
	name string
	has  bool
	run  func(c *float32, step int, a, b *float32, deep int)
}

func kernels() []kernel {
	return []kernel{{"AVX2", cpu.X86.HasAVX2, tileAVX2}, {"AVX-512", cpu.X86.HasAVX512F, tileAVX512}}
}

// same compares bits; NaN is NaN, whatever its payload.
func same(x, y float32) bool {
	return math.Float32bits(x) == math.Float32bits(y) || (x != x && y != y)
}

// FuzzKernelsAgree feeds the kernels any bits: denormals, infinities and NaN too.
func FuzzKernelsAgree(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{88, 500, 4000} {
		seed := make([]byte, n)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, pad uint8) {
		numbers := make([]float32, len(raw)/4)
		for i := range numbers {
			numbers[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		}
		deep := min(len(numbers)/(tileRows+tileCols), 300)
		if deep == 0 {
			return
		}
		a, b := numbers[:deep*tileRows], numbers[deep*tileRows:deep*(tileRows+tileCols)]
		step := tileCols + int(pad)
		want := make([]float32, tileRows*step)
		for i := range want {
			want[i] = numbers[i%len(numbers)]
		}
		start := append([]float32{}, want...)
		tileGo(want, step, a, b, deep)
		for _, k := range kernels() {
			if !k.has {
				continue
			}
			got := append([]float32{}, start...)
			k.run(&got[0], step, &a[0], &b[0], deep)
			for i := range got {
				if !same(got[i], want[i]) {
					t.Fatalf("%s, depth %d, step %d: number %d is %x, want %x", k.name, deep, step, i, math.Float32bits(got[i]), math.Float32bits(want[i]))
				}
			}
		}
	})
}

func TestKernelsKeepToTheirTile(t *testing.T) {
	for _, k := range kernels() {
		if !k.has {
			t.Logf("no %s here", k.name)
			continue
		}
		step := tileCols + 5
		c := make([]float32, (tileRows-1)*step+tileCols+5)
		a, b := make([]float32, 2*tileRows), make([]float32, 2*tileCols)
		for i := range a {
			a[i] = 1
		}
		for i := range b {
			b[i] = 1
		}
		k.run(&c[0], step, &a[0], &b[0], 2)
		for i, v := range c {
			want := float32(0)
			if i%step < tileCols {
				want = 2
			}
			if v != want {
				t.Errorf("%s: number %d is %v, want %v", k.name, i, v, want)
			}
		}
	}
}

func BenchmarkKernel(b *testing.B) {
	const deep = depth
	x, y, z := make([]float32, deep*tileRows), make([]float32, deep*tileCols), make([]float32, tileRows*tileCols)
	report := func(b *testing.B) {
		b.ReportMetric(2*deep*tileRows*tileCols*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
	}
	for _, k := range kernels() {
		if k.has {
			b.Run(fmt.Sprint(k.name), func(b *testing.B) {
				for b.Loop() {
					k.run(&z[0], tileCols, &x[0], &y[0], deep)
				}
				report(b)
			})
		}
	}
	b.Run("Go", func(b *testing.B) {
		for b.Loop() {
			tileGo(z, tileCols, x, y, deep)
		}
		report(b)
	})
}
