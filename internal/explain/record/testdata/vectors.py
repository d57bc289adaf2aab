# Makes vectors.json: leave-one-out and influence functions of a small L2 logistic regression, by scikit-learn's fits and NumPy's inverse.
# python vectors.py > vectors.json   (NumPy 2.4.6, scikit-learn 1.9.1; networkx 3.6 for the components)
import json
import networkx as nx
import numpy as np
from sklearn.linear_model import LogisticRegression

C = 0.7
rng = np.random.default_rng(7)
n = 40
x = np.round(rng.normal(size=(n, 3)) * [1, 2, 0.5], 2)
x = np.concatenate([x, np.eye(3)[rng.integers(0, 3, n)]], axis=1)
x[1], x[4, 1] = x[0], 9.5  # a twin, and one far out
y = (x @ [1, -0.6, 2, 0.5, 0, -1] + rng.logistic(size=n) > 0).astype(int)
queries = np.round(rng.normal(size=(5, 6)), 2)


def fit(rows):
    m = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(x[rows], y[rows])
    return np.append(m.coef_[0], m.intercept_)


every = np.arange(n)
theta = fit(every)
without = [fit(np.delete(every, i)) for i in every]
one = np.append(x, np.ones((n, 1)), axis=1)
p = 1 / (1 + np.exp(-one @ theta))
penalty = np.diag([1.0] * 6 + [0.0])
hessian = C * one.T @ (one * (p * (1 - p))[:, None]) + penalty
first = [np.linalg.solve(hessian, C * (p[i] - y[i]) * one[i]) for i in every]
own = [np.linalg.solve(hessian - C * p[i] * (1 - p[i]) * np.outer(one[i], one[i]), C * (p[i] - y[i]) * one[i]) for i in every]


def answers(t, q):
    return 1 / (1 + np.exp(-(np.append(q, np.ones((len(q), 1)), axis=1) @ t)))


influence = np.array([answers(t, queries) - answers(theta, queries) for t in without]).T
self_influence = np.array([answers(t, x) - answers(theta, x) for t in without]).T
order = np.argsort(-np.round(np.abs(self_influence), 9), axis=1, kind="stable")  # the first of equals first: rows 0 and 1 are twins
places = [int(np.where(order[i] == i)[0][0]) + 1 for i in every]
graph = nx.DiGraph()
graph.add_nodes_from(every)
graph.add_edges_from((i, j) for i in every for j in order[i][:3])
print(json.dumps({
    "C": C, "x": x.tolist(), "y": y.tolist(), "queries": queries.tolist(), "theta": theta.tolist(),
    "without": [t.tolist() for t in without], "first": [t.tolist() for t in first], "own": [t.tolist() for t in own],
    "influence": influence.tolist(), "places": places,
    "components": sorted(len(c) for c in nx.strongly_connected_components(graph)),
    "in_degree": max(d for _, d in graph.in_degree()), "unnamed": sum(d == 0 for _, d in graph.in_degree()),
}))
