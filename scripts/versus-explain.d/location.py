"""Trains the network of Location-30 from the same first weights, in the same order, by PyTorch: python location.py DIR"""
import numpy as np
import torch

import common

BATCH, RATE = 32, 0.01
x, y = torch.from_numpy(common.load("location-records")), torch.from_numpy(common.load("location-labels")).long()
order = torch.from_numpy(common.load("location-order")).long()
first, last = common.load("location-first"), common.load("location-last")
sizes = [x.shape[1], 1024, 512, 256, 30]


def train(rows):
    net = common.network(sizes, torch.nn.Tanh, first)
    common.fit(net, lambda n: common.optimizer(torch.optim.Adagrad, n, lr=RATE, eps=1e-7), x, y, rows, len(x), BATCH)
    return common.flat(net)


def right(weights):
    with torch.no_grad():
        return float((common.network(sizes, torch.nn.Tanh, weights).eval()(x).argmax(1) == y).float().mean())


train(order[:len(x)])
took, made = common.seconds(lambda: train(order))
ours, theirs = right(made), right(last)
common.row("location", "train", "PyTorch " + torch.__version__, f"{common.CORES} threads", took, len(order), {"accuracy": ours, "tribune's": theirs, "bound": 0.01}, abs(ours - theirs) < 0.01)
