"""The three forms of a batch's table. Each is written beside its place and renamed, so it is whole or not there."""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

from dfd.errors import ConfigurationError, InvalidParameter

Outcomes = Iterable[Mapping[str, Any]]
Write = Callable[[Path, Outcomes], None]

COLUMNS: Final[Mapping[str, type]] = {
    "path": str,
    "verdict": str,
    "fake_probability": float,
    "threshold": float,
    "operating_point": str,
    "reasons": str,
    "tracks": int,
    "scored_faces": int,
    "sampled_frames": int,
    "duration_s": float,
    "model": str,
    "model_version": str,
    "input_sha256": str,
    "error_code": str,
    "error_message": str,
}
"""Columns of the flat forms, and what they hold; any but the path may be empty."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_ROWS_AT_ONCE: Final = 1000


def table_writer(path: Path) -> Write:
    """What writes the form that a suffix names; asked before the work begins.

    Raises:
        InvalidParameter: no form has this suffix.
        ConfigurationError: what the form needs is not installed.
    """
    writer = {".csv": _write_csv, ".jsonl": _write_json_lines, ".parquet": _write_parquet}.get(path.suffix.lower())
    if writer is None:
        raise InvalidParameter(f"--out: {path.name} must end in .csv, .jsonl or .parquet")
    if writer is _write_parquet:
        _parquet()
    return writer


def flat(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """One outcome as a row of `COLUMNS`."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row["path"] = outcome["path"]
    if error := outcome.get("error"):
        return row | {"error_code": error["code"], "error_message": error["message"]}
    coverage, model = outcome["coverage"], outcome["model"]
    return row | {
        "verdict": outcome["verdict"],
        "fake_probability": outcome["fake_probability"],
        "threshold": outcome["threshold"],
        "operating_point": outcome["operating_point"],
        "reasons": " ".join(outcome["reasons"]),
        "tracks": len(outcome["tracks"]),
        "scored_faces": coverage["scored_faces"],
        "sampled_frames": coverage["sampled_frames"],
        "duration_s": outcome["video"]["duration_s"],
        "model": model["name"],
        "model_version": model["version"],
        "input_sha256": outcome["input_sha256"],
    }


def _write_csv(path: Path, outcomes: Outcomes) -> None:
    with _whole(path) as beside, beside.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in flat(outcome).items()} for outcome in outcomes)


def _cell(value: object) -> object:
    """A spreadsheet would run a name that looks like a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_json_lines(path: Path, outcomes: Outcomes) -> None:
    with _whole(path) as beside, beside.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps(outcome, ensure_ascii=True, allow_nan=False) + "\n" for outcome in outcomes)


def _write_parquet(path: Path, outcomes: Outcomes) -> None:
    arrow, parquet = _parquet()
    kinds = {str: arrow.string(), float: arrow.float64(), int: arrow.int64()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    with _whole(path) as beside, parquet.ParquetWriter(beside, schema) as writer:
        valid = map(_valid_text, map(flat, outcomes))
        while rows := list(islice(valid, _ROWS_AT_ONCE)):
            writer.write_table(arrow.Table.from_pylist(rows, schema))


def _valid_text(row: Mapping[str, Any]) -> dict[str, Any]:
    """File names need not be valid in any encoding; Parquet's text is UTF-8."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _parquet() -> tuple[Any, Any]:
    try:
        import pyarrow as arrow  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError("tables in .parquet need pyarrow: pip install 'dfd[parquet]'") from error
    return arrow, parquet


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when the block has done its work."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        beside = Path(name)
        try:
            yield beside
            beside.chmod(0o644)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
