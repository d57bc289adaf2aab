package model

import (
	"bufio"
	"bytes"
	"fmt"

	"tribune"
	"tribune/protocol"
)

func (n *Network) describe() (header, [][]float32, error) {
	h := header{Input: n.input}
	var all [][]float32
	for i, node := range n.nodes {
		d, numbers, err := describeLayer(node.Layer)
		if err != nil {
			return h, nil, fmt.Errorf("%s: %w", node.title(i), err)
		}
		d.Kind, d.From = node.Layer.Kind(), node.From
		for _, list := range numbers {
			d.Numbers = append(d.Numbers, len(list))
		}
		h.Nodes, all = append(h.Nodes, d), append(all, numbers...)
	}
	return h, all, nil
}

// describeLayer is a layer's settings and numbers; layerOf is its inverse.
func describeLayer(l Layer) (nodeHeader, [][]float32, error) {
	switch l := l.(type) {
	case *Dense:
		return nodeHeader{Out: l.Out}, [][]float32{l.W, l.B}, nil
	case *Conv:
		d := l.Window.describe()
		d.Out, d.Groups = l.Out, l.Groups
		return d, [][]float32{l.W, l.B}, nil
	case *Pool:
		d := l.Window.describe()
		d.Ceil, d.CountPad = l.Ceil, l.CountPad
		return d, nil, nil
	case *BatchNorm:
		return nodeHeader{}, [][]float32{l.Gamma, l.Beta, l.Mean, l.Var, {l.Epsilon, l.Momentum}}, nil
	case *Affine:
		return nodeHeader{}, [][]float32{l.Scale, l.Shift}, nil
	case *Activation:
		if l.Function == LeakyRelu {
			return nodeHeader{}, [][]float32{{l.Slope}}, nil
		}
		return nodeHeader{}, nil, nil
	case *Reshape:
		return nodeHeader{To: l.To}, nil, nil
	case *GlobalPool, *Sum, *Flatten:
		return nodeHeader{}, nil, nil
	}
	return nodeHeader{}, nil, fmt.Errorf("%w: %T has no place in a file", tribune.ErrUnsupported, l)
}

func (w Window) describe() nodeHeader {
	return nodeHeader{Kernel: w.Kernel[:], Stride: w.Stride[:], Dilation: w.Dilation[:], Pad: w.Pad[:]}
}

// network builds the network a header describes, and refuses a header that is not the one that Save would write.
func (h header) network(b *bufio.Reader) (*Network, error) {
	if len(h.Nodes) == 0 || len(h.Nodes) > maxNodes {
		return nil, fmt.Errorf("%w: %d layers", tribune.ErrInvalid, len(h.Nodes))
	}
	left := maxTotal
	nodes := make([]Node, len(h.Nodes))
	for i, d := range h.Nodes {
		numbers, err := lists(b, d.Numbers, left)
		if err != nil {
			return nil, fmt.Errorf("layer %d (%.20s): %w", i, d.Kind, err)
		}
		for _, list := range numbers {
			left -= len(list)
		}
		l, err := d.layer(numbers)
		if err != nil {
			return nil, fmt.Errorf("layer %d (%.20s): %w", i, d.Kind, err)
		}
		nodes[i] = Node{Layer: l, From: d.From}
	}
	n, err := NewGraph(h.Input, nodes...)
	if err != nil {
		return nil, err
	}
	again, _, err := n.describe()
	if err != nil {
		return nil, err
	}
	got, err := protocol.JCS(h)
	if err != nil {
		return nil, err
	}
	if want, err := protocol.JCS(again); err != nil || !bytes.Equal(got, want) {
		return nil, fmt.Errorf("%w: the network has another spelling", tribune.ErrInvalid)
	}
	return n, nil
}

// layer makes the layer; what it does not use of d, network finds.
func (d nodeHeader) layer(numbers [][]float32) (Layer, error) {
	want := map[string]int{"dense": 2, "conv": 2, "batchnorm": 5, "affine": 2, "leakyrelu": 1}[d.Kind]
	if len(numbers) != want {
		return nil, fmt.Errorf("%w: %d lists of numbers; it has %d", tribune.ErrInvalid, len(numbers), want)
	}
	for _, list := range numbers {
		if len(list) == 0 {
			return nil, fmt.Errorf("%w: an empty list of numbers", tribune.ErrInvalid)
		}
	}
	switch d.Kind {
	case "dense":
		return &Dense{Out: d.Out, W: numbers[0], B: numbers[1]}, nil
	case "conv":
		w, err := d.window()
		return &Conv{Window: w, Out: d.Out, Groups: d.Groups, W: numbers[0], B: numbers[1]}, err
	case "maxpool", "avgpool":
		w, err := d.window()
		return &Pool{Window: w, Average: d.Kind == "avgpool", CountPad: d.CountPad, Ceil: d.Ceil}, err
	case "globalmaxpool", "globalavgpool":
		return &GlobalPool{Average: d.Kind == "globalavgpool"}, nil
	case "batchnorm":
		if len(numbers[4]) != 2 {
			return nil, fmt.Errorf("%w: epsilon and momentum are %d numbers", tribune.ErrInvalid, len(numbers[4]))
		}
		return &BatchNorm{Gamma: numbers[0], Beta: numbers[1], Mean: numbers[2], Var: numbers[3], Epsilon: numbers[4][0], Momentum: numbers[4][1]}, nil
	case "affine":
		return &Affine{Scale: numbers[0], Shift: numbers[1]}, nil
	case "relu":
		return &Activation{Function: Relu}, nil
	case "leakyrelu":
		return &Activation{Function: LeakyRelu, Slope: numbers[0][0]}, nil
	case "tanh":
		return &Activation{Function: Tanh}, nil
	case "sigmoid":
		return &Activation{Function: Sigmoid}, nil
	case "sum":
		return &Sum{}, nil
	case "flatten":
		return &Flatten{}, nil
	case "reshape":
		return &Reshape{To: d.To}, nil
	}
	return nil, fmt.Errorf("%w: a kind of layer that is not known", tribune.ErrUnsupported)
}

func (d nodeHeader) window() (Window, error) {
	var w Window
	if copy(w.Kernel[:], d.Kernel) != len(d.Kernel) || copy(w.Stride[:], d.Stride) != len(d.Stride) ||
		copy(w.Dilation[:], d.Dilation) != len(d.Dilation) || copy(w.Pad[:], d.Pad) != len(d.Pad) {
		return w, fmt.Errorf("%w: a window of more than two sides", tribune.ErrInvalid)
	}
	return w, nil
}
