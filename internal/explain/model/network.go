package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"tribune"
)

// Network is layers in order, each of which takes what the one before it gives or what earlier ones give. Its last layer gives logits; Predict ends
// with a softmax. It is safe for concurrent use while nothing trains it.
type Network struct {
	input   Shape
	nodes   []Node
	shapes  []Shape // what each node gives
	floats  int     // numbers of one record over all nodes
	classes int
}

// Node is a layer and where its inputs come from.
type Node struct {
	Layer Layer
	From  []int  // indices of earlier nodes, -1 is the network's input; nil: the node before (the first: the input)
	Name  string // for errors, e.g. a file's name for it; may be empty
}

// maxNodes bounds a network from a file.
const maxNodes = 4096

var _ Differentiable = (*Network)(nil)

// NewNetwork chains layers over records of the shape input. See NewGraph.
func NewNetwork(input Shape, layers ...Layer) (*Network, error) {
	nodes := make([]Node, len(layers))
	for i, l := range layers {
		nodes[i].Layer = l
	}
	return NewGraph(input, nodes...)
}

// NewGraph makes a network of nodes in an order in which each comes after its inputs. The layers are the network's from then on. The last node's numbers
// are the logits of the classes; a Softmax at the end is taken off, and a Sigmoid of a single number at the end, the probability of the second of two
// classes, becomes the logits -z/2 and z/2, which give the same probabilities. Errors are tribune.ErrInvalid, ErrTooLarge or ErrUnsupported and name
// the layer.
func NewGraph(input Shape, nodes ...Node) (*Network, error) {
	if err := input.check(); err != nil {
		return nil, fmt.Errorf("the input: %w", err)
	}
	if len(nodes) == 0 || len(nodes) > maxNodes {
		return nil, fmt.Errorf("%w: a network of %d layers; 1 to %d are possible", tribune.ErrInvalid, len(nodes), maxNodes)
	}
	n := &Network{input: slices.Clone(input)}
	for i, node := range nodes {
		node.From = slices.Clone(node.From)
		if node.From == nil {
			node.From = []int{i - 1}
		}
		if i == len(nodes)-1 {
			if done, err := n.end(node); done || err != nil {
				return finished(n, err)
			}
		}
		if err := n.take(node); err != nil {
			return nil, err
		}
	}
	return finished(n, nil)
}

// end takes a last layer that makes probabilities of logits; other layers are left to take.
func (n *Network) end(node Node) (done bool, err error) {
	last := len(n.nodes) - 1
	direct := len(node.From) == 1 && node.From[0] == last && last >= 0
	switch l := node.Layer.(type) {
	case *Softmax:
		if !direct {
			return false, fmt.Errorf("%s: %w: a softmax that does not follow the layer before it", node.title(last+1), tribune.ErrUnsupported)
		}
		return true, nil
	case *Activation:
		if l.Function == Sigmoid && direct && len(n.shapes[last]) == 1 && n.shapes[last][0] == 1 {
			return true, n.take(Node{Layer: &Dense{Out: 2, W: []float32{-0.5, 0.5}}, From: node.From, Name: node.Name})
		}
	}
	return false, nil
}

func (n *Network) take(node Node) error {
	i := len(n.nodes)
	if node.Layer == nil {
		return fmt.Errorf("%s: %w: no layer", node.title(i), tribune.ErrInvalid)
	}
	in := make([]Shape, len(node.From))
	for k, f := range node.From {
		if f < -1 || f >= i {
			return fmt.Errorf("%s: %w: takes what layer %d gives, which does not come before it", node.title(i), tribune.ErrInvalid, f)
		}
		in[k] = n.shape(f)
	}
	for _, other := range n.nodes {
		if other.Layer == node.Layer && !stateless(node.Layer) {
			return fmt.Errorf("%s: %w: it is in the network twice", node.title(i), tribune.ErrInvalid)
		}
	}
	out, err := node.Layer.bind(in)
	if err == nil {
		err = out.check()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", node.title(i), err)
	}
	n.nodes, n.shapes = append(n.nodes, node), append(n.shapes, out)
	return nil
}

