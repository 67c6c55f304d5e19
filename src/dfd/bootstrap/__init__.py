"""The composition root: from settings to working parts. Tests hand in parts of their own.

What an analysis needs is here; what the service needs besides lies in `dfd.bootstrap.service` and `dfd.bootstrap.jobs`,
so that a command that only analyses loads neither a database nor a web framework.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

import dfd
from dfd.backends.remote import Listener
from dfd.bootstrap.backends import build_backend
from dfd.bootstrap.decoding import build_opener as build_opener
from dfd.bootstrap.provenance import build_credentials
from dfd.bootstrap.registry import build_registry
from dfd.bootstrap.tuning import tuning_of
from dfd.credentials import ReadCredentials, not_checked
from dfd.device import Device
from dfd.errors import ConfigurationError, InvalidParameter
from dfd.explanation.explaining import Explainer
from dfd.explanation.videos import ExplainedVideos
from dfd.faces.blazeface import BlazeFaceDetector
from dfd.faces.centerface import CenterFaceDetector
from dfd.faces.haar import HaarDetector
from dfd.faces.retinaface import RetinaFaceDetector
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.ports import FaceDetector, ModelBackend, VideoOpener
from dfd.report import ModelIdentity, Origin
from dfd.sandbox.launcher import Launcher
from dfd.settings import Settings
from dfd.telemetry.logs import log_backend_event

Model = tuple[ModelBackend, ModelManifest]
"""A loaded model, and what it says of itself."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an analyzer is made of, the threads of each of its analyses, and what reports tell of the parts."""

    opener: VideoOpener
    detector: FaceDetector
    backend: ModelBackend
    manifest: ModelManifest
    threads: int
    settings: Mapping[str, str | int] = field(default_factory=dict)
    read_credentials: ReadCredentials = not_checked
    finds_ahead: bool = False

    @property
    def identity(self) -> ModelIdentity:
        """What reports call the model."""
        return self.manifest.identity()

    @property
    def origin(self) -> Origin:
        """What reports say of an analyzer of these parts."""
        return Origin(dfd.__version__, self.settings, read_credentials=self.read_credentials)

    def analyzer(self) -> Analyzer:
        """Put the parts together."""
        return Analyzer(
            self.opener,
            self.detector,
            self.backend,
            self.manifest,
            reads_ahead=self.threads > 1,
            finds_ahead=self.finds_ahead,
            origin=self.origin,
        )

    def explained_videos(self) -> ExplainedVideos:
        """What explains the answers of an analyzer of the same parts."""
        return ExplainedVideos(self.opener, Explainer(self.detector, self.backend, self.manifest))


def build_detector(
    name: str,
    threads: int,
    device: Device = Device.CPU,
    retinaface_weights: Path | None = None,
    call_threads: int = 1,
) -> FaceDetector:
    """The face detector of a name that `Settings.face_detector` takes.

    Args:
        name: which.
        threads: for one picture, of detectors that take long for it.
        device: what computes it.
        retinaface_weights: of the detector of that name.
        call_threads: for one picture, of BlazeFace; see `dfd.tuning.Tuning`.

    Raises:
        ConfigurationError: `device` or the weights cannot be used here.
    """
    if name == "haar":
        return HaarDetector()
    if name == "centerface":
        return CenterFaceDetector(threads=threads, device=device)
    if name == "retinaface":
        if retinaface_weights is None:
            raise ConfigurationError("FACE_DETECTOR is retinaface, but RETINAFACE_WEIGHTS is not set")
        return RetinaFaceDetector(retinaface_weights, threads=threads, device=device)
    return BlazeFaceDetector(threads=call_threads, device=device)


def build_model(settings: Settings, listener: Listener = log_backend_event) -> Model:
    """The model that the settings name, checked, and what scores crops with it.

    Raises:
        ModelNotFound: there is none, or the alias names none.
        ModelCorrupt: its files are not what its manifest says, or cannot be run.
        ConfigurationError: the backend needs a package that is not installed.
        RegistryUnavailable: the registry cannot be read.
    """
    registry = build_registry(settings)
    version = registry.resolve(settings.model_name, settings.model_version)
    model = registry.load(settings.model_name, version)
    return build_backend(settings.with_version(version), model, listener), model.manifest


def build_parts(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
    listener: Listener = log_backend_event,
    launcher: Launcher | None = None,
) -> Parts:
    """Load every part that is not given, side by side: hashing and optimising a model leave other threads free.

    Args:
        settings: say which parts.
        opener: opens media.
        detector: finds faces.
        model: a loaded one.
        listener: told what happens to a remote backend.
        launcher: see `dfd.bootstrap.decoding.build_opener`.

    Raises:
        ConfigurationError: a part cannot work here, or the model has no operating point of the
            name asked for.
        ModelNotFound, ModelCorrupt, RegistryUnavailable: see `build_model`.
    """
    # What an analysis multiplies is small: more threads of numpy's BLAS only spin, and take cores from the decoder.
    threadpool_limits(1, user_api="blas")
    cv2.setNumThreads(1)  # pictures of faces are small: OpenCV's threads wake for less than they cost
    opener = opener or build_opener(settings, launcher)
    tuning = tuning_of(settings)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="dfd-load") as pool:
        chosen = settings.face_detector, settings.cpu_threads, settings.device, settings.retinaface_weights
        built = partial(build_detector, *chosen, tuning.call_threads)
        loading = pool.submit(lambda: detector or built())
        backend, manifest = model or build_model(settings, listener)
        _check_operating_point(manifest, settings.operating_point)
        read_credentials, of_credentials = build_credentials(settings)
        of_parts: dict[str, str | int] = {
            "face_detector": settings.face_detector,
            "working_side_px": settings.working_side_px,
            **of_credentials,
        }
        return Parts(
            opener,
            loading.result(),
            backend,
            manifest,
            settings.cpu_threads,
            of_parts,
            read_credentials,
            tuning.finds_ahead,
        )


def _check_operating_point(manifest: ModelManifest, name: str | None) -> None:
    try:
        manifest.decision.in_force(None, name)
    except InvalidParameter as error:
        raise ConfigurationError(f"{manifest.name}/{manifest.version}: {error}") from error


def build_analyzer(
    settings: Settings,
    *,
    opener: VideoOpener | None = None,
    detector: FaceDetector | None = None,
    model: Model | None = None,
) -> Analyzer:
    """An analyzer that works as the settings say; raises as `build_parts` does."""
    return build_parts(settings, opener=opener, detector=detector, model=model).analyzer()


def analysis_options(settings: Settings) -> AnalysisOptions:
    """The settings' choices for one analysis."""
    return AnalysisOptions(
        fps=settings.default_fps,
        max_frames=settings.max_frames,
        threshold=settings.threshold,
        operating_point=settings.operating_point,
        no_face_fallback=settings.no_face_fallback,
        min_face_frames=settings.min_face_frames,
    )
