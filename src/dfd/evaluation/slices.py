"""Figures of parts of the videos: by quality of the face, by what weakens a verdict, and by columns of the list."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from dfd.evaluation.figures import Judge, ranked
from dfd.evaluation.results import ClipResult
from dfd.types import FaceQuality, Reason

_THIRDS = ("lowest third", "middle third", "highest third")
_UNKNOWN = "unknown"
_NO_REASON = "none"

_QUALITIES = tuple(field.name for field in fields(FaceQuality))


def slices(results: Sequence[ClipResult], judge: Judge, columns: Sequence[str]) -> dict[str, Any]:
    """Figures by part.

    Args:
        results: of all videos.
        judge: makes the figures.
        columns: columns of the list, whose values are parts.

    Returns:
        ``quality`` (by property, then by third of the videos with a face), ``reasons`` (by reason, and ``none``) and
        ``columns`` (by column, then by value).
    """
    return {
        "quality": {name: _thirds(results, judge, name) for name in _QUALITIES},
        "reasons": _by_reason(results, judge),
        "columns": {name: _by_column(results, judge, name) for name in columns},
    }


def _thirds(results: Sequence[ClipResult], judge: Judge, name: str) -> list[dict[str, Any]]:
    measured = [(result, float(getattr(result.quality, name))) for result in results if result.quality is not None]
    if not measured:
        return []
    first, second = np.quantile([value for _, value in measured], [1 / 3, 2 / 3])
    parts: dict[str, list[tuple[ClipResult, float]]] = {name: [] for name in _THIRDS}
    for result, value in measured:
        parts[_THIRDS[int(value > first) + int(value > second)]].append((result, value))
    return [
        {
            "name": third,
            "from": round(min(value for _, value in part), 4),
            "to": round(max(value for _, value in part), 4),
            **ranked([result for result, _ in part], judge),
        }
        for third, part in parts.items()
        if part
    ]


def _by_reason(results: Sequence[ClipResult], judge: Judge) -> list[dict[str, Any]]:
    judged = [result for result in results if result.verdict is not None]
    parts = {str(reason): [result for result in judged if reason in result.reasons] for reason in Reason}
    parts[_NO_REASON] = [result for result in judged if not result.reasons]
    return [{"name": name, **ranked(part, judge)} for name, part in parts.items() if part]


def _by_column(results: Sequence[ClipResult], judge: Judge, column: str) -> list[dict[str, Any]]:
    parts: dict[str, list[ClipResult]] = {}
    for result in results:
        parts.setdefault(result.sample.slices[column] or _UNKNOWN, []).append(result)
    return [{"name": name, **ranked(parts[name], judge)} for name in sorted(parts)]
