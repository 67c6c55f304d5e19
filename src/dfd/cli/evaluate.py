"""``dfd evaluate``: how good the model is on labelled videos."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dfd.bootstrap import Parts, analysis_options, build_parts
from dfd.cli.choices import chosen_settings
from dfd.cli.exits import ExitCode, complain
from dfd.cli.interrupts import remembered_interrupt
from dfd.cli.progress import progress_bar
from dfd.evaluation.conditions import Conditions, conditions_of
from dfd.evaluation.document import METRICS_NAME, PAGE_NAME
from dfd.evaluation.results import FILE_NAME
from dfd.evaluation.running import Runner
from dfd.evaluation.samples import SampleList, read_samples
from dfd.evaluation.setting import Setting, setting_of
from dfd.evaluation.study import Study
from dfd.processors import available_cpus
from dfd.settings import Settings, load_settings

_SHOWN = 3  # names of unreadable videos


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for; None leaves a choice to the settings or the list.

    Attributes:
        manifest: the list.
        out: folder of results and report.
        split: see `read_samples`.
        columns: see `read_samples`.
        group: see `read_samples`.
        fps: see `Settings.default_fps`.
        max_frames: see `Settings.max_frames`.
        threshold: see `Settings.threshold`.
        operating_point: see `chosen_settings`.
        model_name: see `Settings.model_name`.
        model_version: see `Settings.model_version`; with a name and no version, the newest.
        backend: see `Settings.model_backend`; no other one stands in for it.
        detector: see `Settings.face_detector`.
        robustness: see `conditions_of`.
        draws: of the bootstrap.
        seed: of the draws.
        jobs: videos judged at the same time.
        resume: go on with the results in the folder.
        strict: stop at a video that cannot be read.
    """

    manifest: Path
    out: Path
    split: str | None = None
    columns: tuple[str, ...] = ()
    group: str | None = None
    fps: float | None = None
    max_frames: int | None = None
    threshold: float | None = None
    operating_point: str | None = None
    model_name: str | None = None
    model_version: str | None = None
    backend: str | None = None
    detector: str | None = None
    robustness: str = "none"
    draws: int = 1000
    seed: int = 0
    jobs: int = 1
    resume: bool = False
    strict: bool = False


def evaluate(request: Request) -> ExitCode:
    """Judge the listed videos, write the report, and tell its figures in short.

    Raises:
        SampleListError, MediaNotFound: the list does not hold.
        InputError: a video cannot be read, and the request is strict.
        ConfigurationError: the settings do not hold, or the folder holds other results.
        ModelNotFound, ModelCorrupt, BackendUnavailable: the model is at fault.
    """
    listed = read_samples(request.manifest, request.split, request.columns, request.group)
    conditions = conditions_of(request.robustness)
    settings = _settings(request)
    parts = build_parts(settings)
    study = Study(
        listed=listed,
        conditions=conditions,
        setting=_setting(request, settings, parts, listed),
        out=request.out,
        resume=request.resume,
        rounds=request.draws,
    )
    total = len(listed.samples) * (1 + len(conditions.wanted))
    with progress_bar(total, sys.stderr.isatty()) as bar, remembered_interrupt() as check:

        def done(name: str) -> None:
            check()
            bar.start(name)
            bar.finish()

        runner = Runner(
            opener=parts.opener,
            analyzer_for=lambda opener: replace(parts, opener=opener).analyzer(),
            options=analysis_options(settings),
            jobs=request.jobs,
            strict=request.strict,
            done=done,
        )
        measured = study.carry_out(runner)
    _tell(measured, conditions, request.out, study.unreadable())
    return ExitCode.DONE


def _settings(request: Request) -> Settings:
    """The settings; videos judged side by side share the processors unless THREADS says otherwise.

    No other backend stands in for the one that was asked for: figures are of one.
    """
    threads = None
    if request.jobs > 1 and not load_settings().threads:
        threads = max(1, available_cpus() // request.jobs)
    chosen = chosen_settings(
        model_name=request.model_name,
        model_version=request.model_version,
        fps=request.fps,
        max_frames=request.max_frames,
        threshold=request.threshold,
        operating_point=request.operating_point,
        backend=request.backend,
        detector=request.detector,
        threads=threads,
    )
    return chosen.model_copy(update={"backend_fallback": False})


def _setting(request: Request, settings: Settings, parts: Parts, listed: SampleList) -> Setting:
    return setting_of(
        parts.manifest,
        analysis_options(settings),
        {
            "backend": settings.model_backend,
            "detector": settings.face_detector,
            "detector_sha256": _own_detector(settings),
            "working_side_px": settings.working_side_px,
            "max_pixels": settings.max_pixels,
            "max_duration_s": settings.max_duration_s,
        },
        {
            "list": request.manifest.name,
            "list_sha256": hashlib.sha256(request.manifest.read_bytes()).hexdigest(),
            "split": request.split,
            "slices": list(listed.slice_columns),
            "group": listed.group_column,
            "robustness": request.robustness,
        },
        request.seed,
    )


def _own_detector(settings: Settings) -> str | None:
    """SHA-256 of the weights of a face detector that are the user's own; None where they come with DFD."""
    if settings.face_detector != "retinaface" or settings.retinaface_weights is None:
        return None
    return hashlib.sha256(settings.retinaface_weights.read_bytes()).hexdigest()


def _tell(measured: Mapping[str, Any], conditions: Conditions, out: Path, unreadable: Sequence[str]) -> None:
    """The figures in a few lines on stdout; what was left out on stderr."""
    seen = measured["coverage"]
    lines = [
        f"videos   {seen['real']} real, {seen['fake']} fake",
        f"scored   {seen['scored_real']} real, {seen['scored_fake']} fake",
        f"AUC      {_shown(measured['auc'])}",
        f"EER      {_shown(measured['eer'])}",
        f"figures  {out / METRICS_NAME}",
        f"report   {out / PAGE_NAME}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if unreadable:
        more = ", ..." if len(unreadable) > _SHOWN else ""
        complain(
            f"{len(unreadable)} of the videos could not be read: {', '.join(unreadable[:_SHOWN])}{more}; "
            f"{out / FILE_NAME} names each with its error"
        )
    if conditions.skipped:
        complain(f"no encoder for {', '.join(conditions.skipped)}: left out")


def _shown(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return "n/a"
    return f"{figure['value']:.3f}  (95 % interval {figure['low']:.3f} to {figure['high']:.3f})"
