"""``dfd explain``: pictures of the evidence in the faces of one video, and a JSON file that says what they are."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from dfd.bootstrap import Parts, analysis_options, build_parts
from dfd.cli.choices import chosen_settings
from dfd.cli.exits import ExitCode, complain, printable
from dfd.cli.interrupts import remembered_interrupt
from dfd.cli.progress import progress_bar
from dfd.errors import ConfigurationError, FaceNotFound
from dfd.explanation.explaining import ExplainedFace, Explainer
from dfd.explanation.faces import FacePlace, place_at
from dfd.report import Report
from dfd.reporting import report_to_dict

RESULT_NAME: Final = "explanation.json"


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; None leaves a choice to the settings.

    Attributes:
        path: the video.
        out: folder of the pictures; made where it is not there.
        time_s: explain the face nearest to this time; None for the most suspicious ones.
        top: so many of those.
        fps: see `Settings.default_fps`.
        backend: see `Settings.model_backend`.
        detector: see `Settings.face_detector`.
        model_name: see `Settings.model_name`.
        model_version: see `Settings.model_version`; with a name and no version, the newest.
    """

    path: Path
    out: Path
    time_s: float | None = None
    top: int = 3
    fps: float | None = None
    backend: str | None = None
    detector: str | None = None
    model_name: str | None = None
    model_version: str | None = None


def explain(request: Request) -> ExitCode:
    """Analyse the video, draw the maps, and write what they are.

    Raises:
        ExplanationUnavailable: the model's maps were not measured to be faithful; before any work.
        FaceNotFound: the video has no face, or none at that time.
        InputError, ModelError, ConfigurationError: as of `dfd predict`; or the folder cannot be written.
    """
    settings = chosen_settings(
        model_name=request.model_name,
        model_version=request.model_version,
        fps=request.fps,
        backend=request.backend,
        detector=request.detector,
    )
    parts = build_parts(settings)
    explainer = Explainer(parts.detector, parts.backend, parts.manifest)
    explainer.check_maps()
    with progress_bar(1, sys.stderr.isatty()) as bar, remembered_interrupt() as check:
        bar.start(str(request.path))
        options = replace(analysis_options(settings), explain=True)
        report = parts.analyzer().analyze(request.path, options, bar.frames)
        check()
        faces = _explained(request, parts, explainer, report)
        check()
    _write(request, report, faces)
    return ExitCode.DONE


def _explained(request: Request, parts: Parts, explainer: Explainer, report: Report) -> list[ExplainedFace]:
    with parts.opener.open(request.path) as source:
        return [explainer.explained(source, place) for place in _wanted(request, report)]


def _wanted(request: Request, report: Report) -> Sequence[FacePlace]:
    places = [FacePlace.of(score) for score in report.face_scores]
    if not places:
        raise FaceNotFound("no face was found in the video: there is nothing to explain")
    if request.time_s is not None:
        return [place_at(places, None, request.time_s, report.coverage.sampling_step_s)]
    ranked = sorted(places, key=lambda place: (-place.fake_probability, place.pts_s, place.track_id))
    return ranked[: request.top]


def _write(request: Request, report: Report, faces: Sequence[ExplainedFace]) -> None:
    told = report_to_dict(report)
    named = [(f"track{face.place.track_id}_{face.place.pts_s:08.3f}s.png", face) for face in faces]
    document: dict[str, Any] = {
        "path": str(request.path),
        "verdict": told["verdict"],
        "fake_probability": told["fake_probability"],
        "model": told["model"],
        "input_sha256": told["input_sha256"],
        "maps": [
            {
                "file": name,
                "track_id": face.place.track_id,
                "pts_s": round(face.place.pts_s, 6),
                "fake_probability": round(face.place.fake_probability, 6),
            }
            for name, face in named
        ],
        "tracks": told["tracks"],
        "regions_unavailable": told["explanation"]["unavailable"],
    }
    try:
        request.out.mkdir(parents=True, exist_ok=True)
        for name, face in named:
            (request.out / name).write_bytes(face.sheet_png())
        (request.out / RESULT_NAME).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot write to {request.out}: {error.strerror}") from error
    sys.stdout.write(printable(str(request.out / RESULT_NAME)) + "\n")
    if document["regions_unavailable"] is not None:
        complain(f"no evidence by region: {document['regions_unavailable']}")
