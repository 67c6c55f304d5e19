"""Options that several commands take, and what their values must look like."""

import math
import re
from enum import StrEnum
from typing import Annotated

import typer


class Detector(StrEnum):
    """Face detectors; the same as `Settings.face_detector` takes."""

    BLAZEFACE = "blazeface"
    CENTERFACE = "centerface"
    HAAR = "haar"
    RETINAFACE = "retinaface"


class ModelBackend(StrEnum):
    """What scores faces; the same as `Settings.model_backend` takes."""

    ONNX = "onnx"
    TFSERVING = "tfserving"
    OIP = "oip"


def name_and_version(model: str | None) -> tuple[str | None, str | None]:
    """The two parts of what `Model` takes; None for each that is not given."""
    name, _, version = (model or "").replace("/", ":").partition(":")
    return name or None, version or None


def _frames_a_second(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and 0 < value <= 120):
        raise typer.BadParameter("it must be above 0 and at most 120")
    return value


def _probability(value: float | None) -> float | None:
    if value is not None and not 0 < value < 1:
        raise typer.BadParameter("it must be between 0 and 1")
    return value


def _point(value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise typer.BadParameter("it must be the name of an operating point, as low_false_alarm")
    return value


def checked_model(value: str | None) -> str | None:
    """Refuse what is no name of a model or a version."""
    if value is not None and not re.fullmatch(
        r"[A-Za-z0-9][A-Za-z0-9._-]*([:/]([1-9][0-9]*|champion|challenger))?", value
    ):
        raise typer.BadParameter(
            "it must be NAME, NAME:VERSION or NAME/VERSION; a version may be champion or challenger"
        )
    return value


Fps = Annotated[float | None, typer.Option(callback=_frames_a_second, help="Frames sampled for each second of video.")]
MaxFrames = Annotated[int | None, typer.Option(min=1, max=100_000, help="Most frames sampled of a video.")]
Threshold = Annotated[
    float | None, typer.Option(callback=_probability, help="Probability from which a video is called fake.")
]
Point = Annotated[
    str | None,
    typer.Option(callback=_point, metavar="NAME", help="Threshold of the model by name, as low_false_alarm."),
]
Model = Annotated[
    str | None,
    typer.Option(callback=checked_model, metavar="NAME[:VERSION]", help="Model; the newest when unversioned."),
]
Backend = Annotated[ModelBackend | None, typer.Option(help="What scores faces: this process, or a model server.")]
FaceDetector = Annotated[Detector | None, typer.Option(help="Face detector.")]
