"""``dfd doctor``: what is installed, which model there is, and what answers."""

import json
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, get_args
from urllib.parse import urlsplit

import numpy as np
from rich.console import Console
from rich.table import Table

from dfd import __version__
from dfd.backends.model_server import ModelServer, ServerFault
from dfd.backends.remote import STATUS_TIMEOUT_S
from dfd.bootstrap import build_detector, build_model
from dfd.bootstrap.backends import oip, tf_serving
from dfd.bootstrap.decoding import confinement
from dfd.bootstrap.examining import attempt, examine_services
from dfd.bootstrap.registry import build_registry
from dfd.bootstrap.tuning import remembered, tuning_of, tuning_place
from dfd.cli.exits import ExitCode, printable
from dfd.cli.tables import PIPED_WIDTH
from dfd.device import Device
from dfd.errors import ConfigurationError
from dfd.onnx_sessions import missing_for_cuda
from dfd.preprocessing import to_model_input
from dfd.processors import available_cpus
from dfd.provenance.reader import NEEDS, library_version
from dfd.sandbox.layers import in_words
from dfd.settings import Settings, load_settings

PACKAGES = (
    "alembic",
    "av",
    "fastapi",
    "numpy",
    "obstore",
    "onnxruntime",
    "opencv-python-headless",
    "orjson",
    "pydantic",
    "pydantic-settings",
    "pydyf",
    "python-multipart",
    "rich",
    "sqlalchemy",
    "typer",
    "urllib3",
    "uvicorn",
)

Findings = dict[str, Any]
"""JSON-ready; every part that can fail has ``ok``, and ``message`` where it has failed."""


def doctor(as_json: bool) -> ExitCode:
    """Examine this installation and write what was found.

    Raises:
        ConfigurationError: the settings do not hold.
    """
    findings = examine(load_settings())
    sys.stdout.write((json.dumps(findings) if as_json else _render(findings)) + "\n")
    return ExitCode.DONE if findings["ok"] else ExitCode.MODEL_OR_CONFIGURATION


def examine(settings: Settings) -> Findings:
    """Look at everything that DFD rests on.

    ``ok`` says whether the model answers, its face detector loads, and every backing service does its part.
    """
    model = attempt(partial(_model, settings))
    if model["ok"]:
        settings = settings.with_version(model["version"])
    embedded = model
    if settings.model_backend != "onnx":
        embedded = attempt(partial(_model, settings.model_copy(update={"model_backend": "onnx"})))
    detectors = {name: attempt(partial(_detector, name, settings)) for name in _detector_names(settings)}
    sandbox = attempt(partial(_sandbox, settings))
    services = examine_services(settings)
    needed = [model, detectors[settings.face_detector], sandbox, *services.values()]
    return {
        "ok": all(part["ok"] for part in needed),
        "dfd": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "content_credentials": {"c2pa-python": library_version()},
        "packages": {name: _version(name) for name in PACKAGES},
        "cpus": available_cpus(),
        "threads": settings.cpu_threads,
        "tuning": _tuning(settings),
        "device": {"wanted": settings.device.value, "missing_for_cuda": missing_for_cuda()},
        "temporary_folder": _temporary_folder(),
        "sandbox": sandbox,
        "models_dir": str(settings.models_dir),
        "model": {"name": settings.model_name, "version": settings.model_version, **model},
        "backends": {"onnx_runtime": _verdict(embedded), **_servers(settings)},
        "detectors": detectors,
        "services": services,
    }


def _tuning(settings: Settings) -> Findings:
    """How the work is divided, and whether that was measured here."""
    place = tuning_place(settings)
    return {
        **asdict(tuning_of(settings)),
        "file": None if place is None else str(place),
        "measured": remembered(settings) is not None,
    }


def _verdict(part: Findings) -> Findings:
    """Whether it is well, and why not."""
    return {key: part[key] for key in ("ok", "code", "message") if key in part}


def _model(settings: Settings) -> Findings:
    """Load the model, which checks its hashes, and let its backend score a blank crop."""
    backend, manifest = build_model(settings)
    started = time.perf_counter()
    side = manifest.input.size_px
    blank = np.zeros((side, side, 3 * manifest.input.frames), np.uint8)
    answer = backend.answer(to_model_input([blank], manifest.input))
    return {
        "version": manifest.version,
        "registry": build_registry(settings).where,
        "weights_sha256": manifest.weights_sha256,
        "architecture": manifest.architecture,
        "backend": answer.backend,
        "first_answer_ms": round((time.perf_counter() - started) * 1000, 1),
    }


def _detector_names(settings: Settings) -> list[str]:
    """All that can be chosen; the one that needs weights of the operator's own where they are named."""
    names = get_args(Settings.model_fields["face_detector"].annotation)
    return [name for name in names if name != "retinaface" or settings.retinaface_weights is not None]


def _detector(name: str, settings: Settings) -> Findings:
    """Load a detector and let it look at a grey picture."""
    build_detector(name, 1, settings.device, settings.retinaface_weights).detect(np.full((128, 128, 3), 127, np.uint8))
    return {}


