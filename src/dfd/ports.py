"""The protocols between the pipeline and the world; one folder of adapters each.

Adapters subclass the port, so that a missing method fails when the object is built, and pass the port's contract
suite in ``tests/contract``.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from dfd.types import FaceDetection, FloatArray, Frame, ImageU8, VideoInfo


class VideoSource(ABC):
    """An opened video. A context manager; closing it frees the file and the decoder."""

    @property
    @abstractmethod
    def info(self) -> VideoInfo:
        """What the container says of the main video stream."""

    @abstractmethod
    def sample(self, times_s: Sequence[float], *, with_next: bool = False) -> Iterator[Frame]:
        """Yield the frames that stand for the given times, in order of presentation time.

        Args:
            times_s: ascending target times in seconds since the first frame (see `dfd.sampling`).
            with_next: give each frame also the picture that follows it (`dfd.sampling.following_frame`), as
                `Frame.following`. It changes neither which frame stands for a target nor its picture. There is none
                for a still image and for the last frame of a video, where damage stops decoding in between, and where
                the following picture is of another size.

        Yields:
            at most one frame for each target, each frame once, with its own presentation time. Which frame stands
            for a target, and which follows, depends only on the video and the targets, never on how the adapter gets
            at it.

        Raises:
            UnreadableVideo: not one frame could be decoded. Damage after the first frame ends the iteration early;
                `complete` then tells.
        """

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether the last `sample` reached its end without meeting damage."""

    @abstractmethod
    def close(self) -> None:
        """Free the file and the decoder; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class VideoOpener(ABC):
    """Opens media files."""

    @abstractmethod
    def open(self, path: Path) -> VideoSource:
        """Open a file.

        Raises:
            MediaNotFound, NotAFile, UnreadableVideo, NoVideoStream, UnsupportedCodec, MediaTooLarge
        """


class FaceDetector(ABC):
    """Finds faces in single images. Safe to call from several threads."""

    @abstractmethod
    def detect(self, image: ImageU8) -> list[FaceDetection]:
        """Find every face.

        Args:
            image: ``(H, W, 3) uint8`` RGB, upright.

        Returns:
            the faces in pixels of `image`, highest score first.
        """


class ModelBackend(ABC):
    """Scores crops. Safe to call from several threads."""

    @abstractmethod
    def predict(self, batch: FloatArray) -> npt.NDArray[np.float32]:
        """Score a batch.

        Args:
            batch: ``(N, S, S, C)`` or ``(N, C, S, S)`` float32, as the model's manifest says, with 3 channels for
                each frame that the model looks at; N may be 0.

        Returns:
            ``(N,) float32`` logits of *fake*, whatever the model itself emits.

        Raises:
            BackendUnavailable: the model does not answer, or answers the wrong shape or non-finite numbers.
        """

    @abstractmethod
    def ready(self) -> bool:
        """Whether the backend would answer now. Never raises."""
