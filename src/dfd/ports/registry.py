"""The port of the registry: where models, their versions and their aliases are kept."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dfd.aliases import Alias, Aliases
from dfd.errors import ModelNotFound
from dfd.manifest import ModelManifest


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


Check = Callable[[RegisteredModel], None]
"""Examines a version; raises `dfd.errors.ModelError` where it is not to be taken."""


class ModelRegistry(ABC):
    """Keeps models. Safe to use from several threads and processes.

    Every method raises `RegistryUnavailable` when what keeps them does not answer.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """The place in words for messages, without credentials."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The models that have at least one version, sorted."""

    @abstractmethod
    def versions(self, name: str) -> tuple[str, ...]:
        """The versions of a model, oldest first, in the order of their numbers; empty when there are none."""

    @abstractmethod
    def load(self, name: str, version: str) -> RegisteredModel:
        """Read a version's manifest and check every file it names against its hash.

        Raises:
            ModelNotFound: there is no such name or version; the message lists what there is.
            ModelCorrupt: the manifest cannot be read or is another model's, or a file is missing, differs from its
                hash or lies outside the model's folder; the message names the file.
        """

    @abstractmethod
    def add(self, source: Path, check: Check) -> RegisteredModel:
        """Take a version in, whole or not at all.

        Args:
            source: folder with ``manifest.json``, which says name and version, and the files it names.
            check: examines the copy before it can be seen.

        Raises:
            ModelCorrupt: see `load`.
            ModelConflict: there is such a version.
            ModelError: what `check` raises.
        """

    @abstractmethod
    def aliases(self, name: str) -> Aliases:
        """The aliases of a model; none of them set where nobody has promoted a version.

        Raises:
            ModelCorrupt: what is kept cannot be read.
        """

    @abstractmethod
    def store_aliases(self, name: str, changed: Aliases) -> None:
        """Keep changed aliases, where the revision kept so far is the one they were made from.

        Args:
            name: a model with versions.
            changed: with one change more than what is kept; see `Aliases.promoted` and `Aliases.rolled_back`.

        Raises:
            ModelConflict: somebody else has changed them meanwhile; nothing is changed.
            ModelNotFound: there is no such model.
        """

    def resolve(self, name: str, wanted: str) -> str:
        """The version that `wanted` stands for: an alias, or a version, which is taken as it is.

        Raises:
            ModelNotFound: nothing bears the alias.
            ModelCorrupt: see `aliases`.
        """
        if wanted not in set(Alias):
            return wanted
        version = self.aliases(name).version_of(Alias(wanted))
        if version is None:
            raise ModelNotFound(
                f"no version of {name} in {self.where} is {wanted}: `dfd models promote {name} VERSION --reason ...` "
                "makes one the champion, with --as challenger the challenger"
            )
        return version
