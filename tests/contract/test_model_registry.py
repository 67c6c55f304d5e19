"""What every adapter of `ModelRegistry` must do."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.onnx_models import write_registry

from dfd.aliases import Alias, Aliases, Note
from dfd.errors import ModelConflict, ModelCorrupt, ModelNotFound
from dfd.manifest import ModelManifest
from dfd.ports.registry import ModelRegistry, RegisteredModel
from dfd.registry.directory import DirectoryRegistry

NOTE = Note(1_700_000_000.5, "ann", "measured better", {"cross_validation_auc_to": 0.75})


def fine(model: RegisteredModel) -> None:
    assert model.weights_path.is_file()


@dataclass
class House:
    """A registry, and versions of a model of a name of its own that could be taken in."""

    registry: ModelRegistry
    folder: Path
    name: str

    def version(self, version: str) -> tuple[Path, ModelManifest]:
        manifest = write_registry(self.folder / "made", self.name, version)
        return self.folder / "made" / self.name / version, manifest

    def add(self, *versions: str) -> None:
        for version in versions:
            self.registry.add(self.version(version)[0], fine)

    def promote(self, *versions: str) -> Aliases:
        for version in versions:
            changed = self.registry.aliases(self.name).promoted(version, Alias.CHAMPION, NOTE)
            self.registry.store_aliases(self.name, changed)
        return self.registry.aliases(self.name)


def _on_mlflow(request: pytest.FixtureRequest, folder: Path) -> ModelRegistry:
    from dfd.registry.mlflow import MlflowRegistry  # noqa: PLC0415 - takes seconds, and only some tests need it

    return MlflowRegistry(request.getfixturevalue("mlflow"), folder)


@pytest.fixture(params=["directory", "mlflow"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    folder = tmp_path / "models"
    registry = DirectoryRegistry(folder) if request.param == "directory" else _on_mlflow(request, folder)
    return House(registry, tmp_path, f"model-{tmp_path.name}")


def test_a_registry_without_the_model_says_so(house: House) -> None:
    assert house.name not in house.registry.names()
    assert house.registry.versions(house.name) == ()
    assert house.registry.aliases(house.name) == Aliases()
    with pytest.raises(ModelNotFound, match=house.name):
        house.registry.load(house.name, "1")
    with pytest.raises(ModelNotFound, match=house.name):
        house.registry.store_aliases(house.name, Aliases().promoted("1", Alias.CHAMPION, NOTE))


def test_versions_that_were_taken_in_are_loaded_whole_and_listed_in_order(house: House) -> None:
    source, manifest = house.version("10")
    assert house.registry.add(source, fine).manifest == manifest
    house.add("2", "9")
    assert house.name in house.registry.names()
    assert house.registry.versions(house.name) == ("2", "9", "10")
    model = house.registry.load(house.name, "10")
    assert model.manifest == manifest
    assert model.weights_path.read_bytes() == (source / manifest.weights_file).read_bytes()
    with pytest.raises(ModelNotFound):
        house.registry.load(house.name, "3")


def test_a_version_never_changes(house: House) -> None:
    house.add("1")
    with pytest.raises(ModelConflict, match=f"{house.name}/1"):
        house.registry.add(house.folder / "made" / house.name / "1", fine)


def test_a_damaged_version_is_not_taken_in(house: House) -> None:
    source, manifest = house.version("1")
    weights = source / manifest.weights_file
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"?")
    with pytest.raises(ModelCorrupt, match="does not match its hash"):
        house.registry.add(source, fine)
    weights.unlink()
    with pytest.raises(ModelCorrupt, match=r"model\.onnx"):
        house.registry.add(source, fine)
    weights.write_bytes(whole)
    (source / "manifest.json").write_text("{}")
    with pytest.raises(ModelCorrupt, match="manifest"):
        house.registry.add(source, fine)
    assert house.registry.versions(house.name) == ()


def test_a_version_that_fails_its_examination_is_not_taken_in(house: House) -> None:
    def wrong(_model: RegisteredModel) -> None:
        raise ModelCorrupt("it answers otherwise")

    source, _ = house.version("1")
    with pytest.raises(ModelCorrupt, match="it answers otherwise"):
        house.registry.add(source, wrong)
    assert house.registry.versions(house.name) == ()
    house.registry.add(source, fine)
    assert house.registry.versions(house.name) == ("1",)


def test_aliases_come_back_as_they_were_stored(house: House) -> None:
    house.add("1", "2")
    aliases = house.promote("1", "2")
    assert (aliases.champion, aliases.previous, aliases.revision) == ("2", "1", 2)
    assert [(change.before, change.after, change.note) for change in aliases.history] == [
        (None, "1", NOTE),
        ("1", "2", NOTE),
    ]
    house.registry.store_aliases(house.name, aliases.promoted("1", Alias.CHALLENGER, NOTE))
    assert house.registry.resolve(house.name, "challenger") == "1"
    house.registry.store_aliases(house.name, house.registry.aliases(house.name).rolled_back(NOTE))
    back = house.registry.aliases(house.name)
    assert (back.champion, back.challenger, back.previous) == ("1", None, None)


def test_a_challenger_that_was_withdrawn_is_none(house: House) -> None:
    house.add("1", "2")
    aliases = house.promote("1").promoted("2", Alias.CHALLENGER, NOTE)
    house.registry.store_aliases(house.name, aliases)
    house.registry.store_aliases(house.name, house.registry.aliases(house.name).withdrawn(NOTE))
    seen = house.registry.aliases(house.name)
    assert (seen.champion, seen.challenger) == ("1", None)
    assert (seen.history[-1].before, seen.history[-1].after) == ("2", None)
    with pytest.raises(ModelNotFound, match="is challenger"):
        house.registry.resolve(house.name, "challenger")


def test_of_two_changes_of_the_same_aliases_one_is_refused(house: House) -> None:
    house.add("1", "2", "3")
    seen = house.promote("1")
    house.registry.store_aliases(house.name, seen.promoted("2", Alias.CHAMPION, NOTE))
    with pytest.raises(ModelConflict, match="meanwhile"):
        house.registry.store_aliases(house.name, seen.promoted("3", Alias.CHAMPION, NOTE))
    assert house.registry.aliases(house.name).champion == "2"


def test_an_alias_stands_for_a_version_and_a_version_for_itself(house: House) -> None:
    house.add("1")
    assert house.registry.resolve(house.name, "1") == "1"
    with pytest.raises(ModelNotFound, match="is champion: `dfd models promote"):
        house.registry.resolve(house.name, "champion")
    house.promote("1")
    assert house.registry.resolve(house.name, "champion") == "1"
