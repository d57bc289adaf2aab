package onnx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"tribune"
	"tribune/internal/explain/model/onnx"
	"tribune/internal/worker"
)

// TestMain is the test binary as a worker, when Run has started it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == worker.Command {
		if err := worker.Serve(worker.Jobs{onnx.Name: onnx.Job}, os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Messages are written here by hand: no exporter writes what an attacker does.
func bytesField(num protowire.Number, parts ...[]byte) []byte {
	b := protowire.AppendTag(nil, num, protowire.BytesType)
	return protowire.AppendBytes(b, bytes.Join(parts, nil))
}

func textField(num protowire.Number, s string) []byte { return bytesField(num, []byte(s)) }

func intField(num protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), uint64(v))
}

func floatTensor(name string, dims []int64, values ...float32) []byte {
	var raw, b []byte
	for _, d := range dims {
		b = append(b, intField(1, d)...)
	}
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return bytes.Join([][]byte{b, intField(2, 1), textField(8, name), bytesField(9, raw)}, nil)
}

func intTensor(name string, values ...int64) []byte {
	var packed []byte
	for _, v := range values {
		packed = protowire.AppendVarint(packed, uint64(v))
	}
	return bytes.Join([][]byte{intField(1, int64(len(values))), intField(2, 7), textField(8, name), bytesField(7, packed)}, nil)
}

func operator(op, in, out string, attributes ...[]byte) []byte {
	var b []byte
	for _, name := range strings.Fields(in) {
		b = append(b, textField(1, name)...)
	}
	b = append(b, textField(2, out)...)
	b = append(b, textField(4, op)...)
	for _, a := range attributes {
		b = append(b, bytesField(5, a)...)
	}
	return b
}

func intAttribute(name string, v int64) []byte {
	return bytes.Join([][]byte{textField(1, name), intField(3, v), intField(20, 2)}, nil)
}

func tensorPort(name string, dims ...int64) []byte {
	var shape []byte
	for _, d := range dims {
		shape = append(shape, bytesField(1, intField(1, d))...)
	}
	return bytes.Join([][]byte{textField(1, name), bytesField(2, bytesField(1, intField(1, 1), bytesField(2, shape)))}, nil)
}

// parts of a small model: records of 2 numbers, a dense layer, relu, softmax.
type parts struct {
	nodes, tensors, inputs, outputs [][]byte
	opset                           int64
	more                            []byte
}

func small() parts {
	return parts{
		nodes:   [][]byte{operator("MatMul", "x w", "a"), operator("Relu", "a", "b"), operator("Softmax", "b", "y")},
		tensors: [][]byte{floatTensor("w", []int64{2, 2}, 1, 2, 3, 4)},
		inputs:  [][]byte{tensorPort("x", 0, 2)},
		outputs: [][]byte{tensorPort("y", 0, 2)},
		opset:   17,
	}
}

func (p parts) file() []byte {
	var g []byte
	for num, list := range map[protowire.Number][][]byte{1: p.nodes, 5: p.tensors, 11: p.inputs, 12: p.outputs} {
		for _, m := range list {
			g = append(g, bytesField(num, m)...)
		}
	}
	return bytes.Join([][]byte{intField(1, 8), bytesField(7, g), bytesField(8, intField(2, p.opset)), p.more}, nil)
}

func TestHostileFilesAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := onnx.Read(small().file()); err != nil {
		t.Fatalf("as it should be: %v", err)
	}
	nan := float32(math.NaN())
	for _, c := range []struct {
		name   string
		change func(*parts)
		want   string
	}{
		{"an unknown operator", func(p *parts) { p.nodes[1] = operator("Erf", "a", "b") }, `operator Erf (which makes "b")`},
		{"an operator of a stranger", func(p *parts) { p.nodes[1] = append(operator("Relu", "a", "b"), textField(7, "com.example")...) }, "operator com.example.Relu"},
		{"a cycle", func(p *parts) { p.nodes[0] = operator("Add", "b w", "a") }, "a cycle"},
		{"an order in which none can be read", func(p *parts) { p.nodes[0], p.nodes[1] = p.nodes[1], p.nodes[0] }, "a cycle"},
		{"one name made twice", func(p *parts) { p.nodes = append(p.nodes, operator("Relu", "a", "b")) }, "made twice"},
		{"the input made again", func(p *parts) { p.nodes = append(p.nodes, operator("Relu", "a", "x")) }, "made twice"},
		{"an output that nothing makes", func(p *parts) { p.outputs[0] = tensorPort("z", 0, 2) }, "no node makes it"},
		{"two outputs", func(p *parts) { p.outputs = append(p.outputs, tensorPort("a", 0, 2)) }, "2 outputs"},
		{"two inputs", func(p *parts) { p.inputs = append(p.inputs, tensorPort("v", 0, 2)) }, "2 inputs"},
		{"an input of no fixed width", func(p *parts) { p.inputs[0] = tensorPort("x", 0, 0) }, "not fixed"},
		{"an input beyond measure", func(p *parts) { p.inputs[0] = tensorPort("x", 0, 1<<24, 1<<24, 1<<24) }, "too large"},
		{"numbers elsewhere", func(p *parts) { p.tensors[0] = append(floatTensor("w", []int64{2, 2}), intField(14, 1)...) }, "another file"},
		{"numbers elsewhere, by place", func(p *parts) {
			p.tensors[0] = append(p.tensors[0], bytesField(13, textField(1, "location"), textField(2, "/etc/passwd"))...)
		}, "another file"},
		{"fewer numbers than said", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{2, 3}, 1, 2, 3, 4) }, "4 numbers for dimensions [2 3]"},
		{"dimensions that overflow", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{1 << 32, 1 << 32}, 1) }, "too large"},
		{"a negative dimension", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{-2, -2}, 1, 2, 3, 4) }, "too large"},
		{"dimensions that meet in zero", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{0, 1 << 40}) }, "too large"},
		{"no number", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{2, 2}, 1, nan, 3, 4) }, "number 1 is NaN"},
		{"whole numbers as weights", func(p *parts) { p.tensors[0] = intTensor("w", 1, 2) }, "not constant numbers"},
		{"half precision", func(p *parts) { p.tensors[0] = append(floatTensor("w", []int64{2, 2}, 1, 2, 3, 4), intField(2, 10)...) }, "type 10"},
		{"weights of another width", func(p *parts) { p.tensors[0] = floatTensor("w", []int64{3, 2}, 1, 2, 3, 4, 5, 6) }, "[3 2] for 2 features"},
		{"two tensors of one name", func(p *parts) { p.tensors = append(p.tensors, p.tensors[0]) }, "two tensors"},
		{"an attribute that is not understood", func(p *parts) { p.nodes[1] = operator("Relu", "a", "b", intAttribute("magic", 1)) }, `attribute "magic"`},
		{"one attribute twice", func(p *parts) {
			p.nodes[2] = operator("Softmax", "b", "y", intAttribute("axis", 1), intAttribute("axis", 0))
		}, "two attributes"},
		{"an attribute of another type", func(p *parts) { p.nodes[2] = operator("Softmax", "b", "y", textField(1, "axis"), intField(20, 1)) }, "attribute"},
		{"a softmax over the records", func(p *parts) { p.nodes[2] = operator("Softmax", "b", "y", intAttribute("axis", 0)) }, "axis 0"},
		{"a softmax before the end", func(p *parts) { p.nodes[1], p.nodes[2] = operator("Softmax", "a", "b"), operator("Relu", "b", "y") }, "softmax before the end"},
		{"a sigmoid of each class", func(p *parts) { p.nodes[2] = operator("Sigmoid", "b", "y") }, "no probabilities of classes"},
		{"one number that is no probability", func(p *parts) {
			p.nodes = [][]byte{operator("MatMul", "x v", "y")}
			p.tensors[0] = floatTensor("v", []int64{2, 1}, 1, 2)
		}, "no probability"},
		{"records mixed by a reshape", func(p *parts) {
			p.nodes[1] = operator("Reshape", "a s", "b")
			p.tensors = append(p.tensors, intTensor("s", 4, -1))
		}, "to shape 4 -1"},
		{"a division by zero", func(p *parts) {
			p.nodes[1] = operator("Div", "a z", "b")
			p.tensors = append(p.tensors, floatTensor("z", []int64{2}, 1, 0))
		}, "division by 0"},
		{"operators of long ago", func(p *parts) { p.opset = 6 }, "version 6"},
		{"two graphs", func(p *parts) { p.more = bytesField(7) }, "two of graph"},
		{"another version of the operators beside", func(p *parts) { p.more = bytesField(8, intField(2, 9)) }, "versions"},
		{"more layers than any network", func(p *parts) {
			for range 5000 {
				p.nodes = append(p.nodes, operator("Relu", "a", "b"))
			}
		}, "more than 4096"},
		{"a name of a megabyte", func(p *parts) { p.nodes[1] = operator("Relu", "a", strings.Repeat("b", 1<<20)) }, "a name of"},
	} {
		p := small()
		c.change(&p)
		_, err := onnx.Read(p.file())
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1000 {
			t.Errorf("%s: got %.1000v, want %q", c.name, err, c.want)
		}
		if !errors.Is(err, tribune.ErrInvalid) && !errors.Is(err, tribune.ErrTooLarge) && !errors.Is(err, tribune.ErrUnsupported) {
			t.Errorf("%s: an error of no kind: %v", c.name, err)
		}
	}
}

func TestFilesAreReadInAWorker(t *testing.T) {
	t.Parallel()
	data, want := exported(t, "sklearn_logistic2_zipmap")
	m, err := onnx.Open(t.Context(), worker.Worker{}, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Network.Predict(t.Context(), want.records())
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Row(0)[1]; math.Abs(float64(got-want.Output[0][1])) > 1e-6 || strings.Join(m.Labels, " ") != "no yes" {
		t.Errorf("p %v, want %v; labels %q", got, want.Output[0][1], m.Labels)
	}
	evil := small()
	evil.nodes[1] = operator("Ev\x1b[2Jil", "a", "b")
	_, err = onnx.Open(t.Context(), worker.Worker{}, bytes.NewReader(evil.file()))
	if !errors.Is(err, tribune.ErrUnsupported) || !strings.Contains(err.Error(), "operator Ev?[2Jil") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"sklearn_logistic2_zipmap", "torch22_mlp"} {
		data, _ := exported(f, name)
		var answer bytes.Buffer
		if err := onnx.Job(bytes.NewReader(data), &answer); err != nil {
			f.Fatal(err)
		}
		f.Add(answer.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := onnx.Decode(data); err == nil && m.Labels != nil && len(m.Labels) != m.Network.Classes() {
			t.Errorf("%d labels for %d classes", len(m.Labels), m.Network.Classes())
		}
	})
}

// What a worker says must not make its parent hold more than a network: labels without letters are short on the wire and long in memory.
func TestHeaderThatSwellsIsRefusedUnread(t *testing.T) {
	text := append([]byte(`{"labels":["`), bytes.Repeat([]byte(`","`), 20<<20)...)
	in := append(binary.LittleEndian.AppendUint32([]byte("tribune onnx 1\n"), uint32(len(text))), text...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := onnx.Decode(in)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, tribune.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("refusing it took %d MB", took>>20)
	}
}
