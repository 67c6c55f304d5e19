"""The course of each face over the time of the video: stretches that reach the threshold, and a chart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Final

from dfd.casefile.blocks import Box, Chart, Dot, Label, Line, Shape, Tone

Data = Mapping[str, Any]

_WIDTH: Final = 720.0
_HEIGHT: Final = 132.0
_LEFT: Final = 34.0
_RIGHT: Final = 8.0
_TOP: Final = 8.0
_BOTTOM: Final = 24.0
_SHORTEST_S: Final = 1e-6
_GAP_STEPS: Final = 1.5  # samples further apart than this are not joined


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one track whose every sample reaches the threshold; times of its first and last sample."""

    track_id: int
    start_s: float
    end_s: float
    samples: int
    highest: float


def face_numbers(report: Data) -> dict[int, int]:
    """What people call the track of each `track_id`: from 1, the leading one first, as on the page."""
    return {track["track_id"]: number for number, track in enumerate(report["tracks"], 1)}


def segments_of(report: Data) -> list[Segment]:
    """The suspicious stretches of every track, by time."""
    found: list[Segment] = []
    by_track = sorted(report["face_scores"], key=lambda score: (score["track_id"], score["pts_s"]))
    for track_id, scores in groupby(by_track, key=lambda score: score["track_id"]):
        found.extend(_runs(track_id, list(scores), report["threshold"]))
    return sorted(found, key=lambda segment: (segment.start_s, segment.track_id))


def _runs(track_id: int, scores: Sequence[Data], threshold: float) -> Iterator[Segment]:
    for over, run in groupby(scores, key=lambda score: bool(score["fake_probability"] >= threshold)):
        if over:
            samples = list(run)
            highest = max(score["fake_probability"] for score in samples)
            yield Segment(track_id, samples[0]["pts_s"], samples[-1]["pts_s"], len(samples), highest)


def course(report: Data, track_id: int) -> Chart:
    """The probabilities of one track over the whole length of the video, so that charts lie below each other."""
    scores = sorted(
        (score for score in report["face_scores"] if score["track_id"] == track_id), key=lambda score: score["pts_s"]
    )
    last_s = max([report["video"]["duration_s"] or 0.0, *(score["pts_s"] for score in report["face_scores"])])
    last_s = last_s if last_s >= _SHORTEST_S else 1.0  # a picture has no length
    frame = _Frame(last_s, report["threshold"], report["coverage"]["sampling_step_s"])
    segments = [one for one in segments_of(report) if one.track_id == track_id]
    over = sum(score["fake_probability"] >= report["threshold"] for score in scores)
    return Chart(
        _WIDTH,
        _HEIGHT,
        [*frame.stretches(segments), *frame.axes(), *frame.joins(scores), *frame.dots(scores)],
        f"Face {face_numbers(report)[track_id]}: probability of fake over time, {len(scores)} samples, "
        f"{over} at or over the threshold",
    )


class _Frame:
    """Where times and probabilities lie in a chart."""

    def __init__(self, last_s: float, threshold: float, step_s: float) -> None:
        self._last_s = last_s
        self._threshold = threshold
        self._step_s = step_s

    def x(self, time_s: float) -> float:
        share = min(max(time_s / self._last_s, 0.0), 1.0)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 2)

    @staticmethod
    def y(probability: float) -> float:
        return round(_HEIGHT - _BOTTOM - probability * (_HEIGHT - _TOP - _BOTTOM), 2)

    def stretches(self, segments: Sequence[Segment]) -> Iterator[Shape]:
        """Behind all: where every sample reaches the threshold, half a step to either side."""
        for one in segments:
            left, right = self.x(one.start_s - self._step_s / 2), self.x(one.end_s + self._step_s / 2)
            yield Box(left, self.y(1), round(max(2.0, right - left), 2), self.y(0) - self.y(1), Tone.FLAG)

    def axes(self) -> Iterator[Shape]:
        for probability in (0.0, 0.5, 1.0):
            yield Line(_LEFT, self.y(probability), _WIDTH - _RIGHT, self.y(probability), Tone.RULE)
            yield Label(_LEFT - 6, self.y(probability) + 4, f"{probability:g}", is_end=True)
        yield Line(_LEFT, self.y(self._threshold), _WIDTH - _RIGHT, self.y(self._threshold), Tone.FAKE, is_dashed=True)
        ticks = 6
        for number in range(ticks + 1):
            time_s = self._last_s * number / ticks
            yield Line(self.x(time_s), self.y(0), self.x(time_s), self.y(0) + 4, Tone.SOFT)
            yield Label(self.x(time_s) + (0 if number == ticks else 14), self.y(0) + 17, clock(time_s), is_end=True)

    def joins(self, scores: Sequence[Data]) -> Iterator[Shape]:
        """Between samples that follow each other; of many in one place only the span is drawn."""
        for before, after in pairwise(self._thinned(scores)):
            if after["pts_s"] - before["pts_s"] <= _GAP_STEPS * self._step_s + self._last_s / (_WIDTH - _LEFT):
                yield Line(
                    self.x(before["pts_s"]),
                    self.y(before["fake_probability"]),
                    self.x(after["pts_s"]),
                    self.y(after["fake_probability"]),
                    Tone.SOFT,
                )

    def dots(self, scores: Sequence[Data]) -> Iterator[Shape]:
        for score in self._thinned(scores):
            is_over = score["fake_probability"] >= self._threshold
            yield Dot(
                self.x(score["pts_s"]), self.y(score["fake_probability"]), 2.6, Tone.FAKE if is_over else Tone.REAL
            )

    def _thinned(self, scores: Sequence[Data]) -> list[Data]:
        """At most one sample for a pixel, the most suspicious."""
        columns = groupby(scores, key=lambda score: round(self.x(score["pts_s"])))
        return [max(samples, key=lambda score: float(score["fake_probability"])) for _, samples in columns]


def clock(time_s: float) -> str:
    """A time in a video, as ``1:02:03.5``, ``2:03.5`` or ``3.5 s``."""
    if round(time_s, 2) < 60:
        return f"{time_s:.2f} s"
    minutes, tenths = divmod(round(time_s * 10), 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{tenths / 10:04.1f}"
    return f"{hours}:{minutes:02d}:{seconds}" if hours else f"{minutes}:{seconds}"
