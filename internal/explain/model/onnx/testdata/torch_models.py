"""Makes the ONNX files that PyTorch's exporters write, and what onnxruntime or PyTorch answers to them.

    pip install torch==2.15.0 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.32.0 numpy   (both exporters)
    pip install torch==2.2.2 "numpy<2"                                                   (the exporter most files in the world come from)
    python torch_models.py DIR
"""
import inspect
import json
import pathlib
import sys

import torch
from torch import nn

OUT = pathlib.Path(sys.argv[1])
VERSION = "".join(torch.__version__.split("+")[0].split(".")[:2])


class Residual(nn.Module):
    """A skip connection, global pooling and a reshape by hand."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.norm(self.enter(x)))
        x = torch.relu(x + self.inner(x))
        x = self.pool(x)
        return self.out(x.view(x.size(0), -1))


class Scaled(nn.Module):
    """Standardizes its input, as a model that carries its own scaling; ends with probabilities."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.5, -1.0, 2.0, 0.0]))
        self.register_buffer("scale", torch.tensor([2.0, 0.25, 1.0, 4.0]))
        self.hidden = nn.Linear(4, 8)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        x = (x - self.mean) / self.scale
        return torch.softmax(self.out(torch.sigmoid(self.hidden(x))), dim=1)


def models():
    yield "mlp", nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)), (6,)
    yield "mlp_norm", nn.Sequential(
        nn.Linear(5, 12), nn.BatchNorm1d(12), nn.LeakyReLU(0.2), nn.Dropout(0.5), nn.Linear(12, 4), nn.Softmax(dim=1)
    ), (5,)
    yield "mlp_sigmoid", nn.Sequential(nn.Linear(7, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid()), (7,)
    yield "scaled", Scaled(), (4,)
    yield "cnn", nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, stride=2, padding=(1, 0), dilation=1), nn.ReLU(), nn.AvgPool2d(2, padding=1),
        nn.Flatten(), nn.Linear(36, 5),
    ), (1, 14, 12)
    yield "residual", Residual(), (2, 6, 6)


def randomize(model):
    """Batch normalization must have something to do."""
    for m in model.modules():
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.uniform_(m.bias, -0.5, 0.5)
            nn.init.uniform_(m.running_mean, -0.5, 0.5)
            nn.init.uniform_(m.running_var, 0.5, 2)


def export(model, x, path, **how):
    torch.onnx.export(model, (x,), str(path), input_names=["input"], output_names=["output"], **how)


def main():
    choices = "dynamo" in inspect.signature(torch.onnx.export).parameters
    for name, model, shape in models():
        torch.manual_seed(hash_of(name))
        for m in model.modules():
            if hasattr(m, "reset_parameters"):
                m.reset_parameters()
        randomize(model)
        model.eval()
        x = torch.randn(5, *shape)
        with torch.no_grad():
            answer = model(x)
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        path = OUT / f"torch{VERSION}_{name}.onnx"
        if choices:
            batch = torch.export.Dim("batch", min=1, max=1024)
            export(model, x, path, dynamo=True, external_data=False, dynamic_shapes=({0: batch},))
            expect(path, x, answer)
            path = OUT / f"torch{VERSION}ts_{name}.onnx"
            export(model, x, path, dynamo=False, dynamic_axes=axes)
        else:
            export(model, x, path, dynamic_axes=axes)
        expect(path, x, answer)


def hash_of(name):
    return sum(name.encode())


def expect(path, x, answer):
    """What onnxruntime answers, where it is installed; it must be what PyTorch answered."""
    runs = "torch " + torch.__version__
    try:
        import onnxruntime
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        told = torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])
        assert torch.allclose(told, answer, atol=1e-5), path
        answer, runs = told, "onnxruntime " + onnxruntime.__version__
    except ImportError:
        pass
    rows = x.flatten(1).tolist()
    path.with_suffix(".json").write_text(json.dumps({"by": runs, "input": rows, "output": answer.flatten(1).tolist()}))
    print(path.name, path.stat().st_size)


main()
