"""The SavedModel and the ONNX file in the box are one model."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import tensorflow as tf

FOLDER = Path(__file__).parents[2] / "models" / "deepfake" / "1"


def test_both_forms_answer_alike() -> None:
    probes = np.random.default_rng(0).random((16, 64, 64, 3)).astype(np.float32) ** np.arange(1, 17).reshape(
        -1, 1, 1, 1
    )
    probes = probes.astype(np.float32)
    serving = tf.saved_model.load(str(FOLDER)).signatures["serving_default"]
    saved = serving(image=tf.constant(probes))["fake_logit"].numpy()
    session = ort.InferenceSession(str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"])
    (onnx,) = session.run(None, {session.get_inputs()[0].name: probes})
    assert np.ptp(saved) > 0.1
    assert np.abs(saved - onnx).max() < 1e-3
