"""Openers that hand out spoilt videos: the pipeline behind them does not know."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from dfd.evaluation.conditions import CLEAN, KINDS, Condition, FrameKind
from dfd.evaluation.reencoding import Encoding, reencode
from dfd.media import MediaFacts
from dfd.ports import VideoOpener, VideoSource
from dfd.types import Frame, ImageU8, VideoInfo


def spoilt(base: VideoOpener, condition: Condition, name: str, check: Callable[[], None]) -> VideoOpener:
    """The opener for one video under one condition; `base` itself where it is `CLEAN`.

    Args:
        base: opens the video as it is.
        condition: what is done to it.
        name: of the video, as listed; the same name, kind and level give the same noise on every machine.
        check: called while a video is encoded anew; what it raises comes out.
    """
    if condition == CLEAN:
        return base
    kind = KINDS[condition.kind]
    if not isinstance(kind, FrameKind):
        return _Reencoding(base, kind.encoding[condition.level], check)
    digest = hashlib.sha256(f"{condition.kind}\0{condition.level:g}\0{name}".encode(errors="surrogatepass"))
    return _Changing(base, kind, condition.level, int.from_bytes(digest.digest()[:8], "big"))


@dataclass(frozen=True, slots=True)
class _Changing(VideoOpener):
    """Changes every frame."""

    base: VideoOpener
    kind: FrameKind
    level: float
    seed: int

    def open(self, path: Path) -> VideoSource:
        return _ChangedVideo(self.base.open(path), self.kind, self.level, self.seed)


class _ChangedVideo(VideoSource):
    """A video whose frames are changed one by one."""

    def __init__(self, source: VideoSource, kind: FrameKind, level: float, seed: int) -> None:
        self._source = source
        self._kind = kind
        self._level = level
        self._seed = seed
        self._factor = kind.size_factor.get(level, 1.0)

    @property
    def info(self) -> VideoInfo:
        info = self._source.info
        return replace(
            info,
            width_px=max(1, round(info.width_px * self._factor)),
            height_px=max(1, round(info.height_px * self._factor)),
        )

    @property
    def facts(self) -> MediaFacts:
        return self._source.facts

    @property
    def complete(self) -> bool:
        return self._source.complete

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        for frame in self._source.sample(times_s, with_next=with_next):
            resized = _resized(frame, self._factor)
            yield Frame(
                resized.index,
                resized.pts_s,
                self._changed(resized.image, (self._seed, frame.index)),
                resized.scale,
                None if resized.following is None else self._changed(resized.following, (self._seed, frame.index, 1)),
            )

    def _changed(self, image: ImageU8, seed: tuple[int, ...]) -> ImageU8:
        """One picture changed; the two of a pair have seeds of their own, as noise differs from frame to frame."""
        return self._kind.change(image, self._kind.strengths[self._level], np.random.default_rng(seed))

    def close(self) -> None:
        self._source.close()


def _resized(frame: Frame, factor: float) -> Frame:
    """The frame of a video that was made smaller by `factor`, at most 1; what was smaller already stays."""
    if frame.scale <= factor:
        return Frame(frame.index, frame.pts_s, frame.picture, min(1.0, frame.scale / factor), frame.next_picture)
    width, height = frame.picture.size_px
    size = (max(1, math.floor(width * factor / frame.scale)), max(1, math.floor(height * factor / frame.scale)))
    following = None if frame.following is None else _shrunk(frame.following, size)
    return Frame(frame.index, frame.pts_s, _shrunk(frame.image, size), 1.0, following)


def _shrunk(image: ImageU8, size_px: tuple[int, int]) -> ImageU8:
    return np.asarray(cv2.resize(image, size_px, interpolation=cv2.INTER_AREA), dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class _Reencoding(VideoOpener):
    """Encodes the video anew and opens the result."""

    base: VideoOpener
    encoding: Encoding
    check: Callable[[], None]

    def open(self, path: Path) -> VideoSource:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="dfd-evaluate-")))
            copy = folder / "video.mp4"
            with self.base.open(path) as source:
                reencode(source, copy, self.encoding, self.check)
                complete = source.complete
            return _TemporaryVideo(self.base.open(copy), complete, stack.pop_all())


class _TemporaryVideo(VideoSource):
    """A video whose file goes when it is closed."""

    def __init__(self, source: VideoSource, complete: bool, owned: ExitStack) -> None:
        self._source = source
        self._complete = complete
        self._owned = owned

    @property
    def info(self) -> VideoInfo:
        return self._source.info

    @property
    def facts(self) -> MediaFacts:
        return self._source.facts

    @property
    def complete(self) -> bool:
        """Whether neither the original nor the copy met damage."""
        return self._complete and self._source.complete

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        return self._source.sample(times_s, with_next=with_next)

    def close(self) -> None:
        self._source.close()
        self._owned.close()
