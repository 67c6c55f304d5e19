"""Videos and pictures, read with FFmpeg through PyAV."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from dfd.errors import UnreadableVideo
from dfd.media import MediaFacts
from dfd.pictures import Picture
from dfd.ports import VideoOpener, VideoSource
from dfd.types import Frame, VideoInfo
from dfd.video.convert import FrameConverter, Orientations
from dfd.video.fetch import Fetch, Sampled, fetch
from dfd.video.handover import within_depth
from dfd.video.limits import MediaLimits
from dfd.video.probe import probe
from dfd.video.reader import StreamReader

DEFAULT_WORKING_SIDE_PX = 1280


class Decoder(ABC):
    """What decodes one file, here (`LocalDecoder`) or elsewhere (`dfd.video.sandboxed`). For one thread at a time.

    Attributes:
        name: of the file, for messages.
        info: what it holds.
        pixel_aspect: width of a stored pixel over its height.
        facts: what else the file says of itself.
    """

    name: str
    info: VideoInfo
    pixel_aspect: Fraction | None
    facts: MediaFacts

    @abstractmethod
    def fetch(self, times_s: Sequence[float], *, with_next: bool) -> Fetch:
        """Begin to read a sample of at least one target; one that was begun before is thereby given up."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds; safe to call twice."""


class LocalDecoder(Decoder):
    """Decodes in this process."""

    def __init__(self, reader: StreamReader, limits: MediaLimits, *, raw: bool = False) -> None:
        """Look at a freshly opened file; raises as `dfd.video.probe.probe` does.

        Args:
            reader: of the file.
            limits: what is refused.
            raw: give frames as the decoder made them, which after damage may hold samples that are out of range.
        """
        self.reader = reader
        self._raw = raw
        self._probe = probe(reader, limits)
        self.name = reader.name
        self.info = self._probe.info
        self.pixel_aspect = self._probe.pixel_aspect
        self.facts = self._probe.facts

    def fetch(self, times_s: Sequence[float], *, with_next: bool) -> Fetch:
        fetching = fetch(self.reader, self._probe, times_s, with_next=with_next)
        return fetching if self._raw else _WithinDepth(fetching)

    def close(self) -> None:
        self.reader.close()


class _WithinDepth(Fetch):
    """A sample whose frames hold nothing that the scaler might stumble over."""

    def __init__(self, fetching: Fetch) -> None:
        self._fetching = fetching
        self._orientations = Orientations()

    def frames(self) -> Iterator[Sampled]:
        for sampled in self._fetching.frames():
            sampled.orientation = self._orientations.of(sampled.frame)
            sampled.frame = within_depth(sampled.frame, sampled.orientation)
            if sampled.following is not None:
                sampled.following_orientation = self._orientations.of(sampled.following)
                sampled.following = within_depth(sampled.following, sampled.following_orientation)
            yield sampled
        self.damaged = self._fetching.damaged


class PyAvOpener(VideoOpener):
    """Opens every format of `dfd.video.reader` with a decoder in FFmpeg, in this process."""

    def __init__(
        self, limits: MediaLimits | None = None, working_side_px: int = DEFAULT_WORKING_SIDE_PX, threads: int = 0
    ) -> None:
        """Remember how to open.

        Args:
            limits: what is refused before decoding.
            working_side_px: longest side of the frames given; larger ones are scaled down, smaller ones left alone.
            threads: decoder threads; 0 for one for each processor that this process may use.
        """
        if working_side_px < 1 or threads < 0:
            raise ValueError(f"working side must be positive and threads not negative: {working_side_px}, {threads}")
        self._limits = limits or MediaLimits()
        self._working_side_px = working_side_px
        self._threads = threads

    def open(self, path: Path) -> VideoSource:
        reader = StreamReader(path, self._limits, self._threads)
        try:
            return PyAvVideo(LocalDecoder(reader, self._limits), self._working_side_px)
        except BaseException:
            reader.close()
            raise


class PyAvVideo(VideoSource):
    """One opened video. For one thread at a time, which need not be the one that opened it."""

    def __init__(self, decoder: Decoder, working_side_px: int) -> None:
        self._decoder = decoder
        self._converter = FrameConverter(working_side_px, decoder.pixel_aspect)
        self._complete = False
        self._closed = False

    @property
    def info(self) -> VideoInfo:
        return self._decoder.info

    @property
    def facts(self) -> MediaFacts:
        return self._decoder.facts

    @property
    def complete(self) -> bool:
        return self._complete

    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        if self._closed:
            raise ValueError("the video is closed")
        self._complete = False
        if not times_s:
            self._complete = True
            return
        fetching = self._decoder.fetch(times_s, with_next=with_next)
        count = 0
        for sampled in fetching.frames():
            picture, scale = self._converter.picture(sampled.frame, sampled.orientation)
            yield Frame(count, sampled.pts_s, picture, scale, self._following(sampled, picture))
            count += 1
        if not count:
            raise UnreadableVideo(f"{self._decoder.name}: not one frame of it can be decoded; it is damaged or cut off")
        self._complete = not fetching.damaged

    def _following(self, sampled: Sampled, picture: Picture) -> Picture | None:
        """The picture that follows a sampled one, `picture`; None where there is none of its size."""
        if sampled.following is None:
            return None
        following, _ = self._converter.picture(sampled.following, sampled.following_orientation)
        return following if following.size_px == picture.size_px else None

    def close(self) -> None:
        self._closed = True
        self._decoder.close()
