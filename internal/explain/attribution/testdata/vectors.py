"""Makes vectors.json: what captum 0.7.0 (on torch 2.3.1), shap 0.46.0 and lime 0.2.0.1 say of small random networks.

python3 vectors.py > vectors.json; nothing of it is needed to build or test.
"""
import json

import lime.lime_base
import lime.lime_tabular
import numpy as np
import shap
import torch
from captum.attr import LRP, GuidedBackprop, InputXGradient, IntegratedGradients, NoiseTunnel, Saliency
from captum.attr._utils.lrp_rules import EpsilonRule

torch.manual_seed(7)
torch.set_num_threads(1)
rng = np.random.default_rng(7)
EPSILON = 1e-4


def flat(a, digits=7):
    a = np.asarray(a.detach() if torch.is_tensor(a) else a, dtype=np.float64)
    return [float(f"{v:.{digits}g}") for v in a.reshape(-1)]


def network(sizes, activation):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        dense = torch.nn.Linear(a, b)
        torch.nn.init.normal_(dense.weight, std=1.2 / a**0.5)
        torch.nn.init.normal_(dense.bias, std=0.3)
        layers.append(dense)
        if i < len(sizes) - 2:
            layers.append(torch.nn.ReLU() if activation == "relu" else torch.nn.Tanh())
    return torch.nn.Sequential(*layers).eval()


def described(net, sizes, activation):
    dense = [l for l in net if isinstance(l, torch.nn.Linear)]
    return {"sizes": sizes, "activation": activation, "w": [flat(l.weight, 9) for l in dense], "b": [flat(l.bias, 9) for l in dense]}


def gradients(activation):
    sizes = [8, 12, 10, 3]
    net = network(sizes, activation)
    x = torch.randn(5, 8)
    baseline = torch.randn(1, 8)
    target = net(x).argmax(1)
    probability = lambda z: torch.softmax(net(z), 1)
    out = {"net": described(net, sizes, activation), "x": flat(x, 9), "baseline": flat(baseline, 9), "class": target.tolist(), "logits": flat(net(x))}
    out["gradient"] = flat(Saliency(net).attribute(x.clone(), target=target, abs=False))
    out["gradient of the probability"] = flat(Saliency(probability).attribute(x.clone(), target=target, abs=False))
    out["gradient-input"] = flat(InputXGradient(net).attribute(x.clone(), target=target))
    for name, f in (("integrated-gradients", net), ("integrated-gradients of the probability", probability)):
        out[name] = flat(IntegratedGradients(f).attribute(x.clone(), baselines=baseline, target=target, n_steps=50, method="gausslegendre"))
    if activation == "relu":
        out["guided-backprop"] = flat(GuidedBackprop(net).attribute(x.clone(), target=target))
    torch.manual_seed(1)
    smooth = NoiseTunnel(Saliency(net)).attribute(x.clone(), target=target, abs=False, nt_type="smoothgrad", nt_samples=200000, nt_samples_batch_size=10000, stdevs=0.3)
    out["smoothgrad"] = flat(smooth, 5)
    for l in net:
        if isinstance(l, torch.nn.Linear):
            l.rule = EpsilonRule(EPSILON)
    out["lrp-epsilon"] = flat(LRP(net).attribute(x.clone(), target=target))
    return out


def black_box(players, background_rows):
    sizes = [players, 10, 3]
    net = network(sizes, "tanh")
    x = rng.normal(size=(2, players)).astype(np.float32)
    background = rng.normal(size=(background_rows, players)).astype(np.float32)
    ask = lambda z: torch.softmax(net(torch.tensor(np.asarray(z, dtype=np.float32))), 1).detach().numpy().astype(np.float64)
    target = ask(x).argmax(1)
    values = shap.KernelExplainer(ask, background).shap_values(x, nsamples=2**players, l1_reg=False, silent=True)
    values = np.stack([np.asarray(values)[i, :, c] for i, c in enumerate(target)])
    return {"net": described(net, sizes, "tanh"), "x": flat(x, 9), "background": flat(background, 9), "class": target.tolist(), "shapley": flat(values)}


def regressions():
    """The regression alone: both sides get the same samples."""
    n, d = 60, 5
    out = []
    for continuous in (False, True):
        data = rng.normal(size=(n, d)) if continuous else (rng.random((n, d)) < 0.6).astype(float)
        data[0] = rng.normal(size=d) if continuous else 1
        answers = rng.random((n, 2))
        distance = np.sqrt(((data - data[0]) ** 2).sum(1))
        width = 0.75 * d**0.5
        base = lime.lime_base.LimeBase(lambda t: np.sqrt(np.exp(-(t**2) / width**2)))
        for features in (d, 3):
            _, coefficients, _, _ = base.explain_instance_with_data(data, answers, distance, 1, features, feature_selection="highest_weights")
            dense = np.zeros(d)
            for j, v in coefficients:
                dense[j] = v
            out.append({"continuous": continuous, "samples": flat(data, 9), "answers": flat(answers, 9), "features": features, "coefficients": flat(dense)})
    return out


def tables():
    """Whole explanations. Each input takes at most one value in a quartile, so that only the random samples differ."""
    d = 6
    sizes = [d, 8, 3]
    net = network(sizes, "tanh")
    ask = lambda z: torch.softmax(net(torch.tensor(np.asarray(z, dtype=np.float32))), 1).detach().numpy().astype(np.float64)
    background = np.stack([(rng.random(400) < 0.3) * 1.0 if j % 2 else rng.permutation(np.repeat(np.arange(4.0), 100)) for j in range(d)], 1)
    x = background[:3].copy()
    target = ask(x).argmax(1)
    out = {"net": described(net, sizes, "tanh"), "background": flat(background, 4), "x": flat(x, 4), "class": target.tolist()}
    for name, quartiles in (("quartiles", True), ("continuous", False)):
        explainer = lime.lime_tabular.LimeTabularExplainer(background, discretize_continuous=quartiles, random_state=3)
        rows = []
        for i, c in enumerate(target):
            told = explainer.explain_instance(x[i], ask, labels=(int(c),), num_features=d, num_samples=200000).as_map()[int(c)]
            dense = np.zeros(d)
            for j, v in told:
                dense[j] = v
            rows.append(dense)
        out[name] = flat(np.stack(rows), 5)
    return out


print(json.dumps({"epsilon": EPSILON, "relu": gradients("relu"), "tanh": gradients("tanh"), "shap": [black_box(6, 4), black_box(13, 2)], "regressions": regressions(), "tables": tables()}, indent=None, separators=(",", ":")))
