# Writes training.json: small networks trained by PyTorch on the whole batch, against which trainer_test.go checks ours.
# pip install torch==2.15.0; python3 training.py > training.json
import json

import torch
from torch import nn

torch.manual_seed(20261122)
numbers = lambda t: [float(repr(round(v, 9))) for v in t.detach().flatten().tolist()]


def learnt(net):
    return [numbers(p) for p in net.parameters()]


cases = []
for name, net, shape, classes, optimizer in [
    ("dense, SGD with momentum, decay and steps", nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)), (5,), 3,
     lambda p: torch.optim.SGD(p, lr=0.2, momentum=0.9, weight_decay=0.01)),
    ("dense, Adam with decay", nn.Sequential(nn.Linear(5, 8), nn.LeakyReLU(0.1), nn.Linear(8, 3)), (5,), 3,
     lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.02)),
    ("convolution with batch normalization, SGD", nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(4), nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)), (2, 5, 5), 3,
     lambda p: torch.optim.SGD(p, lr=0.5)),
]:
    x = torch.round(torch.randn(20, *shape) * 1000) / 1000
    y = torch.randint(0, classes, (20,))
    before = learnt(net)
    opt = optimizer(net.parameters())
    steps = torch.optim.lr_scheduler.StepLR(opt, step_size=4, gamma=0.5)
    losses = []
    for _ in range(10):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        steps.step()
        losses.append(loss.item())
    running = [numbers(b) for n, b in net.named_buffers() if n.endswith(("running_mean", "running_var"))]
    cases.append(dict(name=name, x=numbers(x), y=y.tolist(), before=before, after=learnt(net), running=running, losses=losses))
print(json.dumps(cases))
