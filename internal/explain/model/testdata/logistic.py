# Writes logistic.json: logistic regressions fitted by scikit-learn, against which regression_test.go checks ours.
# pip install scikit-learn==1.9.1; python3 logistic.py > logistic.json
import json

import numpy as np
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(20261122)


def problem(rows, cols, classes):
    x = np.round(rng.normal(size=(rows, cols)) * (rng.random((rows, cols)) < 0.7), 3).astype(np.float32)
    y = np.argmax(x @ rng.normal(size=(cols, classes)) + rng.gumbel(size=(rows, classes)), axis=1)
    return x, y


cases = []
for name, rows, cols, classes, solver, c, intercept in [
    ("binary", 60, 5, 2, "newton-cholesky", 1.0, True),
    ("binary, weak penalty", 80, 4, 2, "newton-cholesky", 50.0, True),
    ("binary, no intercept", 60, 5, 2, "newton-cholesky", 0.3, False),
    ("binary, penalized intercept", 60, 5, 2, "liblinear", 0.7, True),
    ("three classes", 90, 4, 3, "lbfgs", 1.0, True),
    ("five classes, no intercept", 100, 6, 5, "lbfgs", 0.1, False),
]:
    x, y = problem(rows, cols, classes)
    weights = np.round(rng.random(rows) * 2, 2)
    fit = lambda w: LogisticRegression(C=c, solver=solver, fit_intercept=intercept, tol=1e-13, max_iter=100000).fit(x.astype(np.float64), y, sample_weight=w)
    theta = lambda m: np.hstack([m.coef_, m.intercept_.reshape(-1, 1)] if intercept else [m.coef_]).ravel().tolist()
    without = {}
    for i in (0, 7, 33):
        left = weights.copy()
        left[i] = 0
        without[str(i)] = theta(fit(left))
    cases.append(dict(
        name=name, classes=classes, c=c, intercept=intercept, penalized=solver == "liblinear", cols=cols,
        x=[float(str(v)) for v in x.ravel()], y=y.tolist(), weights=weights.tolist(),
        theta=theta(fit(weights)), unweighted=theta(fit(None)), without=without,
        first=fit(weights).predict_proba(x[:3].astype(np.float64)).ravel().tolist(),
    ))
print(json.dumps(cases))
