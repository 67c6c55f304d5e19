"""The report: everything DFD says of one video, and what that rests on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dfd.types import FaceScore, Reason, TrackScore, Verdict, VideoInfo


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the video the verdict rests on.

    Attributes:
        sampled_frames: frames taken from the video.
        face_frames: sampled frames with at least one face.
        scored_faces: faces scored, over all tracks.
        sampling_step_s: time between two sampling targets.
        decode_complete: False when decoding broke off before the end of the video.
    """

    sampled_frames: int
    face_frames: int
    scored_faces: int
    sampling_step_s: float
    decode_complete: bool = True

    @property
    def face_detect_rate(self) -> float:
        """Share of sampled frames with a face, in [0, 1]."""
        return self.face_frames / self.sampled_frames if self.sampled_frames else 0.0


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which model answered.

    Attributes:
        name: of the model.
        version: of the model.
        weights_sha256: of the manifest here; a model server is trusted to hold the same model.
        backends: names of the backends that scored its faces, sorted; empty where none were scored.
    """

    name: str
    version: str
    weights_sha256: str
    backends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegionEvidence:
    """What one region of a face adds to the answer.

    Attributes:
        region: its name (`dfd.explanation.regions.Region`).
        evidence_logit: mean Shapley value over the faces that were looked at, in logits before calibration: above 0
            speaks for *fake*, below for *real*.
        area_share: of the crop, in [0, 1].
    """

    region: str
    evidence_logit: float
    area_share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was found when an explanation was asked for.

    Attributes:
        regions: evidence by region, by track; tracks beyond the most that are explained are missing.
        unavailable: why there is none; None where there is.
    """

    regions: Mapping[int, tuple[RegionEvidence, ...]] = field(default_factory=dict)
    unavailable: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything DFD says of one video.

    Attributes:
        schema_version: version of this structure.
        verdict: fake, real or inconclusive.
        reasons: why it is inconclusive, or what weakens it; empty when nothing does.
        fake_probability: calibrated probability for the most suspicious track; None when nothing was scored.
        threshold: probability from which a video is called fake.
        operating_point: name of the model's operating point that the threshold belongs to; None where it is the model's
            default or was given as a number.
        tracks: one entry a face track, most suspicious first.
        face_scores: every scored face, by time.
        coverage: what the verdict rests on.
        video: what was analysed.
        model: what answered.
        input_sha256: hash of the file's bytes, lower-case hex.
        timings_ms: wall time by stage; ``total`` is always there.
        explanation: see `Explanation`; None where none was asked for.
    """

    schema_version: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    fake_probability: float | None
    threshold: float
    operating_point: str | None
    tracks: tuple[TrackScore, ...]
    face_scores: tuple[FaceScore, ...]
    coverage: Coverage
    video: VideoInfo
    model: ModelIdentity
    input_sha256: str
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    explanation: Explanation | None = None