def _sandbox(settings: Settings) -> Findings:
    """Start a process as media is decoded in, and let it tell what holds it."""
    found = confinement(settings)
    if found is None:
        return {"on": False, "held_by": "", "missing": ""}
    return {"on": True, "held_by": str(found), "missing": in_words(found.missing) if found.missing else ""}


def _servers(settings: Settings) -> dict[str, Findings]:
    """What the model servers say whose addresses are known."""
    found = {"tf_serving": _server(lambda: tf_serving(settings), settings.tf_serving_url)}
    if settings.oip_url is not None:
        found["oip"] = _server(lambda: oip(settings), settings.oip_url)
    return found


def _server(build: Callable[[], ModelServer], url: str) -> Findings:
    parts = urlsplit(url)
    shown = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()  # without credentials
    try:
        return {"ok": True, "url": shown, "status": build().status(STATUS_TIMEOUT_S)}
    except ServerFault as fault:
        needed = "needed only when it is the backend"
        return {"ok": False, "url": shown, "message": f"{fault} ({needed})"}
    except ConfigurationError as error:
        return {"ok": False, "url": shown, "message": str(error)}


def _temporary_folder() -> Findings:
    folder = tempfile.gettempdir()
    return {"path": folder, "free_bytes": shutil.disk_usage(folder).free}


def _version(package: str) -> str | None:
    try:
        return installed_version(package)
    except PackageNotFoundError:
        return None


def _render(findings: Findings) -> str:
    table = Table(show_header=False)
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for name, verdict, detail in _rows(findings):
        table.add_row(name, verdict, printable(detail))
    console = Console() if sys.stdout.isatty() else Console(width=PIPED_WIDTH)
    with console.capture() as captured:
        console.print(table, markup=False)
    return captured.get().rstrip("\n")


def _rows(findings: Findings) -> list[tuple[str, str, str]]:
    """The table's rows: what, whether it is well, and details."""
    model, folder = findings["model"], findings["temporary_folder"]
    packages = ", ".join(f"{name} {version or 'missing'}" for name, version in findings["packages"].items())
    rows = [
        ("DFD", "", f"{findings['dfd']} on Python {findings['python']}, {findings['platform']}"),
        ("packages", "no" if None in findings["packages"].values() else "ok", packages),
        ("processors", "", f"{findings['cpus']}, of which an analysis uses {findings['threads']}"),
        ("division of work", "", _division(findings["tuning"])),
        ("device", "", _device(findings["device"])),
        ("temporary folder", "", f"{folder['path']}, {folder['free_bytes'] / 2**30:.1f} GiB free"),
        ("content credentials", "", findings["content_credentials"]["c2pa-python"] or NEEDS),
        ("sandbox", _word(findings["sandbox"]), _sandbox_detail(findings["sandbox"])),
        (f"model {model['name']}/{model['version']}", _word(model), _detail(model, findings["models_dir"])),
    ]
    for kind in ("backends", "detectors"):
        for name, part in findings[kind].items():
            rows.append((f"{kind[:-1]} {name}", _word(part), _detail(part, part.get("url", ""))))
    for name, part in findings["services"].items():
        rows.append((name.replace("_", " "), _word(part), _detail(part, _facts(part))))
    return rows


def _division(tuning: Findings) -> str:
    ahead = "in a thread of their own" if tuning["finds_ahead"] else "where they are scored"
    origin = f"measured here ({tuning['file']})" if tuning["measured"] else "not measured here: dfd doctor --tune"
    return (
        f"decoder threads {tuning['decoder_threads']}, threads a call {tuning['call_threads']}, crops a call "
        f"{tuning['piece_crops']}, faces looked for {ahead}; {origin}"
    )


def _device(device: Findings) -> str:
    missing = device["missing_for_cuda"]
    if device["wanted"] == Device.AUTO:
        return f"auto: the CPU, as {missing}" if missing else "auto: a CUDA card"
    return str(device["wanted"])


def _facts(part: Findings) -> str:
    """What was found of a service, as words."""
    facts = [f"{name} {value}" for name, value in part.items() if name not in ("ok", "note") and value not in ({}, [])]
    return "; ".join([*facts, *([part["note"]] if "note" in part else [])])


def _word(part: Findings) -> str:
    return "ok" if part["ok"] else "no"


def _sandbox_detail(part: Findings) -> str:
    if not part["ok"]:
        return str(part["message"])
    if not part["on"]:
        return "SANDBOX is off: media is decoded in the process that serves"
    return f"{part['held_by']}; missing here: {part['missing']}" if part["missing"] else str(part["held_by"])


def _detail(part: Findings, place: str) -> str:
    if not part["ok"]:
        return str(part["message"])
    if "weights_sha256" in part:
        return (
            f"{part['architecture']} in {part['registry']}, every hash holds (weights {part['weights_sha256'][:8]}), "
            f"first answer by {part['backend']} after {part['first_answer_ms']} ms"
        )
    return place
