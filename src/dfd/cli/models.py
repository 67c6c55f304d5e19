"""``dfd models list``, ``show`` and ``verify``: the registry as it is."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dfd.aliases import AliasChange, Aliases
from dfd.bootstrap.registry import build_registry, examiner
from dfd.cli.exits import ExitCode, printable
from dfd.cli.options import name_and_version
from dfd.cli.tables import PIPED_WIDTH
from dfd.errors import DfdError, ModelCorrupt, ModelNotFound
from dfd.manifest import ModelManifest
from dfd.ports.registry import ModelRegistry
from dfd.registry.serving_config import SAVED_MODEL
from dfd.settings import load_settings

Row = dict[str, Any]


def list_models(chosen: str | None, as_json: bool) -> ExitCode:
    """Write every version, or those of one model, as a table or as JSON lines.

    Raises:
        ConfigurationError: the settings do not hold.
        ModelNotFound: there is no such model.
        RegistryUnavailable: the registry cannot be read.
    """
    registry = build_registry(load_settings())
    rows = [_listed(registry, name, version) for name, version in _chosen(registry, chosen)]
    if as_json:
        write_lines(rows)
    elif rows:
        cells = [
            (f"{row['name']}/{row['version']}", ", ".join(row["aliases"]) or "-", *_told(row), row["error"] or "-")
            for row in rows
        ]
        write_table(("model", "is", "architecture", "AUC", "weights", "error"), cells)
    return ExitCode.DONE


def show(model: str, as_json: bool) -> ExitCode:
    """Write one version's manifest, or a model's aliases and their history; raises as `list_models` does.

    Raises:
        ModelNotFound: there is no such model or version.
        ModelCorrupt: its files are not what its manifest says.
    """
    registry = build_registry(load_settings())
    name, wanted = name_and_version(model)
    if wanted is not None and name is not None:
        loaded = registry.load(name, registry.resolve(name, wanted))
        row = {**loaded.manifest.to_dict(), "aliases": _aliases(registry, name).names_of(loaded.manifest.version)}
        sys.stdout.write(json.dumps(row, indent=None if as_json else 1) + "\n")
        return ExitCode.DONE
    versions = [version for _, version in _chosen(registry, model)]
    aliases = registry.aliases(model)
    if as_json:
        write_lines([{"name": model, "versions": versions, **aliases.to_dict()}])
        return ExitCode.DONE
    facts = {"versions": ", ".join(versions), "champion": aliases.champion, "challenger": aliases.challenger}
    facts |= {"previous": aliases.previous, "revision": str(aliases.revision)}
    write_table((model, ""), [(key, value or "-") for key, value in facts.items()])
    if aliases.history:
        headings = ("revision", "at (UTC)", "by", "change", "reason", "figures")
        write_table(headings, [change_cells(change) for change in aliases.history])
    return ExitCode.DONE


def verify(chosen: str | None, as_json: bool) -> ExitCode:
    """Check versions and aliases, and write what came of each; raises as `list_models` does.

    Returns:
        `ExitCode.MODEL_OR_CONFIGURATION` where something does not hold.
    """
    settings = load_settings()
    registry = build_registry(settings)
    examine = examiner(settings)
    rows: list[Row] = []
    pairs = _chosen(registry, chosen)
    for name, version in pairs:
        row: Row = {"model": f"{name}/{version}", "ok": True, "error": None, "parity_max_logit_difference": None}
        try:
            model = registry.load(name, version)
            row |= {"files": len(model.manifest.files), "parity_max_logit_difference": round(examine(model), 9)}
            if SAVED_MODEL in model.manifest.files:
                row["note"] = "its SavedModel: hashes only; what was run is the ONNX file"
        except DfdError as error:
            row |= {"ok": False, "error": str(error)}
        rows.append(row)
    rows += [_verified_aliases(registry, name) for name in sorted({name for name, _ in pairs})]
    if as_json:
        write_lines(rows)
    else:
        cells = [(row["model"], "ok" if row["ok"] else "no", row["error"] or row.get("note", "")) for row in rows]
        write_table(("what", "", "detail"), cells)
    return ExitCode.DONE if all(row["ok"] for row in rows) else ExitCode.MODEL_OR_CONFIGURATION


def cross_validation_auc(manifest: ModelManifest) -> float | None:
    """Area under the ROC curve, over videos of held-out sources; None where the manifest says nothing of it."""
    found: Any = manifest.metrics
    for key in ("cross_validation", "video", "auc", "value"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else None


def change_cells(change: AliasChange) -> tuple[str, ...]:
    """A change as cells of a table."""
    note = change.note
    figures = ", ".join(f"{key} {value:.4f}" for key, value in note.figures.items())
    moved = f"{change.action.value} {change.alias.value}: {change.before or 'none'} -> {change.after or 'none'}"
    at = datetime.fromtimestamp(note.at_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (str(change.revision), at, note.actor, moved, note.reason, figures or "-")


def write_lines(rows: Sequence[Row]) -> None:
    """Write JSON lines to stdout."""
    sys.stdout.writelines(json.dumps(row) + "\n" for row in rows)


def _chosen(registry: ModelRegistry, chosen: str | None) -> list[tuple[str, str]]:
    """Names and versions, of all models or of those that the user chose.

    Raises:
        ModelNotFound: there are none of this name.
    """
    wanted_name, wanted = name_and_version(chosen)
    names = registry.names() if wanted_name is None else (wanted_name,)
    pairs = [(name, version) for name in names for version in _versions(registry, name, wanted)]
    if chosen is not None and not pairs:
        raise ModelNotFound(f"there is no model {chosen} in {registry.where}")
    return pairs


def _versions(registry: ModelRegistry, name: str, wanted: str | None) -> Iterator[str]:
    versions = registry.versions(name)
    if wanted is None:
        yield from versions
    elif (version := registry.resolve(name, wanted)) in versions:
        yield version


def _aliases(registry: ModelRegistry, name: str) -> Aliases:
    """The aliases, or none where they cannot be read: that is told by `verify`."""
    try:
        return registry.aliases(name)
    except ModelCorrupt:
        return Aliases()


def _listed(registry: ModelRegistry, name: str, version: str) -> Row:
    row: Row = {"name": name, "version": version, "aliases": _aliases(registry, name).names_of(version)}
    row |= {"architecture": None, "cross_validation_auc": None, "weights_sha256": None, "error": None}
    try:
        manifest = registry.load(name, version).manifest
    except ModelCorrupt as error:
        return row | {"error": str(error)}
    facts = {"architecture": manifest.architecture, "cross_validation_auc": cross_validation_auc(manifest)}
    return row | facts | {"weights_sha256": manifest.weights_sha256}


def _told(row: Row) -> tuple[str, str, str]:
    auc = row["cross_validation_auc"]
    return row["architecture"] or "-", "-" if auc is None else f"{auc:.4f}", (row["weights_sha256"] or "-")[:8]


def _verified_aliases(registry: ModelRegistry, name: str) -> Row:
    """Whether the aliases can be read and name versions that are there."""
    row: Row = {"model": f"{name} aliases", "ok": True, "error": None}
    try:
        aliases = registry.aliases(name)
    except DfdError as error:
        return row | {"ok": False, "error": str(error)}
    named = {"champion": aliases.champion, "challenger": aliases.challenger, "previous": aliases.previous}
    versions = registry.versions(name)
    lost = [f"{what} {version}" for what, version in named.items() if version is not None and version not in versions]
    if lost:
        return row | {"ok": False, "error": f"there is no version for: {', '.join(lost)}"}
    return row


def write_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table to stdout."""
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    with console.capture() as captured:
        console.print(table)
    encoding = sys.stdout.encoding
    sys.stdout.write(captured.get().encode(encoding, "replace").decode(encoding))
