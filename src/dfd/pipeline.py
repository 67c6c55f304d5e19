"""Analyse one video now: the only module that names every stage.

::

    open -> sampling_times -> sample -> detect -> track -> crop -> preprocess -> predict -> calibrate
         -> aggregate -> decide -> Report

The video streams through: threads decode a few frames ahead, hash the file and, where there are processors enough, find
faces; the caller's thread does the rest. Beside those few frames and one batch of crops only numbers are kept, whatever
the length of the video. Frames come as planes, which whoever looks at them converts to RGB.

Batches are filled in the order of frames and faces and never depend on timing: the same file and the same model give
the same report, wall times aside.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from dfd.aggregation import VerdictRule, by_track, decide, score_tracks
from dfd.background import beside, read_ahead, sha256_of
from dfd.calibration import to_probability
from dfd.cropping import centre_square, crop_face
from dfd.errors import InvalidParameter
from dfd.explanation.explaining import Explainer
from dfd.manifest import ModelManifest
from dfd.media import MediaFacts
from dfd.ports import FaceDetector, ModelBackend, VideoOpener, VideoSource
from dfd.preprocessing import to_model_input
from dfd.quality import QualityLimits, measure, weaknesses
from dfd.report import Coverage, Origin, Report
from dfd.reporting import REPORT_SCHEMA_VERSION
from dfd.sampling import sampling_step_s, sampling_times
from dfd.stopwatch import Stopwatch
from dfd.tracking import FaceTracker
from dfd.types import BoundingBox, FaceCrop, FaceScore, Frame, Reason, TrackedFace, VideoInfo

FALLBACK_TRACK_ID = 0
"""Track of the centre squares; it clashes with no face's, since squares are scored only where no face was found."""

_FRAMES_AHEAD = 3
"""Decoded frames that may wait: enough to smooth over keyframes, and 9 MB at 1080p; twice that for pairs."""

_LARGEST_BATCH = 32
"""More crops in one call gain nothing on a CPU and cost memory."""


