"""How the work is divided: as the settings say, else as was measured on this very machine, else as usual."""

import json
import logging
import os
import secrets
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import dfd
from dfd.errors import ConfigurationError
from dfd.onnx_sessions import runtime_version
from dfd.processors import available_cpus, processor_model
from dfd.settings import Settings
from dfd.tuning import Tuning, usual

_LOG = logging.getLogger(__name__)

_FORMAT: Final = 1
_MOST_BYTES: Final = 1 << 20

Machine = dict[str, str | int]
"""All that the fastest way depends on."""


def tuning_of(settings: Settings) -> Tuning:
    """How an analysis divides its work."""
    found = remembered(settings) or usual(settings.cpu_threads)
    return Tuning(
        decoder_threads=settings.decoder_threads or found.decoder_threads,
        call_threads=settings.call_threads or found.call_threads,
        piece_crops=settings.piece_crops or found.piece_crops,
        finds_ahead=found.finds_ahead if settings.finds_ahead is None else settings.finds_ahead,
    )


def with_tuning(settings: Settings, tuning: Tuning) -> Settings:
    """The settings that ask for a way by name."""
    return settings.model_copy(update=asdict(tuning))


def machine_of(settings: Settings) -> Machine:
    """This machine, what runs on it, and what it is to compute: where one of these differs, measure again."""
    return {
        "processor": processor_model(),
        "processors": os.cpu_count() or 1,
        "usable_processors": available_cpus(),
        "threads": settings.cpu_threads,
        "device": settings.device.value,
        "sandbox": int(settings.sandbox),
        "dfd": dfd.__version__,
        "onnxruntime": runtime_version(),
        "model": f"{settings.model_name}/{settings.model_version}",
        "face_detector": settings.face_detector,
    }


def tuning_place(settings: Settings) -> Path | None:
    """The file of what was measured; None where there is no place for it."""
    if settings.tuning_file is not None:
        return settings.tuning_file
    try:
        caches = settings.xdg_cache_home or Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        return None
    return caches / "dfd" / "tuning.json"


def remembered(settings: Settings) -> Tuning | None:
    """What was measured for this machine and these settings; None where nothing was."""
    place = tuning_place(settings)
    if place is None:
        return None
    try:
        entries = _entries(place)
        if not entries:
            return None
        machine = machine_of(settings)
        found = [entry["tuning"] for entry in entries if entry["machine"] == machine]
        return Tuning(**found[0]) if found else None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _LOG.warning("%s is left alone, as it cannot be read: %s", place, error)
        return None


def remember(settings: Settings, tuning: Tuning) -> Path:
    """Keep what was measured for this machine, in the place of what was known of it, and tell where.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    place = tuning_place(settings)
    if place is None:
        raise ConfigurationError("TUNING_FILE is not set, and this user has no home folder to put it into")
    machine = machine_of(settings)
    try:
        known = _entries(place)
    except (OSError, ValueError, TypeError, KeyError):
        known = []  # what cannot be read is of no use to anybody
    others = [entry for entry in known if entry.get("machine") != machine]
    content = {"format": _FORMAT, "choices": [*others, {"machine": machine, "tuning": asdict(tuning)}]}
    part = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        part.replace(place)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigurationError(f"cannot write {place}: {error.strerror}") from error
    return place


def _entries(place: Path) -> list[dict[str, Any]]:
    """What the file holds; nothing where there is none, or where another version wrote it.

    Raises:
        OSError, ValueError, TypeError, KeyError: it cannot be read.
    """
    try:
        with place.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return []
    if len(content) > _MOST_BYTES:
        raise ValueError("it is too long")
    parsed = json.loads(content)
    if parsed["format"] != _FORMAT:
        return []
    entries: list[dict[str, Any]] = parsed["choices"]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("a choice in it is no object")
    return entries
