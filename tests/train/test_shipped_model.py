"""The SavedModel and the ONNX file of each version in the box are one model."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import tensorflow as tf

FOLDERS = sorted(path.parent for path in (Path(__file__).parents[2] / "models").glob("*/*/saved_model.pb"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_both_forms_answer_alike(folder: Path) -> None:
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    rng, shape = np.random.default_rng(0), (16, *entry.shape[1:])
    probes = (rng.random(shape, np.float32) ** np.arange(1, 17, dtype=np.float32).reshape(-1, 1, 1, 1)).astype("f")
    serving = tf.saved_model.load(str(folder)).signatures["serving_default"]
    saved = serving(image=tf.constant(probes))["fake_logit"].numpy()
    (onnx,) = session.run(None, {entry.name: probes})
    assert np.ptp(saved) > 0.1
    assert np.abs(saved - onnx).max() < 1e-3