@dataclass(frozen=True, slots=True)
class AnalysisOptions:
    """What the caller may choose for one analysis.

    Attributes:
        fps: frames sampled for each second of video, above 0 and at most 120.
        max_frames: most frames sampled; a longer video is sampled more sparsely over its whole length.
        threshold: probability from which a video is called fake; None leaves it to `operating_point`.
        operating_point: name of one of the model's operating points; None for the model's own threshold.
        no_face_fallback: when the whole video shows no face, score the centre square of every frame, as the first
            version did frame by frame. The report then says ``no_face_fallback``, and those frames do not count as
            face frames. A video with a face is never judged by its squares.
        min_face_frames: faces a track needs before it is trusted.
        quality: what makes a face too weak to trust.
        explain: look for what each region of a face adds to the answer, too.

    Raises:
        InvalidParameter: a value is out of its range.
    """

    fps: float = 2.0
    max_frames: int = 256
    threshold: float | None = None
    operating_point: str | None = None
    no_face_fallback: bool = False
    min_face_frames: int = 3
    quality: QualityLimits = field(default_factory=QualityLimits)
    explain: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0 < self.fps <= 120):
            raise InvalidParameter(f"fps must be above 0 and at most 120, got {self.fps}")
        if self.max_frames < 1:
            raise InvalidParameter(f"max_frames must be at least 1, got {self.max_frames}")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise InvalidParameter(f"threshold must lie between 0 and 1, got {self.threshold}")
        if self.min_face_frames < 1:
            raise InvalidParameter(f"min_face_frames must be at least 1, got {self.min_face_frames}")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an analysis is; in the last call both numbers are equal."""

    done_frames: int
    total_frames: int


class Analyzer:
    """Analyses videos; one analyzer may be used from several threads at once."""

    def __init__(  # noqa: PLR0913 - its parts, and how it is to use threads
        self,
        opener: VideoOpener,
        detector: FaceDetector,
        backend: ModelBackend,
        manifest: ModelManifest,
        clock: Callable[[], float] = time.perf_counter,
        reads_ahead: bool = True,
        origin: Origin | None = None,
        *,
        finds_ahead: bool = False,
    ) -> None:
        """Put the parts together.

        Args:
            opener: opens the media.
            detector: finds faces.
            backend: scores crops.
            manifest: of the model behind `backend`.
            clock: seconds since some fixed moment, for the report's timings.
            reads_ahead: decode in a thread of its own while faces are looked for.
            origin: what reports say of it.
            finds_ahead: look for faces in a further thread while those already found are cut and scored.
        """
        self._opener = opener
        self._detector = detector
        self._backend = backend
        self._manifest = manifest
        self._clock = clock
        self._frames_ahead, self._found_ahead = (_FRAMES_AHEAD if ahead else 0 for ahead in (reads_ahead, finds_ahead))
        self._origin = origin or Origin()

    def analyze(
        self, path: Path, options: AnalysisOptions, progress: Callable[[Progress], None] | None = None
    ) -> Report:
        """Analyse one file.

        Args:
            path: the media file.
            options: what to sample and when to trust it.
            progress: called in this thread after every sampled frame; raising ends the analysis: that is how to cancel.

        Raises:
            InputError: the file cannot be analysed (see `dfd.ports.VideoOpener` and `dfd.ports.VideoSource`).
            BackendUnavailable: the model does not answer.
            InvalidParameter: the model has no operating point of the name asked for.
        """
        self._manifest.decision.in_force(options.threshold, options.operating_point)  # complain before the work
        watch = Stopwatch(self._clock)
        with watch.stage("total"):
            with watch.stage("open"):
                source = self._opener.open(path)
            with source, sha256_of(path) as digest, beside(self._origin.read_credentials, path) as credentials:
                gathered = self._gather(source, options, watch, progress or _ignore)
                with watch.stage("hash_wait"):
                    input_sha256, found = digest.result(), credentials.result()
                with watch.stage("aggregate"):
                    report = replace(self._report(gathered, input_sha256, options), credentials=found)
                if options.explain:
                    with watch.stage("explain"):
                        report = self._explained(source, report, progress or _ignore)
        return replace(report, timings_ms=watch.elapsed_ms)

    def _gather(
        self, source: VideoSource, options: AnalysisOptions, watch: Stopwatch, progress: Callable[[Progress], None]
    ) -> "_Gathered":
        """Stream the video through and keep the numbers."""
        times = sampling_times(source.info.duration_s, options.fps, options.max_frames)
        faces = _FaceScorer(self._backend, self._manifest, watch)
        squares = _FaceScorer(self._backend, self._manifest, watch) if options.no_face_fallback else None
        face_frames = 0
        sampled_pts_s: list[float] = []
        sampled = source.sample(times, with_next=self._manifest.input.frames == 2)
        with (
            read_ahead(sampled, self._frames_ahead) as frames,
            read_ahead(self._found(watch.each("decode_wait", frames), watch), self._found_ahead) as tracked,
        ):
            for frame, found in tracked:
                sampled_pts_s.append(frame.pts_s)
                if found:
                    face_frames += 1
                    faces.add(frame, found)
                    squares = None
                elif squares is not None:
                    squares.add(frame, [self._square(frame)])
                progress(Progress(len(sampled_pts_s), max(len(sampled_pts_s), len(times))))
        if (count := len(sampled_pts_s)) < len(times):
            progress(Progress(count, count))
        face_scores = faces.finish()
        return _Gathered(
            face_scores=face_scores if squares is None else squares.finish(),
            backends=tuple(sorted((faces if squares is None else squares).backends)),
            is_fallback=squares is not None,
            coverage=Coverage(
                sampled_frames=count,
                face_frames=face_frames,
                scored_faces=len(face_scores),
                sampling_step_s=sampling_step_s(times, options.fps),
                decode_complete=source.complete,
            ),
            video=source.info,
            media=source.facts,
            sampled_pts_s=tuple(sampled_pts_s),
        )

    def _explained(self, source: VideoSource, report: Report, progress: Callable[[Progress], None]) -> Report:
        """The report with what each region of the most suspicious faces adds."""
        done = Progress(report.coverage.sampled_frames, report.coverage.sampled_frames)
        explainer = Explainer(self._detector, self._backend, self._manifest)
        found = explainer.track_explanation(source, report.tracks, report.face_scores, lambda: progress(done))
        return replace(report, explanation=found)

    def _found(self, frames: Iterator[Frame], watch: Stopwatch) -> Iterator[tuple[Frame, list[TrackedFace]]]:
        """Every frame with its faces."""
        tracker = FaceTracker()
        for frame in frames:
            with watch.stage("detect"):
                found = tracker.update(frame, self._detector.detect(frame.image))
            yield frame, found

    def _square(self, frame: Frame) -> TrackedFace:
        """The centre square as if it were a face."""
        square = centre_square(frame.image, self._manifest.input)
        return TrackedFace(FALLBACK_TRACK_ID, frame.index, frame.pts_s, square)

    def _report(self, gathered: "_Gathered", input_sha256: str, options: AnalysisOptions) -> Report:
        """Draw the conclusion."""
        decision = self._manifest.decision
        threshold, operating_point = decision.in_force(options.threshold, options.operating_point)
        rule = VerdictRule(threshold, decision.inconclusive_margin, options.min_face_frames, decision.frame_spread)
        weak = {
            track_id: weaknesses([score.quality for score in scores], options.quality, self._manifest.reference_quality)
            for track_id, scores in by_track(gathered.face_scores).items()
        }
        tracks = score_tracks(gathered.face_scores, weak, rule.min_face_frames)
        outcome = decide(tracks, weak, rule, gathered.remarks)
        return Report(
            schema_version=REPORT_SCHEMA_VERSION,
            verdict=outcome.verdict,
            reasons=outcome.reasons,
            fake_probability=outcome.fake_probability,
            threshold=threshold,
            operating_point=operating_point,
            tracks=tracks,
            face_scores=gathered.face_scores,
            coverage=gathered.coverage,
            video=gathered.video,
            model=self._manifest.identity(gathered.backends),
            method=self._manifest.method(None if gathered.is_fallback else outcome.fake_probability),
            input_sha256=input_sha256,
            media=gathered.media,
            provenance=self._origin.of(asdict(options), gathered.sampled_pts_s),
            created_at_s=self._origin.now(),
        )


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What one pass over a video leaves."""

    face_scores: tuple[FaceScore, ...]
    backends: tuple[str, ...]
    is_fallback: bool
    coverage: Coverage
    video: VideoInfo
    media: MediaFacts
    sampled_pts_s: tuple[float, ...]

    @property
    def remarks(self) -> list[Reason]:
        """What the report must mention whatever the verdict."""
        fallback = [Reason.NO_FACE_FALLBACK] if self.is_fallback else []
        return fallback if self.coverage.decode_complete else [*fallback, Reason.DECODE_INCOMPLETE]


