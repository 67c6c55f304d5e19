"""Models in a folder: ``<root>/<name>/<version>/manifest.json`` with the model's files beside it."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dfd.errors import ModelCorrupt, ModelNotFound
from dfd.manifest import ModelManifest

MANIFEST_NAME = "manifest.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """A model whose files are what its manifest says.

    Attributes:
        manifest: its manifest.
        directory: the folder that holds its files.
    """

    manifest: ModelManifest
    directory: Path

    @property
    def weights_path(self) -> Path:
        """The file that the embedded backend loads."""
        return self.directory / self.manifest.weights_file


class DirectoryRegistry:
    """Finds and checks models below one folder. Holds no state, so it may be shared between threads."""

    def __init__(self, root: Path) -> None:
        """Look below `root`; it need not exist yet."""
        self._root = root

    def names(self) -> tuple[str, ...]:
        """The models that have at least one version, sorted."""
        if not self._root.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self._root.iterdir() if self.versions(entry.name)))

    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of a model, oldest first, in the order of their numbers; empty when there are none."""
        folder = self._root / name
        if not _NAME.fullmatch(name) or not folder.is_dir():
            return ()
        found = (entry.name for entry in folder.iterdir() if (entry / MANIFEST_NAME).is_file())
        return tuple(sorted((version for version in found if _VERSION.fullmatch(version)), key=int))

    def load(self, name: str, version: str) -> RegisteredModel:
        """Read a model's manifest and check every file it names against its hash.

        Raises:
            ModelNotFound: there is no such name or version; the message lists what there is.
            ModelCorrupt: the manifest cannot be read or is another model's, or a file is missing, differs from its
                hash or lies outside the model's folder; the message names the file.
        """
        if version not in self.versions(name):
            raise ModelNotFound(f"there is no model {name}/{version} in {self._root}; {self._inventory()}")
        directory = self._root / name / version
        manifest = ModelManifest.read(directory / MANIFEST_NAME)
        if (manifest.name, manifest.version) != (name, version):
            raise ModelCorrupt(
                f"{directory / MANIFEST_NAME} describes {manifest.name}/{manifest.version}, not {name}/{version}"
            )
        for relative, expected in sorted(manifest.files.items()):
            _verify(directory, relative, expected)
        return RegisteredModel(manifest, directory)

    def _inventory(self) -> str:
        models = [f"{name}/{version}" for name in self.names() for version in self.versions(name)]
        return f"it holds {', '.join(models)}" if models else "it holds no models"


def _verify(directory: Path, relative: str, expected: str) -> None:
    """Check one file.

    Raises:
        ModelCorrupt: see `DirectoryRegistry.load`.
    """
    posix = PurePosixPath(relative)
    path = directory / posix
    if posix.is_absolute() or ".." in posix.parts or not path.resolve().is_relative_to(directory.resolve()):
        raise ModelCorrupt(f"the manifest in {directory} names {relative!r}, which lies outside the model's folder")
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelCorrupt(f"cannot read the model file {path}: {error.strerror}") from error
    if actual != expected:
        raise ModelCorrupt(f"the model file {path} does not match its hash: {actual} instead of {expected}")
