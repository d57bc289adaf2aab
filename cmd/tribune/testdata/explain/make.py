"""Makes the models from elsewhere that the command's tests audit: one of XGBoost with its references, and one of PyTorch.

    tribune explain export --train adult:400 --test adult:400 --plan plan.toml --out DIR
    pip install xgboost==3.2.0 torch==2.15.0 onnx numpy
    python make.py DIR
"""
import csv
import pathlib
import sys

import numpy as np
import torch
import xgboost

DIR = pathlib.Path(sys.argv[1])
OUT = pathlib.Path(__file__).parent

lines = list(csv.reader(open(DIR / "records.csv")))
names, lines = lines[0][3:], lines[1:]
X = np.array([line[3:] for line in lines], dtype="float32")
y = np.array([int(line[2]) for line in lines])
train = np.array([line[1] == "train" for line in lines])
halves = np.array([line[1:] for line in list(csv.reader(open(DIR / "halves.csv")))[1:]]) == "1"


def trees(rows, path):
    d = xgboost.DMatrix(X[rows], y[rows], feature_names=names)
    xgboost.train({"objective": "binary:logistic", "max_depth": 4, "eta": 0.4, "nthread": 1, "seed": 1}, d, 12).save_model(path)


trees(train, OUT / "xgboost.json")
for r in range(halves.shape[1]):
    trees(halves[:, r], OUT / f"reference-{r + 1}.json")

torch.manual_seed(1)
torch.set_num_threads(1)
net = torch.nn.Sequential(torch.nn.Linear(X.shape[1], 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
adam = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(60):
    for part in torch.randperm(int(train.sum())).split(64):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(X[train][part])), torch.tensor(y[train][part])).backward()
        adam.step()
torch.onnx.export(net, (torch.zeros(1, X.shape[1]),), OUT / "torch.onnx", dynamo=False, input_names=["x"], output_names=["logits"],
                  dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}})
