package onnx

import (
	"fmt"

	"tribune"
)

// What a file may have: enough for networks that an audit can hold, small enough that reading stays within a worker's memory.
const (
	maxName       = 4 << 10 // bytes of a name
	maxNodes      = 4096
	maxTensors    = 8192
	maxDims       = 8
	maxNumbers    = 1 << 26 // float numbers of all tensors together (256 MB)
	maxIntegers   = 1 << 16 // of one integer tensor or attribute: shapes, axes, labels
	maxAttributes = 64      // of one node
	maxPorts      = 256     // inputs, and outputs, of one node or of the graph
)

// file is a ModelProto: what of it counts.
type file struct {
	producer string
	opsets   map[string]int64 // domain -> version
	graph    *graph
}

// graph is a GraphProto.
type graph struct {
	nodes   []node
	tensors map[string]*tensor
	inputs  []port
	outputs []port
}

// node is a NodeProto.
type node struct {
	name, op, domain string
	in, out          []string
	attrs            map[string]*attribute
}

// attribute is an AttributeProto.
type attribute struct {
	kind   int64
	f      float32
	i      int64
	s      string
	t      *tensor
	floats []float32
	ints   []int64
	texts  []string
	odd    bool // it holds what no operator read here takes: graphs, sparse tensors, types, references
	used   bool // its operator has looked at it
}

// port is a ValueInfoProto: an input or output of the graph.
type port struct {
	name     string
	elem     int64   // of a tensor; 0: it is none
	dims     []int64 // -1 = not fixed
	sequence bool
}

// decoder bounds what all parts of one file have together.
type decoder struct{ numbers int }

// once refuses a second occurrence of a field that stands alone: readers disagree on which one counts.
func once(seen *bool, what string) error {
	if *seen {
		return fmt.Errorf("%w: it has two of %s", tribune.ErrInvalid, what)
	}
	*seen = true
	return nil
}

func (d *decoder) file(msg []byte) (*file, error) {
	f := &file{opsets: map[string]int64{}}
	var graphs bool
	err := fields(msg, func(x field) (err error) {
		switch x.num {
		case 2:
			f.producer, err = x.text()
		case 7:
			if err = once(&graphs, "graph"); err != nil {
				return err
			}
			var b []byte
			if b, err = x.message(); err == nil {
				f.graph, err = d.graph(b)
			}
		case 8:
			err = f.opset(x)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if f.graph == nil {
		return nil, fmt.Errorf("%w: it holds no graph: this is no ONNX model", tribune.ErrInvalid)
	}
	return f, nil
}

func (f *file) opset(x field) error {
	b, err := x.message()
	if err != nil {
		return err
	}
	var domain string
	var version int64
	err = fields(b, func(x field) (err error) {
		switch x.num {
		case 1:
			domain, err = x.text()
		case 2:
			version, err = x.integer()
		}
		return err
	})
	if err != nil {
		return err
	}
	if domain == "ai.onnx" {
		domain = ""
	}
	if had, ok := f.opsets[domain]; ok && had != version {
		return fmt.Errorf("%w: versions %d and %d of the operators %q", tribune.ErrInvalid, had, version, domain)
	}
	if len(f.opsets) > maxAttributes {
		return fmt.Errorf("%w: more than %d operator sets", tribune.ErrTooLarge, maxAttributes)
	}
	f.opsets[domain] = version
	return nil
}

func (d *decoder) graph(msg []byte) (*graph, error) {
	g := &graph{tensors: map[string]*tensor{}}
	err := fields(msg, func(x field) error {
		switch x.num {
		case 1, 5, 11, 12:
		default:
			return nil
		}
		b, err := x.message()
		if err != nil {
			return err
		}
		switch x.num {
		case 1:
			return d.node(g, b)
		case 5:
			return d.initializer(g, b)
		}
		p, err := readPort(b)
		if err != nil {
			return err
		}
		if x.num == 11 {
			g.inputs = append(g.inputs, p)
			return within(len(g.inputs), maxTensors) // an old file lists its tensors here too
		}
		g.outputs = append(g.outputs, p)
		return within(len(g.outputs), maxPorts)
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

func (d *decoder) initializer(g *graph, msg []byte) error {
	t, name, err := d.tensor(msg)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	if name == "" || g.tensors[name] != nil {
		return fmt.Errorf("%w: two tensors named %q, or one without a name", tribune.ErrInvalid, name)
	}
	g.tensors[name] = t
	return within(len(g.tensors), maxTensors)
}

func (d *decoder) node(g *graph, msg []byte) error {
	n := node{attrs: map[string]*attribute{}}
	err := fields(msg, func(x field) (err error) {
		var s string
		switch x.num {
		case 1:
			if s, err = x.text(); err == nil {
				n.in = append(n.in, s)
				err = within(len(n.in), maxPorts)
			}
		case 2:
			if s, err = x.text(); err == nil {
				n.out = append(n.out, s)
				err = within(len(n.out), maxPorts)
			}
		case 3:
			n.name, err = x.text()
		case 4:
			n.op, err = x.text()
		case 5:
			err = d.attribute(&n, x)
		case 7:
			n.domain, err = x.text()
		}
		return err
	})
	if n.domain == "ai.onnx" {
		n.domain = ""
	}
	g.nodes = append(g.nodes, n)
	if err == nil {
		err = within(len(g.nodes), maxNodes)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", n, err)
	}
	return nil
}

// String is how errors name a node.
func (n node) String() string {
	op := n.op
	if n.domain != "" {
		op = n.domain + "." + op
	}
	switch {
	case n.name != "":
		return fmt.Sprintf("operator %s (node %q)", op, n.name)
	case len(n.out) > 0:
		return fmt.Sprintf("operator %s (which makes %q)", op, n.out[0])
	}
	return "operator " + op
}

func (d *decoder) attribute(n *node, x field) error {
	msg, err := x.message()
	if err != nil {
		return err
	}
	a, name := &attribute{}, ""
	err = fields(msg, func(x field) (err error) {
		var s string
		switch x.num {
		case 1:
			name, err = x.text()
		case 2:
			a.f, err = x.float()
		case 3:
			a.i, err = x.integer()
		case 4:
			a.s, err = x.text()
		case 5:
			var b []byte
			if b, err = x.message(); err == nil {
				a.t, _, err = d.tensor(b)
			}
		case 7:
			before := len(a.floats)
			a.floats, err = x.appendFloats(a.floats, maxNumbers)
			if err == nil {
				err = d.count(len(a.floats) - before)
			}
		case 8:
			a.ints, err = x.appendIntegers(a.ints, maxIntegers)
		case 9:
			if s, err = x.text(); err == nil {
				a.texts = append(a.texts, s)
				err = within(len(a.texts), maxIntegers)
			}
		case 13:
		case 20:
			a.kind, err = x.integer()
		default:
			a.odd = true
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("attribute %q: %w", name, err)
	}
	if name == "" || n.attrs[name] != nil {
		return fmt.Errorf("%w: two attributes named %q, or one without a name", tribune.ErrInvalid, name)
	}
	n.attrs[name] = a
	return within(len(n.attrs), maxAttributes)
}

// count refuses a file whose tensors have too many numbers together.
func (d *decoder) count(n int) error {
	if d.numbers += n; d.numbers > maxNumbers {
		return fmt.Errorf("%w: more than %d numbers in all tensors", tribune.ErrTooLarge, maxNumbers)
	}
	return nil
}
