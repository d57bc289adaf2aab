package ibe

import (
	"fmt"
	"testing"
)

func BenchmarkNewMaster(b *testing.B) {
	d := deal("seal", 2, 4)
	for b.Loop() {
		d.master(b)
	}
}

func BenchmarkHeader(b *testing.B) {
	m, id, dek := deal("seal", 2, 4).master(b), testIDs(1)[0], testDEK()
	for b.Loop() {
		if _, err := m.Header(id, dek); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTwoHeaders(b *testing.B) {
	m, ids, dek := deal("seal", 2, 4).master(b), testIDs(2), testDEK()
	for b.Loop() {
		if _, err := m.Headers(dek, ids...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenHeader(b *testing.B) {
	d := deal("seal", 2, 4)
	m, id := d.master(b), testIDs(1)[0]
	key := d.key(b, id)
	h, err := m.Header(id, testDEK())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.OpenHeader(key, id, h); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPartialKey(b *testing.B) {
	s, id := deal("seal", 2, 4).seal(b, 1), testIDs(1)[0]
	for b.Loop() {
		if _, err := PartialKey(s, id); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyKey(b *testing.B) {
	d := deal("seal", 2, 4)
	m, id := d.master(b), testIDs(1)[0]
	key := d.key(b, id)
	for b.Loop() {
		if err := m.VerifyKey(id, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCombine(b *testing.B) {
	d := deal("seal", 2, 4)
	m := d.master(b)
	for _, n := range []int{1, 10, 100, 1000} {
		ids := testIDs(n)
		for _, indices := range [][]int{{1, 2}, {2, 4}, {1, 4}} {
			parts := d.parts(b, ids, indices...)
			b.Run(fmt.Sprintf("ids=%d/guardians=%d,%d", n, indices[0], indices[1]), func(b *testing.B) {
				for b.Loop() {
					if _, _, err := m.Combine(d.pks, d.t, ids, parts); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/identity")
			})
		}
	}
}

func BenchmarkBlind(b *testing.B) {
	in := testIDs(1)[0]
	for b.Loop() {
		if _, _, err := Blind(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluateBlinded(b *testing.B) {
	s := deal("name", 2, 4).name(b, 1)
	point, _, err := Blind(testIDs(1)[0])
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := EvaluateBlinded(s, point); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnblind(b *testing.B) {
	d := deal("name", 2, 4)
	m := d.nameMaster(b)
	for _, n := range []int{1, 1000} {
		bs, parts := d.evaluate(b, testIDs(n), 1, 2)
		b.Run(fmt.Sprintf("names=%d", n), func(b *testing.B) {
			for b.Loop() {
				again := make([]*Blinding, n)
				for i, x := range bs {
					c := *x
					again[i] = &c
				}
				if _, _, err := m.Unblind(d.pks, d.t, again, parts); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/name")
		})
	}
}
