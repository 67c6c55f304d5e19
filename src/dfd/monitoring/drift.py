"""How far what a model is fed, and what it answers, lie from what it was judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from dfd.histograms import LARGE, MODERATE, ReferenceHistogram, psi, psi_noise
from dfd.manifest import ModelManifest
from dfd.monitoring.measuring import MEASURES, edges_of, tally_of
from dfd.ports.feedback import TallyStore

LEAST_VIDEOS: Final = 50
"""With fewer videos nothing is said of drift."""

_DECIMALS: Final = 6


class DriftLevel(StrEnum):
    """How much drift there is, the least first."""

    NO_REFERENCE = "no_reference"
    """The manifest has no histogram to compare with."""
    TOO_FEW = "too_few"
    """Fewer than `LEAST_VIDEOS` videos."""
    STABLE = "stable"
    """PSI below 0.1, or no higher than chance makes it."""
    MODERATE = "moderate"
    LARGE = "large"
    """PSI of 0.25 and more."""


_ORDER: Final = tuple(DriftLevel)


@dataclass(frozen=True, slots=True)
class Distance:
    """From one of the two references.

    Attributes:
        psi: population stability index.
        noise: what it stays below 95 times in 100 without any drift.
    """

    psi: float
    noise: float

    @property
    def level(self) -> DriftLevel:
        """What the PSI is called."""
        if self.psi < MODERATE or self.psi <= self.noise:
            return DriftLevel.STABLE
        return DriftLevel.MODERATE if self.psi < LARGE else DriftLevel.LARGE


@dataclass(frozen=True, slots=True)
class MeasureDrift:
    """One measure.

    Attributes:
        measure: which.
        edges: inner edges of the bins.
        counts: videos in each bin.
        reference: what they are compared with; None where the manifest has nothing.
    """

    measure: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    reference: ReferenceHistogram | None

    @property
    def videos(self) -> int:
        """How many were counted."""
        return sum(self.counts)

    @property
    def distances(self) -> Mapping[str, Distance]:
        """From all reference videos and from the real ones (``all``, ``real``); empty where nothing is compared."""
        if self.reference is None or not self.videos:
            return {}
        both = {"all": self.reference.all_counts, "real": self.reference.real_counts}
        return {
            name: Distance(psi(self.counts, counts), psi_noise(len(counts), self.videos, sum(counts)))
            for name, counts in both.items()
        }

    @property
    def level(self) -> DriftLevel:
        """That of the nearer reference: how many fakes there are in traffic is not known."""
        if self.reference is None:
            return DriftLevel.NO_REFERENCE
        if self.videos < LEAST_VIDEOS:
            return DriftLevel.TOO_FEW
        return min((distance.level for distance in self.distances.values()), key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """What one version of a model was fed lately.

    Attributes:
        model_name: which model.
        model_version: which version.
        window_hours: how far back was looked, the present hour included.
        measures: in the order of `dfd.monitoring.measuring.MEASURES`.
    """

    model_name: str
    model_version: str
    window_hours: int
    measures: tuple[MeasureDrift, ...]

    @property
    def level(self) -> DriftLevel:
        """The worst of the measures."""
        return max((one.level for one in self.measures), key=_ORDER.index)


def drift_status(
    manifest: ModelManifest, store: TallyStore, hour: int, window_hours: int, measures: Sequence[str] = MEASURES
) -> DriftStatus:
    """Compare what was counted with the manifest's reference.

    Args:
        manifest: of the version.
        store: the counts.
        hour: the present one, since the epoch.
        window_hours: how many hours count, at least 1.
        measures: which; all by default.

    Raises:
        JobStoreUnavailable: the counts cannot be read.
    """
    found = []
    for name in measures:
        edges = edges_of(manifest, name)
        counts = store.counts(tally_of(manifest, name), hour - window_hours + 1, hour)
        filled = tuple(counts.get(number, 0) for number in range(len(edges) + 1))
        found.append(MeasureDrift(name, edges, filled, manifest.reference_histograms.get(name)))
    return DriftStatus(manifest.name, manifest.version, window_hours, tuple(found))


def drift_to_dict(status: DriftStatus) -> dict[str, Any]:
    """A status, JSON-ready (``Drift``)."""
    return {
        "name": status.model_name,
        "version": status.model_version,
        "window_hours": status.window_hours,
        "level": status.level.value,
        "measures": [
            {
                "measure": one.measure,
                "level": one.level.value,
                "videos": one.videos,
                "edges": list(one.edges),
                "counts": list(one.counts),
                "reference": None
                if one.reference is None
                else {"all": list(one.reference.all_counts), "real": list(one.reference.real_counts)},
                "psi": {
                    name: {"value": round(distance.psi, _DECIMALS), "noise": round(distance.noise, _DECIMALS)}
                    for name, distance in one.distances.items()
                },
            }
            for one in status.measures
        ],
    }
