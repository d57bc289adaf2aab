"""Makes small ONNX files of operators in forms that the exporters in this folder do not write but others do, and what onnxruntime answers to them.

    pip install onnx==1.23.2 onnxruntime==1.32.0 numpy
    python operators.py DIR
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(5)


def f32(*shape):
    return rng.normal(size=shape).astype(np.float32)


def node(op, ins, out, **attrs):
    return helper.make_node(op, ins.split(), [out], **attrs)


def cases():
    head = [node("Flatten", "last", "flat"), node("Gemm", "flat hw hb", "out", transB=1)]
    for auto in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
        size = {"VALID": 2 * 2 * 3}.get(auto, 2 * 3 * 4)
        yield f"auto_{auto.lower()}", 17, (1, 6, 7), [
            node("Conv", "x w", "last", auto_pad=auto, strides=[2, 2], kernel_shape=[3, 2]), *head,
        ], dict(w=f32(2, 1, 3, 2), hw=f32(3, size), hb=f32(3))
    yield "ceil", 17, (2, 6, 7), [
        node("MaxPool", "x", "m", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, pads=[1, 0, 0, 1]),
        node("AveragePool", "m", "last", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, pads=[0, 1, 1, 0]), *head,
    ], dict(hw=f32(3, 2 * 2 * 3), hb=f32(3))
    yield "average_with_padding", 17, (2, 5, 5), [
        node("AveragePool", "x", "last", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1), *head,
    ], dict(hw=f32(2, 2 * 3 * 3), hb=f32(2))
    yield "dilated", 17, (2, 7, 7), [
        node("Conv", "x w", "c", dilations=[2, 3], pads=[0, 1, 2, 3]), node("LeakyRelu", "c", "last"), *head,
    ], dict(w=f32(3, 2, 2, 2), hw=f32(2, 3 * 7 * 8), hb=f32(2))
    yield "global_max", 17, (3, 4, 4), [
        node("GlobalMaxPool", "x", "g"), node("Squeeze", "g axes", "s"), node("MatMul", "s w", "m"), node("Add", "b m", "out"),
    ], dict(axes=np.array([2, -1]), w=f32(3, 4), b=f32(1, 4))
    yield "mean_old", 13, (3, 4, 4), [
        node("ReduceMean", "x", "g", axes=[-1, -2], keepdims=0), node("Gemm", "g w", "out"),
    ], dict(w=f32(3, 2))
    yield "gemm_scaled", 9, (4,), [node("Gemm", "x w b", "out", alpha=0.5, beta=-2.0)], dict(w=f32(4, 3), b=f32(1, 3))
    yield "arithmetic", 17, (3,), [
        node("Mul", "two x", "a"), node("Sub", "c a", "b"), node("Div", "b c", "d"), node("Add", "d x", "e"), node("Sub", "e b", "g"),
        node("Sum", "g x d", "h"), node("Tanh", "h", "t"), node("Gemm", "t w", "out"),
    ], dict(two=np.array(2.0, dtype=np.float32), c=f32(3), w=f32(3, 2))
    yield "channels_scaled", 17, (2, 3, 3), [
        node("Mul", "x s", "a"), node("Add", "a s", "b"), node("BatchNormalization", "b g be me va", "last", epsilon=0.01), *head,
    ], dict(s=f32(2, 1, 1), g=f32(2), be=f32(2), me=f32(2), va=np.abs(f32(2)), hw=f32(2, 18), hb=f32(2))
    yield "reshape_copies", 17, (2, 3, 4), [
        node("Reshape", "x s1", "a"), node("Reshape", "a s2", "b"), node("Dropout", "b", "d"), node("Gemm", "d w", "l"), node("LogSoftmax", "l", "out", axis=-1),
    ], dict(s1=np.array([0, 4, 6, 1]), s2=np.array([-1, 24]), w=f32(24, 3))
    yield "shared", 17, (3,), [
        node("MatMul", "x w", "m"), node("Identity", "m", "i"), node("Add", "i b", "p"), node("Add", "i c", "q"), node("Add", "p q", "r"),
        node("Relu", "r", "s"), node("Gemm", "s v", "out"),
    ], dict(w=f32(3, 4), b=f32(4), c=f32(4), v=f32(4, 2))
    yield "double", 17, (4,), [node("Gemm", "x w b", "g"), node("Sigmoid", "g", "out")], dict(w=rng.normal(size=(4, 1)), b=rng.normal(size=1))


def main():
    for name, opset, shape, nodes, tensors in cases():
        double = any(t.dtype == np.float64 for t in tensors.values())
        kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
        graph = helper.make_graph(
            nodes, name,
            [helper.make_tensor_value_info("x", kind, ["n", *shape])],
            [helper.make_tensor_value_info("out", kind, ["n", "classes"])],
            [numpy_helper.from_array(t, k) for k, t in tensors.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, producer_name="onnx.helper")
        onnx.checker.check_model(model)
        path = OUT / f"op_{name}.onnx"
        path.write_bytes(model.SerializeToString())
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        x = f32(4, *shape)
        told = session.run(None, {"x": x.astype(np.float64) if double else x})[0]
        by = "onnxruntime " + onnxruntime.__version__
        path.with_suffix(".json").write_text(json.dumps({"by": by, "input": x.reshape(4, -1).tolist(), "output": told.tolist()}))
        print(path.name, path.stat().st_size, told.shape)


main()
