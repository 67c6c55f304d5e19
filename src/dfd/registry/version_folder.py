"""The folder of one version: its files against the hashes in its manifest, and copies of it."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from dfd.errors import ModelCorrupt
from dfd.manifest import ModelManifest
from dfd.ports.registry import RegisteredModel

MANIFEST_NAME: Final = "manifest.json"

CARD: Final = ("MODEL_CARD.md", "card")
"""What may lie beside the files that the manifest names: the model's card, and a folder of its pictures."""


def verified(directory: Path, name: str, version: str) -> RegisteredModel:
    """Read a version's manifest and check every file it names against its hash.

    Raises:
        ModelCorrupt: see `dfd.ports.registry.ModelRegistry.load`.
    """
    manifest = ModelManifest.read(directory / MANIFEST_NAME)
    if (manifest.name, manifest.version) != (name, version):
        raise ModelCorrupt(
            f"{directory / MANIFEST_NAME} describes {manifest.name}/{manifest.version}, not {name}/{version}"
        )
    for relative, expected in sorted(manifest.files.items()):
        _verify(directory, relative, expected)
    return RegisteredModel(manifest, directory)


def copy_version(source: Path, target: Path, manifest: ModelManifest) -> None:
    """Copy the manifest, the files it names and the card, and have them reach the disk; links are not followed out.

    Raises:
        ModelCorrupt: a file is missing, or lies outside `source`.
        OSError: `target` cannot be written.
    """
    named = [(relative, _inside(source, relative)) for relative in (MANIFEST_NAME, *sorted(manifest.files))]
    for relative, path in (*named, *_card(source)):
        place = target / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("rb")
        except OSError as error:
            raise ModelCorrupt(f"cannot read the model file {path}: {error.strerror}") from error
        with file, place.open("xb") as copy:
            shutil.copyfileobj(file, copy)
            copy.flush()
            os.fsync(copy.fileno())


def _card(source: Path) -> Iterator[tuple[str, Path]]:
    for name in CARD:
        top = source / name
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.resolve().is_relative_to(source.resolve()):
                yield str(path.relative_to(source)), path


def _inside(directory: Path, relative: str) -> Path:
    """The path of a file that a manifest names.

    Raises:
        ModelCorrupt: it lies outside the model's folder.
    """
    posix = PurePosixPath(relative)
    path = directory / posix
    if posix.is_absolute() or ".." in posix.parts or not path.resolve().is_relative_to(directory.resolve()):
        raise ModelCorrupt(f"the manifest in {directory} names {relative!r}, which lies outside the model's folder")
    return path


def _verify(directory: Path, relative: str, expected: str) -> None:
    """Check one file.

    Raises:
        ModelCorrupt: see `verified`.
    """
    path = _inside(directory, relative)
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelCorrupt(f"cannot read the model file {path}: {error.strerror}") from error
    if actual != expected:
        raise ModelCorrupt(f"the model file {path} does not match its hash: {actual} instead of {expected}")
