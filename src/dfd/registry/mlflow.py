"""Models on an MLflow server, for many machines.

A registered model of MLflow is a model, and each of its versions one of ours: MLflow numbers versions by itself, so
ours stands in a tag, beside the hash of the manifest. The aliases ``champion``, ``challenger`` and
``previous-champion`` are MLflow's own, so that its pages show them; each change is a tag of the registered model.
Artifacts are fetched into a folder once, checked against the manifest's hashes, and against them again at every load.

MLflow has no compare and set. A change is refused where its revision has been taken, which is looked at before and
after it is written; between the two looks of two people lie milliseconds, in which the later one wins.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException

from dfd.aliases import MOST_HISTORY, Alias, AliasChange, Aliases
from dfd.errors import ModelConflict, ModelCorrupt, ModelNotFound, RegistryUnavailable
from dfd.manifest import ModelManifest
from dfd.ports.registry import Check, ModelRegistry, RegisteredModel
from dfd.registry.directory import NAME, VERSION, DirectoryRegistry
from dfd.registry.version_folder import MANIFEST_NAME, copy_version, verified

VERSION_TAG: Final = "dfd.version"
MANIFEST_TAG: Final = "dfd.manifest_sha256"
CHANGE_TAG: Final = "dfd.change."
PREVIOUS: Final = "previous-champion"
EXPERIMENT: Final = "dfd-models"

_FOLDER: Final = "model"
_PAGE: Final = 100
_RETRIES, _TIMEOUT_S = 2, 20
"""MLflow's own, seven attempts of two minutes, would keep a service from starting for a quarter of an hour."""


