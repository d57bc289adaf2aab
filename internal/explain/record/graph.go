package record

import (
	"context"
	"math/rand/v2"

	"tribune/internal/explain/matrix"
)

// Graph has an edge from each training record to the k records that explain the model's answer to it (the paper's section 6.2).
type Graph struct {
	Next [][]int
}

// Graph asks about every training record.
func (e *Explainer) Graph(ctx context.Context, train matrix.Matrix, k int) (*Graph, error) {
	next, err := e.tops(ctx, train.Rows, k, func(i int) []float64 { return wide(train.Row(i)) })
	if err != nil {
		return nil, err
	}
	return &Graph{Next: next}, nil
}

// Crawl follows what is revealed: it asks about records known and not yet asked about, one drawn at random at a time, until none is left or the budget of
// queries is spent. It returns how many different records are known after each query. begin is what the attacker knows before: the answer to a first
// query, which is counted by whoever asked it.
func (g *Graph) Crawl(begin []int, budget int, r *rand.Rand) []int {
	known := make([]bool, len(g.Next))
	var open []int
	count := 0
	learn := func(of []int) {
		for _, v := range of {
			if !known[v] {
				known[v] = true
				open = append(open, v)
				count++
			}
		}
	}
	learn(begin)
	found := []int{count}
	for len(open) > 0 && len(found) <= budget {
		at := r.IntN(len(open))
		asked := open[at]
		open[at] = open[len(open)-1]
		open = open[:len(open)-1]
		learn(g.Next[asked])
		found = append(found, count)
	}
	return found
}

// Shape is what the paper's table 2 says of a graph.
type Shape struct {
	Components int // strongly connected
	Single     int // components of one record
	Largest    int // records of the largest component
	InDegree   int // most edges to one record
	Unnamed    int // records that no other answer names: no edge leads to them, their own neither
}

// Shape measures the graph.
func (g *Graph) Shape() Shape {
	var s Shape
	in := make([]int, len(g.Next))
	for _, next := range g.Next {
		for _, v := range next {
			in[v]++
		}
	}
	for _, d := range in {
		s.InDegree = max(s.InDegree, d)
		if d == 0 {
			s.Unnamed++
		}
	}
	for _, size := range g.components() {
		s.Components++
		s.Largest = max(s.Largest, size)
		if size == 1 {
			s.Single++
		}
	}
	return s
}

// components are the sizes of the strongly connected components (Tarjan 1972, 10.1137/0201010), without recursion: a chain may be as long as the data.
func (g *Graph) components() []int {
	n := len(g.Next)
	order, low, at, on := make([]int, n), make([]int, n), make([]int, n), make([]bool, n)
	var stack, path, sizes []int
	clock := 0
	enter := func(v int) {
		clock++
		order[v], low[v], on[v] = clock, clock, true
		stack, path = append(stack, v), append(path, v)
	}
	for root := range n {
		if order[root] == 0 {
			enter(root)
		}
		for len(path) > 0 {
			v := path[len(path)-1]
			if at[v] < len(g.Next[v]) {
				w := g.Next[v][at[v]]
				at[v]++
				if order[w] == 0 {
					enter(w)
				} else if on[w] {
					low[v] = min(low[v], order[w])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				u := path[len(path)-1]
				low[u] = min(low[u], low[v])
			}
			if low[v] == order[v] {
				size := 0
				for popped := -1; popped != v; size++ {
					popped = stack[len(stack)-1]
					stack = stack[:len(stack)-1]
					on[popped] = false
				}
				sizes = append(sizes, size)
			}
		}
	}
	return sizes
}
