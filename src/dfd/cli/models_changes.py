"""``dfd models register``, ``promote`` and ``rollback``: changes of the registry."""

import os
import pwd
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from dfd.aliases import NO_PREVIOUS, Alias, Aliases, Note
from dfd.bootstrap.jobs import open_bucket
from dfd.bootstrap.registry import build_registry, examiner
from dfd.cli.exits import ExitCode
from dfd.cli.models import cross_validation_auc, write_lines
from dfd.errors import InvalidParameter, ModelConflict, ModelCorrupt, ModelError
from dfd.ports.registry import ModelRegistry, RegisteredModel
from dfd.registry.directory import MANIFEST_NAME
from dfd.settings import Settings, load_settings


def register(source: str, as_json: bool) -> ExitCode:
    """Take a version in.

    Args:
        source: its folder, or ``s3://BUCKET/PREFIX`` at the server of the settings.
        as_json: write JSON.

    Raises:
        InvalidParameter: `source` holds no version.
        ModelCorrupt: a hash, the input contract or the answers do not hold; nothing is taken in.
        ModelConflict: there is such a version.
        ConfigurationError, RegistryUnavailable, StorageUnavailable: it cannot be read or written.
    """
    settings = load_settings()
    examine = examiner(settings)
    worst: list[float] = []

    def check(model: RegisteredModel) -> None:
        worst.append(examine(model))

    with _local(settings, source) as folder:
        if not (folder / MANIFEST_NAME).is_file():
            raise InvalidParameter(f"{source} holds no {MANIFEST_NAME}: name the folder of a version")
        try:
            manifest = build_registry(settings).add(folder, check).manifest
        except ModelError as error:
            raise type(error)(f"{source} is not registered: {error}") from error
    row = {
        "name": manifest.name,
        "version": manifest.version,
        "weights_sha256": manifest.weights_sha256,
        "parity_max_logit_difference": round(worst[-1], 9),
    }
    if as_json:
        write_lines([row])
    else:
        sys.stdout.write(
            f"{manifest.name}/{manifest.version} is registered: hashes and input contract hold, logits of the probes "
            f"differ by {worst[-1]:.1g} at most. To let it answer: dfd models promote {manifest.name} "
            f"{manifest.version} --reason ...\n"
        )
    return ExitCode.DONE


def promote(name: str, version: str, alias: str, reason: str, actor: str | None, as_json: bool) -> ExitCode:
    """Give a version an alias, once it has been examined.

    Raises:
        ModelNotFound: there is no such version.
        ModelCorrupt: it does not hold what its manifest says; nothing is changed.
        ModelConflict: it bears the alias, or somebody changed the aliases meanwhile.
        ConfigurationError, RegistryUnavailable: the registry cannot be read or written.
    """
    settings = load_settings()
    registry = build_registry(settings)
    seen = registry.aliases(name)
    version = registry.resolve(name, version)
    bearing = Alias(alias)
    note = _note(settings, registry, name, (seen.version_of(bearing), version), reason, actor)
    return _store(registry, name, seen.promoted(version, bearing, note), as_json)


def rollback(name: str, reason: str, actor: str | None, as_json: bool) -> ExitCode:
    """Let the champion before answer again, once it has been examined; raises as `promote` does.

    Raises:
        ModelConflict: there was none, or somebody changed the aliases meanwhile.
    """
    settings = load_settings()
    registry = build_registry(settings)
    seen = registry.aliases(name)
    if seen.previous is None:
        raise ModelConflict(f"{name}: {NO_PREVIOUS}")
    note = _note(settings, registry, name, (seen.champion, seen.previous), reason, actor)
    return _store(registry, name, seen.rolled_back(note), as_json)


def _note(
    settings: Settings,
    registry: ModelRegistry,
    name: str,
    versions: tuple[str | None, str],
    reason: str,
    actor: str | None,
) -> Note:
    """Who, when and why, with the figures of both versions; the new one is examined on the way."""
    before, after = versions
    model = registry.load(name, after)
    examiner(settings)(model)
    figures = {"cross_validation_auc_to": cross_validation_auc(model.manifest)}
    if before is not None:
        with suppress(ModelError):  # a version that is gone or damaged is a good reason to leave it
            figures["cross_validation_auc_from"] = cross_validation_auc(registry.load(name, before).manifest)
    known = {key: value for key, value in sorted(figures.items()) if value is not None}
    return Note(time.time(), actor_of(actor), reason, known)


def _store(registry: ModelRegistry, name: str, changed: Aliases, as_json: bool) -> ExitCode:
    registry.store_aliases(name, changed)
    change = changed.history[-1]
    if as_json:
        write_lines([{"name": name, **change.to_dict()}])
    else:
        sys.stdout.write(
            f"{name}/{change.after} is the {change.alias.value} now (revision {change.revision}), "
            f"{'no version' if change.before is None else f'version {change.before}'} before\n"
        )
    return ExitCode.DONE


def actor_of(given: str | None) -> str:
    """Who acts: as given, or this process' user."""
    if given is not None and given.strip():
        return given
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return f"uid {os.getuid()}"


@contextmanager
def _local(settings: Settings, source: str) -> Iterator[Path]:
    """The folder of a version on this machine; what lies in a bucket is fetched for as long as the block lasts.

    Raises:
        ModelCorrupt: an object's name leads elsewhere.
        ConfigurationError, StorageUnavailable: the bucket cannot be read.
    """
    if not source.startswith("s3://"):
        yield Path(source)
        return
    folder = Path(tempfile.mkdtemp(prefix="dfd-"))
    try:
        storage = open_bucket(settings, source)
        for found in storage.listed(""):
            if ".." in PurePosixPath(found.key).parts:
                raise ModelCorrupt(f"{source} holds an object of the name {found.key!r}")
            place = folder / found.key
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("wb") as file:
                file.writelines(storage.read(found.key))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
