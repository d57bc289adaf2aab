"""Makes small tree models in the JSON formats that XGBoost and LightGBM write, and what the libraries themselves answer.

    pip install xgboost==3.2.0 lightgbm==4.7.0 numpy          (also run with xgboost==1.7.6, whose base_score is written otherwise)
    python make.py DIR [xgboost|lightgbm]
"""
import json
import pathlib
import sys

import numpy as np

OUT = pathlib.Path(sys.argv[1])
WHAT = sys.argv[2:] or ["xgboost", "lightgbm"]
rng = np.random.default_rng(7)


def data(classes, missing, features=5, n=300):
    x = rng.normal(size=(n, features)).astype(np.float32)
    x[:, 1] = np.round(x[:, 1] * 2)
    score = x[:, 0] - 0.7 * x[:, 1] + x[:, 2] * x[:, 3]
    edges = np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])
    y = np.digitize(score, edges)
    if missing:
        x[rng.random(x.shape) < 0.2] = np.nan
    return x, y


def write(name, model, by, x, p):
    p = np.asarray(p, dtype=np.float64)
    if p.ndim == 1:
        p = np.stack([1 - p, p], axis=1)
    (OUT / f"{name}.json").write_text(model)
    rows = [[None if np.isnan(v) else float(v) for v in row] for row in x]
    (OUT / f"{name}.expected.json").write_text(json.dumps({"by": by, "input": rows, "output": p.tolist()}))
    print(name, len(model))


def probes(x):
    """Records of the kind trained on, and on the edges: zeros, extremes, nothing known."""
    width = x.shape[1]
    edge = np.array([[0.0] * width, [1e30] * width, [-1e30] * width, [np.nan] * width], dtype=np.float32)
    return np.concatenate([x[:12], edge])


def xgboost():
    import xgboost as xgb

    by = "xgboost " + xgb.__version__
    short = "".join(xgb.__version__.split(".")[:2])
    for name, classes, missing, params in [
        ("binary", 2, False, dict(objective="binary:logistic")),
        ("missing", 2, True, dict(objective="binary:logistic", base_score=0.3)),
        ("multi", 3, True, dict(objective="multi:softprob", num_class=3)),
        ("forest", 2, False, dict(objective="binary:logistic", num_parallel_tree=3, subsample=0.6)),
        ("softmax", 3, False, dict(objective="multi:softmax", num_class=3)),
        ("dart", 2, False, dict(objective="binary:logistic", booster="dart", rate_drop=0.5)),
    ]:
        x, y = data(classes, missing)
        booster = xgb.train(dict(max_depth=3, eta=0.5, seed=1, **params), xgb.DMatrix(x, y), 4)
        at = probes(x)
        p = booster.predict(xgb.DMatrix(at), output_margin=name == "softmax")
        if name == "softmax":
            p = np.exp(p - p.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
        write(f"xgboost{short}_{name}", bytes(booster.save_raw("json")).decode(), by, at, p)


def lightgbm():
    import lightgbm as lgb

    by = "lightgbm " + lgb.__version__
    for name, classes, missing, params, cats in [
        ("binary", 2, False, dict(objective="binary"), []),
        ("missing", 2, True, dict(objective="binary", boost_from_average=False, sigmoid=1.5), []),
        ("zero", 2, False, dict(objective="binary", zero_as_missing=True), []),
        ("nomissing", 2, False, dict(objective="binary", use_missing=False), []),
        ("multi", 3, True, dict(objective="multiclass", num_class=3), []),
        ("ova", 3, False, dict(objective="multiclassova", num_class=3), []),
        ("categories", 2, True, dict(objective="binary", min_data_per_group=5, cat_smooth=1, cat_l2=1), [1]),
        ("forest", 2, False, dict(objective="binary", boosting="rf", bagging_freq=1, bagging_fraction=0.6), []),
        ("linear", 2, False, dict(objective="binary", linear_tree=True), []),
    ]:
        x, y = data(classes, missing)
        if name == "zero":
            x[rng.random(x.shape) < 0.3] = 0
        if cats:
            x[:, 1] = np.where(np.isnan(x[:, 1]), np.nan, np.abs(np.round(x[:, 1])) * 7)
            y = np.where(np.isin(x[:, 1], [7, 28, 42]), 1 - y, y)
        train = lgb.Dataset(x.astype(np.float64), y, categorical_feature=cats, free_raw_data=False)
        full = dict(num_leaves=6, learning_rate=0.4, min_data_in_leaf=5, verbose=-1, seed=1, **params)
        booster = lgb.train(full, train, 4)
        at = probes(x)
        if cats:
            at[0, 1], at[1, 1], at[2, 1], at[3, 1] = 1e9, -3, 3.5, 7.9
        text = json.dumps(booster.dump_model())
        write(f"lightgbm_{name}", text, by, at, booster.predict(at.astype(np.float64)))


for what in WHAT:
    {"xgboost": xgboost, "lightgbm": lightgbm}[what]()
