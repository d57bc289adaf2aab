"""Makes the ONNX files that skl2onnx writes of scikit-learn's classifiers, and what onnxruntime answers to them.

    pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0
    python sklearn_models.py DIR
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

OUT = pathlib.Path(sys.argv[1])


def data(classes, names=None):
    x, y = make_classification(200, 6, n_informative=5, n_redundant=0, n_classes=classes, random_state=classes)
    y = y if names is None else np.array(names)[y]
    return x.astype(np.float32), y


def cases():
    two, three, words = data(2), data(3), data(2, ["no", "yes"])
    shallow = dict(max_iter=60, random_state=1)
    yield "logistic2", LogisticRegression(), two, {}
    yield "logistic2_zipmap", LogisticRegression(), words, {}
    yield "logistic3", LogisticRegression(), three, {}
    yield "ovr3", OneVsRestClassifier(LogisticRegression()), three, {}
    yield "scaled2", make_pipeline(StandardScaler(), LogisticRegression(C=0.1)), two, {}
    yield "minmax3", make_pipeline(MinMaxScaler(), LogisticRegression()), three, {}
    yield "mlp2", MLPClassifier((8,), activation="relu", **shallow), two, {}
    yield "mlp2_words", MLPClassifier((8, 4), activation="logistic", **shallow), words, {}
    yield "mlp3", make_pipeline(StandardScaler(), MLPClassifier((10, 5), activation="tanh", **shallow)), three, {}


def main():
    for name, model, (x, y), _ in cases():
        model.fit(x, y)
        for zipmap in ([True] if name.endswith("zipmap") else [False]):
            options = {id(model): {"zipmap": zipmap}}
            onx = to_onnx(model, x[:1], options=options)
            path = OUT / f"sklearn_{name}.onnx"
            path.write_bytes(onx.SerializeToString())
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            told = session.run(None, {session.get_inputs()[0].name: x[:6]})[1]
            if zipmap:
                told = np.array([[row[c] for c in model.classes_] for row in told], dtype=np.float32)
            assert np.allclose(told, model.predict_proba(x[:6]), atol=1e-5), path
            by = "onnxruntime " + onnxruntime.__version__
            path.with_suffix(".json").write_text(json.dumps({"by": by, "input": x[:6].tolist(), "output": told.tolist()}))
            print(path.name, path.stat().st_size)


main()
