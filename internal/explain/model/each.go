package model

import "sync"

// each divides n pieces of work into at most workers runs and waits for them. What a piece gives must not depend on the run it is in.
func each(n, workers int, run func(from, to int)) {
	workers = min(workers, n)
	if workers < 2 {
		run(0, n)
		return
	}
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() { run(w*n/workers, (w+1)*n/workers) })
	}
	wait.Wait()
}

func fill(s []float32, v float32) {
	for i := range s {
		s[i] = v
	}
}

// add adds b to a, number by number.
func add(a, b []float32) {
	b = b[:len(a)]
	for i := range a {
		a[i] += b[i]
	}
}
