"""What `dfd models export-serving-config` writes, on a real Triton: the scores of the embedded model."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli_process import Cli
from tests.integration.test_shipped_model import sample_crops
from tests.model_servers import triton_server
from tests.remote_backends import remote

from dfd.aliases import Alias, Note
from dfd.backends.onnx_runtime import OnnxRuntimeBackend
from dfd.registry.directory import DirectoryRegistry

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("champion", ["1", "2"])
def test_a_real_triton_scores_the_exported_champion_as_the_embedded_backend_does(tmp_path: Path, champion: str) -> None:
    shutil.copytree(ROOT / "models", tmp_path / "models")
    registry = DirectoryRegistry(tmp_path / "models")
    note = Note(0.0, "test", "to be exported")
    registry.store_aliases("deepfake", registry.aliases("deepfake").promoted(champion, Alias.CHAMPION, note))
    cli = Cli(tmp_path, MODEL_VERSION="champion", THREADS="2")
    done = cli.run("models", "export-serving-config", "triton", "repository", "--backend", "python")
    assert (done.returncode, done.stdout) == (0, f"repository/deepfake: deepfake/{champion}\n")
    model = registry.load("deepfake", champion)
    faces = sample_crops(model.manifest)
    embedded = OnnxRuntimeBackend(model.weights_path, model.manifest, 2).predict(faces)
    assert np.ptp(embedded) > 0.5
    with triton_server(tmp_path / "repository", tmp_path) as server:
        for protocol in ("oip-http", "oip-grpc"):
            there = remote(protocol, server, model.manifest, name="deepfake", version=champion)
            np.testing.assert_allclose(there.predict(faces), embedded, atol=1e-4)
