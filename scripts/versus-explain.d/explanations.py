"""Explains the same network's answers to the same records, by captum, lime and shap: python explanations.py DIR"""
import captum
import lime
import lime.lime_tabular
import numpy as np
import shap
import torch
from captum.attr import LRP, GuidedBackprop, InputXGradient, IntegratedGradients, NoiseTunnel, Saliency
from captum.attr._utils.lrp_rules import EpsilonRule
from shap.utils._legacy import DenseData

import common

everything = common.load("records")
weights, player = common.load("last")[0], common.load("players")
net = common.adult(weights)
features = int(player.max()) + 1


def predicted(x):
    with torch.no_grad():
        return net(x).argmax(1)


def relevance():
    for layer in net:
        if isinstance(layer, torch.nn.Linear):
            layer.rule = EpsilonRule(epsilon=1e-4)
    return LRP(net)


def layered():
    """Name, what is compared with what bound, and the library's call for a batch."""
    smooth = NoiseTunnel(Saliency(net))
    return [
        ("gradient", lambda x, c: Saliency(net).attribute(x, target=c, abs=False)),
        ("gradient-input", lambda x, c: InputXGradient(net).attribute(x, target=c)),
        ("integrated-gradients", lambda x, c: IntegratedGradients(net).attribute(x, baselines=0, target=c, n_steps=20, method="gausslegendre")),
        ("guided-backprop", lambda x, c: GuidedBackprop(net).attribute(x, target=c)),
        ("lrp-epsilon", lambda x, c: relevance().attribute(x, target=c)),
        ("smoothgrad", lambda x, c: smooth.attribute(x, nt_type="smoothgrad", nt_samples=32, nt_samples_batch_size=32, stdevs=1.0, target=c, abs=False)),
    ]


def batches(explain, x, size):
    out = []
    for at in range(0, len(x), size):
        part = x[at:at + size].clone().requires_grad_()
        out.append(explain(part, predicted(part)).detach())
    return torch.cat(out).numpy()


def by_layers():
    x = torch.from_numpy(common.attacked(everything))
    for name, explain in layered():
        costs = {}
        for size in (256, 1024, 4096, 16384):  # which batch suits the library best; this also warms up
            if size <= 4096 or name not in ("integrated-gradients", "smoothgrad"):
                part = x[:max(size, 4096)]
                batches(explain, part[:size], size)
                costs[size] = common.seconds(lambda: batches(explain, part, size))[0] / len(part)
        best = min(costs, key=costs.get)
        took, ours = common.seconds(lambda: batches(explain, x, best))
        theirs = common.load("explained-" + name)
        ours = ours[:len(theirs)]
        if name == "smoothgrad":  # other noise: records' means of 32 copies differ as samples do, and the mean over records hardly
            apart, bound = float(np.abs(ours.mean(0) - theirs.mean(0)).max() / np.abs(theirs).mean()), 0.1
            agrees = {"largest difference of the mean over records, of the mean size": apart, "bound": bound}
        else:
            apart, bound = float(np.abs(ours - theirs).max()), 1e-4
            agrees = {"largest difference": apart, "bound": bound}
        common.row("explanations", name, "captum " + captum.__version__, f"{common.CORES} threads, batches of {best}", took, len(x), agrees, apart < bound)


def probabilities(x):
    with torch.no_grad():
        return torch.softmax(net(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))), 1).numpy()


tools = {}


def prepare():
    background = everything[:200].astype(np.float64)
    tools["lime"] = lime.lime_tabular.LimeTabularExplainer(background, mode="classification", discretize_continuous=True, feature_selection="none", random_state=1)
    groups = [np.flatnonzero(player == p) for p in range(features)]
    tools["shap"] = shap.KernelExplainer(probabilities, DenseData(everything[:4].astype(np.float64), [str(p) for p in range(features)], groups))


def by_lime(rows):
    out = []
    for x in rows:
        c = int(probabilities(x[None]).argmax())
        e = tools["lime"].explain_instance(x.astype(np.float64), probabilities, labels=[c], num_features=len(x), num_samples=1000)
        given = dict(e.local_exp[c])
        out.append([given[j] for j in range(len(x))])
    return np.array(out)


def by_shap(rows, samples=128):
    values = tools["shap"].shap_values(rows.astype(np.float64), nsamples=samples, l1_reg=False, silent=True)
    values = np.stack(values, -1) if isinstance(values, list) else values
    return np.stack([v[:, c] for v, c in zip(values, probabilities(rows).argmax(1))])


def by_shap_exact(rows):
    return by_shap(rows, 2 ** features)


def summed(columns):
    """Of each feature, from its columns."""
    out = np.zeros((len(columns), features))
    for p in range(features):
        out[:, p] = columns[:, player == p].sum(1)
    return out


def by_asking():
    prepare()
    for name, explain, by, compare in (
        ("lime", by_lime, "lime 0.2.0.1", lambda a, b: correlated(a, b, 0.8)),
        ("kernel-shap", by_shap, "shap " + shap.__version__, lambda a, b: correlated(a, summed(b), 0.8)),
        ("kernel-shap-exact", by_shap_exact, "shap " + shap.__version__, lambda a, b: close(a, summed(b), 1e-4)),
    ):
        theirs = common.load("explained-" + name)
        x = common.attacked(everything)[:len(theirs)]
        explain(x[:2])
        took, ours = common.seconds(lambda: explain(x))
        common.row("explanations", name, by, f"{common.CORES} threads", took, len(x), *compare(ours, theirs))
        with common.Processes() as processes:
            processes.map(explain, [x[:2]] * common.CORES)
            took, parts = processes.seconds(explain, np.array_split(x, common.CORES))
        common.row("explanations", name, by, f"{common.CORES} processes, 1 thread each", took, len(x), *compare(np.concatenate(parts), theirs))


def close(a, b, bound):
    apart = float(np.abs(a - b).max())
    return {"largest difference": apart, "bound": bound}, apart < bound


def correlated(a, b, bound):
    """Other samples: the same up to sampling."""
    r = float(np.corrcoef(a.reshape(-1), b.reshape(-1))[0, 1])
    return {"correlation": r, "bound": bound}, r > bound


by_layers()
by_asking()
