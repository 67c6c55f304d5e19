"""The model that answers now, which may be another one in a moment."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dfd.explanation.videos import ExplainedVideos
from dfd.manifest import ModelManifest
from dfd.pipeline import AnalysisOptions, Progress
from dfd.ports import ModelBackend
from dfd.report import ModelIdentity, Report


class VideoAnalyzer(Protocol):
    """The part of `dfd.pipeline.Analyzer` that services need. Safe to call from several threads."""

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file; an exception raised by `progress` ends the analysis and is passed on.

        Raises:
            InputError: the file cannot be analysed.
            BackendUnavailable: the model does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that is ready to answer.

    Attributes:
        analyzer: analyses files with it.
        backend: scores its crops.
        manifest: what it says of itself.
        videos: finds faces in videos again, and explains its answers for them; None where that cannot be asked for.
    """

    analyzer: VideoAnalyzer
    backend: ModelBackend
    manifest: ModelManifest
    videos: ExplainedVideos | None = None

    @property
    def identity(self) -> ModelIdentity:
        """What reports call it."""
        return ModelIdentity(self.manifest.name, self.manifest.version, self.manifest.weights_sha256)

    def score_blank(self) -> None:
        """Score one black crop, so that no caller pays for the model's first run.

        Raises:
            BackendUnavailable: the model does not answer.
        """
        contract = self.manifest.input
        self.backend.predict(np.full((1, *contract.tensor_shape), contract.value_min, np.float32))


class LiveModel:
    """Analyses with the model that is in force when an analysis begins, and ends it with the same.

    Safe to use from several threads. A model that was replaced is freed when its last analysis has ended.
    """

    def __init__(self, model: LoadedModel) -> None:
        """Begin with `model`."""
        self._current = model
        self._lock = threading.Lock()
        self._listeners: list[Callable[[LoadedModel], None]] = []

    @property
    def current(self) -> LoadedModel:
        """The model that the next analysis begins with."""
        return self._current

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file; see `VideoAnalyzer.analyze`."""
        return self._current.analyzer.analyze(path, options, progress)

    def when_switched(self, listener: Callable[[LoadedModel], None]) -> None:
        """Tell `listener` of every model that takes over from now on, in the thread that switches."""
        with self._lock:
            self._listeners.append(listener)

    def switch(self, model: LoadedModel) -> None:
        """Let `model` answer from now on."""
        with self._lock:
            self._current = model
            for listener in self._listeners:
                listener(model)
