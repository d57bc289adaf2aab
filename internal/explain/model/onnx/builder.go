package onnx

import (
	"fmt"

	"tribune"
	"tribune/internal/explain/model"
)

// maxRecord bounds the numbers of one record between two layers.
const maxRecord = 1 << 24

// value is what a name in the graph stands for: a constant, or what a node of the network gives of each record.
type value struct {
	t          *tensor
	node       int // -1: the input
	shape      model.Shape
	bare       *model.Dense // a product that still waits for its bias: MatMul, then Add
	complement bool         // 1 - it: the other class of a Sigmoid
	labels     bool         // names of classes, which nothing computes with
}

// builder turns the graph into nodes of a network, node by node.
type builder struct {
	file    *file
	values  map[string]value
	uses    map[string]int // by needed nodes
	nodes   []model.Node
	labels  []string
	records int64 // the batch size that the input is fixed to; -1: open
	spread  int   // numbers that constants were broadcast to
}

// call is one node of the graph at its turn.
type call struct {
	*node
	b       *builder
	version int64
}

func (b *builder) run(n *node) error {
	do := find(n.domain, n.op)
	if do == nil {
		return fmt.Errorf("%w: this operator is not read", tribune.ErrUnsupported)
	}
	version, ok := b.file.opsets[n.domain]
	if !ok {
		return fmt.Errorf("%w: the file does not say which version of %q it uses", tribune.ErrInvalid, n.domain)
	}
	v, err := do(&call{node: n, b: b, version: version})
	if err != nil {
		return err
	}
	for name, a := range n.attrs {
		if !a.used || a.odd {
			return fmt.Errorf("%w: attribute %q", tribune.ErrUnsupported, name)
		}
	}
	if n.op != "MatMul" {
		v.bare = nil // handed on under another name, it may be taken twice
	}
	at := 0
	if n.domain == "ai.onnx.ml" && n.op == "LinearClassifier" { // labels, probabilities
		if len(n.out) < 2 {
			return fmt.Errorf("%w: it gives no probabilities", tribune.ErrInvalid)
		}
		b.values[n.out[0]] = value{labels: true}
		at = 1
	}
	if len(n.out) <= at || n.out[at] == "" {
		return fmt.Errorf("%w: it gives nothing", tribune.ErrInvalid)
	}
	b.values[n.out[at]] = v
	return nil
}

// layer adds a layer to the network; what it gives has the shape given.
func (c *call) layer(l model.Layer, shape model.Shape, from ...value) (value, error) {
	if _, err := size(shape); err != nil {
		return value{}, err
	}
	name := c.name
	if name == "" && len(c.out) > 0 {
		name = c.out[0]
	}
	node := model.Node{Layer: l, Name: name}
	for _, v := range from {
		node.From = append(node.From, v.node)
	}
	c.b.nodes = append(c.b.nodes, node)
	return value{node: len(c.b.nodes) - 1, shape: shape}, nil
}

// has says that input k is given.
func (c *call) has(k int) bool { return k < len(c.in) && c.in[k] != "" }

// value is input k, of either kind.
func (c *call) value(k int) (value, error) {
	if !c.has(k) {
		return value{}, fmt.Errorf("%w: input %d is missing", tribune.ErrInvalid, k)
	}
	if t := c.b.file.graph.tensors[c.in[k]]; t != nil {
		return value{t: t}, nil
	}
	v, ok := c.b.values[c.in[k]]
	if !ok {
		return v, fmt.Errorf("%w: it takes %q, which no node before it gives (a cycle, or a part that is not read)", tribune.ErrInvalid, c.in[k])
	}
	if v.labels {
		return v, fmt.Errorf("%w: it computes with the labels %q", tribune.ErrUnsupported, c.in[k])
	}
	return v, nil
}

