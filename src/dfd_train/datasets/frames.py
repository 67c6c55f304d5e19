"""Lists of frame pictures, opened like videos."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from dfd.errors import UnreadableVideo
from dfd.media import MediaFacts
from dfd.ports import VideoOpener, VideoSource
from dfd.types import Frame, VideoInfo
from dfd_train.datasets.clip import Clip

NOMINAL_RATE_HZ = Fraction(4)
"""Pictures carry no times. At this rate, the one at which videos are sampled, each of them is looked at."""


class ClipOpener(VideoOpener):
    """Opens videos as another opener does, and clips made of pictures as if those were frames of a video.

    Args:
        inner: opens videos and single pictures.
        clips: those that will be opened.
        rate_hz: frame rate that lists of pictures are taken to have.
    """

    def __init__(self, inner: VideoOpener, clips: Iterable[Clip], rate_hz: Fraction = NOMINAL_RATE_HZ) -> None:
        self._inner = inner
        self._frames: Mapping[Path, tuple[Path, ...]] = {clip.path: clip.frames for clip in clips if clip.frames}
        self._rate_hz = rate_hz

    def open(self, path: Path) -> VideoSource:
        frames = self._frames.get(path)
        return FrameList(frames, self._inner, self._rate_hz) if frames else self._inner.open(path)


class FrameList(VideoSource):
    """Pictures in order, as the frames of a video at a constant rate.

    Args:
        frames: at least one.
        opener: opens single pictures.
        rate_hz: frames a second.

    Raises:
        InputError: the first picture cannot be read.
    """

    def __init__(self, frames: Sequence[Path], opener: VideoOpener, rate_hz: Fraction) -> None:
        self._frames = tuple(frames)
        self._opener = opener
        self._rate_hz = rate_hz
        self._complete = False
        with opener.open(self._frames[0]) as first:
            self._facts = first.facts
            self._info = VideoInfo(
                width_px=first.info.width_px,
                height_px=first.info.height_px,
                rotation_deg=first.info.rotation_deg,
                frame_rate_hz=rate_hz,
                frame_count=len(self._frames),
                duration_s=float(len(self._frames) / rate_hz),
                codec=first.info.codec,
                container="pictures",
            )

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def facts(self) -> MediaFacts:
        """Of the first picture."""
        return self._facts

    @property
    def complete(self) -> bool:
        return self._complete

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:  # noqa: ARG002 - the port's signature
        """Yield the picture nearest to each time, each once.

        Nothing ever follows a picture: such lists hold chosen frames, so the next picture is not the next frame.

        Raises:
            InputError: a picture cannot be read; unlike a damaged video, a list with a damaged picture is refused.
        """
        self._complete = False
        last = len(self._frames) - 1
        wanted = dict.fromkeys(min(last, max(0, round(time_s * self._rate_hz))) for time_s in times_s)
        for count, number in enumerate(wanted):
            with self._opener.open(self._frames[number]) as picture:
                found = next(picture.sample((0.0,)), None)
            if found is None:
                raise UnreadableVideo(f"{self._frames[number]}: the picture cannot be decoded")
            yield Frame(count, float(number / self._rate_hz), found.image, found.scale)
        self._complete = True

    def close(self) -> None:
        """Nothing stays open between two pictures."""