class _FaceScorer:
    """Cuts and scores faces, a batch at a time, in the order in which they come."""

    def __init__(self, backend: ModelBackend, manifest: ModelManifest, watch: Stopwatch) -> None:
        self._backend = backend
        self._manifest = manifest
        self._watch = watch
        self._batch_size = min(manifest.max_batch, _LARGEST_BATCH)
        self._waiting: list[tuple[FaceCrop, BoundingBox]] = []  # the box in pixels of the upright source
        self._scores: list[FaceScore] = []
        self.backends: set[str] = set()  # who scored

    def add(self, frame: Frame, faces: Sequence[TrackedFace]) -> None:
        """Cut the faces of a frame, and score as soon as a batch is full."""
        for face in faces:
            with self._watch.stage("crop"):
                source_box = face.detection.box.scaled(1 / frame.scale)
                image = crop_face(frame.picture, face.detection, self._manifest.input, frame.next_picture)
                crop = FaceCrop(face, image, measure(image[..., :3], source_box.side_px))
            self._waiting.append((crop, source_box))
            if len(self._waiting) == self._batch_size:
                self._score()

    def finish(self) -> tuple[FaceScore, ...]:
        """Score what is left; all scores by frame, then by track."""
        if self._waiting:
            self._score()
        return tuple(sorted(self._scores, key=lambda score: (score.frame_index, score.track_id)))

    def _score(self) -> None:
        with self._watch.stage("score"):
            batch = to_model_input([crop.image for crop, _ in self._waiting], self._manifest.input)
            measures = np.array([crop.quality.measures for crop, _ in self._waiting])
            answer = self._backend.answer(batch)
            self.backends.add(answer.backend)
            probabilities = to_probability(answer.logits, self._manifest.calibration, measures)
        for (crop, source_box), probability, logit in zip(self._waiting, probabilities, answer.logits, strict=True):
            self._scores.append(
                FaceScore(
                    track_id=crop.face.track_id,
                    frame_index=crop.face.frame_index,
                    pts_s=crop.face.pts_s,
                    box=source_box,
                    fake_probability=float(probability),
                    quality=crop.quality,
                    fake_logit=float(logit),
                )
            )
        self._waiting.clear()


def _ignore(progress: Progress) -> None:
    """The listener of callers who do not listen."""