// data is input k, which must be computed from the records.
func (c *call) data(k int) (value, error) {
	v, err := c.value(k)
	if err == nil && (v.t != nil || v.complement) {
		err = fmt.Errorf("%w: input %d is a constant", tribune.ErrUnsupported, k)
		if v.complement {
			err = fmt.Errorf("%w: it computes with 1 - %q", tribune.ErrUnsupported, c.in[k])
		}
	}
	return v, err
}

// features is data of one dimension.
func (c *call) features(k int) (value, error) {
	v, err := c.data(k)
	if err == nil && len(v.shape) != 1 {
		err = fmt.Errorf("%w: input %d has records of shape %v; one dimension is read", tribune.ErrUnsupported, k, v.shape)
	}
	return v, err
}

// image is data of channels, height and width.
func (c *call) image(k int) (value, error) {
	v, err := c.data(k)
	if err == nil && len(v.shape) != 3 {
		err = fmt.Errorf("%w: input %d has records of shape %v; channels x height x width are read", tribune.ErrUnsupported, k, v.shape)
	}
	return v, err
}

// numbers is input k, which must be constant numbers.
func (c *call) numbers(k int) (*tensor, error) {
	v, err := c.value(k)
	if err == nil && (v.t == nil || v.t.f == nil) {
		err = fmt.Errorf("%w: input %d is not constant numbers", tribune.ErrUnsupported, k)
	}
	return v.t, err
}

// integers is input k, which must be constant integers.
func (c *call) integers(k int) (*tensor, error) {
	v, err := c.value(k)
	if err == nil && (v.t == nil || v.t.f != nil) {
		err = fmt.Errorf("%w: input %d is not constant integers", tribune.ErrUnsupported, k)
	}
	return v.t, err
}

// attr is an attribute, nil where it is not given. kind is AttributeProto's; files of the first years leave it out.
func (c *call) attr(name string, kind int64) (*attribute, error) {
	a := c.attrs[name]
	if a == nil {
		return nil, nil
	}
	a.used = true
	if a.kind != kind && a.kind != 0 {
		return nil, fmt.Errorf("%w: attribute %q has type %d, not %d", tribune.ErrInvalid, name, a.kind, kind)
	}
	return a, nil
}

// The types of AttributeProto that are read.
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
)

func (c *call) integer(name string, otherwise int64) (int64, error) {
	a, err := c.attr(name, attrInt)
	if a == nil || err != nil {
		return otherwise, err
	}
	return a.i, nil
}

func (c *call) float(name string, otherwise float32) (float32, error) {
	a, err := c.attr(name, attrFloat)
	if a == nil || err != nil {
		return otherwise, err
	}
	if a.f-a.f != 0 {
		return 0, fmt.Errorf("%w: attribute %q is %v", tribune.ErrInvalid, name, a.f)
	}
	return a.f, nil
}

func (c *call) text(name, otherwise string) (string, error) {
	a, err := c.attr(name, attrString)
	if a == nil || err != nil {
		return otherwise, err
	}
	return a.s, nil
}

func (c *call) ints(name string) ([]int64, error) {
	a, err := c.attr(name, attrInts)
	if a == nil || err != nil {
		return nil, err
	}
	return a.ints, nil
}

// must is integer with one value that is understood: name is the attribute, and its default.
func (c *call) must(name string, want int64) error {
	v, err := c.integer(name, want)
	if err == nil && v != want {
		err = fmt.Errorf("%w: attribute %q of %d", tribune.ErrUnsupported, name, v)
	}
	return err
}

// size is how many numbers a record of that shape has, bounded.
func size(s model.Shape) (int, error) {
	n := 1
	for _, d := range s {
		if d < 1 || d > maxRecord/n {
			return 0, fmt.Errorf("%w: a record of shape %v", tribune.ErrTooLarge, s)
		}
		n *= d
	}
	return n, nil
}

// constants pays for numbers that a constant is broadcast to.
func (b *builder) constants(n int) error {
	if b.spread += n; b.spread > maxNumbers {
		return fmt.Errorf("%w: constants of more than %d numbers", tribune.ErrTooLarge, maxNumbers)
	}
	return nil
}