class MlflowRegistry(ModelRegistry):
    """Finds, fetches and checks models of an MLflow server."""

    def __init__(self, url: str, cache: Path) -> None:
        """Use a server; nothing is asked of it yet.

        Args:
            url: its address; it may hold a user and a password.
            cache: folder for artifacts; made if need be, and shared by the processes of a machine.
        """
        for setting, value in ((MLFLOW_HTTP_REQUEST_MAX_RETRIES, _RETRIES), (MLFLOW_HTTP_REQUEST_TIMEOUT, _TIMEOUT_S)):
            if not setting.is_set():
                setting.set(value)
        self._url = url
        self._client = MlflowClient(tracking_uri=url, registry_uri=url)
        self._cache_folder = cache
        self._cache = DirectoryRegistry(cache)

    @property
    def where(self) -> str:
        """The server, without credentials."""
        parts = urlsplit(self._url)
        return f"MLflow at {parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def names(self) -> tuple[str, ...]:
        with self._asked():
            found, token = [], None
            while True:
                page = self._client.search_registered_models(max_results=_PAGE, page_token=token)
                found += [model.name for model in page]
                token = page.token
                if not token:
                    break
        return tuple(sorted(name for name in found if self.versions(name)))

    def versions(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(self._entries(name), key=int))

    def load(self, name: str, version: str) -> RegisteredModel:
        entry = self._entries(name).get(version)
        if entry is None:
            held = ", ".join(self.versions(name)) or "none"
            raise ModelNotFound(f"there is no model {name}/{version} in {self.where}; versions it holds: {held}")
        expected = entry.tags.get(MANIFEST_TAG)
        place = self._cache_folder / name / version
        with suppress(ModelCorrupt):  # a cached copy that does not hold is fetched anew
            if place.is_dir() and _sha256(place / MANIFEST_NAME) == expected:
                return verified(place, name, version)
        shutil.rmtree(place, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="dfd-"))
        try:
            with self._asked():
                fetched = Path(download_artifacts(artifact_uri=entry.source, dst_path=folder, tracking_uri=self._url))
            if _sha256(fetched / MANIFEST_NAME) != expected:
                raise ModelCorrupt(f"the manifest of {name}/{version} in {self.where} does not match its hash")
            with suppress(ModelConflict):  # another process has fetched it meanwhile
                self._cache.add(fetched, _taken_as_it_is)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self._cache.load(name, version)

    def add(self, source: Path, check: Check) -> RegisteredModel:
        manifest = ModelManifest.read(source / MANIFEST_NAME)
        name, version = manifest.name, manifest.version
        if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
            raise ModelCorrupt(f"{source / MANIFEST_NAME} names {name!r}/{version!r}; a version is a whole number")
        if version in self._entries(name):
            raise ModelConflict(f"there is a model {name}/{version} in {self.where} already; versions never change")
        folder = Path(tempfile.mkdtemp(prefix="dfd-"))
        try:
            copy_version(source, folder, manifest)
            check(verified(folder, name, version))
            with self._asked():
                self._upload(folder, manifest)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self.load(name, version)

    def aliases(self, name: str) -> Aliases:
        model = self._model(name)
        if model is None:
            return Aliases()
        ours = {str(entry.version): version for version, entry in self._entries(name).items()}
        named = {alias: ours.get(str(number)) for alias, number in model.aliases.items()}
        history = _history(model.tags, name)
        return Aliases(
            revision=history[-1].revision if history else 0,
            champion=named.get(Alias.CHAMPION.value),
            challenger=named.get(Alias.CHALLENGER.value),
            previous=named.get(PREVIOUS),
            history=tuple(history[-MOST_HISTORY:]),
        )

    def store_aliases(self, name: str, changed: Aliases) -> None:
        entries = self._entries(name)
        if not entries:
            raise ModelNotFound(f"there is no model {name} in {self.where}")
        kept = self.aliases(name)
        change = changed.history[-1]
        if kept.revision != changed.revision - 1:
            raise self._changed_meanwhile(name)
        tag, line = f"{CHANGE_TAG}{change.revision}", json.dumps(change.to_dict(), sort_keys=True)
        with self._asked():
            self._client.set_registered_model_tag(name, tag, line)
            if self._client.get_registered_model(name).tags.get(tag) != line:
                raise self._changed_meanwhile(name)
            wanted = {"champion": changed.champion, "challenger": changed.challenger, PREVIOUS: changed.previous}
            for alias, version in wanted.items():
                if version is None:
                    self._client.delete_registered_model_alias(name, alias)
                elif version in entries:
                    self._client.set_registered_model_alias(name, alias, str(entries[version].version))

    def _changed_meanwhile(self, name: str) -> ModelConflict:
        return ModelConflict(
            f"the aliases of {name} in {self.where} were changed meanwhile: look at them again with `dfd models show`"
        )

    def _upload(self, folder: Path, manifest: ModelManifest) -> None:
        name = manifest.name
        if self._model(name) is None:
            self._client.create_registered_model(name)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        number = self._client.create_experiment(EXPERIMENT) if experiment is None else experiment.experiment_id
        run = self._client.create_run(number, run_name=f"{name}-{manifest.version}")
        self._client.log_artifacts(run.info.run_id, str(folder), _FOLDER)
        self._client.set_terminated(run.info.run_id)
        tags = {VERSION_TAG: manifest.version, MANIFEST_TAG: _sha256(folder / MANIFEST_NAME)}
        source = f"{run.info.artifact_uri}/{_FOLDER}"
        self._client.create_model_version(name, source, run.info.run_id, tags=tags)

    def _entries(self, name: str) -> dict[str, Any]:
        """MLflow's versions by ours; what bears no tag of ours is left out."""
        if not NAME.fullmatch(name):
            return {}
        found: dict[str, Any] = {}
        with self._asked():
            token = None
            while True:
                page = self._client.search_model_versions(f"name='{name}'", max_results=_PAGE, page_token=token)
                for entry in page:
                    version = entry.tags.get(VERSION_TAG, "")
                    if VERSION.fullmatch(version):
                        found[version] = entry
                token = page.token
                if not token:
                    return found

    def _model(self, name: str) -> Any:
        """The registered model, or None."""
        if not NAME.fullmatch(name):
            return None
        with self._asked():
            try:
                return self._client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
        return None

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """A server that is away, or says no, is no bug of ours."""
        try:
            yield
        except (MlflowException, OSError) as error:
            told = " ".join(str(error).replace(self._url, self.where).split())  # the address may hold a password
            raise RegistryUnavailable(f"{self.where} does not do what it is asked: {told:.300}") from error


def _taken_as_it_is(_model: RegisteredModel) -> None:
    """Hashes are checked with every copy; nothing else is asked of a version that was registered."""


def _history(tags: Mapping[str, str], name: str) -> list[AliasChange]:
    """The changes that stand in tags, oldest first.

    Raises:
        ModelCorrupt: one of them cannot be read.
    """
    try:
        changes = [AliasChange.from_dict(json.loads(line)) for tag, line in tags.items() if tag.startswith(CHANGE_TAG)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelCorrupt(f"a tag {CHANGE_TAG}* of {name} is damaged: {error}") from error
    return sorted(changes, key=lambda change: change.revision)


def _sha256(path: Path) -> str:
    """Of a file, in lower-case hex; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
