"""Telling of a model that answers, whichever replica answered."""

import threading
from collections.abc import Callable

import numpy as np

from dfd.errors import ModelNotFound, VersionNotFound
from dfd.manifest import ModelManifest
from dfd.monitoring.drift import DriftStatus, drift_status
from dfd.monitoring.labelled import MOST_LABELS, CalibrationStatus, calibration_status
from dfd.monitoring.measuring import HOUR_S
from dfd.monitoring.observing import KEPT_HOURS
from dfd.ports.feedback import FeedbackFilter, FeedbackStore, TallyStore

WEEK_HOURS = 168
"""How far back is looked where nobody says."""


class ModelMonitor:
    """Answers what the counts and the feedback say of a version. Safe to use from several threads."""

    def __init__(
        self,
        manifest_of: Callable[[str, str], ModelManifest],
        feedback: FeedbackStore,
        tallies: TallyStore,
        clock: Callable[[], float],
        seed: int = 0,
    ) -> None:
        """Put the parts together.

        Args:
            manifest_of: the manifest of a name and a version; raises `ModelNotFound` where there is none. A version
                never changes, so it is asked for each once.
            feedback: the table of feedback.
            tallies: the counts.
            clock: seconds since the epoch.
            seed: of the bootstrap, so that the same labels give the same intervals.
        """
        self._manifest_of = manifest_of
        self._feedback = feedback
        self._tallies = tallies
        self._clock = clock
        self._seed = seed
        self._known: dict[tuple[str, str], ModelManifest] = {}
        self._lock = threading.Lock()

    def drift(self, name: str, version: str, window_hours: int = WEEK_HOURS) -> DriftStatus:
        """What a version was fed lately.

        Args:
            name: of the model.
            version: its number.
            window_hours: how far back, 1 to `KEPT_HOURS`.

        Raises:
            VersionNotFound: there is no such version.
            ModelError, RegistryUnavailable: its manifest cannot be read.
            JobStoreUnavailable: the counts cannot be read.
        """
        hour = int(self._clock() // HOUR_S)
        return drift_status(self._manifest(name, version), self._tallies, hour, min(window_hours, KEPT_HOURS))

    def calibration(self, name: str, version: str) -> CalibrationStatus:
        """What labelled videos say of a version; raises as `drift` does."""
        manifest = self._manifest(name, version)
        wanted = FeedbackFilter(manifest.name, model_version=manifest.version)
        given = self._feedback.latest(wanted, MOST_LABELS)
        return calibration_status(name, version, given, np.random.default_rng(self._seed))

    def _manifest(self, name: str, version: str) -> ModelManifest:
        with self._lock:
            known = self._known.get((name, version))
        if known is not None:
            return known
        try:
            found = self._manifest_of(name, version)
        except ModelNotFound as error:
            raise VersionNotFound(f"there is no model {name}/{version}") from error
        with self._lock:
            return self._known.setdefault((name, version), found)
