"""Models in a folder: found, listed and checked."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fakes import SHA256, make_manifest
from tests.onnx_models import write_registry

from dfd.errors import ModelCorrupt, ModelNotFound
from dfd.registry.directory import DirectoryRegistry


def test_loads_a_model_whose_hashes_hold(tmp_path: Path) -> None:
    manifest = write_registry(tmp_path)
    model = DirectoryRegistry(tmp_path).load("deepfake", "1")
    assert model.manifest == manifest
    assert model.weights_path == tmp_path / "deepfake" / "1" / "model.onnx"


def test_versions_are_ordered_by_number(tmp_path: Path) -> None:
    for version in ("10", "9", "1"):
        write_registry(tmp_path, version=version)
    for other in ("0", "v2", "2-draft"):  # not versions
        (tmp_path / "deepfake" / other).mkdir()
        (tmp_path / "deepfake" / other / "manifest.json").touch()
    (tmp_path / "deepfake" / "11").mkdir()  # no manifest yet
    assert DirectoryRegistry(tmp_path).versions("deepfake") == ("1", "9", "10")


def test_an_empty_or_missing_root_holds_nothing(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "missing"):
        registry = DirectoryRegistry(root)
        assert registry.names() == registry.versions("deepfake") == ()
        with pytest.raises(ModelNotFound, match="it holds no models"):
            registry.load("deepfake", "1")


def test_a_missing_model_is_answered_with_what_there_is(tmp_path: Path) -> None:
    write_registry(tmp_path, version="2")
    write_registry(tmp_path, name="other", version="3")
    with pytest.raises(ModelNotFound, match=r"no model deepfake/1 in .*; it holds deepfake/2, other/3"):
        DirectoryRegistry(tmp_path).load("deepfake", "1")


@pytest.mark.parametrize(
    ("name", "version"), [("..", "1"), ("", "1"), ("deepfake/1", "1"), ("deepfake", ".."), ("deepfake", "01")]
)
def test_no_name_leads_out_of_the_root(tmp_path: Path, name: str, version: str) -> None:
    write_registry(tmp_path / "root")
    write_registry(tmp_path)
    with pytest.raises(ModelNotFound):
        DirectoryRegistry(tmp_path / "root").load(name, version)


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    write_registry(tmp_path)
    weights = tmp_path / "deepfake" / "1" / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelCorrupt, match=r"model\.onnx does not match its hash"):
        DirectoryRegistry(tmp_path).load("deepfake", "1")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(position=st.integers(0), flip=st.integers(1, 255))
def test_no_changed_byte_goes_unseen(tmp_path_factory: pytest.TempPathFactory, position: int, flip: int) -> None:
    root = tmp_path_factory.mktemp("root")
    write_registry(root)
    weights = root / "deepfake" / "1" / "model.onnx"
    content = bytearray(weights.read_bytes())
    content[position % len(content)] ^= flip
    weights.write_bytes(content)
    with pytest.raises(ModelCorrupt):
        DirectoryRegistry(root).load("deepfake", "1")


def test_every_file_is_checked_not_only_the_weights(tmp_path: Path) -> None:
    manifest = write_registry(tmp_path)
    directory = tmp_path / "deepfake" / "1"
    make_manifest(files={**manifest.files, "variables/index": SHA256}).write(directory / "manifest.json")
    with pytest.raises(ModelCorrupt, match=r"cannot read the model file .*variables.index: No such file"):
        DirectoryRegistry(tmp_path).load("deepfake", "1")


@pytest.mark.parametrize("outside", ["../secret", "a/../../secret", "{root}/deepfake/secret", "link"])
def test_no_file_leads_out_of_the_models_folder(tmp_path: Path, outside: str) -> None:
    manifest = write_registry(tmp_path)
    directory = tmp_path / "deepfake" / "1"
    (tmp_path / "deepfake" / "secret").write_text("secret")
    (directory / "link").symlink_to(tmp_path / "deepfake" / "secret")
    files = {**manifest.files, outside.format(root=tmp_path): SHA256}
    make_manifest(files=files).write(directory / "manifest.json")
    with pytest.raises(ModelCorrupt, match="outside the model's folder"):
        DirectoryRegistry(tmp_path).load("deepfake", "1")


def test_another_models_manifest_is_refused(tmp_path: Path) -> None:
    write_registry(tmp_path, version="2")
    (tmp_path / "deepfake" / "2").rename(tmp_path / "deepfake" / "3")
    with pytest.raises(ModelCorrupt, match=r"describes deepfake/2, not deepfake/3"):
        DirectoryRegistry(tmp_path).load("deepfake", "3")


def test_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    write_registry(tmp_path)
    (tmp_path / "deepfake" / "1" / "manifest.json").write_text("{")
    with pytest.raises(ModelCorrupt, match=r"manifest\.json"):
        DirectoryRegistry(tmp_path).load("deepfake", "1")
