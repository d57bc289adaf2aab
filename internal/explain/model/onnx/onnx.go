// Package onnx reads neural networks and linear classifiers from ONNX files, as PyTorch, scikit-learn (skl2onnx) and other exporters write them, into
// networks whose layers are known (model.Network).
//
// Such a file is hostile until it has been read: commands read it by the job Name in a worker (Job, Decode); Read is what runs there.
//
// Of the protocol buffer (onnx.proto3 of github.com/onnx/onnx, IR version 3 to 14) one graph is read, with the operator sets ai.onnx from version 7 on
// and ai.onnx.ml. It has one input, of floats: records by a fixed shape, {features} or {channels, height, width}. Of its outputs the one that holds
// numbers (not labels) counts, and only what that one depends on; those of scikit-learn that name the labels are left alone.
//
// The output is taken for: probabilities, after Softmax, LogSoftmax, or Sigmoid of one number (two classes); otherwise logits, as a PyTorch module
// trained with CrossEntropyLoss gives them. A Sigmoid of each of several numbers is refused: they are no probabilities of classes.
//
// Operators: Gemm, MatMul, Add, Sub, Mul, Div (with constants; Add and Sub of two branches), Sum, Conv, MaxPool, AveragePool, GlobalAveragePool,
// GlobalMaxPool, ReduceMean over height and width, BatchNormalization, Flatten, Reshape, Squeeze, Relu, LeakyRelu, Tanh, Sigmoid, Softmax, LogSoftmax,
// Identity, Dropout, Cast; Constant, Shape, Gather, Unsqueeze, Concat where they compute a shape; LinearClassifier, Scaler, Normalizer and ZipMap of
// ai.onnx.ml. Anything else, an attribute that is not understood, and numbers that are not float, are errors that name operator and node.
//
// Numbers become float32: a file of float64 is rounded.
package onnx

import (
	"fmt"
	"slices"
	"strconv"

	"tribune"
	"tribune/internal/explain/model"
)

// MaxFile is how many bytes of a file are read.
const MaxFile = 256 << 20

// Model is what a file holds.
type Model struct {
	Network  *model.Network
	Labels   []string // the classes' names in the order of the network's, where the file tells them
	Producer string   // the exporter, as it calls itself
}

// Read reads a whole file. Errors are tribune.ErrInvalid, ErrTooLarge or ErrUnsupported.
func Read(data []byte) (*Model, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("reading ONNX: %w: %d bytes of at most %d", tribune.ErrTooLarge, len(data), MaxFile)
	}
	f, err := (&decoder{}).file(data)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX: %w", err)
	}
	m, err := build(f)
	if err != nil {
		return nil, fmt.Errorf("reading ONNX: %w", err)
	}
	return m, nil
}

func build(f *file) (*Model, error) {
	b := &builder{file: f, values: map[string]value{}, uses: map[string]int{}}
	if err := b.versions(); err != nil {
		return nil, err
	}
	input, err := b.input()
	if err != nil {
		return nil, err
	}
	target, err := b.target()
	if err != nil {
		return nil, err
	}
	needed, err := b.needed(target)
	if err != nil {
		return nil, err
	}
	for _, i := range needed {
		if err := b.run(&f.graph.nodes[i]); err != nil {
			return nil, fmt.Errorf("%v: %w", f.graph.nodes[i], err)
		}
	}
	if err := b.end(target); err != nil {
		return nil, fmt.Errorf("output %q: %w", target, err)
	}
	n, err := model.NewGraph(input, b.nodes...)
	if err != nil {
		return nil, err
	}
	if b.labels != nil && len(b.labels) != n.Classes() {
		return nil, fmt.Errorf("%w: %d labels for %d classes", tribune.ErrInvalid, len(b.labels), n.Classes())
	}
	return &Model{Network: n, Labels: b.labels, Producer: f.producer}, nil
}

func (b *builder) versions() error {
	v, ok := b.file.opsets[""]
	if ok && (v < 7 || v > 100) {
		return fmt.Errorf("%w: version %d of the operators; 7 and later are read", tribune.ErrUnsupported, v)
	}
	if _, ml := b.file.opsets["ai.onnx.ml"]; !ok && !ml {
		return fmt.Errorf("%w: it does not say which operators it uses", tribune.ErrInvalid)
	}
	return nil
}