// stateless says that a layer remembers nothing: pointers to empty structs may be equal though they were made twice.
func stateless(l Layer) bool {
	switch l.(type) {
	case *Sum, *Flatten, *Softmax:
		return true
	}
	return false
}

func finished(n *Network, err error) (*Network, error) {
	if err != nil {
		return nil, err
	}
	used := make([]bool, len(n.nodes))
	for _, node := range n.nodes {
		for _, f := range node.From {
			if f >= 0 {
				used[f] = true
			}
		}
	}
	for i := range len(n.nodes) - 1 {
		if !used[i] {
			return nil, fmt.Errorf("%s: %w: nothing takes what it gives", n.nodes[i].title(i), tribune.ErrInvalid)
		}
	}
	n.floats = n.input.Size()
	for _, s := range n.shapes {
		n.floats += s.Size()
	}
	if n.floats > 8*maxRecord {
		return nil, fmt.Errorf("%w: %d numbers for one record", tribune.ErrTooLarge, n.floats)
	}
	n.classes = n.shapes[len(n.shapes)-1].Size()
	if n.classes < 2 {
		return nil, fmt.Errorf("%s: %w: the last layer gives one number; at least two classes are needed (a sigmoid at the end makes two of one)",
			n.nodes[len(n.nodes)-1].title(len(n.nodes)-1), tribune.ErrInvalid)
	}
	return n, nil
}

func (node Node) title(i int) string {
	kind := "nothing"
	if node.Layer != nil {
		kind = node.Layer.Kind()
	}
	if node.Name != "" {
		return fmt.Sprintf("layer %d (%s %q)", i, kind, node.Name)
	}
	return fmt.Sprintf("layer %d (%s)", i, kind)
}

// shape is what node i gives, -1 is the input.
func (n *Network) shape(i int) Shape {
	if i < 0 {
		return n.input
	}
	return n.shapes[i]
}

// Inputs is the number of columns that Predict takes.
func (n *Network) Inputs() int { return n.input.Size() }

// Input is the shape of one record.
func (n *Network) Input() Shape { return slices.Clone(n.input) }

// Classes is the number of columns that Predict gives.
func (n *Network) Classes() int { return n.classes }

// Weights are views of everything that is learnt, layer after layer.
func (n *Network) Weights() [][]float32 {
	var out [][]float32
	for _, node := range n.nodes {
		if l, ok := node.Layer.(weighted); ok {
			out = append(out, l.weights()...)
		}
	}
	return out
}

// Clone is a network of its own with the same weights.
func (n *Network) Clone() *Network {
	nodes := make([]Node, len(n.nodes))
	for i, node := range n.nodes {
		nodes[i] = Node{Layer: node.Layer.copy(), From: node.From, Name: node.Name}
	}
	out, err := NewGraph(n.input, nodes...)
	if err != nil { // it was accepted before
		panic(err)
	}
	return out
}

// Init draws the weights of dense and convolutional layers, and their biases, uniformly from ±1/sqrt(inputs of one output): PyTorch's default. Batch
// normalization begins at ones and zeros. The same seed gives the same weights on every machine.
func (n *Network) Init(seed uint64) {
	random := rand.New(rand.NewPCG(seed, 0x696e6974))
	for _, node := range n.nodes {
		switch l := node.Layer.(type) {
		case *Dense:
			draw(random, l.in, l.W, l.B)
		case *Conv:
			draw(random, l.patch(), l.W, l.B)
		case *BatchNorm:
			fill(l.Gamma, 1)
			fill(l.Beta, 0)
			fill(l.Mean, 0)
			fill(l.Var, 1)
		}
	}
}

func draw(random *rand.Rand, inputs int, weights ...[]float32) {
	bound := 1 / math.Sqrt(float64(inputs))
	for _, w := range weights {
		for i := range w {
			w[i] = float32(float64(int64(random.Uint64()>>11)-1<<52) * (bound / (1 << 52)))
		}
	}
}
