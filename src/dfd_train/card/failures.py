"""Failure modes: what the model says of the sample clips, as they are and spoilt.

Only the repository's own clips are shown: their terms allow it, and those of the data sets do not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from dfd.evaluation.conditions import CLEAN, Condition
from dfd.evaluation.markup import words
from dfd.evaluation.openers import spoilt
from dfd.media import MediaFacts
from dfd.pipeline import AnalysisOptions, Analyzer
from dfd.ports import VideoOpener, VideoSource
from dfd.report import Report
from dfd.types import Frame, ImageU8, Reason, Verdict, VideoInfo
from dfd_train.card.markdown import escaped, table
from dfd_train.datasets import DatasetError

_CONTEXT = 1.5  # side of the picture shown over that of the face box
_LABELS = ("fake", "real")


@dataclass(frozen=True, slots=True)
class Damage:
    """One row of the sheet.

    Attributes:
        condition: what is done to the video.
        max_frames: most frames looked at; None for as many as usual.
    """

    condition: Condition = CLEAN
    max_frames: int | None = None


DAMAGES: Mapping[str, Damage] = MappingProxyType(
    {
        "none": Damage(),
        "dark": Damage(Condition("gamma", 3)),
        "blur": Damage(Condition("GB", 5)),
        "noise": Damage(Condition("GNC", 5)),
        "greyscale": Damage(Condition("CS", 5)),
        "small": Damage(Condition("resize", 4)),
        "H.264 CRF 40": Damage(Condition("H264", 40)),
        "one frame": Damage(max_frames=1),
    }
)
"""By what the rows are called."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the model said of one clip under one damage.

    Attributes:
        damage: name of `DAMAGES`.
        clip: name of the sample clip.
        is_fake: what the clip is; 1 = fake.
        picture: the face in the first frame as the model was given it, ``(H, W, 3) uint8`` RGB, nearly square.
        probability: calibrated, of fake; None when nothing was scored.
        verdict: the answer.
        reasons: of the verdict.
    """

    damage: str
    clip: str
    is_fake: bool
    picture: ImageU8
    probability: float | None
    verdict: Verdict
    reasons: tuple[Reason, ...]

    @property
    def is_open(self) -> bool:
        """Whether nothing was decided."""
        return self.verdict is Verdict.INCONCLUSIVE

    @property
    def is_wrong(self) -> bool:
        """Whether a verdict was given and is not true."""
        return not self.is_open and (self.verdict is Verdict.FAKE) != self.is_fake

    @property
    def says(self) -> str:
        """Probability and verdict."""
        return f"{'none' if self.probability is None else f'{self.probability:.2f}'} {self.verdict}"


def sample_clips(folder: Path) -> list[Path]:
    """The sample clips of a folder: ``real_*.mp4`` and ``fake_*.mp4``, sorted.

    Raises:
        DatasetError: there is none.
    """
    found = sorted(path for label in _LABELS for path in folder.glob(f"{label}_*.mp4"))
    if not found:
        raise DatasetError(f"{folder} holds no sample clips: name the folder 'samples' of the repository")
    return found


def show_failures(
    clips: Sequence[Path], opener: VideoOpener, analyzer_for: Callable[[VideoOpener], Analyzer]
) -> list[Answer]:
    """Ask the model about every clip under every damage, damage by damage.

    Args:
        clips: of `sample_clips`.
        opener: opens videos as they are.
        analyzer_for: the analyzer that reads through a given opener.

    Raises:
        InputError: a clip cannot be read.
        BackendUnavailable: the model does not answer.
    """
    views: dict[Path, View] = {}
    answers = []
    for name, damage in DAMAGES.items():
        for clip in clips:
            watched = _Watched(spoilt(opener, damage.condition, clip.name, _never_stopped))
            options = AnalysisOptions()
            if damage.max_frames is not None:
                options = replace(options, max_frames=damage.max_frames)
            report = analyzer_for(watched).analyze(clip, options)
            view = views.setdefault(clip, _view(report, watched.first))
            answers.append(
                Answer(
                    damage=name,
                    clip=clip.stem,
                    is_fake=clip.stem.startswith("fake"),
                    picture=view.of(watched.first.image),
                    probability=report.fake_probability,
                    verdict=report.verdict,
                    reasons=report.reasons,
                )
            )
    return answers


def failure_table(answers: Sequence[Answer]) -> str:
    """The answers as Markdown: a row for each damage, a column for each clip."""
    clips = list(dict.fromkeys(answer.clip for answer in answers))
    rows: dict[str, list[str]] = {}
    for answer in answers:
        said = f"**{answer.says}**" if answer.is_wrong else answer.says
        why = f" ({escaped(words(', '.join(answer.reasons)))})" if answer.reasons else ""
        rows.setdefault(answer.damage, []).append(said + why)
    return table(("damage", *map(words, clips)), [[name, *cells] for name, cells in rows.items()])


@dataclass(frozen=True, slots=True)
class View:
    """Which part of a frame is shown: the same of a clip under every damage, in shares of width and height."""

    left: float
    top: float
    right: float
    bottom: float

    def of(self, image: ImageU8) -> ImageU8:
        """The part of an image, at least one pixel."""
        height, width = image.shape[:2]
        x, y = min(width - 1, round(self.left * width)), min(height - 1, round(self.top * height))
        return image[y : max(y + 1, round(self.bottom * height)), x : max(x + 1, round(self.right * width))]


def _view(report: Report, frame: Frame) -> View:
    """The surroundings of the leading face in a frame, or its centre square where it shows none."""
    height, width = frame.image.shape[:2]
    side, centre = float(min(height, width)), (width / 2, height / 2)
    leading = report.tracks[0].track_id if report.tracks else None
    for score in report.face_scores:
        if (score.track_id, score.frame_index) == (leading, frame.index):
            box = score.box.scaled(frame.scale)
            side, centre = min(side, _CONTEXT * box.side_px), box.centre_px
    left = min(max(0.0, centre[0] - side / 2), width - side)
    top = min(max(0.0, centre[1] - side / 2), height - side)
    return View(left / width, top / height, (left + side) / width, (top + side) / height)


class _Watched(VideoOpener):
    """Opens through another opener and keeps the first frame that is given out."""

    def __init__(self, base: VideoOpener) -> None:
        self._base = base
        self._seen: list[Frame] = []

    @property
    def first(self) -> Frame:
        """The first frame of the video opened last."""
        return self._seen[0]

    def open(self, path: Path) -> VideoSource:
        self._seen.clear()
        return _WatchedVideo(self._base.open(path), self._seen)


class _WatchedVideo(VideoSource):
    def __init__(self, source: VideoSource, seen: list[Frame]) -> None:
        self._source = source
        self._seen = seen

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def facts(self) -> MediaFacts:
        return self._source.facts

    @property
    def complete(self) -> bool:
        return self._source.complete

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        for frame in self._source.sample(times_s, with_next=with_next):
            if not self._seen:
                self._seen.append(frame)
            yield frame

    def close(self) -> None:
        self._source.close()


def _never_stopped() -> None:
    """The check of those who let an encoding run to its end."""
