"""Trains the reference networks of Adult from the same first weights, on the same halves in the same order, by PyTorch: python references.py DIR"""
import numpy as np
import torch

import common

EPOCHS, BATCH, RATE = 20, 256, 0.001
records, labels = torch.from_numpy(common.load("records")), torch.from_numpy(common.load("labels")).long()
inside, first, last = common.load("in"), common.load("first"), common.load("last")
order = torch.from_numpy(common.load("order")).long()
per_epoch = inside.sum(axis=1).astype(int)
starts = np.concatenate([[0], np.cumsum(per_epoch * (len(order) // per_epoch.sum()))])


def train(m, epochs=None):
    net = common.adult(first[m])
    rows = order[starts[m]:starts[m + 1] if epochs is None else starts[m] + epochs * per_epoch[m]]
    common.fit(net, lambda n: common.optimizer(torch.optim.Adam, n, lr=RATE), records, labels, rows, int(per_epoch[m]), BATCH)
    return common.flat(net)


def warm(_):
    train(0, 1)


def answers(weights):
    with torch.no_grad():
        return torch.softmax(common.adult(weights)(records), 1)[:, 1].numpy()


references = range(1, len(first))
seen = int(starts[-1] - starts[1])
with common.Processes() as processes:
    processes.map(warm, range(common.CORES))
    took, spread = processes.seconds(train, references)
warm(0)
alone_took, alone = common.seconds(lambda: [train(m) for m in references])
for how, t, made in ((f"{common.CORES} processes, 1 thread each", took, spread), (f"{common.CORES} threads", alone_took, alone)):
    apart = float(np.mean([np.abs(answers(w) - answers(last[m])).mean() for m, w in zip(references, made)]))
    common.row("references", "train", "PyTorch " + torch.__version__, how, t, seen, {"mean difference of probabilities": apart, "bound": 0.02}, apart < 0.02)
