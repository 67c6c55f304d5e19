"""What the page says of a report: figures and sentences, made from its JSON form and the model's manifest."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from dfd.api.page.words import REASONS, VERDICTS, Words
from dfd.blind_spots import BlindSpot, blind_spots
from dfd.casefile.courses import Segment, segments_of
from dfd.manifest import ModelManifest
from dfd.types import Reason

_MOMENTS: Final = 3
_FIRST_FACES: Final = 12

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a probability was worth on held-out videos, counted in videos of a hundred."""

    fakes: int
    low: int
    high: int
    score_low: float
    score_high: float
    videos: int
    tested_on: str


@dataclass(frozen=True, slots=True)
class Scale:
    """Places on the scale of probabilities, in percent; `low` to `high` is where nothing is decided."""

    value: float
    threshold: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame that counted much: when, and what the face scored in it."""

    track_id: int
    time_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face that was followed.

    Attributes:
        number: as people count them, from 1, the leading one first.
        track_id: as the report counts them.
        probability: of fake, the mean over its samples.
        start_s: time of its first sample.
        end_s: time of its last.
        samples: how often it was scored.
        side_px: typical longer side.
        brightness: median, in [0, 1].
        sharpness: median, in [0, 1].
        moments: those that count most, by their score.
        segments: stretches at or above the threshold.
    """

    number: int
    track_id: int
    probability: float
    start_s: float
    end_s: float
    samples: int
    side_px: float
    brightness: float
    sharpness: float
    moments: Sequence[Moment]
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that the page says of a report.

    Attributes:
        verdict: fake, real or inconclusive.
        words: the verdict in words, and a sentence.
        reasons: what makes it inconclusive or weakens it, in sentences.
        probability: calibrated, in [0, 1]; None where nothing was scored.
        threshold: from which a video is called fake.
        scale: the same, drawn; None where nothing was scored.
        meaning: None where the model that answered is not the one at hand, or nobody counted.
        faces: as `dfd.aggregation` orders them, the leading one first.
        blind_spots: what the model cannot see; empty where the model at hand is another.
        report: its JSON form.
        same_model: whether the model at hand made it, so that it can be explained.
    """

    verdict: str
    words: Words
    reasons: Sequence[Words]
    probability: float | None
    threshold: float
    scale: Scale | None
    meaning: Meaning | None
    faces: Sequence[Face]
    blind_spots: Sequence[BlindSpot]
    report: Data
    same_model: bool

    @property
    def moments(self) -> Sequence[Moment]:
        """Those of the leading face."""
        return self.faces[0].moments if self.faces else ()

    @property
    def many_faces(self) -> int:
        """How many faces are shown only when they are asked for."""
        return max(0, len(self.faces) - _FIRST_FACES)


def result_of(report: Data, manifest: ModelManifest) -> Result:
    """What the page says.

    Args:
        report: in its JSON form (``docs/report.schema.json``), of this or an earlier schema of the same first number.
        manifest: of the model at hand, which may be another than that of the report.
    """
    same = report["model"]["weights_sha256"] == manifest.weights_sha256
    probability = report["fake_probability"]
    contract = manifest.input
    return Result(
        verdict=report["verdict"],
        words=VERDICTS[report["verdict"]],
        reasons=[REASONS[Reason(reason)] for reason in report["reasons"]],
        probability=probability,
        threshold=report["threshold"],
        scale=None if probability is None else _scale(report, manifest if same else None),
        meaning=_meaning(report, manifest) if same else None,
        faces=_faces(report),
        blind_spots=blind_spots(contract.size_px, contract.frames) if same else (),
        report=report,
        same_model=same,
    )


def _meaning(report: Data, manifest: ModelManifest) -> Meaning | None:
    shows_no_face = Reason.NO_FACE_FALLBACK in report["reasons"]  # and videos with faces were counted
    if manifest.reliability is None or report["fake_probability"] is None or shows_no_face:
        return None
    found = manifest.reliability.of(report["fake_probability"])
    return Meaning(
        fakes=round(100 * found.fake_share),
        low=round(100 * found.fake_share_low),
        high=round(100 * found.fake_share_high),
        score_low=found.low,
        score_high=found.high,
        videos=found.real_count + found.fake_count,
        tested_on=manifest.reliability.tested_on,
    )


def _scale(report: Data, manifest: ModelManifest | None) -> Scale:
    """The margin is that of the leading face: more samples of it make it narrower (`dfd.aggregation`)."""
    threshold, margin = report["threshold"], 0.0
    if manifest is not None and report["tracks"]:
        decision = manifest.decision
        samples = max(1, report["tracks"][0]["face_count"])
        margin = math.hypot(decision.inconclusive_margin, decision.frame_spread / math.sqrt(samples))
    return Scale(
        value=100 * report["fake_probability"],
        threshold=100 * threshold,
        low=100 * max(0.0, threshold - margin),
        high=100 * min(1.0, threshold + margin),
    )


def _faces(report: Data) -> list[Face]:
    scores: dict[int, list[Data]] = {}
    for score in report["face_scores"]:
        scores.setdefault(score["track_id"], []).append(score)
    segments: dict[int, list[Segment]] = {}
    for segment in segments_of(report):
        segments.setdefault(segment.track_id, []).append(segment)
    step_s = report["coverage"]["sampling_step_s"]
    faces = []
    for number, track in enumerate(report["tracks"], 1):
        mine = scores.get(track["track_id"], [])
        faces.append(
            Face(
                number=number,
                track_id=track["track_id"],
                probability=track["fake_probability"],
                start_s=track["start_s"],
                end_s=track["end_s"],
                samples=track["face_count"],
                side_px=track["median_face_side_px"],
                brightness=_median_quality(mine, "brightness"),
                sharpness=_median_quality(mine, "sharpness"),
                moments=_moments(mine, step_s),
                segments=segments.get(track["track_id"], []),
            )
        )
    return faces


def _median_quality(scores: Sequence[Data], name: str) -> float:
    return median(score["quality"][name] for score in scores) if scores else 0.0


def _moments(scores: Sequence[Data], step_s: float) -> list[Moment]:
    """The samples that score highest, none of them right beside another: those would show the same."""
    chosen: list[Moment] = []
    for score in sorted(scores, key=lambda score: (-score["fake_probability"], score["pts_s"])):
        if all(abs(score["pts_s"] - one.time_s) > 1.5 * step_s for one in chosen):
            chosen.append(Moment(score["track_id"], score["pts_s"], score["fake_probability"]))
        if len(chosen) == _MOMENTS:
            break
    return chosen
