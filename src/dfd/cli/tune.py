"""``dfd doctor --tune``: find out which way of dividing the work is the fastest on this machine, and remember it."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from dfd.bootstrap.tuner import Rig
from dfd.bootstrap.tuning import machine_of, remember
from dfd.cli.exits import ExitCode, complain
from dfd.cli.tables import rendered
from dfd.errors import InvalidParameter
from dfd.onnx_sessions import execution_providers
from dfd.settings import Settings, load_settings
from dfd.tuning import Tried, Tuning, fastest
from dfd.video.made_clip import make_clip

_CHOICES = ("decoder_threads", "finds_ahead", "call_threads", "piece_crops")


def tune(clip: Path | None, as_json: bool) -> ExitCode:
    """Measure, remember, and write what was found.

    Args:
        clip: the film to measure on; None makes one.
        as_json: one JSON object in place of a table.

    Raises:
        ConfigurationError: the settings do not hold, or what was found cannot be written.
        InvalidParameter: a model server computes, or the settings leave no choice.
        InputError, ModelError: the clip, or the model, is at fault.
    """
    settings = load_settings()
    _check(settings)
    with tempfile.TemporaryDirectory(prefix="dfd-tune-") as folder:
        if clip is None:
            clip = Path(folder) / "clip.mp4"
            make_clip(clip)
        best, tried = fastest(settings.cpu_threads, Rig(settings, clip).measure)
    place = remember(settings, best)
    if as_json:
        sys.stdout.write(json.dumps(_document(settings, best, tried, place)) + "\n")
    else:
        sys.stdout.write(rendered(_table(best, tried)))
        complain(f"remembered in {place}")
    return ExitCode.DONE


def _check(settings: Settings) -> None:
    if settings.model_backend != "onnx":
        raise InvalidParameter("MODEL_BACKEND names a model server: how it computes is its own business")
    defaults = Settings.model_fields
    chosen = [name.upper() for name in _CHOICES if getattr(settings, name) != defaults[name].default]
    if chosen:
        raise InvalidParameter(f"{', '.join(chosen)} would win over what is measured: unset them first")


def _document(settings: Settings, best: Tuning, tried: Sequence[Tried], place: Path) -> dict[str, object]:
    return {
        "machine": machine_of(settings),
        "execution_providers": execution_providers(),
        "tried": [{**asdict(one.tuning), "seconds": one.median_s} for one in tried],
        "tuning": asdict(best),
        "file": str(place),
    }


def _table(best: Tuning, tried: Sequence[Tried]) -> Table:
    table = Table(caption=f"ONNX Runtime can use {', '.join(execution_providers())}", caption_justify="left")
    for heading in ("decoder threads", "faces ahead", "threads a call", "crops a call", "seconds", ""):
        table.add_column(heading, justify="right")
    for one in tried:
        way = one.tuning
        table.add_row(
            str(way.decoder_threads),
            "yes" if way.finds_ahead else "no",
            str(way.call_threads),
            str(way.piece_crops),
            "other report" if one.median_s is None else f"{one.median_s:.3f}",
            "chosen" if way == best else "",
        )
    return table
