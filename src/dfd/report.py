"""The report: everything DFD says of one video, and what that rests on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dfd.credentials import NOT_CHECKED, ContentCredentials, ReadCredentials, not_checked
from dfd.media import MediaFacts
from dfd.reliability import ReliabilityBin
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
class WhatWasLikeIt:
    """How often videos with a probability like this one's were fake, where that was tried.

    Attributes:
        bin: the range of probabilities, and what was in it.
        tested_on: which videos these were, in words.
    """

    bin: ReliabilityBin
    tested_on: str


@dataclass(frozen=True, slots=True)
class Method:
    """How the model looks, as its manifest says: what its answer means, and what it cannot see.

    Attributes:
        architecture: in the field's words.
        input_size_px: side to which a face is brought.
        frames: pictures of a face that it sees at once.
        calibration: how its logits become probabilities.
        inconclusive_margin: distance from the threshold within which a probability decides nothing.
        training_data: what it was trained on, with terms.
        like_it: see `WhatWasLikeIt`; None where nothing was scored or nobody counted.
    """

    architecture: str
    input_size_px: int
    frames: int
    calibration: str
    inconclusive_margin: float
    training_data: str
    like_it: WhatWasLikeIt | None = None


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
class Provenance:
    """What else a report came from.

    Attributes:
        dfd_version: version of DFD.
        settings: every setting that can change a result, JSON-ready, by the name that it has in
            `dfd.pipeline.AnalysisOptions` or `dfd.settings.Settings`.
        sampled_pts_s: presentation times of the frames that were looked at, ascending.
    """

    dfd_version: str
    settings: Mapping[str, Any]
    sampled_pts_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """What reports say of the analyzer that they come from.

    Attributes:
        dfd_version: version of DFD.
        settings: of its parts, where they can change a result; JSON-ready.
        now: seconds since the epoch.
        read_credentials: reads the content credentials of a file, in a thread of its own.
    """

    dfd_version: str = "unnamed"
    settings: Mapping[str, str | int] = field(default_factory=dict)
    now: Callable[[], float] = time.time
    read_credentials: ReadCredentials = not_checked

    def of(self, options: Mapping[str, Any], sampled_pts_s: tuple[float, ...]) -> Provenance:
        """The provenance of an analysis with these options, JSON-ready, that looked at these frames."""
        return Provenance(self.dfd_version, {**options, **self.settings}, sampled_pts_s)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything DFD says of one video.

    Attributes:
        schema_version: version of this structure.
        verdict: fake, real or inconclusive.
        reasons: why it is inconclusive, or what weakens it; empty when nothing does.
        fake_probability: calibrated probability for the leading track; None when nothing was scored.
        threshold: probability from which a video is called fake.
        operating_point: name of the model's operating point that the threshold belongs to; None where it is the model's
            default or was given as a number.
        tracks: one entry a face track, the leading one first.
        face_scores: every scored face, by time.
        coverage: what the verdict rests on.
        video: what was analysed.
        model: what answered.
        method: how it looks.
        input_sha256: hash of the file's bytes, lower-case hex.
        media: what the file says of itself.
        provenance: what else it came from.
        created_at_s: when it was made, in seconds since the epoch; two reports that differ only here are equal.
        timings_ms: wall time by stage; ``total`` is always there.
        explanation: see `Explanation`; None where none was asked for.
        credentials: the file's content credentials.
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
    method: Method
    input_sha256: str
    media: MediaFacts
    provenance: Provenance
    created_at_s: float = field(compare=False)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    explanation: Explanation | None = None
    credentials: ContentCredentials = NOT_CHECKED
