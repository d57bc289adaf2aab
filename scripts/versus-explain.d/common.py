"""What the stages of scripts/versus-explain share: arrays that tribune left, the same networks, and rows of results.

A row has the fields of `tribune bench explain --json`, and "by" (which library), "how" (threads and processes), "agrees" (what was held against
tribune's results) and "same" (whether that is within the bound that stands beside it). Of several ways of doing the same work the quickest counts.
"""
import json
import multiprocessing
import os
import resource
import sys
import time

import numpy as np
import torch

CORES = int(os.environ.get("CORES") or os.cpu_count())
DIR = sys.argv[1]
torch.set_num_threads(CORES)


def load(name):
    return np.load(os.path.join(DIR, name + ".npy"))


def network(sizes, activation, weights):
    """Dense layers of these sizes with weights that lie one after the other: outputs x inputs, then biases."""
    layers, at = [], 0
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        dense = torch.nn.Linear(a, b)
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(weights[at:at + a * b].reshape(b, a)))
            dense.bias.copy_(torch.from_numpy(weights[at + a * b:at + a * b + b]))
        at += a * b + b
        layers.append(dense)
        if i < len(sizes) - 2:
            layers.append(activation())
    assert at == len(weights)
    return torch.nn.Sequential(*layers)


def flat(net):
    return np.concatenate([p.detach().numpy().reshape(-1) for p in net.parameters()])


def attacked(records):
    """The records that are explained and attacked."""
    return records[load("rows")]


def adult(weights):
    return network([load("records").shape[1], 64, 32, 2], torch.nn.ReLU, weights).eval()


def optimizer(kind, net, **settings):
    """The quickest that this version of PyTorch has for CPUs."""
    for extra in ({"fused": True}, {"foreach": True}, {}):
        try:
            return kind(net.parameters(), **settings, **extra)
        except (RuntimeError, TypeError, ValueError):
            continue
    raise RuntimeError(f"no {kind}")


def fit(net, make, x, y, order, per_epoch, batch):
    """Trains in the order of rows that is given, as a plain loop; each epoch's rows are gathered at once."""
    net.train()
    opt = make(net)
    for at in range(0, len(order), per_epoch):
        rows = order[at:at + per_epoch]
        xe, ye = x[rows], y[rows]
        for a in range(0, per_epoch, batch):
            opt.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(net(xe[a:a + batch]), ye[a:a + batch]).backward()
            opt.step()
    net.eval()


def processor():
    """Seconds that this process, and those it has waited for, had of all processors."""
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


class Took(float):
    """Seconds by the clock; cpu is those of all processors."""
    cpu = 0.0


def seconds(work):
    used, began = processor(), time.perf_counter()
    out = work()
    took = Took(time.perf_counter() - began)
    took.cpu = processor() - used
    return took, out


def row(stage, name, by, how, took, records, agrees=None, same=None, **more):
    print(json.dumps({"stage": stage, "name": name, "by": by, "how": how, "seconds": took, "cpu_seconds": took.cpu, "records": records, "us_per_record": 1e6 * took / records,
                      "cores": CORES, **({"agrees": agrees, "same": bool(same)} if agrees else {}), **more}), flush=True)


def one_thread(start):
    torch.set_num_threads(1)
    if start:
        start()


class Processes:
    """As many processes as cores, with a thread each, warmed up: how work that Python itself does is spread."""

    def __init__(self, start=None):
        self.pool = multiprocessing.get_context("fork").Pool(CORES, initializer=one_thread, initargs=(start,))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.terminate()

    def map(self, do, pieces):
        """Gives the results, and what they took of the processors."""
        done = self.pool.starmap(measured, [(do, p) for p in pieces], chunksize=1)
        return sum(cpu for _, cpu in done), [out for out, _ in done]

    def seconds(self, do, pieces):
        took, (cpu, out) = seconds(lambda: self.map(do, pieces))
        took.cpu += cpu
        return took, out


def measured(do, piece):
    used = processor()
    out = do(piece)
    return out, processor() - used


def area(scores, member):
    from sklearn.metrics import roc_auc_score
    return float(roc_auc_score(member, scores))
