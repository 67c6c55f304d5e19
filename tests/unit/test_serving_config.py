"""Configurations of model servers, as text."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes import SHA256, make_manifest
from tests.onnx_models import write_registry

from dfd.errors import InvalidParameter, ModelCorrupt
from dfd.ports.registry import RegisteredModel
from dfd.registry.directory import DirectoryRegistry
from dfd.registry.serving_config import TritonBackend, TritonVersion, of_one_form, tf_serving_config, write_triton


def with_saved_model(version: str) -> RegisteredModel:
    manifest = make_manifest(version=version)
    return RegisteredModel(replace(manifest, files={**manifest.files, "saved_model.pb": SHA256}), Path())


def test_tensorflow_serving_gets_versions_and_their_labels() -> None:
    models = [with_saved_model("2"), with_saved_model("1")]
    assert tf_serving_config(models, {"champion": "2", "challenger": "1"}, "/srv/models/") == (
        "# start tensorflow_model_server with --allow_version_labels_for_unavailable_models\n"
        "model_config_list {\n"
        "  config {\n"
        '    name: "deepfake"\n'
        '    base_path: "/srv/models/deepfake"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { specific { versions: 2 versions: 1 } }\n"
        '    version_labels { key: "champion" value: 2 }\n'
        '    version_labels { key: "challenger" value: 1 }\n'
        "  }\n"
        "}\n"
    )


def test_what_has_no_labels_needs_no_flag() -> None:
    assert tf_serving_config([with_saved_model("2")], {}, "/models").startswith("model_config_list {\n")


def test_a_version_without_saved_model_is_not_for_tensorflow_serving() -> None:
    with pytest.raises(ModelCorrupt, match=r"deepfake/3 has no saved_model\.pb"):
        tf_serving_config([RegisteredModel(make_manifest(version="3"), Path())], {}, "/models")


@pytest.mark.parametrize("backend", list(TritonBackend))
@pytest.mark.parametrize("column", [True, False])
def test_tritons_repository_is_complete(tmp_path: Path, backend: TritonBackend, column: bool) -> None:
    write_registry(tmp_path / "models", version="1", max_batch=8)
    write_registry(tmp_path / "models", version="2")
    registry = DirectoryRegistry(tmp_path / "models")
    versions = [
        TritonVersion(registry.load("deepfake", version), "crops", "output", output_is_column=column)
        for version in ("2", "1")
    ]
    folder = write_triton(tmp_path / "out", versions, backend)
    config = (folder / "config.pbtxt").read_text().splitlines()
    assert config[:3] == ['name: "deepfake"', f'backend: "{backend}"', "max_batch_size: 8"]
    assert 'input [ { name: "crops" data_type: TYPE_FP32 dims: [ 64, 64, 3 ] } ]' in config
    assert any("reshape" in line for line in config) == (not column and backend is TritonBackend.ONNX_RUNTIME)
    assert "version_policy { specific { versions: [ 2, 1 ] } }" in config
    for version in versions:
        place = folder / version.model.manifest.version
        assert (place / "model.onnx").read_bytes() == version.model.weights_path.read_bytes()
        assert (place / "model.py").is_file() == (backend is TritonBackend.PYTHON)
    with pytest.raises(InvalidParameter, match="there already"):
        write_triton(tmp_path / "out", versions, backend)


def test_versions_of_another_form_are_told_apart() -> None:
    one = TritonVersion(RegisteredModel(make_manifest(), Path()), "image", "logit", output_is_column=True)
    other = make_manifest(version="2", input=replace(make_manifest().input, size_px=32))
    kept, left = of_one_form([one, replace(one, model=RegisteredModel(other, Path()))])
    assert (kept, left) == ([one], [other])
