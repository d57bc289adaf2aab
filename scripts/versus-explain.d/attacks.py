"""Plays the same attacks on the same answers, by PyTorch, TensorFlow Privacy, NumPy and ART: python attacks.py DIR"""
import importlib.metadata
import importlib.util
import sys
import types

import art
import numpy as np
import torch
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification import PyTorchClassifier

import common

records, rows, labels, last = common.load("records"), common.load("rows"), common.load("labels"), common.load("last")
sheet, inside = common.load("sheet"), common.load("in").astype(bool)
x, y, inside = torch.from_numpy(records[rows]), labels[rows], inside[:, rows]
member = inside[0]
NETWORK_ROWS = 5000


def answer():
    out = np.empty((len(last), len(rows), 2), dtype=np.float32)
    stat = np.empty(sheet.shape)
    for m, weights in enumerate(last):
        with torch.no_grad():
            p = torch.softmax(common.adult(weights)(x), 1).numpy()
        out[m] = p
        right = np.clip(p[np.arange(len(y)), y].astype(np.float64), 1e-7, 1 - 1e-7)
        stat[m] = np.log(right) - np.log1p(-right)
    return out, stat


def advanced():
    """TensorFlow Privacy's module by itself: it needs NumPy and SciPy only, its package all of TensorFlow."""
    parts = "tensorflow_privacy.privacy.privacy_tests.utils".split(".")
    for depth in range(1, len(parts) + 1):
        sys.modules[".".join(parts[:depth])] = types.ModuleType(parts[depth - 1])
    sys.modules[".".join(parts)].log_loss = None  # which the likelihood ratio does not use
    where = next(path for path in importlib.metadata.files("tensorflow-empirical-privacy") if path.name == "advanced_mia.py").locate()
    spec = importlib.util.spec_from_file_location("advanced_mia", where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lira(library):
    stat = sheet[:, :, None]
    seen = [stat[1:][inside[1:, i], i] for i in range(len(rows))]
    unseen = [stat[1:][~inside[1:, i], i] for i in range(len(rows))]
    return -np.array(library.compute_score_lira([stat[0, i] for i in range(len(rows))], seen, unseen, option="both", fix_variance=True, median_or_mean="mean")).reshape(-1)


def lira_numpy():
    """The same at once for all records: what a careful person writes by hand."""
    know = inside[1:]
    ref = sheet[1:]
    out = np.zeros(len(rows))
    for side, sign in ((know, 1), (~know, -1)):
        count = np.maximum(side.sum(0), 1)
        mean = np.where(side, ref, 0).sum(0) / count
        var = (np.where(side, ref - mean, 0) ** 2).sum() / (side.sum() - (side.sum(0) > 0).sum())
        out += sign * (-0.5 * (sheet[0] - mean) ** 2 / var - 0.5 * np.log(var))
    return out


def rmia_numpy():
    ratio = sheet[0] - sheet[1:].mean(0)
    return np.searchsorted(np.sort(ratio), ratio) / len(ratio)


class Attacker(PyTorchClassifier):
    """As many epochs and as large batches as tribune's."""

    def fit(self, x, y, **_):
        return super().fit(x, y, batch_size=256, nb_epochs=10)


def art_network(p):
    take = slice(None, None, max(1, len(rows) // NETWORK_ROWS))
    known, said = p[1:, take].reshape(-1, 2), inside[1:, take].reshape(-1)
    width = 2
    net = torch.nn.Sequential(torch.nn.Linear(width, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))
    model = Attacker(net, torch.nn.CrossEntropyLoss(), input_shape=(width,), nb_classes=2, optimizer=common.optimizer(torch.optim.Adam, net, lr=0.002, weight_decay=1e-4), device_type="cpu")
    target = PyTorchClassifier(common.adult(last[0]), torch.nn.CrossEntropyLoss(), input_shape=(records.shape[1],), nb_classes=2, device_type="cpu")
    attack = MembershipInferenceBlackBox(target, attack_model=model, scaler_type="standard")
    attack.fit(pred=known[said], test_pred=known[~said])
    return np.asarray(attack.infer(None, None, pred=p[0], probabilities=True)).reshape(len(rows), -1)[:, -1]


def attacked(name, by, how, work, theirs, bound):
    took, found = common.seconds(lambda: (lambda s: (s, common.area(s, member)))(work()))
    other = common.area(common.load("scores-" + theirs), member)
    common.row("attacks", name, by, how, took, len(rows), {"area": found[1], "tribune's": other, "bound": bound}, abs(found[1] - other) < bound, found={"area": found[1]})


threads = f"{common.CORES} threads"
answer()
took, (p, stat) = common.seconds(answer)
apart = float(np.abs(p - common.load("answers")).max())
common.row("attacks", "answers", "PyTorch " + torch.__version__, threads, took, len(last) * len(rows), {"largest difference": apart, "bound": 1e-4}, apart < 1e-4)
common.area(np.arange(len(member)), member)  # loads scikit-learn
attacked("lira", "TensorFlow Privacy (empirical 0.1.0)", "1 thread, a loop over records", lambda library=advanced(): lira(library), "lira", 0.01)
attacked("lira", "NumPy, by hand", threads, lira_numpy, "lira", 0.01)
attacked("rmia", "NumPy, by hand", threads, rmia_numpy, "rmia", 0.001)
attacked("network", "ART " + art.__version__, threads, lambda: art_network(p), "network", 0.03)
