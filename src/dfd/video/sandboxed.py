"""Videos and pictures whose bytes are decoded in a process that can do nothing else (`dfd.sandbox`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dfd.ports import VideoOpener, VideoSource
from dfd.sandbox.launcher import Confinement, Launcher
from dfd.sandbox.layers import Limits
from dfd.sandbox.seccomp import seccomp_supported
from dfd.video.entry import decoding_launcher
from dfd.video.limits import MediaLimits
from dfd.video.protocol import MOST_SAMPLE_BYTES, Opening
from dfd.video.pyav import DEFAULT_WORKING_SIDE_PX, PyAvVideo
from dfd.video.reader import open_media
from dfd.video.remote import RemoteDecoder

_BASE_BYTES: Final = 256 << 20
_BYTES_PER_PIXEL: Final = 64
"""For the frames that a decoder keeps: 16 that others refer to, with 10 bits and half the colours, take 48."""

_ADDRESS_BYTES: Final = 4 << 30
"""For code, shared memory and what allocators reserve for each thread without using it."""

_OPEN_FILES: Final = 16


@dataclass(frozen=True, slots=True)
class DecodingLimits:
    """What decoding one file may cost.

    Attributes:
        wait_s: longest wait for frames in all, while nothing else holds them up.
        memory_bytes: most memory; None follows from the largest picture that is taken.
    """

    wait_s: float = 900.0
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        if not self.wait_s > 0 or (self.memory_bytes is not None and self.memory_bytes < 1):
            raise ValueError(f"limits of decoding must be positive, got {self}")

    def of_child(self, media: MediaLimits, threads: int) -> Limits:
        """The same for the process."""
        wanted = self.memory_bytes or _BASE_BYTES + _BYTES_PER_PIXEL * media.max_pixels
        shared = 2 * MOST_SAMPLE_BYTES * media.max_pixels
        return Limits(wanted, _ADDRESS_BYTES + shared, int(self.wait_s * threads) + 1, _OPEN_FILES)


class SandboxedOpener(VideoOpener):
    """Opens what `dfd.video.pyav.PyAvOpener` opens, each file in a process of its own. Safe to use from threads."""

    def __init__(
        self,
        limits: MediaLimits | None = None,
        working_side_px: int = DEFAULT_WORKING_SIDE_PX,
        threads: int = 1,
        decoding: DecodingLimits | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        """Remember how to open; see `dfd.video.pyav.PyAvOpener`.

        Args:
            limits: what is refused before decoding.
            working_side_px: longest side of the frames given.
            threads: decoder threads, at least 1.
            decoding: what decoding a file may cost.
            launcher: starts the processes; None makes one that starts `dfd.video.decoding`.
        """
        if working_side_px < 1 or threads < 1:
            raise ValueError(f"working side and threads must be positive: {working_side_px}, {threads}")
        self._limits = limits or MediaLimits()
        self._working_side_px = working_side_px
        # where system calls are not filtered, processes can only be forbidden together with threads
        self._threads = threads if seccomp_supported() else 1
        self._decoding = decoding or DecodingLimits()
        self._child_limits = self._decoding.of_child(self._limits, threads)
        self._launcher = launcher or decoding_launcher()

    def warm_up(self) -> None:
        """Get ready in the background."""
        self._launcher.warm_up()

    def examine(self) -> Confinement:
        """Tell what holds the processes that decode; raises `Unavailable` where none can be started."""
        return self._launcher.examine(self._child_limits)

    def close(self) -> None:
        """End all processes; they are started again when they are needed."""
        self._launcher.close()

    def open(self, path: Path) -> VideoSource:
        """Open a file; may raise `Unavailable` too, where nothing can decode."""
        with open_media(path) as file:
            child = self._launcher.spawn(self._child_limits, [file.fileno()])
        try:
            opening = Opening(self._limits, self._threads, path.name)
            return PyAvVideo(RemoteDecoder(child, opening, self._decoding.wait_s), self._working_side_px)
        except BaseException:
            child.end()
            raise
