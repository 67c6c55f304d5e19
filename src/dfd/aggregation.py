"""From the scores of single faces to one verdict.

**Track.** A track's probability is the mean of the probabilities of its faces, one for each sampled frame, as the
first version promised.

**Support.** A track is *supported* when it has at least ``min_face_frames`` faces and no quality weakness (too small,
too dark, too blurry, unlike the training faces). The *leading* track is the most suspicious supported one; where none
is supported, the most suspicious of those with enough faces, else the most suspicious of all. The leading track's
probability is the video's.

**Margin.** The mean of n faces is uncertain by s / sqrt(n), with s the model's ``frame_spread``. This widens the
margin m around the threshold T to sqrt(m^2 + s^2 / n): independent errors add as squares. Where s is 0 it stays m.

**Verdict.**

1. No track at all: inconclusive (``no_face``), no probability.
2. The leading track is not supported: inconclusive, with what it lacks (``too_few_frames``, ``face_too_small``,
   ``too_dark``, ``too_blurry``, ``unlike_training``).
3. A supported track reaches T and is not closer to it than its margin: fake. One fake face is enough, whatever the
   other tracks are.
4. A supported track is closer to T than its margin: inconclusive (``near_threshold``).
5. Otherwise every supported track is clearly real. The unsupported tracks that would have been called fake (each at T
   or above, by m or more) are the *doubts*. Do they hold ``min_face_frames`` faces or more between them, the verdict is
   inconclusive; do they hold fewer (a stray detection, a glimpse of a passer-by), it is real. Either way what they lack
   is listed. Unsupported tracks that do not look fake change nothing.

A higher score of any face never makes a verdict less suspicious, in the order real, inconclusive, fake.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dfd.types import FaceScore, Reason, TrackScore, Verdict

Weaknesses = Mapping[int, Sequence[Reason]]
"""The quality weaknesses of each track, by track id; a track that is missing has none."""


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """The numbers the verdict depends on.

    Attributes:
        threshold: a track whose probability reaches it is called fake.
        inconclusive_margin: closer to the threshold than this, nothing is decided.
        min_face_frames: faces a track needs before it is trusted.
        frame_spread: standard deviation of a face's probability around its track's mean.
    """

    threshold: float
    inconclusive_margin: float
    min_face_frames: int
    frame_spread: float = 0.0

    def is_near(self, track: TrackScore) -> bool:
        """Whether a track's probability is too close to the threshold to decide, as few faces as it has."""
        margin = math.hypot(self.inconclusive_margin, self.frame_spread / math.sqrt(track.face_count))
        return abs(track.fake_probability - self.threshold) < margin

    def looks_fake(self, probability: float) -> bool:
        """Whether a probability is at the threshold or above, by the margin or more, however many faces it is of."""
        return probability >= self.threshold and abs(probability - self.threshold) >= self.inconclusive_margin

    def is_fake(self, track: TrackScore) -> bool:
        """Whether a track's probability is at the threshold or above, and not too close to it."""
        return track.fake_probability >= self.threshold and not self.is_near(track)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for a video.

    Attributes:
        verdict: fake, real or inconclusive.
        reasons: why it is inconclusive, or what weakens it, each once, in the order of `Reason`.
        fake_probability: of the leading track; None when nothing was scored.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...]
    fake_probability: float | None


def by_track(face_scores: Sequence[FaceScore]) -> dict[int, list[FaceScore]]:
    """The scores of each track, in the order given."""
    tracks: dict[int, list[FaceScore]] = {}
    for score in face_scores:
        tracks.setdefault(score.track_id, []).append(score)
    return tracks


def score_tracks(
    face_scores: Sequence[FaceScore], weaknesses: Weaknesses, min_face_frames: int
) -> tuple[TrackScore, ...]:
    """Aggregate each track and put the leading one first.

    Supported tracks come first, then those with enough faces, then the rest; within each group the most suspicious
    first, and among equals the lower track id. The order of `face_scores` does not matter.

    Args:
        face_scores: every scored face of the video.
        weaknesses: quality weaknesses of each track.
        min_face_frames: faces a track needs before it is trusted.
    """

    def rank(track: TrackScore) -> tuple[bool, bool, float, int]:
        short = track.face_count < min_face_frames
        return short or bool(weaknesses.get(track.track_id)), short, -track.fake_probability, track.track_id

    return tuple(sorted((_score_track(scores) for scores in by_track(face_scores).values()), key=rank))


def decide(
    tracks: Sequence[TrackScore], weaknesses: Weaknesses, rule: VerdictRule, remarks: Sequence[Reason] = ()
) -> Outcome:
    """Give the verdict (see the module's docstring).

    Args:
        tracks: as `score_tracks` orders them.
        weaknesses: quality weaknesses of each track.
        rule: the numbers.
        remarks: reasons of the whole video that are listed whatever the verdict (damage, fallback).
    """
    if not tracks:
        return Outcome(Verdict.INCONCLUSIVE, _ordered([Reason.NO_FACE, *remarks]), None)
    leading = tracks[0]
    supported = [track for track in tracks if not _lacks(track, weaknesses, rule)]
    near = [Reason.NEAR_THRESHOLD] if any(rule.is_near(track) for track in supported or [leading]) else []
    verdict, reasons = Verdict.INCONCLUSIVE, [*_lacks(leading, weaknesses, rule), *near]
    if any(rule.is_fake(track) for track in supported):
        verdict, reasons = Verdict.FAKE, []
    elif not reasons:
        verdict, reasons = _clear(tracks[len(supported) :], weaknesses, rule)
    return Outcome(verdict, _ordered([*reasons, *remarks]), leading.fake_probability)


def _clear(others: Sequence[TrackScore], weaknesses: Weaknesses, rule: VerdictRule) -> tuple[Verdict, list[Reason]]:
    """Rule 5: every supported track is clearly real; do the others leave room for doubt?"""
    doubts = [track for track in others if rule.looks_fake(track.fake_probability)]
    reasons = [reason for track in doubts for reason in _lacks(track, weaknesses, rule)]
    faces = sum(track.face_count for track in doubts)
    return Verdict.INCONCLUSIVE if faces >= rule.min_face_frames else Verdict.REAL, reasons


def _lacks(track: TrackScore, weaknesses: Weaknesses, rule: VerdictRule) -> list[Reason]:
    """What keeps a track from being supported; empty for a supported one."""
    short = [Reason.TOO_FEW_FRAMES] if track.face_count < rule.min_face_frames else []
    return [*short, *weaknesses.get(track.track_id, ())]


def _score_track(scores: Sequence[FaceScore]) -> TrackScore:
    # fsum is exact before its one rounding, so the mean does not depend on the order of the faces.
    return TrackScore(
        track_id=scores[0].track_id,
        start_s=min(score.pts_s for score in scores),
        end_s=max(score.pts_s for score in scores),
        face_count=len(scores),
        fake_probability=math.fsum(score.fake_probability for score in scores) / len(scores),
        median_face_side_px=statistics.median(score.quality.face_side_px for score in scores),
    )


def _ordered(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(reason for reason in Reason if reason in reasons)
