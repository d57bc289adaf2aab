"""Makes vectors.json: what scikit-learn 1.9.1, scipy 1.17.1 and statsmodels say of random scores.

python3 vectors.py > vectors.json; nothing of it is needed to build or test.
"""
import json

import numpy as np
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, roc_auc_score, roc_curve
from sklearn.neighbors import NearestNeighbors
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(11)


def delong(member, a, b):
    """By definition: every member against every other record."""
    place = []
    for s in (a, b):
        kernel = (s[member][:, None] > s[~member][None, :]) + 0.5 * (s[member][:, None] == s[~member][None, :])
        place.append((kernel.mean(1), kernel.mean(0)))
    m, n = member.sum(), (~member).sum()
    cov = np.cov(place[0][0], place[1][0]) / m + np.cov(place[0][1], place[1][1]) / n
    z = (place[0][0].mean() - place[1][0].mean()) / np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1])
    return cov.tolist(), float(2 * stats.norm.sf(abs(z)))


samples = []
for n, digits in ((200, 1), (300, 6), (40, 0)):
    member = rng.random(n) < 0.4
    a = np.round(rng.normal(size=n) + 0.8 * member, digits)
    b = np.round(0.5 * a + rng.normal(size=n) + 0.3 * member, digits)
    fpr, tpr, threshold = roc_curve(member, a, drop_intermediate=False)
    rates = {str(f): float(tpr[fpr <= f + 1e-12].max()) for f in (0.01, 0.05, 0.1, 0.5)}
    cov, p = delong(member, a, b)
    samples.append({"member": member.tolist(), "a": a.tolist(), "b": b.tolist(), "auc": [roc_auc_score(member, a), roc_auc_score(member, b)], "fpr": fpr.tolist()[1:], "tpr": tpr.tolist()[1:],
                    "threshold": threshold.tolist()[1:], "at": rates, "balanced": float(balanced_accuracy_score(member, a >= 0.5)), "cov": cov, "p": p})

binomial = []
for k, n in ((0, 10), (10, 10), (1, 7), (8, 8000), (37, 90), (499, 1000), (0, 100000), (3, 100000)):
    for c in (0.95, 0.999):
        t = (1 - c) / 2
        binomial.append([k, n, c, stats.beta.ppf(t, k, n - k + 1) if k else 0, stats.beta.isf(t, k + 1, n - k) if k < n else 1])

p = [0.01, 0.04, 0.03, 0.005, 0.55, 0.04, 0.9, 0.0001]
value, se = np.array([0.52, 0.55, 0.61, 0.5, 0.58]), np.array([0.01, 0.02, 0.03, 0.015, 0.05])
w = se**-2.0
q = float((w * (value - (w * value).sum() / w.sum()) ** 2).sum())
reference, x = rng.normal(size=(50, 19)) * np.arange(1, 20), rng.normal(size=(7, 19)) * np.arange(1, 20)
scale = reference.std(0)
far = NearestNeighbors(n_neighbors=3).fit(reference / scale).kneighbors(x / scale)[0][:, 2]
print(json.dumps({"samples": samples, "binomial": binomial, "p": p, "holm": multipletests(p, method="holm")[1].tolist(), "bh": stats.false_discovery_control(p).tolist(),
                  "groups": {"value": value.tolist(), "se": se.tolist(), "q": float(stats.chi2.sf(q, len(value) - 1)), "variance": float(value.var(ddof=1) - (se**2).mean())},
                  "reference": reference.round(4).reshape(-1).tolist(), "x": x.round(4).reshape(-1).tolist(), "third": far.tolist()}, separators=(",", ":")))