// input is the shape of one record. A file of IR version 3 lists its tensors among the inputs.
func (b *builder) input() (model.Shape, error) {
	var in []port
	for _, p := range b.file.graph.inputs {
		if b.file.graph.tensors[p.name] == nil {
			in = append(in, p)
		}
	}
	if len(in) != 1 {
		return nil, tribune.Hint(fmt.Errorf("%w: the graph has %d inputs", tribune.ErrUnsupported, len(in)), "export the model with one input that holds all features")
	}
	p := in[0]
	if p.elem != typeFloat && p.elem != typeDouble {
		return nil, fmt.Errorf("%w: input %q holds numbers of type %d, not float", tribune.ErrUnsupported, p.name, p.elem)
	}
	if len(p.dims) != 2 && len(p.dims) != 4 {
		return nil, fmt.Errorf("%w: input %q has %d dimensions; records x features, or records x channels x height x width, are read", tribune.ErrUnsupported, p.name, len(p.dims))
	}
	shape := make(model.Shape, len(p.dims)-1)
	for k, d := range p.dims[1:] {
		if d < 1 || d > maxRecord {
			return nil, tribune.Hint(fmt.Errorf("%w: dimension %d of input %q is not fixed", tribune.ErrUnsupported, k+1, p.name), "export the model with a fixed number of features; only the number of records may be open")
		}
		shape[k] = int(d)
	}
	if _, err := size(shape); err != nil {
		return nil, fmt.Errorf("input %q: %w", p.name, err)
	}
	b.records = p.dims[0]
	b.values[p.name] = value{node: -1, shape: shape}
	return shape, nil
}

// target is the output that holds numbers.
func (b *builder) target() (string, error) {
	var names []string
	for _, p := range b.file.graph.outputs {
		if p.sequence || p.elem == typeFloat || p.elem == typeDouble {
			names = append(names, p.name)
		}
	}
	if len(names) != 1 {
		return "", tribune.Hint(fmt.Errorf("%w: the graph has %d outputs of numbers %.200q", tribune.ErrUnsupported, len(names), names), "export the model with its probabilities, or its logits, as the only output of floats")
	}
	return names[0], nil
}

// needed are the nodes that target depends on, in the file's order, which must be one in which each follows what it takes.
func (b *builder) needed(target string) ([]int, error) {
	g := b.file.graph
	made := map[string]bool{}
	for _, n := range g.nodes {
		for _, name := range n.out {
			_, input := b.values[name]
			if name != "" && (made[name] || input || g.tensors[name] != nil) {
				return nil, fmt.Errorf("%v: %w: %q is made twice", n, tribune.ErrInvalid, name)
			}
			made[name] = true
		}
	}
	b.uses[target]++
	var nodes []int
	for i, n := range slices.Backward(g.nodes) {
		if !slices.ContainsFunc(n.out, func(name string) bool { return name != "" && b.uses[name] > 0 }) {
			continue
		}
		nodes = append(nodes, i)
		for _, name := range n.in {
			b.uses[name]++
		}
	}
	slices.Reverse(nodes)
	return nodes, nil
}

// end refuses outputs that are neither probabilities nor logits of classes.
func (b *builder) end(target string) error {
	v, ok := b.values[target]
	switch {
	case !ok:
		return fmt.Errorf("%w: no node makes it", tribune.ErrInvalid)
	case v.t != nil || v.labels || v.complement || v.node != len(b.nodes)-1 || v.node < 0:
		return fmt.Errorf("%w: it is not what the last layer gives", tribune.ErrUnsupported)
	case len(v.shape) != 1:
		return fmt.Errorf("%w: records of shape %v instead of one number for each class", tribune.ErrUnsupported, v.shape)
	}
	a, isActivation := b.nodes[v.node].Layer.(*model.Activation)
	switch {
	case isActivation && a.Function == model.Sigmoid && v.shape[0] > 1:
		return fmt.Errorf("%w: a Sigmoid of each of %d numbers; they are no probabilities of classes", tribune.ErrUnsupported, v.shape[0])
	case v.shape[0] == 1 && !(isActivation && a.Function == model.Sigmoid):
		return tribune.Hint(fmt.Errorf("%w: it is one number, and no probability", tribune.ErrUnsupported), "put a Sigmoid (two classes) at the end before exporting")
	}
	return nil
}

// name takes labels that the file gives the classes.
func (b *builder) name(texts []string, ints []int64) {
	if len(texts) > 0 {
		b.labels = texts
		return
	}
	if len(ints) > 0 {
		b.labels = make([]string, len(ints))
		for k, v := range ints {
			b.labels[k] = strconv.FormatInt(v, 10)
		}
	}
}
