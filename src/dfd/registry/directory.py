"""Models in a folder: ``<root>/<name>/<version>/manifest.json`` with the model's files beside it."""

import re
import secrets
import shutil
from pathlib import Path

from dfd.aliases import Aliases
from dfd.errors import ModelConflict, ModelCorrupt, ModelNotFound, RegistryUnavailable
from dfd.manifest import ModelManifest
from dfd.ports.registry import Check, ModelRegistry, RegisteredModel
from dfd.registry.alias_file import AliasFile, sync_folder
from dfd.registry.version_folder import MANIFEST_NAME, copy_version, verified

__all__ = ["MANIFEST_NAME", "NAME", "VERSION", "DirectoryRegistry", "RegisteredModel"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
VERSION = re.compile(r"[1-9][0-9]*")


class DirectoryRegistry(ModelRegistry):
    """Finds and checks models below one folder. Holds no state, so it may be shared between threads."""

    def __init__(self, root: Path) -> None:
        """Look below `root`; it need not exist yet."""
        self._root = root

    @property
    def where(self) -> str:
        """The folder."""
        return str(self._root)

    def names(self) -> tuple[str, ...]:
        if not self._root.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self._root.iterdir() if self.versions(entry.name)))

    def versions(self, name: str) -> tuple[str, ...]:
        folder = self._root / name
        if not NAME.fullmatch(name) or not folder.is_dir():
            return ()
        found = (entry.name for entry in folder.iterdir() if (entry / MANIFEST_NAME).is_file())
        return tuple(sorted((version for version in found if VERSION.fullmatch(version)), key=int))

    def load(self, name: str, version: str) -> RegisteredModel:
        if version not in self.versions(name):
            raise ModelNotFound(f"there is no model {name}/{version} in {self._root}; {self._inventory()}")
        return verified(self._root / name / version, name, version)

    def add(self, source: Path, check: Check) -> RegisteredModel:
        manifest = ModelManifest.read(source / MANIFEST_NAME)
        name, version = manifest.name, manifest.version
        if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
            raise ModelCorrupt(f"{source / MANIFEST_NAME} names {name!r}/{version!r}; a version is a whole number")
        place = self._root / name / version
        if place.exists():
            raise ModelConflict(f"there is a model {name}/{version} in {self._root} already; versions never change")
        incoming = place.with_name(f".incoming-{secrets.token_hex(8)}")
        try:
            incoming.mkdir(parents=True)
            copy_version(source, incoming, manifest)
            check(verified(incoming, name, version))
            if place.exists():
                raise ModelConflict(f"a model {name}/{version} has come to {self._root} meanwhile")
            incoming.rename(place)  # fails where somebody was faster still: a folder with files is not replaced
            sync_folder(place.parent)
        except OSError as error:
            raise RegistryUnavailable(
                f"{name}/{version} cannot be written to {self._root}: {error.strerror}"
            ) from error
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        return RegisteredModel(manifest, place)

    def aliases(self, name: str) -> Aliases:
        return AliasFile(self._root / name).read() if NAME.fullmatch(name) else Aliases()

    def store_aliases(self, name: str, changed: Aliases) -> None:
        if not self.versions(name):
            raise ModelNotFound(f"there is no model {name} in {self._root}; {self._inventory()}")
        AliasFile(self._root / name).store(changed)

    def _inventory(self) -> str:
        models = [f"{name}/{version}" for name in self.names() for version in self.versions(name)]
        return f"it holds {', '.join(models)}" if models else "it holds no models"
