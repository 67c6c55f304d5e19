"""The registry on a real MLflow server: from the command line, and when copies or the server are damaged or away."""

from pathlib import Path

import pytest
from tests.cli_process import Cli, lines, paint
from tests.onnx_models import write_registry
from tests.servers import free_port

from dfd.errors import ModelCorrupt, RegistryUnavailable
from dfd.ports.registry import RegisteredModel
from dfd.registry.mlflow import MlflowRegistry


def fine(_model: RegisteredModel) -> None:
    """Nothing is asked of it."""


def added(url: str, folder: Path) -> tuple[MlflowRegistry, str]:
    """A registry with version 1 of a model of its own name."""
    name = f"model-{folder.name}"
    write_registry(folder / "made", name)
    registry = MlflowRegistry(url, folder / "cache")
    registry.add(folder / "made" / name / "1", fine)
    return registry, name


def test_a_model_goes_by_mlflow_from_a_folder_to_a_verdict(mlflow: str, tmp_path: Path) -> None:
    for version in ("1", "2"):
        write_registry(tmp_path / "made", "by-cli", version)
    paint(tmp_path / "clip.avi", 150, 255)
    cli = Cli(tmp_path, MODEL_REGISTRY_URL=mlflow, MODEL_NAME="by-cli", MODEL_VERSION="champion", THREADS="1")
    for version in ("1", "2"):
        done = cli.run("models", "register", f"made/by-cli/{version}")
        assert done.returncode == 0, done.stderr
        cli.run("models", "promote", "by-cli", version, "--reason", "it holds")
    [report] = lines(cli.run("predict", "clip.avi", "--json").stdout)
    assert (report["model"]["name"], report["model"]["version"]) == ("by-cli", "2")
    assert cli.run("models", "rollback", "by-cli", "--reason", "worse").returncode == 0
    [shown] = lines(cli.run("models", "show", "by-cli", "--json").stdout)
    assert (shown["champion"], shown["previous"], len(shown["history"])) == ("1", None, 3)


@pytest.mark.faults
def test_a_damaged_copy_is_fetched_anew(mlflow: str, tmp_path: Path) -> None:
    registry, name = added(mlflow, tmp_path)
    weights = registry.load(name, "1").weights_path
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert registry.load(name, "1").weights_path.read_bytes() == whole
    (weights.parent / "manifest.json").write_text("{}")
    assert registry.load(name, "1").manifest.name == name


@pytest.mark.faults
def test_what_was_changed_on_the_server_is_refused(mlflow: str, tmp_path: Path) -> None:
    registry, name = added(mlflow, tmp_path)
    write_registry(tmp_path / "other", name, max_batch=7)
    model = registry._entries(name)["1"]
    registry._client.log_artifacts(model.run_id, str(tmp_path / "other" / name / "1"), "model")
    elsewhere = MlflowRegistry(mlflow, tmp_path / "second-cache")
    with pytest.raises(ModelCorrupt, match="does not match its hash"):
        elsewhere.load(name, "1")


@pytest.mark.faults
def test_a_server_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    registry = MlflowRegistry(f"http://ann:secret-word@127.0.0.1:{free_port()}", tmp_path)
    with pytest.raises(RegistryUnavailable, match=r"MLflow at http://127\.0\.0\.1:\d+ does not do") as caught:
        registry.versions("deepfake")
    assert "secret-word" not in str(caught.value)
